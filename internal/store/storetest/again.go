package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func fallingBack() []test {
	return []test{
		{"an alert whose messages cannot arrive is decided again at once if its rule has channels left", fallsBack},
		{"an alert does not fall back while a message may arrive, nor when it is too late", staysAsItIs},
		{"an alert is decided again when its time has come and not before, by the deliveries it has", decidesAgain},
		{"a second fallback follows the first, and the last one ends as all did", fallsBackTwice},
		{"a fallback that is no longer wanted cancels an alert that was not sent", cancelsAgain},
		{"a fallback that is held takes the alert back to held, and is decided later", holdsAgain},
		{"an alert that was sent stays so, whatever is decided for its fallback", staysSent},
		{"an alert is not cancelled while its message is under way", keepsUnderWay},
		{"an alert held for its fallback is sent when an answer comes late after all, and else waits", sentLate},
		{"a crash after the decision loses no fallback, and makes none twice", survivesCrash},
		{"a digest falls back together, but for what is no longer true", digestFallsBack},
		{"the lead of a digest that was decided before stays its lead", keepsLead},
		{"a digest that waits for its fallback is not taken along by another", keepsApart},
	}
}

var undelivered = store.Next{State: relay.DeliveryUndelivered, Reason: relay.ReasonUnreachable}

// sendFallback sends an alert by the given deliveries, whose rule has a channel left.
func sendFallback(t *testing.T, s store.Store, id string, make ...func(relay.Alert, string) relay.Delivery) (
	relay.Alert, []relay.Delivery,
) {
	t.Helper()
	alert := accept(t, s, id, "lee")[0]
	d := relay.Decision{Action: relay.ActSend, Fallback: true}
	for _, m := range make {
		d.Deliveries = append(d.Deliveries, m(alert, "t"))
	}
	got, err := decide(t, s, alert, d)
	require.NoError(t, err)
	return alert, got.Deliveries
}

// fallen is an alert that is to be decided again, since its text is dead.
func fallen(t *testing.T, s store.Store, id string) relay.Alert {
	t.Helper()
	alert, d := sendFallback(t, s, id, NewDelivery)
	finish(t, s, d[0].ID, dead)
	return alert
}

// always is a decision whatever the facts.
func always(d relay.Decision) func(relay.Facts) relay.Decision {
	return func(relay.Facts) relay.Decision { return d }
}

func fallsBack(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	settle := func(next store.Next) func(id string) error {
		return func(id string) error { return s.Settle(ctx, id, next, after(3*time.Minute)) }
	}
	for name, tt := range map[string]struct {
		end  func(id string) error
		want relay.AlertState
		at   time.Time
	}{
		"dead": {func(id string) error {
			finish(t, s, id, dead)
			return nil
		}, relay.AlertDue, after(2 * time.Minute)},
		"dead in waiting": {settle(dead), relay.AlertDue, after(3 * time.Minute)},
		"suppressed": {
			settle(store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut}), relay.AlertDue,
			after(3 * time.Minute),
		},
		"undelivered": {func(id string) error {
			finish(t, s, id, sent)
			return settle(undelivered)(id)
		}, relay.AlertSent, after(3 * time.Minute)},
	} {
		alert, d := sendFallback(t, s, name, NewDelivery)
		require.NoError(t, tt.end(d[0].ID), name)
		kept := alertOf(t, s, alert.ID)
		require.Equal(t, tt.want, kept.State, name)
		require.Equal(t, relay.ReasonNone, kept.Reason, name)
		require.Equal(t, tt.at, kept.AgainAt, name)
	}
	alert, d := sendFallback(t, s, "forbidden", NewDelivery)
	suppress(t, s, leesPhone)
	_, _, err := s.BeginAttempt(ctx, store.Start{DeliveryID: d[0].ID, Provider: "twilio", Now: after(time.Minute)})
	require.ErrorIs(t, err, store.ErrSuppressed)
	require.Equal(t, after(time.Minute), alertOf(t, s, alert.ID).AgainAt)
	require.Equal(t, relay.AlertDue, alertOf(t, s, alert.ID).State)
}

