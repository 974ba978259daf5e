package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func receiving() []test {
	return []test{
		{"a receipt moves its delivery forward and is kept once", receivesOnce},
		{"receipts in any order lead to the same state", receivesInAnyOrder},
		{"a receipt finds its delivery by the provider's id where ours did not come along", receivesByProviderID},
		{"a receipt of one provider moves nothing that another one took", receivesFromItsProvider},
		{"of two messages for one delivery the one that failed says nothing of the other", receivesOfTheRightMessage},
		{"that a message did not arrive says nothing of the attempt under way, until that is known to be the one", receivesDuringAnotherAttempt},
		{"a receipt for what was never sent moves nothing", receivesNothingForUnsent},
		{"a receipt is an answer where the answer was lost", receivesInsteadOfAnAnswer},
		{"a receipt that comes before the answer stands, and the answer is written down", receivesBeforeTheAnswer},
		{"a delivery and its alert that were given up are sent after all when a receipt says so", receivesAfterGivingUp},
		{"an undelivered receipt wakes up the fallback", receiptWakesFallback},
		{"an undelivered receipt wakes up the fallback of what was given up without an answer, too", receiptWakesFallbackAfterGivingUp},
		{"a receipt suppresses an address and another lifts that", receiptSuppresses},
		{"an outcome that blames the recipient suppresses the address", outcomeSuppresses},
		{"a receipt that says nothing sensible is refused", refusesReceipts},
		{"receipts go with their delivery, and those of none by their age", prunesReceipts},
		{"who holds a provider's messages is told", tellsHolders},
		{"of two deliveries that take one message at once one gets it", takesOnce},
	}
}

// receipt is one of twilio's for a delivery.
func receipt(d relay.Delivery, key string, state relay.DeliveryState) relay.Receipt {
	return relay.Receipt{
		Provider: "twilio", Key: key, DeliveryID: d.ID, ProviderID: "SM1", State: state, Status: string(state),
		At: after(5 * time.Minute),
	}
}

func receive(t *testing.T, s store.Store, receipts ...relay.Receipt) []relay.Delivery {
	t.Helper()
	moved, err := s.Receive(t.Context(), receipts)
	require.NoError(t, err)
	return moved
}

func deliveryOf(t *testing.T, s store.Store, id string) relay.Delivery {
	t.Helper()
	d, err := s.Delivery(t.Context(), id)
	require.NoError(t, err)
	return d
}

func receivesOnce(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	r := receipt(d, "SM1/delivered", relay.DeliveryDelivered)
	r.Code, r.Detail = "30008", "as it was told"
	moved := receive(t, s, r)
	require.Len(t, moved, 1)
	require.Equal(t, relay.DeliveryDelivered, moved[0].State)
	require.Equal(t, deliveryOf(t, s, d.ID), moved[0])
	require.Equal(t, after(5*time.Minute), moved[0].UpdatedAt)
	require.Empty(t, receive(t, s, r, r), "a repeat")
	found, err := s.Receipts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, []relay.Receipt{r}, found)
}

func receivesInAnyOrder(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	require.Len(t, receive(t, s, receipt(d, "3", relay.DeliveryDelivered)), 1)
	require.Empty(t, receive(t, s, receipt(d, "1", relay.DeliverySent), receipt(d, "2", relay.DeliverySent)))
	require.Equal(t, relay.DeliveryDelivered, deliveryOf(t, s, d.ID).State)
	bounce := receipt(d, "4", relay.DeliveryUndelivered)
	bounce.Reason = relay.ReasonBounced
	require.Len(t, receive(t, s, bounce), 1, "a mail that came back later")
	require.Empty(t, receive(t, s, receipt(d, "5", relay.DeliveryDelivered)))
	d = deliveryOf(t, s, d.ID)
	require.Equal(t, relay.DeliveryUndelivered, d.State)
	require.Equal(t, relay.ReasonBounced, d.Reason)
}

func receivesByProviderID(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	r := receipt(d, "1", relay.DeliveryDelivered)
	r.DeliveryID, r.ProviderID = "", "SM2"
	require.Empty(t, receive(t, s, r), "another message")
	r.Key, r.ProviderID = "2", "SM1"
	require.Len(t, receive(t, s, r), 1)
	r.Key, r.ProviderID = "3", ""
	require.Empty(t, receive(t, s, r), "of nothing")
}

func receivesFromItsProvider(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	r := receipt(d, "1", relay.DeliveryDelivered)
	r.Provider = "sendgrid"
	require.Empty(t, receive(t, s, r))
	require.Equal(t, relay.DeliverySent, deliveryOf(t, s, d.ID).State)
}

func receivesOfTheRightMessage(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	r := receipt(d, "1", relay.DeliveryUndelivered)
	r.ProviderID = "SM0"
	require.Empty(t, receive(t, s, r))
	r.Key, r.State = "2", relay.DeliveryDelivered
	require.Len(t, receive(t, s, r), 1, "one of them arrived")
	require.Equal(t, "SM1", deliveryOf(t, s, d.ID).ProviderID)
}

