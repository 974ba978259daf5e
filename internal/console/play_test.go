package console

import (
	"context"
	"html"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// behind stands for what is behind the three pages: it gives what a test puts into it, and remembers what it was asked for.
type behind struct {
	rules    view.Rules
	viewer   bool
	tried    view.Tried
	trial    view.Trial
	messages []view.OutboxMessage
	next     string
	query    InboxQuery
	// clear says that nothing in the inbox is real.
	clear bool
	// by is who looked in clear.
	by []string
}

func (b *behind) Rules(_ context.Context, viewer bool) (view.Rules, error) {
	b.viewer = viewer
	return b.rules, nil
}

func (b *behind) Desk(_ context.Context, viewer bool) view.Desk {
	b.viewer = viewer
	return view.Desk{
		File: "rules.yaml", Rules: "version: 1\n", People: "ann: {}\n", Directory: []string{"cometchat"},
		Templates: []view.TextFile{{Name: "mention/sms.txt", Text: "Hi {{ .recipient.name }}"}},
		Samples:   []view.Sample{{Trigger: "call_initiated", JSON: `{"trigger":"call_initiated"}`}, {Trigger: "user_mentioned", JSON: `{"trigger":"user_mentioned"}`}},
	}
}

func (b *behind) Kept(_ context.Context, id, by string) (string, error) {
	b.by = append(b.by, by)
	return `{"kept":"` + id + `"}`, nil
}

func (b *behind) Try(_ context.Context, trial view.Trial) (view.Tried, error) {
	b.trial = trial
	return b.tried, nil
}

func (b *behind) Messages(_ context.Context, query InboxQuery, by string) (view.Page[view.OutboxMessage], error) {
	b.query = query
	page := view.Page[view.OutboxMessage]{Next: b.next}
	for _, m := range b.messages {
		page.Items = append(page.Items, b.shown(m, by))
	}
	if by != "" {
		b.by = append(b.by, by)
	}
	return page, nil
}

func (b *behind) Message(_ context.Context, seq int64, by string) (view.OutboxMessage, error) {
	if by != "" {
		b.by = append(b.by, by)
	}
	for _, m := range b.messages {
		if m.Seq == seq {
			return b.shown(m, by), nil
		}
	}
	return view.OutboxMessage{}, errNothingHere()
}

func (b *behind) shown(m view.OutboxMessage, by string) view.OutboxMessage {
	if m.Clear = b.clear || by != ""; !m.Clear {
		m.To, m.Subject, m.Text, m.HTML = "+14*******05", "[9 bytes]", "[37 bytes]", ""
	}
	return m
}

// visitor asks the console as somebody.
type visitor struct {
	handler http.Handler
	person  access.Person
}

func (b *behind) visit(viewer bool) visitor {
	return visitor{New(Options{
		Rules: b, Playground: b, Inbox: b, Logger: slog.New(slog.DiscardHandler), Version: "test",
		Now: func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) },
	}), access.Person{Name: "kim", Viewer: viewer}}
}

func (v visitor) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r.WithContext(access.WithPerson(r.Context(), v.person)))
	return w
}

func (v visitor) get(t *testing.T, path string) string {
	t.Helper()
	w := v.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console"+path, nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	return w.Body.String()
}

func (v visitor) post(t *testing.T, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/console"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(r)
}

