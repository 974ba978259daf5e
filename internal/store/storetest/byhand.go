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

func byHand() []test {
	return []test{
		{"what is dead or did not arrive is queued again by hand, and its alert is due again unless it was sent", retries},
		{"what is retried counts as waiting since then", waitsAnew},
		{"what is retried is attempted once more, and wakes up for that", retriesOnce},
		{"what cannot be retried is skipped and says why", skipsRetries},
		{"what is past its time is retried only late, and gets as long again", retriesLate},
		{"a retry takes its claims back, unless somebody else told of the same meanwhile", retakesClaims},
		{"a receipt of the message before says nothing of the one that is retried", forgetsTheMessageBefore},
		{"of many who retry the same at once one does, and the audit has one entry", retriesAtOnce},
		{"what a digest carried is due again with its lead", retriesDigest},
		{"an alert that is held is cancelled by hand, and others are not", cancelsAlerts},
		{"a delivery that waits is cancelled by hand, and its alert with it", cancelsDeliveries},
		{"what may have arrived keeps its claims when it is cancelled", cancelsUnanswered},
		{"what was cancelled is sent after all when a receipt says so, and falls back to nothing", cancelledAndTaken},
		{"of a worker and an operator who cancels one is faster", cancelsOrSends},
		{"what is to be done by hand is picked newest first, and surveyed", picks},
		{"an order by hand that makes no sense is refused", refusesByHand},
	}
}

const minutes = time.Minute

func retry(t *testing.T, s store.Store, ids ...string) store.Done {
	t.Helper()
	done, err := s.Retry(t.Context(), store.Again{IDs: ids, At: after(5 * minutes)})
	require.NoError(t, err)
	return done
}

func retried(t *testing.T, s store.Store, d relay.Delivery) {
	t.Helper()
	require.Equal(t, store.Done{Done: 1, Skipped: map[string]int{}}, retry(t, s, d.ID))
}

func cancel(t *testing.T, s store.Store, of store.Kind, ids ...string) store.Done {
	t.Helper()
	done, err := s.Cancel(t.Context(), store.Stop{Of: of, IDs: ids, At: after(5 * minutes)})
	require.NoError(t, err)
	return done
}

// beginLater begins an attempt ten minutes past noon.
func beginLater(t *testing.T, s store.Store, id string) (relay.Delivery, relay.Attempt) {
	t.Helper()
	d, a, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: id, Provider: "twilio", Now: after(10 * minutes)})
	require.NoError(t, err)
	return d, a
}

func retries(t *testing.T, s store.Store) {
	t.Helper()
	for name, c := range map[string]struct {
		end  store.Next
		want relay.AlertState
	}{
		"dead":           {dead, relay.AlertDue},
		"without answer": {store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer}, relay.AlertDue},
		"day used up":    {store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonDailySegments}, relay.AlertDue},
		"undelivered":    {undelivered, relay.AlertSent},
	} {
		d := send(t, s, name, NewDelivery)[0]
		if c.end.State == relay.DeliveryUndelivered {
			finish(t, s, d.ID, sent)
			require.NoError(t, s.Settle(t.Context(), d.ID, c.end, after(3*minutes)))
		} else {
			finish(t, s, d.ID, c.end)
		}
		before := deliveryOf(t, s, d.ID)
		retried(t, s, d)
		got := deliveryOf(t, s, d.ID)
		want := before
		want.State, want.Reason, want.NextAt, want.UpdatedAt = relay.DeliveryQueued, relay.ReasonNone, after(5*minutes), after(5*minutes)
		want.RetriedAt, want.Before = after(5*minutes), 1
		require.Equal(t, want, got, name)
		require.Equal(t, got.Since(), after(5*minutes))
		state, reason := stateOf(t, s, d.AlertID)
		require.Equal(t, c.want, state, name)
		require.Equal(t, relay.ReasonNone, reason, name)
		trace := alertOf(t, s, d.AlertID).Trace
		require.Equal(t, relay.Step{At: after(5 * minutes), Check: "retry", Result: "by hand", Seen: "sms t0"}, trace[len(trace)-1], name)
		begun, attempt := beginLater(t, s, d.ID)
		require.Equal(t, 2, attempt.N, "its attempts stay: %s", name)
		require.Empty(t, begun.ProviderID, name)
		require.NoError(t, s.FinishAttempt(t.Context(), accepted(attempt), dead))
		state, _ = stateOf(t, s, d.AlertID)
		if c.want == relay.AlertDue {
			require.Equal(t, relay.AlertFailed, state, name)
		}
	}
}