func receivesDuringAnotherAttempt(t *testing.T, s store.Store) {
	t.Helper()
	for i, which := range []struct {
		answer string
		want   relay.DeliveryState
	}{{"SM2", relay.DeliverySent}, {"SM1", relay.DeliveryUndelivered}} {
		d := send(t, s, fmt.Sprint("e", i), NewDelivery)[0]
		finish(t, s, d.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(3*time.Minute)))
		_, again, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(3 * time.Minute)})
		require.NoError(t, err)
		r := receipt(d, d.ID, relay.DeliveryUndelivered)
		r.Reason = relay.ReasonUnreachable
		require.Empty(t, receive(t, s, r))
		require.Equal(t, relay.DeliverySending, deliveryOf(t, s, d.ID).State)
		again.EndedAt, again.Outcome = after(6*time.Minute), relay.Outcome{Kind: relay.Accepted, ProviderID: which.answer}
		next := sent
		next.ProviderID = which.answer
		require.NoError(t, s.FinishAttempt(t.Context(), again, next))
		d = deliveryOf(t, s, d.ID)
		require.Equal(t, which.want, d.State, which.answer)
		require.Equal(t, which.answer, d.ProviderID)
		if which.want == relay.DeliveryUndelivered {
			require.Equal(t, relay.ReasonUnreachable, d.Reason)
		}
	}
}

func receivesNothingForUnsent(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	require.Empty(t, receive(t, s, receipt(d, "1", relay.DeliveryDelivered)))
	require.Equal(t, relay.DeliveryQueued, deliveryOf(t, s, d.ID).State)
	require.Empty(t, receive(t, s, receipt(relay.Delivery{ID: "dl_pruned"}, "2", relay.DeliveryDelivered)))
}

func receivesInsteadOfAnAnswer(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	begin(t, s, d.ID)
	_, err := s.Orphaned(t.Context(), after(3*time.Minute), after(3*time.Minute), after(4*time.Minute))
	require.NoError(t, err)
	require.Len(t, receive(t, s, receipt(d, "1", relay.DeliverySent)), 1)
	d = deliveryOf(t, s, d.ID)
	require.Equal(t, relay.DeliverySent, d.State)
	require.Equal(t, relay.ReasonNone, d.Reason)
	require.Equal(t, "twilio", d.Provider)
	require.Equal(t, "SM1", d.ProviderID)
	require.True(t, d.NextAt.IsZero())
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSent, state)
	_, _, err = s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(time.Hour)})
	require.ErrorIs(t, err, store.ErrConflict)
}

func receivesBeforeTheAnswer(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	attempt := begin(t, s, d.ID)
	r := receipt(d, "1", relay.DeliveryDelivered)
	r.ProviderID = ""
	require.Len(t, receive(t, s, r), 1)
	require.NoError(t, s.FinishAttempt(t.Context(), accepted(attempt), sent))
	d = deliveryOf(t, s, d.ID)
	require.Equal(t, relay.DeliveryDelivered, d.State)
	require.Equal(t, "SM1", d.ProviderID)
	attempts, err := s.Attempts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.Accepted, attempts[0].Outcome.Kind)
	require.ErrorIs(t, s.FinishAttempt(t.Context(), accepted(attempt), sent), store.ErrConflict)
}

func receivesAfterGivingUp(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer})
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertFailed, state)
	require.Len(t, receive(t, s, receipt(d, "0", relay.DeliverySent), receipt(d, "1", relay.DeliveryDelivered)), 2)
	state, reason := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSent, state)
	require.Equal(t, relay.ReasonNone, reason)
	require.Equal(t, relay.DeliveryDelivered, deliveryOf(t, s, d.ID).State)
}

func receiptWakesFallback(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	d := NewDelivery(alert, "t0")
	_, err := decide(t, s, alert, relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}, Fallback: true})
	require.NoError(t, err)
	finish(t, s, d.ID, sent)
	kept, err := s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.True(t, kept.Fallback)
	require.True(t, kept.AgainAt.IsZero())
	receive(t, s, receipt(d, "1", relay.DeliveryUndelivered))
	kept, err = s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.Equal(t, relay.AlertSent, kept.State)
	require.Equal(t, after(5*time.Minute), kept.AgainAt)
}

func receiptWakesFallbackAfterGivingUp(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	d := NewDelivery(alert, "t0")
	_, err := decide(t, s, alert, relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}, Fallback: true})
	require.NoError(t, err)
	finish(t, s, d.ID, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer})
	state, _ := stateOf(t, s, alert.ID)
	require.Equal(t, relay.AlertFailed, state, "it may have arrived")
	receive(t, s, receipt(d, "1", relay.DeliveryUndelivered))
	kept, err := s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.Equal(t, relay.AlertSent, kept.State)
	require.Equal(t, after(5*time.Minute), kept.AgainAt, "now it is known that it did not")
}