// fields gives the values of the text areas of a page, by name, as a browser reads them.
func fields(page string) map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)<textarea[^>]* name="(\w+)"[^>]*>\n?(.*?)</textarea>`).FindAllStringSubmatch(page, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

func TestThePlaygroundBeginsWithWhatIsInForce(t *testing.T) {
	t.Parallel()
	b := &behind{}
	got := fields(b.visit(false).get(t, "/playground?sample=user_mentioned&file=mention/sms.txt"))
	require.Equal(t, map[string]string{
		"event": `{"trigger":"user_mentioned"}`, "rules": "version: 1\n", "people": "ann: {}\n", "text": "Hi {{ .recipient.name }}",
	}, got)
	require.False(t, b.viewer)
	page := b.visit(true).get(t, "/playground?event=ev_1")
	require.True(t, b.viewer)
	require.Empty(t, fields(page)["event"], "a kept event is not shown by a GET")
	require.Contains(t, page, "What people wrote is for operators")
	require.Regexp(t, `value="directory" disabled`, page)
}

func TestThePlaygroundGivesEditsBackAndTriesThemAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	b := &behind{}
	var body strings.Builder
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{
		{"event", "{\r\n}"},
		{"rules", "version: 1\r\nrules: []</textarea><script>\r\n"},
		{"people", "bob: {}"},
		{"others", "1"},
		{"who", "text"},
		{"file", "mention/sms.txt"},
		{"text", "Hello\r\n"},
		{"file", "new/sms.txt"},
		{"text", "New"},
		{"at", "2026-03-02T23:30:00Z"},
		{"after", "12s"},
		{"then", "call_initiated"},
		{"after", ""},
		{"then", ""},
		{"do", "explain"},
	} {
		require.NoError(t, form.WriteField(f[0], f[1]))
	}
	require.NoError(t, form.Close())
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/console/playground", strings.NewReader(body.String()))
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := b.visit(true).do(r)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, view.Trial{
		Event: "{\n}", Rules: "version: 1\nrules: []</textarea><script>\n", People: "bob: {}", Others: true, By: "kim", Viewer: true,
		Templates: []view.TextFile{{Name: "mention/sms.txt", Text: "Hello\n"}, {Name: "new/sms.txt", Text: "New"}},
		At:        time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC),
		Later:     []view.LaterEvent{{After: 12 * time.Second, Sample: "call_initiated"}},
	}, b.trial)
	page := w.Body.String()
	require.Equal(t, b.trial.Rules, fields(page)["rules"])
	require.NotContains(t, page, "<script>")
	require.Contains(t, page, `value="12s"`)
	require.Contains(t, page, `value="2026-03-02T23:30:00Z"`)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "script-src 'self'")
}

func TestThePlaygroundShowsFindingsOrWhatCameOfIt(t *testing.T) {
	t.Parallel()
	b := &behind{tried: view.Tried{Findings: []view.Finding{{
		File: "rules.yaml", Line: 16, Column: 28, Message: "no field knd", Hint: "did you mean kind?", Excerpt: "    if: event.conversation.knd\n        ^",
	}}}}
	page := b.visit(false).post(t, "/playground", url.Values{"rules": {"x"}}).Body.String()
	require.Contains(t, page, "rules.yaml:16:28")
	require.Contains(t, page, "    if: event.conversation.knd\n        ^")
	require.Contains(t, page, "1 fault, so nothing could be tried")

	b.tried = view.Tried{
		Event: view.Event{Trigger: "call_initiated"},
		Rules: []view.RuleAccount{
			{Rule: "missed-call", Why: `event.sender.name == "x" is false`, Parts: []view.RulePart{{Text: `event.sender.name == "x"`, Saw: `event.sender.name is "Andrew"`}}},
			{Rule: "mention", Why: "it is for user_mentioned"},
		},
		Outcomes: []view.Outcome{{Rule: "other", To: "ann", State: relay.AlertSent, Messages: []view.Message{
			{Channel: relay.ChannelSMS, To: "+14155550105", Text: "You missed a call", SMS: view.SMSSize{Encoding: "GSM-7", Segments: 1, Characters: 17}},
			{Channel: relay.ChannelEmail, To: "ann@example.com", Subject: "Hello", Text: "Hello", HTML: `<p onclick="x()">Hello</p><script>alert(1)</script>`},
		}}},
	}
	page = b.visit(false).post(t, "/playground", nil).Body.String()
	for _, said := range []string{
		"does not match", "event.sender.name is &#34;Andrew&#34;", "1 rule is for other triggers", "2 messages would be sent",
		"1 segment, GSM-7, 17 characters", "You missed a call", `sandbox=""`,
	} {
		require.Contains(t, page, said)
	}
	require.NotContains(t, page, "<script>", "a mail is not part of the page")
}

func TestButtonsOfThePlaygroundTryNothing(t *testing.T) {
	t.Parallel()
	b := &behind{}
	v := b.visit(false)
	page := v.post(t, "/playground", url.Values{"do": {"sample"}, "sample": {"user_mentioned"}, "rules": {"mine"}}).Body.String()
	require.JSONEq(t, `{"trigger":"user_mentioned"}`, fields(page)["event"])
	require.Equal(t, "mine", fields(page)["rules"])
	page = v.post(t, "/playground", url.Values{"do": {"open"}, "open": {"mention/sms.txt"}}).Body.String()
	require.Equal(t, "Hi {{ .recipient.name }}", fields(page)["text"])
	page = v.post(t, "/playground", url.Values{"do": {"restore"}, "rules": {"mine"}, "file": {"a"}, "text": {"b"}}).Body.String()
	require.Equal(t, "version: 1\n", fields(page)["rules"])
	require.NotContains(t, fields(page), "text")
	page = v.post(t, "/playground", url.Values{"do": {"kept"}, "kept": {"ev_1"}}).Body.String()
	require.JSONEq(t, `{"kept":"ev_1"}`, fields(page)["event"])
	require.Equal(t, http.StatusForbidden, b.visit(true).post(t, "/playground", url.Values{"do": {"kept"}, "kept": {"ev_1"}}).Code)
	require.Equal(t, []string{"kim"}, b.by)
	require.Zero(t, b.trial)
}

func TestThePlaygroundSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	b := &behind{}
	for says, form := range map[string]url.Values{
		"is not a time such as":    {"at": {"tomorrow"}},
		"is not a time after the ": {"after": {"soon"}, "then": {"call_initiated"}},
	} {
		require.Contains(t, b.visit(false).post(t, "/playground", form).Body.String(), says)
	}
	require.Zero(t, b.trial)
	w := b.visit(false).post(t, "/playground", url.Values{"rules": {strings.Repeat("x", maxPlay)}})
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Contains(t, w.Body.String(), "the rules 256 KiB")
}

// aMail has what must not run.
const aMail = `<p style="color:red">Hello</p><script>alert(1)</script><img src="https://tracker.example/x.gif">`

func TestAMailInAFrameCanRunAndLoadNothing(t *testing.T) {
	t.Parallel()
	b := &behind{clear: true, messages: []view.OutboxMessage{{Seq: 7, Channel: relay.ChannelEmail, Mail: true, HTML: aMail, Text: "Hello", Subject: "Hi"}}}
	v := b.visit(true)
	kept := v.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/inbox/7/mail", nil))
	for _, w := range []*httptest.ResponseRecorder{kept, v.post(t, "/playground/mail", url.Values{"html": {aMail}})} {
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
			w.Header().Get("Content-Security-Policy"))
		require.Equal(t, []string{"SAMEORIGIN"}, w.Header().Values("X-Frame-Options"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		body, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		require.Equal(t, aMail, string(body))
	}
	page := v.get(t, "/inbox/7")
	require.Regexp(t, `<iframe class="mail desktop" src="/console/inbox/7/mail" sandbox="" title="[^"]+">`, page)
	require.NotContains(t, page, "alert(1)")
	require.Contains(t, v.get(t, "/inbox/7?as=source&width=phone"), html.EscapeString("<script>alert(1)</script>")[:10])
	require.Contains(t, v.get(t, "/inbox/7?as=html&width=phone"), `class="mail phone"`)
}

