package storetest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func forgetting() []test {
	return []test{
		{"a person goes with every event that names them, and nobody else", forgetsPerson},
		{"what others muted with the person goes, too", forgetsMutes},
		{"a dry run counts the same and removes nothing", countsForgotten},
		{"what is forgotten once is not there a second time", forgetsTwice},
		{"an attempt under way is let finish", letsFinish},
		{"an attempt that does not finish is told, and all else is gone", tellsUnderWay},
		{"a digest of others is made anew without the person", remakesDigests},
		{"a digest of others that went out loses its text", blanksDigests},
		{"a digest that may have gone out is not sent again", settlesDigests},
		{"what goes along with a removed alert is told all the same", releasesFollowers},
		{"what was interrupted is taken up with the addresses of its beginning", takesUp},
		{"without a key, or somebody who asks for it, nobody is forgotten", refusesForgetting},
	}
}

// person is a uid with addresses.
func person(uid string, addresses ...relay.Address) store.Forgetting {
	return store.Forgetting{
		UID: uid, Person: privacy.New(uid, addresses...), Keys: Keys(), By: "kim", At: after(time.Hour),
	}
}

func forget(t *testing.T, s store.Store, f store.Forgetting) store.Forgotten {
	t.Helper()
	gone, err := s.Forget(t.Context(), f)
	require.NoError(t, err)
	require.NoError(t, s.Scrub(t.Context()))
	return gone
}

func forgetsMutes(t *testing.T, s store.Store) {
	t.Helper()
	must := func(uid string, mutes ...relay.Mute) {
		_, err := s.ChangePreferences(t.Context(), uid, relay.Audit{At: after(0), Who: "kim", Action: "mute"},
			func(p relay.Preferences) (relay.Preferences, error) { p.Mutes = mutes; return p, nil })
		require.NoError(t, err)
	}
	must("lee", relay.Mute{Everything: true})
	must("ann", relay.Mute{Conversations: []string{"ann_user_lee", "group_hiking"}}, relay.Mute{Until: after(time.Hour), Conversations: []string{"ann_user_lee"}})
	must("bob", relay.Mute{Conversations: []string{"bob_user_lee"}})
	must("eve", relay.Mute{Conversations: []string{"eve_user_leelee", "group_lees"}})
	require.Equal(t, 3, forget(t, s, person("lee")).Preferences)
	for uid, want := range map[string][]relay.Mute{
		"lee": nil, "bob": nil, "ann": {{Conversations: []string{"group_hiking"}}}, "eve": {{Conversations: []string{"eve_user_leelee", "group_lees"}}},
	} {
		got, err := s.Preferences(t.Context(), uid)
		require.NoError(t, err)
		require.Equal(t, want, got.Mutes, uid)
	}
}

// says keeps an event whose JSON says more, with an alert for each uid.
func says(t *testing.T, s store.Store, id string, more any, uids ...string) []relay.Alert {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"id": id, "trigger": relay.UserMentioned, "data": more})
	require.NoError(t, err)
	plan := relay.Plan{Event: NewEvent(id), Keys: []relay.Key{relay.Key("conversation " + id)}}
	plan.Event.Raw = raw
	for _, uid := range uids {
		plan.Alerts = append(plan.Alerts, NewAlert(plan.Event, "mention", uid))
	}
	_, err = s.Accept(t.Context(), plan)
	require.NoError(t, err)
	return plan.Alerts
}

func sendAlert(t *testing.T, s store.Store, a relay.Alert, make ...func(relay.Alert, string) relay.Delivery) []relay.Delivery {
	t.Helper()
	d := relay.Decision{Action: relay.ActSend}
	for i, m := range make {
		d.Deliveries = append(d.Deliveries, m(a, fmt.Sprintf("t%d", i)))
	}
	kept, err := decide(t, s, a, d)
	require.NoError(t, err)
	return kept.Deliveries
}

// to is a text to a number.
func to(number relay.Phone) func(relay.Alert, string) relay.Delivery {
	return func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.Phone = number
		d.Counters = []relay.Counter{"counter"}
		return d
	}
}

// life is what the suite keeps of ann, and of others.
type life struct {
	// gone are the events that name her; stays are those of others.
	gone, stays []string
	want        store.Forgotten
}

const annsNumber, bobsNumber = "+14155550123", "+14155550199"

func sentAs(providerID string) store.Next {
	return store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: providerID}
}

