package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// noon is the time on all clocks of these tests.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// relayed is a relay as the pages see it.
type relayed struct {
	mu sync.Mutex
	// away is what the store answers everything with.
	away error
	// asked are the queries and orders that came, in words; revealed who saw what in clear.
	asked, revealed []string
	overview        view.Overview
	deliveries      []view.Delivery
	details         map[string]view.DeliveryDetail
	alerts          map[string]view.AlertDetail
	events          map[string]view.EventDetail
	suppressed      []console.Suppression
	audited         []view.Audit
	count           view.BulkCount
	result          view.BulkResult
	// breaks is what a bulk action ends with after it told of some progress.
	breaks error
	stamp  int
}

func (r *relayed) note(format string, args ...any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
	return r.away
}

func (r *relayed) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) == 0 {
		return ""
	}
	return r.asked[len(r.asked)-1]
}

func (r *relayed) seen(by, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if by != "" {
		r.revealed = append(r.revealed, by+" "+what)
	}
}

func (r *relayed) Overview(context.Context) (view.Overview, error) {
	return r.overview, r.note("overview")
}

func (r *relayed) Stamp(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stamp++
	return strconv.Itoa(r.stamp), r.away
}

func (r *relayed) Pause(_ context.Context, p view.Pause) error {
	return r.note("pause %s/%s by %s", p.Channel, p.Rule, p.By)
}

func (r *relayed) Resume(_ context.Context, p view.Pause) (int, error) {
	return 3, r.note("resume %s/%s by %s", p.Channel, p.Rule, p.By)
}

func inWords(q view.Query) string {
	var out []string
	for _, pair := range [][2]string{
		{"state", q.State},
		{"rule", q.Rule},
		{"reason", string(q.Reason)},
		{"channel", string(q.Channel)},
		{"trigger", string(q.Trigger)},
		{"to", q.To},
		{"address", q.Address},
		{"event", q.Event},
		{"alert", q.Alert},
		{"after", q.After},
	} {
		if pair[1] != "" {
			out = append(out, pair[0]+"="+pair[1])
		}
	}
	if !q.Since.IsZero() {
		out = append(out, "since="+q.Since.Format(time.RFC3339))
	}
	if !q.Until.IsZero() {
		out = append(out, "until="+q.Until.Format(time.RFC3339))
	}
	return strings.Join(out, " ")
}

// matching are the deliveries that a query finds, by state and rule.
func (r *relayed) matching(q view.Query) []view.Delivery {
	var out []view.Delivery
	for _, d := range r.deliveries {
		if (q.State == "" || q.State == d.State) && (q.Rule == "" || q.Rule == d.Rule) {
			out = append(out, d)
		}
	}
	return out
}

func (r *relayed) Deliveries(_ context.Context, q view.Query) (view.Page[view.Delivery], error) {
	all := r.matching(q)
	from, _ := strconv.Atoi(q.After)
	page := view.Page[view.Delivery]{Items: all[min(from, len(all)):]}
	if len(page.Items) > q.Limit {
		page.Items, page.Next = page.Items[:q.Limit], strconv.Itoa(from+q.Limit)
	}
	return page, r.note("deliveries %s", inWords(q))
}

func (r *relayed) Alerts(_ context.Context, q view.Query) (view.Page[view.Alert], error) {
	var page view.Page[view.Alert]
	for _, id := range []string{"al_held", "al_sent", "al_cancelled", "al_failed"} {
		if a := r.alerts[id].Alert; a.ID != "" && (q.State == "" || q.State == string(a.State)) {
			page.Items = append(page.Items, a)
		}
	}
	return page, r.note("alerts %s", inWords(q))
}

func (r *relayed) Events(_ context.Context, q view.Query) (view.Page[view.Event], error) {
	var page view.Page[view.Event]
	for _, id := range []string{"ev_call", "ev_quiet"} {
		if e := r.events[id].Event; e.ID != "" && (q.Trigger == "" || q.Trigger == e.Trigger) {
			page.Items = append(page.Items, e)
		}
	}
	return page, r.note("events %s", inWords(q))
}