func TestTheInboxIsMaskedUntilAnOperatorRevealsIt(t *testing.T) {
	t.Parallel()
	b := &behind{next: "41", messages: []view.OutboxMessage{
		{Seq: 43, Channel: relay.ChannelSMS, To: "+14155550105", Text: "You missed a call", Segments: 1, Encoding: "GSM-7", DeliveryID: "dl_1"},
		{Seq: 42, Channel: relay.ChannelEmail, To: "ann@example.com", Subject: "Hi", Text: "Hello", Mail: true, HTML: aMail},
	}}
	viewer, operator := b.visit(true), b.visit(false)
	page := viewer.get(t, "/inbox?channel=sms&after=50")
	require.Equal(t, InboxQuery{Channel: relay.ChannelSMS, After: "50"}, b.query)
	require.NotContains(t, page, "5550105")
	require.NotContains(t, page, "Reveal")
	require.Contains(t, page, `href="/console/inbox?after=41&amp;channel=sms"`)
	require.Contains(t, page, `href="/console/deliveries/dl_1"`)
	require.Contains(t, page, "1 segment, GSM-7")
	for _, path := range []string{"/inbox/reveal", "/inbox/42/reveal"} {
		require.Equal(t, http.StatusForbidden, viewer.post(t, path, nil).Code)
	}
	masked := operator.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/inbox/42/mail", nil))
	require.Equal(t, http.StatusForbidden, masked.Code, "a GET reveals nothing, not even to an operator")
	require.Empty(t, b.by)

	require.Contains(t, operator.get(t, "/inbox/42"), "Reveal")
	page = operator.post(t, "/inbox/reveal", url.Values{"channel": {"sms"}, "after": {"50"}}).Body.String()
	require.Contains(t, page, "14155550105")
	require.Equal(t, InboxQuery{Channel: relay.ChannelSMS, After: "50"}, b.query)
	page = operator.post(t, "/inbox/42/reveal", url.Values{"as": {"html"}}).Body.String()
	require.Contains(t, page, "ann@example.com")
	require.Contains(t, page, `action="/console/playground/mail"`)
	require.Equal(t, []string{"kim", "kim"}, b.by)
	refreshed := operator.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/inbox/42/reveal", nil))
	require.Equal(t, "/console/inbox/42", refreshed.Header().Get("Location"))
	require.Len(t, b.by, 2)
}