func live(t *testing.T, s store.Store) life {
	t.Helper()
	ctx := t.Context()
	own := says(t, s, "own", map[string]string{"sender": "Ann"}, "bob")
	d := sendAlert(t, s, own[0], to(bobsNumber))[0]
	finish(t, s, d.ID, sentAs("SM1"))
	receive(t, s, receipt(d, "1", relay.DeliveryDelivered))
	byNumber := relay.Receipt{Provider: "twilio", Key: "2", ProviderID: "SM1", Status: "read", At: after(time.Hour)}
	receive(t, s, byNumber)
	require.NoError(t, s.KeepOutbox(ctx, relay.OutboxMessage{ID: "o1", DeliveryID: d.ID, Channel: relay.ChannelSMS, Phone: bobsNumber, ReceivedAt: noon}))
	says(t, s, "number", map[string]string{"text": "call 415.555.0123"})
	says(t, s, "mail", map[string]string{"text": "write to LEE@example.net!"}, "cleo")
	others := says(t, s, "group", map[string]string{"text": "hello annabel"}, "bob", "ANN")
	annsText := sendAlert(t, s, others[1], to(annsNumber))[0]
	finish(t, s, annsText.ID, sentAs("SM2"))
	finish(t, s, sendAlert(t, s, others[0], to(bobsNumber))[0].ID, sentAs("SM3"))
	shared := says(t, s, "shared", nil, "bob")
	finish(t, s, sendAlert(t, s, shared[0], to(annsNumber))[0].ID, sentAs("SM4"))
	says(t, s, "others", map[string]string{"text": "joann and annabel"}, "bob")
	for id, number := range map[string]relay.Phone{"o2": annsNumber, "o3": bobsNumber} {
		require.NoError(t, s.KeepOutbox(ctx, relay.OutboxMessage{ID: id, Channel: relay.ChannelSMS, Phone: number, ReceivedAt: noon}))
	}
	suppress(t, s, leesMail)
	suppress(t, s, relay.NewAddress(relay.ChannelSMS, bobsNumber))
	for uid, subject := range map[string]string{"Ann": "of ann", "bob": "of bob"} {
		_, err := s.ChangePreferences(ctx, uid, relay.Audit{At: noon, Who: "kim", Action: "preferences", Subject: subject},
			func(p relay.Preferences) (relay.Preferences, error) {
				p.Mutes = []relay.Mute{{Conversations: []string{"ann_user_bob"}}, {Conversations: []string{"group_x", "ann_user_bob"}}}
				return p, nil
			})
		require.NoError(t, err)
	}
	require.NoError(t, s.Note(ctx, relay.Audit{At: noon, Who: "kim", Action: "pause", Subject: "rule annabel"}))
	return life{
		gone: []string{"own", "number", "mail"}, stays: []string{"group", "shared", "others"},
		want: store.Forgotten{
			Events: 3, Keys: 3, Alerts: 4, Deliveries: 3, Attempts: 3, Claims: 3, Counters: 3, Receipts: 2, Outbox: 2, Preferences: 2, Suppressions: 1, Audit: 1,
		},
	}
}

func ann() store.Forgetting {
	return person("ann", relay.NewAddress(relay.ChannelSMS, annsNumber), leesMail)
}

func forgetsPerson(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	l := live(t, s)
	told := map[string]int{}
	f := ann()
	f.Progress = func(what string, done, of int) { told[what] = max(told[what], of-done+1) }
	require.Equal(t, l.want, forget(t, s, f))
	require.Equal(t, 1, told["events"], "the end is told")
	for _, id := range l.gone {
		_, err := s.Event(ctx, id)
		require.ErrorIs(t, err, store.ErrNotFound, id)
	}
	for _, id := range l.stays {
		_, err := s.Event(ctx, id)
		require.NoError(t, err, id)
	}
	alerts, err := s.Alerts(ctx, store.Filter{})
	require.NoError(t, err)
	require.Len(t, alerts, 2)
	for _, a := range alerts {
		require.Equal(t, "bob", a.Recipient.UID)
	}
	deliveries, err := s.Deliveries(ctx, store.Filter{})
	require.NoError(t, err)
	require.Len(t, deliveries, 1)
	require.Equal(t, bobsNumber, deliveries[0].Phone.Reveal())
	outbox, err := s.Outbox(ctx, store.OutboxFilter{Limit: 0})
	require.NoError(t, err)
	require.Len(t, outbox, 1)
	require.Equal(t, "o3", outbox[0].ID)
	audit, err := s.Audit(ctx, store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	var subjects []string
	for _, a := range audit {
		subjects = append(subjects, a.Subject)
	}
	require.ElementsMatch(t, []string{Keys().Person("ann"), "rule annabel", "of bob", "of " + Keys().Person("ann")}, subjects)
	wishes, err := s.Preferences(ctx, "ann")
	require.NoError(t, err)
	require.True(t, wishes.Empty())
	wishes, err = s.Preferences(ctx, "bob")
	require.NoError(t, err)
	require.Equal(t, []relay.Mute{{Conversations: []string{"group_x"}}}, wishes.Mutes, "what others want stays, but for her name in it")
	require.Equal(t, "forget", audit[0].Action)
	require.Equal(t, "kim", audit[0].Who)
	clear, err := s.Suppressed(ctx)
	require.NoError(t, err)
	require.Equal(t, map[relay.Address]relay.Reason{relay.NewAddress(relay.ChannelSMS, bobsNumber): relay.ReasonOptedOut}, clear)
	left, err := s.AddressesOf(ctx, "ann")
	require.NoError(t, err)
	require.Empty(t, left)
}

func countsForgotten(t *testing.T, s store.Store) {
	t.Helper()
	l := live(t, s)
	f := ann()
	f.DryRun = true
	got, err := s.Forget(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, l.want, got)
	events, err := s.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, events, 6)
	audit, err := s.Audit(t.Context(), store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, audit, 3)
	require.Equal(t, l.want, forget(t, s, ann()), "and then it does")
}