func (r *relayed) Count(ctx context.Context, of string, q view.Query, most int) (int, error) {
	n := 0
	switch of {
	case "deliveries":
		n = len(r.matching(q))
	case "alerts":
		page, _ := r.Alerts(ctx, q)
		n = len(page.Items)
	case "events":
		page, _ := r.Events(ctx, q)
		n = len(page.Items)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(n, most), r.away
}

func gone() error { return &console.Refusal{Status: http.StatusNotFound, Message: "It is not kept."} }

func (r *relayed) Event(_ context.Context, id, by string) (view.EventDetail, error) {
	e, ok := r.events[id]
	if !ok {
		return e, errors.Join(r.away, gone())
	}
	if r.seen(by, id); by == "" {
		e.Raw = nil
	}
	return e, r.note("event %s", id)
}

func (r *relayed) Alert(_ context.Context, id string) (view.AlertDetail, error) {
	a, ok := r.alerts[id]
	if !ok {
		return a, gone()
	}
	return a, r.note("alert %s", id)
}

func (r *relayed) Delivery(_ context.Context, id, by string) (view.DeliveryDetail, error) {
	d, ok := r.details[id]
	if !ok {
		return d, gone()
	}
	r.seen(by, id)
	if by == "" {
		d.Revealed, d.HTML = false, ""
		d.Text, d.Subject = masked(d.Text), masked(d.Subject)
	} else {
		d.To = strings.ReplaceAll(d.To, "***", "eorge")
	}
	return d, r.note("delivery %s", id)
}

func masked(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("[%d bytes]", len(s))
}

func (r *relayed) Find(_ context.Context, id string) (of, whole string, err error) {
	if id == "dl_dead" || id == "dl_d" {
		return "deliveries", "dl_dead", nil
	}
	return "", "", &console.Refusal{Status: http.StatusNotFound, Message: "Nothing that is kept has an ID that begins so."}
}

// bulk is a relayed's answer to bulk orders, whose Count is another than that of lists.
type bulk struct{ *relayed }

func orderInWords(o view.BulkOrder) string {
	return fmt.Sprintf("%s %s by %s ids=%s late=%t before=%s %s", o.Action, o.Of, o.By, strings.Join(o.IDs, ","), o.Late,
		o.MadeBefore.Format(time.RFC3339), inWords(o.Query))
}

func (b bulk) Count(_ context.Context, o view.BulkOrder) (view.BulkCount, error) {
	return b.count, b.note("count %s", orderInWords(o))
}

func (b bulk) Bulk(_ context.Context, o view.BulkOrder, progress func(done, of int)) (view.BulkResult, error) {
	if err := b.note("do %s", orderInWords(o)); err != nil {
		return view.BulkResult{}, err
	}
	progress(500, 1234)
	return b.result, b.breaks
}

// wishes are a relayed's suppressions, and records its audit.
type wishes struct{ *relayed }

func (w wishes) Suppressions(_ context.Context, q console.SuppressionQuery, by string) (view.Page[console.Suppression], error) {
	page := view.Page[console.Suppression]{}
	for _, s := range w.suppressed {
		if by != "" {
			s.Address = strings.ReplaceAll(s.Address, "***", "eorge")
		}
		page.Items = append(page.Items, s)
	}
	w.seen(by, "suppressions")
	return page, w.note("suppressions %s %s %s", q.Channel, q.Reason, q.After)
}

func (w wishes) Suppress(_ context.Context, s console.Suppression, by string) error {
	return w.note("suppress %s %s by %s", s.Address, s.Reason, by)
}

func (w wishes) Lift(_ context.Context, s console.Suppression, force bool, by string) error {
	return w.note("lift %s force=%t by %s", s.Address, force, by)
}

func (r *relayed) Audit(_ context.Context, q console.AuditQuery) (view.Page[view.Audit], error) {
	return view.Page[view.Audit]{Items: r.audited}, r.note("audit %s %s", q.Who, q.Action)
}

// door lets ops in by one secret.
type door struct{ out int }

func (*door) Login(w http.ResponseWriter, _ *http.Request, _, name, secret string) error {
	switch {
	case secret == "too many":
		return access.ErrTooMany
	case name != "ops" || secret != "right":
		return access.ErrWrong
	}
	w.Header().Set("Set-Cookie", "beckon=yes")
	return nil
}

func (d *door) Logout(http.ResponseWriter, *http.Request) { d.out++ }

// handler is the console of a relay, for whoever asks.
func handler(r *relayed) http.Handler { return handlerAt(r, func() time.Time { return noon }) }

func handlerAt(r *relayed, now func() time.Time) http.Handler {
	return console.New(console.Options{
		Overview: r, Switches: r, Lists: r, Counter: r, Details: r, Finder: r, Bulk: bulk{r}, Suppressions: wishes{r}, Audit: r,
		Sessions: &door{}, Version: "1.2.3", Logger: slog.New(slog.DiscardHandler), Now: now,
	})
}

// Those who look.
var (
	ops    = access.Person{Name: "ann", Session: true}
	looker = access.Person{Name: "vic", Viewer: true, Session: true}
)

// get asks for a page as somebody; post sends a form.
func get(t *testing.T, h http.Handler, who access.Person, address string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, h, who, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
}

func post(t *testing.T, h http.Handler, who access.Person, address string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(t, h, who, request)
}

func ask(t *testing.T, h http.Handler, who access.Person, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	ctx := r.Context()
	if who.Name != "" {
		ctx = access.WithPerson(ctx, who)
	}
	h.ServeHTTP(answer, r.WithContext(ctx))
	return answer
}

// page asks for one that must be there.
func pageOf(t *testing.T, h http.Handler, who access.Person, address string) string {
	t.Helper()
	answer := get(t, h, who, address)
	require.Equal(t, http.StatusOK, answer.Code, "%s", answer.Body)
	return answer.Body.String()
}

// busy is a relay that has one of everything to show.
func busy() *relayed {
	r := &relayed{
		details: map[string]view.DeliveryDetail{}, alerts: map[string]view.AlertDetail{}, events: map[string]view.EventDetail{},
		count:  view.BulkCount{Found: 1234, Unsure: 12, Late: 34, Blank: 5},
		result: view.BulkResult{Done: 1183, Skipped: map[string]int{"late": 34, "blank": 5, "opted_out": 12}},
	}
	r.fillOverview()
	r.fillDeliveries()
	r.fillAlerts()
	r.suppressed = []console.Suppression{
		{Channel: relay.ChannelEmail, Address: "g***@example.com", Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink, At: noon.Add(-time.Hour)},
		{Channel: relay.ChannelSMS, Address: "+14*******23", Reason: relay.ReasonInvalidNumber, Source: relay.SuppressedByProvider, At: noon.Add(-26 * time.Hour)},
	}
	r.audited = []view.Audit{
		{At: noon.Add(-time.Minute), Who: "ann", Action: "reveal", Subject: "delivery dl_dead"},
		{At: noon.Add(-48 * time.Hour), Who: "bob", Action: "pause", Subject: "channel sms"},
	}
	return r
}

func (r *relayed) fillOverview() {
	wave := func(by, from int) []int {
		out := make([]int, 288)
		for i := range out {
			out[i] = max(0, by*(i*37%23+from)/23+by*(144-max(i-144, 144-i))/60-by/2)
		}
		return out
	}
	series := func(name string, values []int) view.Series {
		return view.Series{Name: name, From: noon.Add(-24 * time.Hour), Step: 5 * time.Minute, Values: values}
	}
	r.overview = view.Overview{
		At: noon, Version: "1.2.3", Config: view.Config{Hash: "8d1f0c77a91b2c3d", LoadedAt: noon.Add(-3 * time.Hour)},
		Held: 42, Due: 3, Span: 24 * time.Hour, Accepted: 128_432,
		Channels: []view.ChannelView{
			{
				Channel: relay.ChannelSMS, Provider: "twilio", Waiting: map[string]int{"queued": 1204, "unknown": 2, "dead": 31}, Oldest: noon.Add(-95 * time.Second),
				Totals: map[string]int{"sent": 1804, "delivered": 11_230, "undelivered": 12, "dead": 31},
			},
			{
				Channel: relay.ChannelEmail, Provider: "sendgrid", Waiting: map[string]int{},
				Totals: map[string]int{"sent": 204, "delivered": 8411, "undelivered": 3},
			},
		},
		Series: []view.Series{
			series("accepted", wave(90, 3)), series("sms sent", wave(12, 2)), series("email sent", wave(9, 5)), series("sms failed", make([]int, 288)),
		},
		Triggers: []view.TriggerSeen{
			{Trigger: "message_sent", LastAt: noon.Add(-4 * time.Second), Known: true},
			{Trigger: "call_initiated", LastAt: noon.Add(-3 * time.Minute), Wanted: []string{"missed-call"}, Known: true},
			{Trigger: "user_mentioned", Wanted: []string{"unread-mention"}, Known: true},
			{Trigger: "shiny_new_thing", LastAt: noon.Add(-50 * time.Hour)},
		},
	}
}

func (r *relayed) fillDeliveries() {
	states := []string{"dead", "dead", "retrying", "queued", "sent", "delivered", "undelivered", "unknown", "suppressed"}
	reasons := []relay.Reason{
		relay.ReasonInvalidNumber, relay.ReasonGaveUp, relay.ReasonThrottled, "", "", "", relay.ReasonBounced, relay.ReasonNoAnswer, relay.ReasonNoPhone,
	}
	for i := range 130 {
		s := i % len(states)
		d := view.Delivery{
			ID: fmt.Sprintf("dl_%032d", i), CreatedAt: noon.Add(-time.Duration(i) * 7 * time.Minute), Rule: "missed-call", Channel: relay.ChannelSMS,
			Person: fmt.Sprintf("cometchat-uid-%d", i%7), To: "+14*******23", State: states[s], Reason: reasons[s], Attempts: s,
			EventID: "ev_call", AlertID: "al_sent", Provider: "twilio",
		}
		if i%3 == 1 {
			d.Rule, d.Channel, d.To, d.Provider = "unread-mention", relay.ChannelEmail, "g***@example.com", "sendgrid"
		}
		if states[s] == view.Retrying {
			d.NextAt = noon.Add(40 * time.Second)
		}
		r.deliveries = append(r.deliveries, d)
	}
	dead := view.Delivery{
		ID: "dl_dead", CreatedAt: noon.Add(-10 * time.Minute), Rule: "missed-call", Channel: relay.ChannelSMS, Person: "cometchat-uid-2", To: "+14*******23",
		State: "dead", Reason: relay.ReasonInvalidNumber, Attempts: 2, EventID: "ev_call", AlertID: "al_failed", Provider: "twilio",
	}
	r.deliveries = append(r.deliveries, dead)
	r.details["dl_dead"] = view.DeliveryDetail{
		Delivery: dead, Meaning: "the provider says the number is not one that can be texted", ExpiresAt: noon.Add(23 * time.Hour), Template: "missed-call",
		Locale: "en", Encoding: "GSM-7", Segments: 1, Text: "You missed a call from Andrew Joseph.", Revealed: true,
		AttemptsMade: []view.Attempt{
			{
				N: 1, Provider: "twilio", StartedAt: noon.Add(-10 * time.Minute), EndedAt: noon.Add(-10*time.Minute + 214*time.Millisecond), Outcome: relay.Retry,
				Reason: relay.ReasonProviderTrouble, Status: 503, Detail: "Service Unavailable",
			},
			{
				// Its end is before its beginning: a clock was put back.
				N: 2, Provider: "twilio", StartedAt: noon.Add(-9 * time.Minute), EndedAt: noon.Add(-9*time.Minute - time.Second), Outcome: relay.Permanent,
				Reason: relay.ReasonInvalidNumber, Status: 400, Code: "21211", Detail: "Invalid 'To' Phone Number",
				Explained: view.Explained{Means: "The number is not valid.", Link: "https://www.twilio.com/docs/api/errors/21211"},
			},
		},
	}
	mailed := view.Delivery{
		ID: "dl_mail", CreatedAt: noon.Add(-5 * time.Minute), Rule: "missed-call", Channel: relay.ChannelEmail, Person: "cometchat-uid-2", To: "g***@example.com",
		State: "delivered", Attempts: 1, EventID: "ev_call", AlertID: "al_sent", Provider: "sendgrid",
	}
	r.details["dl_mail"] = view.DeliveryDetail{
		Delivery: mailed, ExpiresAt: noon.Add(23 * time.Hour), Template: "missed-call", Locale: "en", Subject: "Missed call", Text: "You missed a call.",
		HTML: `<style>p{color:#146c43}</style><p>You missed a call.</p><script>alert(1)</script>`, Revealed: true, ProviderID: "14c5d75ce93",
		AttemptsMade: []view.Attempt{{
			N: 1, Provider: "sendgrid", StartedAt: noon.Add(-5 * time.Minute), EndedAt: noon.Add(-5*time.Minute + 80*time.Millisecond), Outcome: relay.Accepted, Status: 202,
		}},
		Receipts: []view.Receipt{{At: noon.Add(-4 * time.Minute), Status: "delivered", State: relay.DeliveryDelivered}},
	}
}

func (r *relayed) fillAlerts() {
	one := func(id string, state relay.AlertState, reason relay.Reason) view.Alert {
		return view.Alert{
			ID: id, ReceivedAt: noon.Add(-11 * time.Minute), Trigger: "call_initiated", Rule: "missed-call", To: "cometchat-uid-2", State: state, Reason: reason,
			DueAt: noon.Add(-10 * time.Minute), UpdatedAt: noon.Add(-10 * time.Minute), EventID: "ev_call",
		}
	}
	step := func(check, result, seen string) relay.Step {
		return relay.Step{At: noon.Add(-10 * time.Minute), Check: check, Result: result, Seen: seen}
	}
	held := one("al_held", relay.AlertHeld, relay.ReasonQuietHours)
	held.DueAt = noon.Add(9 * time.Hour)
	r.alerts["al_held"] = view.AlertDetail{
		Alert: held, Meaning: "it is night, or another quiet hour, where the recipient is", Generation: "8d1f0c77a91b2c3d", ExpiresAt: noon.Add(23 * time.Hour),
		Trace: []relay.Step{step("unless answered", "no", ""), step("quiet hours", "quiet_hours", "22:00-07:00 America/New_York")},
	}
	r.alerts["al_sent"] = view.AlertDetail{
		Alert: one("al_sent", relay.AlertSent, ""), Generation: "8d1f0c77a91b2c3d", ExpiresAt: noon.Add(23 * time.Hour),
		Trace: []relay.Step{step("unless answered", "no", ""), step("send email", "queued", "")}, Deliveries: []view.Delivery{r.details["dl_mail"].Delivery},
	}
	r.alerts["al_cancelled"] = view.AlertDetail{
		Alert: one("al_cancelled", relay.AlertCancelled, relay.ReasonAnswered), Meaning: "the call was taken", Generation: "8d1f0c77a91b2c3d",
		ExpiresAt: noon.Add(23 * time.Hour), Trace: []relay.Step{step("unless answered", "answered", "ev_answer")},
	}
	r.alerts["al_failed"] = view.AlertDetail{
		Alert: one("al_failed", relay.AlertFailed, relay.ReasonInvalidNumber), Generation: "8d1f0c77a91b2c3d", ExpiresAt: noon.Add(23 * time.Hour),
		Trace: []relay.Step{step("send sms", "queued", "")}, Deliveries: []view.Delivery{r.details["dl_dead"].Delivery},
	}
	r.events["ev_call"] = view.EventDetail{
		Event:      view.Event{ID: "ev_call", Trigger: "call_initiated", ReceivedAt: noon.Add(-11 * time.Minute), Sender: "cometchat-uid-1", Conversation: "cometchat-uid-1_user_cometchat-uid-2"},
		Generation: "8d1f0c77a91b2c3d", Alerts: []view.AlertDetail{r.alerts["al_cancelled"], r.alerts["al_failed"]},
		Rules: []view.RuleAccount{
			{Rule: "missed-call", Matched: true, To: []string{"cometchat-uid-2"}},
			{Rule: "unread-mention", Why: "it is for user_mentioned"},
		},
		Raw: json.RawMessage(`{"trigger":"call_initiated","data":{"id":12345678901234567890,"text":"<b>hi</b>"}}`),
	}
	r.events["ev_quiet"] = view.EventDetail{
		Event: view.Event{ID: "ev_quiet", Trigger: "message_sent", ReceivedAt: noon.Add(-time.Hour), Sender: "cometchat-uid-3"},
		Rules: []view.RuleAccount{{
			Rule: "unread-message", Why: "its condition does not hold",
			Parts: []view.RulePart{{Text: `event.conversation.kind == "user"`, Saw: `"group"`}, {Text: `event.message.text != ""`, Holds: true}},
		}},
	}
}