func TestTextsToOneNumberAreOnOnePhoneWhereTheNumberIsKnown(t *testing.T) {
	t.Parallel()
	b := &behind{messages: []view.OutboxMessage{
		{Seq: 2, Channel: relay.ChannelSMS, To: "+14155550105", Text: "Two"}, {Seq: 1, Channel: relay.ChannelSMS, To: "+14155550105", Text: "One"},
	}}
	require.Equal(t, 2, strings.Count(b.visit(true).get(t, "/inbox"), `class="phone"`), "masked, two numbers can look alike")
	b.clear = true
	require.Equal(t, 1, strings.Count(b.visit(true).get(t, "/inbox"), `class="phone"`))
}

func TestTheInboxRefusesWhatIsNoAddressOfIt(t *testing.T) {
	t.Parallel()
	v := (&behind{}).visit(false)
	for path, status := range map[string]int{"/inbox?channel=pigeon": 400, "/inbox/x": 404, "/inbox/-1": 404, "/inbox/9": 404} {
		w := v.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console"+path, nil))
		require.Equal(t, status, w.Code, path)
	}
}

func TestAnEmptyInboxSaysHowToFillIt(t *testing.T) {
	t.Parallel()
	page := (&behind{}).visit(true).get(t, "/inbox")
	require.Contains(t, page, "beckon dev --demo")
	require.Contains(t, page, "BECKON_PROVIDERS=outbox")
	require.Contains(t, (&behind{}).visit(true).get(t, "/inbox?after=3"), "Nothing older is here")
}

func TestTheRulesHaveTheirLinesAndWhatTheyDid(t *testing.T) {
	t.Parallel()
	b := &behind{rules: view.Rules{
		File: "rules.yaml", Text: "version: 1\nrules:\n  - name: missed-call\n", Span: 24 * time.Hour,
		Rules:      []view.Rule{{Name: "missed-call", Enabled: true, Line: 3, Triggers: []relay.Trigger{"call_initiated"}, Matches: 1312, Errors: 2, Paused: true}},
		Files:      []view.TextFile{{Name: "missed-call/sms.txt", Text: "You missed <b>"}},
		RefusedFor: []view.Finding{{File: "rules.yaml", Line: 5, Column: 2, Message: "unknown key", Excerpt: "  foo: 1\n  ^"}},
	}}
	page := b.visit(false).get(t, "/rules")
	require.False(t, b.viewer)
	for _, part := range []string{
		`<li id="L3">`, `href="#L3"`, "1,312", `href="/console/alerts?rule=missed-call"`, `href="/console/deliveries?rule=missed-call&amp;state=dead"`,
		`href="/console/playground?sample=call_initiated"`, `href="/console/resume?rule=missed-call"`, "You missed &lt;b&gt;", "rules.yaml:5:2", "  foo: 1\n  ^",
		"The last reload was refused",
	} {
		require.Contains(t, page, part)
	}
	b.rules.Rules[0].Paused, b.rules.RefusedFor = false, nil
	require.Contains(t, b.visit(false).get(t, "/rules"), `href="/console/pause?rule=missed-call"`)
	page = b.visit(true).get(t, "/rules")
	require.True(t, b.viewer)
	require.NotContains(t, page, "/console/pause")
	require.NotContains(t, page, "was refused")
}