func forgetsTwice(t *testing.T, s store.Store) {
	t.Helper()
	live(t, s)
	forget(t, s, ann())
	require.Equal(t, store.Forgotten{}, forget(t, s, ann()))
	require.Equal(t, store.Forgotten{}, forget(t, s, person("nobody")))
}

// startNow begins an attempt by today's clock, so that it is under way.
func startNow(t *testing.T, s store.Store, deliveryID string) relay.Attempt {
	t.Helper()
	_, attempt, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: deliveryID, Provider: "twilio", Now: time.Now()})
	require.NoError(t, err)
	return attempt
}

func letsFinish(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	own := says(t, s, "own", map[string]string{"sender": "ann"}, "bob")[0]
	attempt := startNow(t, s, sendAlert(t, s, own, to(bobsNumber))[0].ID)
	alone := says(t, s, "group", nil, "ann")[0]
	second := startNow(t, s, sendAlert(t, s, alone, to(annsNumber))[0].ID)
	f := ann()
	f.Patience = time.Minute
	done := make(chan error, 1)
	var gone store.Forgotten
	looked := make(chan struct{}, 100)
	f.Progress = func(string, int, int) { looked <- struct{}{} }
	go func() {
		var err error
		gone, err = s.Forget(ctx, f)
		done <- err
	}()
	<-looked
	for _, a := range []relay.Attempt{attempt, second} {
		a.EndedAt, a.Outcome = time.Now(), relay.Outcome{Kind: relay.Accepted, ProviderID: "SM" + a.DeliveryID}
		require.NoError(t, s.FinishAttempt(ctx, a, store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: "SM" + a.DeliveryID}))
	}
	require.NoError(t, <-done)
	require.Equal(t, 2, gone.Deliveries)
	require.Equal(t, 1, gone.Events)
}

func tellsUnderWay(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	own := says(t, s, "own", map[string]string{"sender": "ann"}, "bob")[0]
	startNow(t, s, sendAlert(t, s, own, to(bobsNumber))[0].ID)
	says(t, s, "another", map[string]string{"sender": "ann"})
	gone, err := s.Forget(ctx, ann())
	require.ErrorIs(t, err, store.ErrUnderWay)
	require.Equal(t, 1, gone.Events)
	_, err = s.Event(ctx, "own")
	require.NoError(t, err, "what is being sent is not forgotten before its answer is there")
	f := ann()
	f.Alone = true // the relay was killed
	require.Equal(t, 1, forget(t, s, f).Events)
}

// digestOfAnn keeps three alerts for bob that go out in one message, of which the second is about ann.
func digestOfAnn(t *testing.T, s store.Store) (alerts []relay.Alert, delivery relay.Delivery) {
	t.Helper()
	alerts = digest(t, s, "d", 3)
	require.Len(t, alerts, 3)
	d := relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{to(bobsNumber)(alerts[0], "t")}}
	q := relay.Query{}
	for _, a := range alerts[1:] {
		q.Members = append(q.Members, a.ID)
		d.Members = append(d.Members, relay.Ruling{AlertID: a.ID, Action: relay.ActSend})
	}
	kept, err := s.Decide(t.Context(), alerts[0].ID, q, alertOf(t, s, alerts[0].ID).DueAt.Add(time.Minute),
		func(relay.Alert, relay.Facts) relay.Decision { return d })
	require.NoError(t, err)
	require.Equal(t, alerts[0].ID, alertOf(t, s, alerts[1].ID).Lead)
	return alerts, kept.Deliveries[0]
}