func waitsAnew(t *testing.T, s store.Store) {
	t.Helper()
	oldest := func() time.Time {
		stats, err := s.Stats(t.Context())
		require.NoError(t, err)
		return stats.OldestQueued[relay.ChannelSMS]
	}
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, dead)
	require.Zero(t, oldest())
	retried(t, s, d)
	require.Equal(t, after(5*minutes), oldest())
	send(t, s, "e2", NewDelivery)
	require.Equal(t, after(minutes), oldest())
}

func retriesOnce(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, dead)
	retried(t, s, d)
	require.Equal(t, map[string]int{"queued": 1}, retry(t, s, d.ID).Skipped)
	_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(4 * minutes)})
	require.ErrorIs(t, err, store.ErrConflict, "it is not yet time")
	_, attempt := beginLater(t, s, d.ID)
	require.Equal(t, map[string]int{"sending": 1}, retry(t, s, d.ID).Skipped)
	require.NoError(t, s.FinishAttempt(t.Context(), accepted(attempt), sent))
	require.Equal(t, map[string]int{"sent": 1}, retry(t, s, d.ID).Skipped)
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSent, state)
}

func skipsRetries(t *testing.T, s store.Store) {
	t.Helper()
	optedOut := send(t, s, "no", NewDelivery)[0]
	finish(t, s, optedOut.ID, store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut})
	blank := send(t, s, "blank", NewDelivery)[0]
	finish(t, s, blank.ID, dead)
	_, err := s.Blank(t.Context(), after(48*time.Hour), 10)
	require.NoError(t, err)
	late := send(t, s, "late", func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.ExpiresAt = after(5 * minutes)
		return d
	})[0]
	finish(t, s, late.ID, expired)
	alert, lost := sendFallback(t, s, "read", NewDelivery)
	finish(t, s, lost[0].ID, dead)
	_, err = s.Decide(t.Context(), alert.ID, relay.Query{}, after(4*minutes), func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}
	})
	require.NoError(t, err)
	unrendered := send(t, s, "unrendered", func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.State, d.Reason, d.Content = relay.DeliveryDead, relay.ReasonRenderFailed, relay.Content{}
		return d
	})[0]
	done := retry(t, s, optedOut.ID, blank.ID, late.ID, lost[0].ID, unrendered.ID, "dl_gone")
	require.Equal(t, store.Done{Skipped: map[string]int{
		"opted_out": 1, store.SkippedBlank: 2, store.SkippedExpired: 1, store.SkippedCancelled: 1, store.SkippedGone: 1,
	}}, done)
	for _, d := range []relay.Delivery{optedOut, blank, late, lost[0], unrendered} {
		require.Zero(t, deliveryOf(t, s, d.ID).RetriedAt)
	}
}

func retriesLate(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, dead)
	late := store.Again{IDs: []string{d.ID}, At: after(30 * time.Hour)}
	done, err := s.Retry(t.Context(), late)
	require.NoError(t, err)
	require.Equal(t, map[string]int{store.SkippedExpired: 1}, done.Skipped)
	late.Late = true
	done, err = s.Retry(t.Context(), late)
	require.NoError(t, err)
	require.Equal(t, 1, done.Done)
	require.Equal(t, after(54*time.Hour), deliveryOf(t, s, d.ID).ExpiresAt)
}

func retakesClaims(t *testing.T, s store.Store) {
	t.Helper()
	first := send(t, s, "e1", claimingAll("a", "b"))[0]
	finish(t, s, first.ID, dead)
	require.Empty(t, holders(t, s, "free", "a", "b"))
	retried(t, s, first)
	require.Equal(t, map[string]string{"a": first.ID, "b": first.ID}, holders(t, s, "taken", "a", "b"))
	_, attempt := beginLater(t, s, first.ID)
	require.NoError(t, s.FinishAttempt(t.Context(), accepted(attempt), dead))
	second := send(t, s, "e2", claimingAll("b"))[0]
	require.Equal(t, relay.DeliveryQueued, second.State)
	require.Equal(t, map[string]int{store.SkippedCollapsed: 1}, retry(t, s, first.ID).Skipped)
	require.Equal(t, map[string]string{"b": second.ID}, holders(t, s, "still", "a", "b"))
	finish(t, s, second.ID, dead)
	retried(t, s, first)
	require.Equal(t, map[string]int{store.SkippedCollapsed: 1}, retry(t, s, second.ID).Skipped)

	unanswered := send(t, s, "e3", claimingAll("c"))[0]
	finish(t, s, unanswered.ID, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer})
	retried(t, s, unanswered)
	require.Equal(t, map[string]string{"c": unanswered.ID}, holders(t, s, "kept", "c"))
}