func staysAsItIs(t *testing.T, s store.Store) {
	t.Helper()
	waiting := later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour))
	unanswered := store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer}
	collapsed := store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonCollapsed}
	for name, tt := range map[string]struct {
		sms, mail store.Next
		want      relay.AlertState
	}{
		"another under way":      {dead, waiting, relay.AlertDue},
		"another sent":           {dead, sent, relay.AlertSent},
		"too late":               {expired, dead, relay.AlertFailed},
		"too late, at last":      {dead, expired, relay.AlertFailed},
		"it may have arrived":    {unanswered, dead, relay.AlertFailed},
		"may have, at last":      {dead, unanswered, relay.AlertFailed},
		"told already elsewhere": {collapsed, dead, relay.AlertFailed},
	} {
		alert, d := sendFallback(t, s, name, NewDelivery, mail)
		finish(t, s, d[0].ID, tt.sms)
		finish(t, s, d[1].ID, tt.mail)
		kept := alertOf(t, s, alert.ID)
		require.Equal(t, tt.want, kept.State, name)
		require.Zero(t, kept.AgainAt, name)
	}
	d := send(t, s, "no channel left", NewDelivery)[0]
	finish(t, s, d.ID, dead)
	kept := alertOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertFailed, kept.State)
	require.Zero(t, kept.AgainAt)
	alert, text := awaited(t, s, "silence")
	finish(t, s, text.ID, expired)
	require.Zero(t, alertOf(t, s, alert.ID).AgainAt, "it has ended")
}

// awaited is an alert that is to be decided again in an hour, and its text.
func awaited(t *testing.T, s store.Store, id string) (relay.Alert, relay.Delivery) {
	t.Helper()
	alert := accept(t, s, id, "lee")[0]
	text := NewDelivery(alert, "t")
	_, err := decide(t, s, alert, relay.Decision{
		Action: relay.ActSend, Deliveries: []relay.Delivery{text}, Again: after(time.Hour), Fallback: true,
	})
	require.NoError(t, err)
	return alert, text
}

func decidesAgain(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	text, letter := NewDelivery(alert, "a"), NewDelivery(alert, "b")
	_, err := decide(t, s, alert, relay.Decision{
		Action: relay.ActSend, Deliveries: []relay.Delivery{text, letter}, Again: after(time.Hour),
	})
	require.NoError(t, err)
	require.Equal(t, after(time.Hour), alertOf(t, s, alert.ID).AgainAt)
	_, err = s.Decide(t.Context(), alert.ID, relay.Query{}, after(time.Hour-time.Microsecond),
		func(relay.Alert, relay.Facts) relay.Decision { panic("too early") })
	require.ErrorIs(t, err, store.ErrConflict)
	decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), func(f relay.Facts) relay.Decision {
		require.Equal(t, []relay.Delivery{kept(text), kept(letter)}, f.Deliveries)
		return relay.Decision{Action: relay.ActSend, Again: after(2 * time.Hour)}
	})
	require.Equal(t, after(2*time.Hour), alertOf(t, s, alert.ID).AgainAt)
	require.Equal(t, relay.AlertDue, alertOf(t, s, alert.ID).State)
	finish(t, s, text.ID, sent)
	decideAt(t, s, alert.ID, relay.Query{}, after(2*time.Hour), always(relay.Decision{Action: relay.ActSend}))
	require.Zero(t, alertOf(t, s, alert.ID).AgainAt)
	_, err = s.Decide(t.Context(), alert.ID, relay.Query{}, after(3*time.Hour),
		func(relay.Alert, relay.Facts) relay.Decision { panic("nothing is left to decide") })
	require.ErrorIs(t, err, store.ErrConflict)
}

func fallsBackTwice(t *testing.T, s store.Store) {
	t.Helper()
	alert := fallen(t, s, "e1")
	letter := mail(alert, "t")
	decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), always(relay.Decision{
		Action: relay.ActSend, Deliveries: []relay.Delivery{letter}, Fallback: true, Trace: []relay.Step{{Check: "fallback"}},
	}))
	now := alertOf(t, s, alert.ID)
	require.Equal(t, relay.AlertDue, now.State)
	require.Zero(t, now.AgainAt)
	require.Len(t, now.Trace, 1)
	finish(t, s, letter.ID, dead)
	require.Equal(t, after(2*time.Minute), alertOf(t, s, alert.ID).AgainAt)
	decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), func(f relay.Facts) relay.Decision {
		require.Len(t, f.Deliveries, 2)
		return relay.Decision{Action: relay.ActSend}
	})
	state, reason := stateOf(t, s, alert.ID)
	require.Equal(t, relay.AlertFailed, state)
	require.Equal(t, relay.ReasonInvalidNumber, reason)
}

func cancelsAgain(t *testing.T, s store.Store) {
	t.Helper()
	for action, want := range map[relay.Action]relay.AlertState{
		relay.ActCancel: relay.AlertCancelled, relay.ActSuppress: relay.AlertSuppressed,
	} {
		alert := fallen(t, s, string(action))
		decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), always(relay.Decision{Action: action, Reason: relay.ReasonRead}))
		now := alertOf(t, s, alert.ID)
		require.Equal(t, want, now.State)
		require.Equal(t, relay.ReasonRead, now.Reason)
		require.Zero(t, now.AgainAt)
	}
}