func takesOnce(t *testing.T, s store.Store) {
	t.Helper()
	const many = 8
	results := make(chan error, many)
	for i := range many {
		d := send(t, s, fmt.Sprintf("e%d", i), NewDelivery)[0]
		finish(t, s, d.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, noon))
		go func() {
			results <- s.Settle(t.Context(), d.ID, store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: "SM9"}, after(time.Hour))
		}()
	}
	taken := 0
	for range many {
		if err := <-results; err == nil {
			taken++
		} else {
			require.ErrorIs(t, err, store.ErrHeld)
		}
	}
	require.Equal(t, 1, taken)
}

func receiptSuppresses(t *testing.T, s store.Store) {
	t.Helper()
	stop := relay.Receipt{
		Provider: "twilio", Key: "SM7", Status: "STOP", Address: leesPhone, Suppress: relay.ReasonOptedOut,
		Source: relay.SuppressedByReply, At: noon,
	}
	start := stop
	start.Key, start.Status, start.Suppress, start.Lift = "SM8", "START", relay.ReasonNone, relay.ReasonOptedOut
	is := func(want ...relay.Reason) {
		t.Helper()
		found, err := s.Suppressed(t.Context(), leesPhone)
		require.NoError(t, err)
		require.Len(t, found, len(want))
		for _, reason := range want {
			require.Equal(t, reason, found[leesPhone])
		}
	}
	require.Empty(t, receive(t, s, stop))
	is(relay.ReasonOptedOut)
	receive(t, s, start)
	is()
	receive(t, s, stop)
	is() // a repeat of the first comes late
	stop.Key, stop.Suppress = "SM9", relay.ReasonInvalidNumber
	start.Key = "SM10"
	receive(t, s, stop, start)
	is(relay.ReasonInvalidNumber) // START does not make a number one that can be texted
}

func outcomeSuppresses(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	attempt := accepted(begin(t, s, d.ID))
	attempt.Outcome = relay.Outcome{Kind: relay.Permanent, Blame: relay.BlameRequest, Reason: relay.ReasonRejected}
	require.NoError(t, s.FinishAttempt(t.Context(), attempt, dead))
	found, err := s.Suppressed(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
	d = send(t, s, "e2", NewDelivery)[0]
	attempt = accepted(begin(t, s, d.ID))
	attempt.Outcome = relay.Outcome{Kind: relay.Permanent, Blame: relay.BlameRecipient, Reason: relay.ReasonInvalidNumber}
	require.NoError(t, s.FinishAttempt(t.Context(), attempt, dead))
	found, err = s.Suppressed(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[relay.Address]relay.Reason{leesPhone: relay.ReasonInvalidNumber}, found)
}

func refusesReceipts(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	good := receipt(d, "1", relay.DeliveryDelivered)
	for name, spoil := range map[string]func(*relay.Receipt){
		"no provider": func(r *relay.Receipt) { r.Provider = "" }, "no key": func(r *relay.Receipt) { r.Key = "" },
		"no time":    func(r *relay.Receipt) { r.At = time.Time{} },
		"no state":   func(r *relay.Receipt) { r.State = relay.DeliveryQueued },
		"no address": func(r *relay.Receipt) { r.Suppress = relay.ReasonOptedOut },
	} {
		bad := good
		spoil(&bad)
		_, err := s.Receive(t.Context(), []relay.Receipt{good, bad})
		require.Error(t, err, name)
	}
	require.Equal(t, relay.DeliverySent, deliveryOf(t, s, d.ID).State, "all or none")
}

func prunesReceipts(t *testing.T, s store.Store) {
	t.Helper()
	old, young := send(t, s, "e1", NewDelivery)[0], send(t, s, "e2", NewDelivery)[0]
	finish(t, s, old.ID, sent)
	receive(t, s, receipt(old, "1", relay.DeliverySent)) // e2 is under way
	begin(t, s, young.ID)
	receive(t, s, receipt(young, "2", relay.DeliverySent))
	late := receipt(old, "3", relay.DeliveryDelivered)
	late.At = after(time.Hour)
	receive(t, s, late)
	stray := receipt(old, "4", relay.DeliveryDelivered)
	stray.DeliveryID, stray.ProviderID = "nobody's", ""
	receive(t, s, stray)
	accept(t, s, "e3", "lee") // held
	holding := send(t, s, "e4", NewDelivery, mail)
	receive(t, s, receipt(holding[0], "5", relay.DeliverySent))
	_, err := s.Prune(t.Context(), after(30*time.Minute), 100)
	require.NoError(t, err)
	for id, want := range map[string]int{old.ID: 0, young.ID: 0, stray.DeliveryID: 0, holding[0].ID: 1} {
		left, err := s.Receipts(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, left, want, id)
	}
}

func tellsHolders(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	send(t, s, "e2", NewDelivery)
	held, err := s.Holders(t.Context(), "twilio", []string{"SM0", "SM1", ""})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"SM1": d.ID}, held)
	held, err = s.Holders(t.Context(), "sendgrid", []string{"SM1"})
	require.NoError(t, err)
	require.Empty(t, held)
}