func forgetsTheMessageBefore(t *testing.T, s store.Store) {
	t.Helper()
	failed := func(name string) relay.Delivery {
		d := send(t, s, name, NewDelivery)[0]
		finish(t, s, d.ID, sent)
		r := receipt(d, name+" failed", relay.DeliveryUndelivered)
		require.Len(t, receive(t, s, r), 1)
		retried(t, s, d)
		return d
	}
	d := failed("e1")
	require.Empty(t, receive(t, s, receipt(d, "late sent", relay.DeliverySent), receipt(d, "failed again", relay.DeliveryUndelivered)))
	require.Equal(t, relay.DeliveryQueued, deliveryOf(t, s, d.ID).State)
	_, attempt := beginLater(t, s, d.ID)
	require.Empty(t, receive(t, s, receipt(d, "late sent 2", relay.DeliverySent), receipt(d, "failed once more", relay.DeliveryUndelivered)))
	second := accepted(attempt)
	second.Outcome.ProviderID = "SM2"
	require.NoError(t, s.FinishAttempt(t.Context(), second, store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: "SM2"}))
	require.Empty(t, receive(t, s, receipt(d, "and again", relay.DeliveryUndelivered)))
	require.Equal(t, "SM2", deliveryOf(t, s, d.ID).ProviderID)
	r := receipt(d, "SM2", relay.DeliveryDelivered)
	r.ProviderID = "SM2"
	require.Len(t, receive(t, s, r), 1)

	d = failed("e2")
	require.Len(t, receive(t, s, receipt(d, "it did arrive", relay.DeliveryDelivered)), 1, "nobody need be told again")
	lost := send(t, s, "e3", NewDelivery)[0]
	finish(t, s, lost.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour)))
	require.NoError(t, s.Settle(t.Context(), lost.ID, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer}, after(4*minutes)))
	retried(t, s, lost)
	r = receipt(lost, "taken after all", relay.DeliverySent)
	r.ProviderID = "SM9"
	require.Len(t, receive(t, s, r), 1, "the answer that was lost")
	found := send(t, s, "e4", NewDelivery)[0]
	unanswered := begin(t, s, found.ID)
	unanswered.EndedAt, unanswered.Outcome = after(2*minutes), relay.Outcome{Kind: relay.Unknown}
	require.NoError(t, s.FinishAttempt(t.Context(), unanswered, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour))))
	list := undelivered
	list.Provider, list.ProviderID = "twilio", "SM4"
	require.NoError(t, s.Settle(t.Context(), found.ID, list, after(4*minutes)))
	retried(t, s, found)
	r = receipt(found, "of the one found", relay.DeliverySent)
	r.ProviderID = "SM4"
	require.Empty(t, receive(t, s, r), "it is known not to have arrived")
}

func retriesAtOnce(t *testing.T, s store.Store) {
	t.Helper()
	var ids []string
	for i := range 20 {
		d := send(t, s, fmt.Sprintf("e%02d", i), NewDelivery)[0]
		finish(t, s, d.ID, dead)
		ids = append(ids, d.ID)
	}
	order := store.Again{IDs: ids, At: after(5 * minutes), Audit: relay.Audit{At: noon, Who: "kim", Action: "retry", Subject: "20 deliveries"}}
	var all sync.WaitGroup
	results := make([]store.Done, 4)
	errs := make([]error, 4)
	for i := range results {
		all.Go(func() { results[i], errs[i] = s.Retry(t.Context(), order) })
	}
	all.Wait()
	done, skipped := 0, 0
	for i := range results {
		require.NoError(t, errs[i])
		done, skipped = done+results[i].Done, skipped+results[i].Skipped["queued"]
	}
	require.Equal(t, 20, done)
	require.Equal(t, 60, skipped)
	times := map[time.Time]bool{}
	for _, id := range ids {
		d := deliveryOf(t, s, id)
		times[d.NextAt] = true
		require.Equal(t, 1, d.Before)
	}
	require.Len(t, times, 20, "they do not fall due in one instant")
	require.Len(t, noted(t, s), 1)
}

// noted is what the audit has of retries and cancels.
func noted(t *testing.T, s store.Store) (subjects []string) {
	t.Helper()
	entries, err := s.Audit(t.Context(), store.AuditFilter{})
	require.NoError(t, err)
	for _, e := range entries {
		if e.Action == "retry" || e.Action == "cancel" {
			subjects = append(subjects, e.Subject)
		}
	}
	return subjects
}