func holdsAgain(t *testing.T, s store.Store) {
	t.Helper()
	alert := fallen(t, s, "e1")
	for _, until := range []time.Time{after(3 * time.Hour), after(4 * time.Hour)} {
		decideAt(t, s, alert.ID, relay.Query{}, until.Add(-time.Hour), always(relay.Decision{
			Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: until,
		}))
		now := alertOf(t, s, alert.ID)
		require.Equal(t, relay.AlertHeld, now.State)
		require.Equal(t, relay.ReasonQuietHours, now.Reason)
		require.Equal(t, until, now.DueAt)
		require.Equal(t, until, now.AgainAt)
	}
	letter := mail(alert, "t")
	decideAt(t, s, alert.ID, relay.Query{}, after(4*time.Hour), func(f relay.Facts) relay.Decision {
		require.Len(t, f.Deliveries, 1)
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{letter}}
	})
	finish(t, s, letter.ID, sent)
	require.Equal(t, relay.AlertSent, alertOf(t, s, alert.ID).State)
}

func staysSent(t *testing.T, s store.Store) {
	t.Helper()
	for name, tt := range map[string]struct {
		decision relay.Decision
		again    time.Time
	}{
		"cancelled":  {relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}, time.Time{}},
		"suppressed": {relay.Decision{Action: relay.ActSuppress, Reason: relay.ReasonMuted}, time.Time{}},
		"nothing":    {relay.Decision{Action: relay.ActSend}, time.Time{}},
		"held": {
			relay.Decision{Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: after(3 * time.Hour)},
			after(3 * time.Hour),
		},
	} {
		alert, d := sendFallback(t, s, name, NewDelivery)
		finish(t, s, d[0].ID, sent)
		require.NoError(t, s.Settle(t.Context(), d[0].ID, undelivered, after(time.Hour)))
		tt.decision.Trace = []relay.Step{{Check: name}}
		decideAt(t, s, alert.ID, relay.Query{}, after(2*time.Hour), always(tt.decision))
		now := alertOf(t, s, alert.ID)
		require.Equal(t, relay.AlertSent, now.State, name)
		require.Equal(t, relay.ReasonNone, now.Reason, name)
		require.Equal(t, tt.again, now.AgainAt, name)
		require.Equal(t, name, now.Trace[len(now.Trace)-1].Check)
	}
	alert, d := sendFallback(t, s, "another try", NewDelivery)
	finish(t, s, d[0].ID, sent)
	require.NoError(t, s.Settle(t.Context(), d[0].ID, undelivered, after(time.Hour)))
	letter := mail(alert, "t")
	decideAt(t, s, alert.ID, relay.Query{}, after(2*time.Hour), always(relay.Decision{
		Action: relay.ActSend, Deliveries: []relay.Delivery{letter},
	}))
	finish(t, s, letter.ID, dead)
	require.Equal(t, relay.AlertSent, alertOf(t, s, alert.ID).State)
}

func keepsUnderWay(t *testing.T, s store.Store) {
	t.Helper()
	alert, text := awaited(t, s, "e1")
	decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), always(relay.Decision{
		Action: relay.ActCancel, Reason: relay.ReasonRead,
	}))
	require.Equal(t, relay.AlertDue, alertOf(t, s, alert.ID).State)
	require.Zero(t, alertOf(t, s, alert.ID).AgainAt)
	finish(t, s, text.ID, sent)
	require.Equal(t, relay.AlertSent, alertOf(t, s, alert.ID).State)
}

func sentLate(t *testing.T, s store.Store) {
	t.Helper()
	until := after(2 * time.Hour)
	for want, next := range map[relay.AlertState]store.Next{relay.AlertSent: sent, relay.AlertHeld: dead} {
		alert, text := awaited(t, s, string(want))
		attempt := accepted(begin(t, s, text.ID))
		decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), always(relay.Decision{
			Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: until,
		}))
		require.Equal(t, relay.AlertHeld, alertOf(t, s, alert.ID).State)
		require.NoError(t, s.FinishAttempt(t.Context(), attempt, next))
		now := alertOf(t, s, alert.ID)
		require.Equal(t, want, now.State)
		require.Equal(t, until, now.AgainAt, "what waits, and silence, are still looked at")
	}
}

func survivesCrash(t *testing.T, s store.Store) {
	t.Helper()
	alert := fallen(t, s, "e1")
	letter := mail(alert, "t")
	again := relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{letter}}
	decideAt(t, s, alert.ID, relay.Query{}, after(time.Hour), always(again))
	// The process dies here; the job that decided is run again.
	_, err := s.Decide(t.Context(), alert.ID, relay.Query{}, after(time.Hour),
		func(relay.Alert, relay.Facts) relay.Decision { panic("decided twice") })
	require.ErrorIs(t, err, store.ErrConflict)
	queued, err := s.Deliveries(t.Context(), store.Filter{AlertID: alert.ID, State: "queued"})
	require.NoError(t, err)
	require.Equal(t, []relay.Delivery{kept(letter)}, withUpdate(queued, letter.UpdatedAt))
	finish(t, s, letter.ID, sent)
	require.Equal(t, relay.AlertSent, alertOf(t, s, alert.ID).State)
}