// about recognises the event of an alert as hers, whatever it says.
type about struct {
	store.Person
	eventID string
}

// In implements store.Person.
func (a about) In(raw []byte) bool {
	var p payload
	return json.Unmarshal(raw, &p) == nil && p.ID == a.eventID
}

func aboutOne(a relay.Alert) store.Forgetting {
	f := ann()
	f.Person = about{f.Person, a.EventID}
	return f
}

func remakesDigests(t *testing.T, s store.Store) {
	t.Helper()
	alerts, d := digestOfAnn(t, s)
	gone := forget(t, s, aboutOne(alerts[1]))
	require.Equal(t, store.Forgotten{Events: 1, Alerts: 1, Deliveries: 1, Waiting: 2}, store.Forgotten{
		Events: gone.Events, Alerts: gone.Alerts, Deliveries: gone.Deliveries, Waiting: gone.Waiting, Blanked: gone.Blanked,
	})
	_, err := s.Delivery(t.Context(), d.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, a := range []relay.Alert{alerts[0], alerts[2]} {
		now := alertOf(t, s, a.ID)
		require.Equal(t, relay.AlertHeld, now.State)
		require.Equal(t, relay.ReasonWaiting, now.Reason)
		require.Empty(t, now.Lead)
	}
	again := sendAlert(t, s, alertOf(t, s, alerts[0].ID), to(bobsNumber))
	require.Equal(t, relay.DeliveryQueued, again[0].State, "its claims are free")
}

func blanksDigests(t *testing.T, s store.Store) {
	t.Helper()
	alerts, d := digestOfAnn(t, s)
	finish(t, s, d.ID, sent)
	gone := forget(t, s, aboutOne(alerts[1]))
	require.Equal(t, 1, gone.Blanked)
	require.Zero(t, gone.Deliveries+gone.Waiting)
	kept := deliveryOf(t, s, d.ID)
	require.Equal(t, relay.DeliverySent, kept.State)
	require.Empty(t, kept.Content.Text)
	require.NotZero(t, kept.BlankedAt)
	state, _ := stateOf(t, s, alerts[2].ID)
	require.Equal(t, relay.AlertSent, state, "what others were told stays told")
}

func settlesDigests(t *testing.T, s store.Store) {
	t.Helper()
	alerts, d := digestOfAnn(t, s)
	finish(t, s, d.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour)))
	require.Equal(t, 1, forget(t, s, aboutOne(alerts[1])).Blanked)
	kept := deliveryOf(t, s, d.ID)
	require.Equal(t, relay.DeliveryDead, kept.State)
	require.Equal(t, relay.ReasonNoAnswer, kept.Reason)
	state, _ := stateOf(t, s, alerts[2].ID)
	require.Equal(t, relay.AlertFailed, state)
}

func releasesFollowers(t *testing.T, s store.Store) {
	t.Helper()
	alerts, _ := digestOfAnn(t, s)
	gone := forget(t, s, aboutOne(alerts[0]))
	require.Equal(t, 2, gone.Waiting)
	for _, a := range alerts[1:] {
		now := alertOf(t, s, a.ID)
		require.Equal(t, relay.AlertHeld, now.State)
		require.Empty(t, now.Lead)
	}
}

func takesUp(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	live(t, s)
	startNow(t, s, sendAlert(t, s, says(t, s, "late", map[string]string{"sender": "ann"}, "cleo")[0], to("+14155550155"))[0].ID)
	_, err := s.Forget(ctx, ann())
	require.ErrorIs(t, err, store.ErrUnderWay)
	addresses, err := s.AddressesOf(ctx, "ANN")
	require.NoError(t, err)
	require.ElementsMatch(t, []relay.Address{relay.NewAddress(relay.ChannelSMS, annsNumber), leesMail}, addresses,
		"her deliveries are gone, and it is still known where she was reached")
}

func refusesForgetting(t *testing.T, s store.Store) {
	t.Helper()
	accept(t, s, "e1", "ann")
	for want, spoil := range map[string]func(*store.Forgetting){
		"no key":                 func(f *store.Forgetting) { f.Keys = relay.HashKeys{} },
		"does not say whom":      func(f *store.Forgetting) { f.UID = "" },
		"does not say by whom":   func(f *store.Forgetting) { f.By = "" },
		"it does not say when":   func(f *store.Forgetting) { f.At = time.Time{} },
		"forget a person: it do": func(f *store.Forgetting) { f.Person = nil },
	} {
		f := ann()
		spoil(&f)
		_, err := s.Forget(t.Context(), f)
		require.ErrorContains(t, err, want)
	}
	_, err := s.Event(t.Context(), "e1")
	require.NoError(t, err)
}