func retriesDigest(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 3)
	_, err := s.Decide(t.Context(), alerts[0].ID, relay.Query{Members: []string{alerts[1].ID, alerts[2].ID}}, after(5*minutes),
		func(a relay.Alert, _ relay.Facts) relay.Decision {
			return relay.Decision{
				Action: relay.ActSend, Deliveries: []relay.Delivery{NewDelivery(a, "t")},
				Members: []relay.Ruling{
					{AlertID: alerts[1].ID, Action: relay.ActSend},
					{AlertID: alerts[2].ID, Action: relay.ActCancel, Reason: relay.ReasonRead},
				},
			}
		})
	require.NoError(t, err)
	d := NewDelivery(alerts[0], "t")
	require.NoError(t, s.Settle(t.Context(), d.ID, dead, after(5*minutes)))
	require.Equal(t, []relay.AlertState{relay.AlertFailed, relay.AlertFailed, relay.AlertCancelled}, states(t, s, alerts))
	retried(t, s, d)
	require.Equal(t, []relay.AlertState{relay.AlertDue, relay.AlertDue, relay.AlertCancelled}, states(t, s, alerts))
	carried, err := s.Carried(t.Context(), alerts[0].ID)
	require.NoError(t, err)
	require.Len(t, carried, 1)
	require.Equal(t, alerts[1].ID, carried[0].Alert.ID)
	require.Equal(t, alerts[1].EventID, carried[0].Event.ID)
	facts, err := s.Look(t.Context(), alerts[0].ID, relay.Query{})
	require.NoError(t, err)
	require.Len(t, facts.Deliveries, 1)
	require.Equal(t, 1, cancel(t, s, store.KindDelivery, d.ID).Done)
	require.Equal(t, []relay.AlertState{relay.AlertCancelled, relay.AlertCancelled, relay.AlertCancelled}, states(t, s, alerts))
	retried(t, s, d)
	require.Equal(t, []relay.AlertState{relay.AlertDue, relay.AlertDue, relay.AlertCancelled}, states(t, s, alerts), "what was read is not due again")
}

func picks(t *testing.T, s store.Store) {
	t.Helper()
	var ids []string
	for i := range 5 {
		d := send(t, s, fmt.Sprintf("e%d", i), func(a relay.Alert, template string) relay.Delivery {
			d := NewDelivery(a, template)
			d.CreatedAt = after(time.Duration(i) * minutes)
			return d
		})[0]
		ids = append([]string{d.ID}, ids...)
	}
	finish(t, s, ids[4], store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer})
	finish(t, s, ids[3], dead)
	_, err := s.Blank(t.Context(), after(1*minutes+time.Second), 10)
	require.NoError(t, err)
	got, err := s.Pick(t.Context(), store.KindDelivery, store.Filter{Limit: 1, Until: after(4 * minutes)}, 3)
	require.NoError(t, err)
	require.Equal(t, ids[1:4], got)
	got, err = s.Pick(t.Context(), store.KindDelivery, store.Filter{State: "dead", Reason: relay.ReasonNoAnswer}, 10)
	require.NoError(t, err)
	require.Equal(t, ids[4:], got)
	survey, err := s.Survey(t.Context(), store.KindDelivery, append(ids, "dl_gone"), after(25*time.Hour))
	require.NoError(t, err)
	require.Equal(t, store.Survey{Found: 5, Unsure: 1, Late: 5, Blank: 2}, survey)
	alerts, err := s.Pick(t.Context(), store.KindAlert, store.Filter{State: "due"}, 10)
	require.NoError(t, err)
	require.Len(t, alerts, 3)
	survey, err = s.Survey(t.Context(), store.KindAlert, alerts, noon)
	require.NoError(t, err)
	require.Equal(t, store.Survey{Found: 3}, survey)
}

func refusesByHand(t *testing.T, s store.Store) {
	t.Helper()
	many := make([]string, store.MaxBulk+1)
	for name, order := range map[string]store.Again{
		"none":            {At: noon},
		"too many":        {IDs: many, At: noon},
		"no time":         {IDs: []string{"dl_1"}},
		"by nobody":       {IDs: []string{"dl_1"}, At: noon, Audit: relay.Audit{Action: "retry", At: noon}},
		"an audit of old": {IDs: []string{"dl_1"}, At: noon, Audit: relay.Audit{Action: "retry", Who: "kim"}},
	} {
		_, err := s.Retry(t.Context(), order)
		require.Error(t, err, name)
	}
	_, err := s.Cancel(t.Context(), store.Stop{Of: store.KindEvent, IDs: []string{"e1"}, At: noon})
	require.Error(t, err)
	_, err = s.Pick(t.Context(), store.KindEvent, store.Filter{}, 1)
	require.Error(t, err)
	_, err = s.Pick(t.Context(), store.KindDelivery, store.Filter{State: "asleep"}, 1)
	require.Error(t, err)
	_, err = s.Pick(t.Context(), store.KindDelivery, store.Filter{}, store.MaxPick+1)
	require.Error(t, err)
}