func withUpdate(deliveries []relay.Delivery, at time.Time) []relay.Delivery {
	for i := range deliveries {
		deliveries[i].UpdatedAt = at
	}
	return deliveries
}

func digestFallsBack(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 4)
	first := along(alerts[:3], NewDelivery(alerts[0], "t"))
	first.Fallback = true
	first.Members = append(first.Members, ruling(alerts[3], relay.ActCancel, relay.ReasonDeleted))
	finish(t, s, decideAll(t, s, alerts, after(time.Hour), first).Deliveries[0].ID, dead)
	due, cancelled := relay.AlertDue, relay.AlertCancelled
	require.Equal(t, []relay.AlertState{due, due, due, cancelled}, states(t, s, alerts))

	lead := alertOf(t, s, alerts[0].ID)
	require.Equal(t, after(2*time.Minute), lead.AgainAt)
	members, err := s.Members(t.Context(), lead)
	require.NoError(t, err)
	require.Len(t, members, 2)
	require.Equal(t, alerts[1].ID, members[0].Alert.ID)
	decideAt(t, s, lead.ID, relay.Query{Members: idsOf(alerts[1:])}, after(2*time.Hour), func(f relay.Facts) relay.Decision {
		require.Equal(t, idsOf(alerts[1:3]), idsOf(f.Members))
		return relay.Decision{Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: after(3 * time.Hour)}
	})
	require.Equal(t, []relay.AlertState{relay.AlertHeld, due, due, cancelled}, states(t, s, alerts))
	letter := mail(alerts[0], "t")
	held := ruling(alerts[1], relay.ActHold, relay.ReasonQuietHours)
	held.Until = after(4 * time.Hour)
	decideAll(t, s, alerts, after(3*time.Hour), relay.Decision{
		Action: relay.ActSend, Deliveries: []relay.Delivery{letter}, Fallback: true,
		Members: []relay.Ruling{held, ruling(alerts[2], relay.ActCancel, relay.ReasonRead)},
	})
	require.Equal(t, []relay.AlertState{due, due, cancelled, cancelled}, states(t, s, alerts), "none is held alone")
	finish(t, s, letter.ID, dead)
	members, err = s.Members(t.Context(), alertOf(t, s, lead.ID))
	require.NoError(t, err)
	require.Len(t, members, 1, "what ended goes along no more")
	last := mail(alerts[0], "last")
	decideAll(t, s, alerts, after(4*time.Hour), relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{last}})
	finish(t, s, last.ID, sent)
	require.Equal(t, []relay.AlertState{relay.AlertSent, relay.AlertSent, cancelled, cancelled}, states(t, s, alerts))
}

func keepsLead(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 2)
	first := along(alerts, NewDelivery(alerts[0], "t"))
	first.Fallback = true
	finish(t, s, decideAll(t, s, alerts, after(time.Hour), first).Deliveries[0].ID, dead)
	_, err := s.Decide(t.Context(), alerts[0].ID, relay.Query{Members: idsOf(alerts)}, after(2*time.Hour),
		func(relay.Alert, relay.Facts) relay.Decision {
			return relay.Decision{
				Action: relay.ActCancel, Reason: relay.ReasonRead, Lead: alerts[1].ID,
				Members: []relay.Ruling{ruling(alerts[1], relay.ActSend, "")},
			}
		})
	require.ErrorContains(t, err, "decided before")
	decideAll(t, s, alerts, after(2*time.Hour), relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonExpired})
	require.Equal(t, []relay.AlertState{relay.AlertCancelled, relay.AlertCancelled}, states(t, s, alerts), "all follow")
}

func keepsApart(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 2)
	d := relay.Decision{Action: relay.ActSend, Fallback: true, Deliveries: []relay.Delivery{NewDelivery(alerts[0], "t")}}
	finish(t, s, decideAll(t, s, alerts[:1], after(time.Hour), d).Deliveries[0].ID, dead)
	decideAll(t, s, alerts[:1], after(time.Hour), relay.Decision{
		Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: after(2 * time.Hour),
	})
	require.Equal(t, []relay.AlertState{relay.AlertHeld, relay.AlertHeld}, states(t, s, alerts))
	members, err := s.Members(t.Context(), alertOf(t, s, alerts[1].ID))
	require.NoError(t, err)
	require.Empty(t, members)
	require.Empty(t, facts(t, s, alerts[1].ID, relay.Query{Members: idsOf(alerts)}).Members)
	require.Empty(t, facts(t, s, alerts[0].ID, relay.Query{Members: idsOf(alerts)}).Members)
}
