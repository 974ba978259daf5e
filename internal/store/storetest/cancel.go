package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func cancelsAlerts(t *testing.T, s store.Store) {
	t.Helper()
	held := accept(t, s, "held", "lee", "kim")
	gone := send(t, s, "sent", NewDelivery)[0]
	unresolved := relay.Plan{Event: NewEvent("unresolved")}
	unresolved.Alerts = []relay.Alert{NewAlert(unresolved.Event, "mention", "")}
	unresolved.Alerts[0].Recipient = relay.Recipient{}
	_, err := s.Accept(t.Context(), unresolved)
	require.NoError(t, err)
	members := digest(t, s, "d", 2)
	order := store.Stop{
		Of: store.KindAlert, IDs: []string{held[0].ID, gone.AlertID, unresolved.Alerts[0].ID, members[1].ID, "al_gone"}, At: after(time.Second),
		Audit: relay.Audit{At: noon, Who: "kim", Action: "cancel", Subject: "5 alerts"},
	}
	done, err := s.Cancel(t.Context(), order)
	require.NoError(t, err)
	require.Equal(t, store.Done{Done: 3, Skipped: map[string]int{"due": 1, store.SkippedGone: 1}}, done)
	a := alertOf(t, s, held[0].ID)
	require.Equal(t, relay.AlertCancelled, a.State)
	require.Equal(t, relay.ReasonByHand, a.Reason)
	require.Equal(t, "cancel", a.Trace[len(a.Trace)-1].Check)
	require.Equal(t, relay.AlertHeld, alertOf(t, s, held[1].ID).State)
	_, err = decide(t, s, held[0], relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{NewDelivery(held[0], "t")}})
	require.ErrorIs(t, err, store.ErrConflict, "nothing more is decided of it")
	still, err := s.Members(t.Context(), members[0])
	require.NoError(t, err)
	require.Empty(t, still, "it left the digest")
	done, err = s.Cancel(t.Context(), order)
	require.NoError(t, err)
	require.Zero(t, done.Done)
	require.Len(t, noted(t, s), 1, "what changed nothing is not in the audit")

	alert, d := sendFallback(t, s, "fallback", NewDelivery, mail)
	finish(t, s, d[0].ID, dead)
	finish(t, s, d[1].ID, dead)
	_, err = s.Decide(t.Context(), alert.ID, relay.Query{}, after(4*minutes), func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActHold, Reason: relay.ReasonPaused, Until: after(time.Hour)}
	})
	require.NoError(t, err)
	require.Equal(t, 1, cancel(t, s, store.KindAlert, alert.ID).Done)
	require.Equal(t, relay.AlertCancelled, alertOf(t, s, alert.ID).State)
	require.Zero(t, alertOf(t, s, alert.ID).AgainAt)
}

func cancelsDeliveries(t *testing.T, s store.Store) {
	t.Helper()
	both := send(t, s, "both", NewDelivery, mail)
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, both[0].ID).Done)
	d := deliveryOf(t, s, both[0].ID)
	require.Equal(t, relay.DeliveryDead, d.State)
	require.Equal(t, relay.ReasonByHand, d.Reason)
	require.Equal(t, relay.AlertDue, alertOf(t, s, d.AlertID).State, "another is under way")
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, both[1].ID).Done)
	state, reason := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertCancelled, state)
	require.Equal(t, relay.ReasonByHand, reason)
	retried(t, s, both[0])
	require.Equal(t, relay.AlertDue, alertOf(t, s, d.AlertID).State, "what was done by hand is taken back by hand")

	sending := send(t, s, "sending", NewDelivery)[0]
	attempt := begin(t, s, sending.ID)
	require.Equal(t, map[string]int{"sending": 1}, cancel(t, s, store.KindDelivery, sending.ID).Skipped)
	require.NoError(t, s.FinishAttempt(t.Context(), accepted(attempt), sent))
	require.Equal(t, map[string]int{"sent": 1, store.SkippedGone: 1}, cancel(t, s, store.KindDelivery, sending.ID, "dl_gone").Skipped)
	alert, last := sendFallback(t, s, "no fallback", NewDelivery)
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, last[0].ID).Done)
	require.Zero(t, alertOf(t, s, alert.ID).AgainAt, "an operator wants none")
	mixed := send(t, s, "mixed", NewDelivery, mail)
	finish(t, s, mixed[0].ID, dead)
	cancel(t, s, store.KindDelivery, mixed[1].ID)
	state, reason = stateOf(t, s, mixed[0].AlertID)
	require.Equal(t, relay.AlertFailed, state)
	require.Equal(t, dead.Reason, reason)
}

func cancelsUnanswered(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", claimingAll("a"))[0]
	finish(t, s, d.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour)))
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, d.ID).Done)
	require.Equal(t, map[string]string{"a": d.ID}, holders(t, s, "kept", "a"))
	queued := send(t, s, "e2", claimingAll("b"))[0]
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, queued.ID).Done)
	require.Empty(t, holders(t, s, "free", "b"))
}

func cancelledAndTaken(t *testing.T, s store.Store) {
	t.Helper()
	alert, d := sendFallback(t, s, "e1", NewDelivery)
	finish(t, s, d[0].ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour)))
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, d[0].ID).Done)
	require.Len(t, receive(t, s, receipt(d[0], "1", relay.DeliveryUndelivered)), 1)
	a := alertOf(t, s, alert.ID)
	require.Equal(t, relay.AlertSent, a.State)
	require.Zero(t, a.AgainAt)
}

func cancelsOrSends(t *testing.T, s store.Store) {
	t.Helper()
	for i := range 10 {
		d := send(t, s, fmt.Sprintf("e%d", i), NewDelivery)[0]
		var both sync.WaitGroup
		var begun, cancelled error
		var done store.Done
		both.Go(func() {
			_, _, begun = s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(5 * minutes)})
		})
		both.Go(func() {
			done, cancelled = s.Cancel(t.Context(), store.Stop{Of: store.KindDelivery, IDs: []string{d.ID}, At: after(5 * minutes)})
		})
		both.Wait()
		require.NoError(t, cancelled)
		if begun == nil {
			require.Equal(t, map[string]int{"sending": 1}, done.Skipped)
			continue
		}
		require.ErrorIs(t, begun, store.ErrConflict)
		require.Equal(t, 1, done.Done)
	}
}
