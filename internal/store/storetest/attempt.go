package storetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

var (
	sent    = store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: "SM1"}
	expired = store.Next{State: relay.DeliveryDead, Reason: relay.ReasonExpired}
	dead    = store.Next{State: relay.DeliveryDead, Reason: relay.ReasonInvalidNumber}
)

func later(state relay.DeliveryState, reason relay.Reason, at time.Time) store.Next {
	return store.Next{State: state, Reason: reason, NextAt: at}
}

func accepted(a relay.Attempt) relay.Attempt {
	a.EndedAt = after(2 * time.Minute)
	a.Outcome = relay.Outcome{Kind: relay.Accepted, ProviderID: "SM1", Status: 201}
	return a
}

func begin(t *testing.T, s store.Store, deliveryID string) relay.Attempt {
	t.Helper()
	_, attempt, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: deliveryID, Provider: "twilio", Now: after(time.Minute)})
	require.NoError(t, err)
	return attempt
}

func finish(t *testing.T, s store.Store, deliveryID string, next store.Next) {
	t.Helper()
	require.NoError(t, s.FinishAttempt(t.Context(), accepted(begin(t, s, deliveryID)), next))
}

func attempting() []test {
	return []test{
		{"an attempt is written down before the call and its outcome after", lifecycle},
		{"of many that begin an attempt at once one does", beginsOnce},
		{"a delivery to be tried later cannot be begun before", waitsForRetry},
		{"an attempt is finished once and as what was begun", finishesOnce},
		{"an outcome that says nothing sensible is refused", refusesOutcomes},
		{"an expired delivery is settled, but not while an attempt is under way", settles},
		{"a delivery that has a time to be tried is not queued anew", keepsItsTime},
		{"a delivery that is done does not move, but for its receipt", staysDone},
	}
}

func keepsItsTime(t *testing.T, s store.Store) {
	t.Helper()
	requeue := later(relay.DeliveryQueued, relay.ReasonNone, noon)
	fresh := send(t, s, "e1", NewDelivery)[0]
	require.NoError(t, s.Settle(t.Context(), fresh.ID, requeue, noon))
	require.ErrorIs(t, s.Settle(t.Context(), fresh.ID, later(relay.DeliveryQueued, relay.ReasonThrottled, after(time.Hour)), noon), store.ErrConflict)
	tried := send(t, s, "e2", NewDelivery)[0]
	finish(t, s, tried.ID, later(relay.DeliveryQueued, relay.ReasonThrottled, after(time.Hour)))
	require.ErrorIs(t, s.Settle(t.Context(), tried.ID, requeue, noon), store.ErrConflict)
	require.Equal(t, after(time.Hour), deliveryOf(t, s, tried.ID).NextAt)
}

func lifecycle(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery)[0]
	begun, first, err := s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(time.Minute)})
	require.NoError(t, err)
	require.Equal(t, relay.Attempt{DeliveryID: d.ID, N: 1, Provider: "twilio", StartedAt: after(time.Minute)}, first)
	require.Equal(t, relay.DeliverySending, begun.State)
	require.Equal(t, 1, begun.Attempts)
	require.Equal(t, d.Content, begun.Content)
	attempts, err := s.Attempts(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, []relay.Attempt{first}, attempts)

	first.EndedAt = after(2 * time.Minute)
	first.Outcome = relay.Outcome{
		Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonThrottled, Status: 429, Code: "20429",
		RetryAfter: 90 * time.Second, Detail: "too many requests",
	}
	require.NoError(t, s.FinishAttempt(ctx, first, later(relay.DeliveryQueued, relay.ReasonThrottled, after(4*time.Minute))))
	d, err = s.Delivery(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.DeliveryQueued, d.State)
	require.Equal(t, relay.ReasonThrottled, d.Reason)
	require.Equal(t, after(4*time.Minute), d.NextAt)
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertDue, state)

	_, second, err := s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(4 * time.Minute)})
	require.NoError(t, err)
	second = accepted(second)
	require.NoError(t, s.FinishAttempt(ctx, second, sent))
	attempts, err = s.Attempts(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, []relay.Attempt{first, second}, attempts)
	d, err = s.Delivery(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.DeliverySent, d.State)
	require.Equal(t, "twilio SM1", d.Provider+" "+d.ProviderID)
	require.Zero(t, d.NextAt)
	state, _ = stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSent, state)
}

func beginsOnce(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	var won atomic.Int32
	together(20, func(int) {
		_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(time.Minute)})
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, store.ErrConflict) {
			t.Error(err)
		}
	})
	require.EqualValues(t, 1, won.Load())
}

func waitsForRetry(t *testing.T, s store.Store) {
	t.Helper()
	for _, next := range []store.Next{
		later(relay.DeliveryQueued, relay.ReasonThrottled, after(4*time.Minute)),
		later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(4*time.Minute)),
	} {
		d := send(t, s, string(next.State), NewDelivery)[0]
		finish(t, s, d.ID, next)
		_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(4*time.Minute - time.Microsecond)})
		require.ErrorIs(t, err, store.ErrConflict)
		_, attempt, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(4 * time.Minute)})
		require.NoError(t, err)
		require.Equal(t, 2, attempt.N)
	}
}

func finishesOnce(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery)[0]
	require.ErrorIs(t, s.FinishAttempt(ctx, accepted(relay.Attempt{DeliveryID: d.ID, N: 1}), sent), store.ErrConflict)
	attempt := accepted(begin(t, s, d.ID))
	another := attempt
	another.N = 2
	require.ErrorIs(t, s.FinishAttempt(ctx, another, sent), store.ErrConflict)
	require.NoError(t, s.FinishAttempt(ctx, attempt, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, noon)))
	require.ErrorIs(t, s.FinishAttempt(ctx, attempt, sent), store.ErrConflict)
}

func refusesOutcomes(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	attempt := accepted(begin(t, s, d.ID))
	for name, next := range map[string]store.Next{
		"no state":          {},
		"sending":           {State: relay.DeliverySending},
		"queued for no day": {State: relay.DeliveryQueued},
		"unknown for none":  {State: relay.DeliveryUnknown},
	} {
		require.Error(t, s.FinishAttempt(t.Context(), attempt, next), name)
		require.Error(t, s.Settle(t.Context(), d.ID, next, noon), name)
	}
	open := attempt
	open.EndedAt = time.Time{}
	require.Error(t, s.FinishAttempt(t.Context(), open, sent))
	open = attempt
	open.Outcome.Kind = ""
	require.Error(t, s.FinishAttempt(t.Context(), open, sent))
	require.NoError(t, s.FinishAttempt(t.Context(), attempt, sent))
}

func settles(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery)[0]
	attempt := begin(t, s, d.ID)
	require.ErrorIs(t, s.Settle(ctx, d.ID, expired, noon), store.ErrConflict)
	require.NoError(t, s.FinishAttempt(ctx, accepted(attempt), later(relay.DeliveryQueued, relay.ReasonThrottled, noon)))
	require.NoError(t, s.Settle(ctx, d.ID, expired, after(time.Hour)))
	kept, err := s.Delivery(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.DeliveryDead, kept.State)
	require.Equal(t, relay.ReasonExpired, kept.Reason)
	require.Equal(t, after(time.Hour), kept.UpdatedAt)
	require.Zero(t, kept.NextAt)
	state, reason := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertFailed, state)
	require.Equal(t, relay.ReasonExpired, reason)
}

func staysDone(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, sent)
	requeue := later(relay.DeliveryQueued, relay.ReasonThrottled, noon)
	require.ErrorIs(t, s.Settle(ctx, d.ID, expired, noon), store.ErrConflict)
	require.ErrorIs(t, s.Settle(ctx, d.ID, requeue, noon), store.ErrConflict)
	_, _, err := s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(time.Hour)})
	require.ErrorIs(t, err, store.ErrConflict)
	require.NoError(t, s.Settle(ctx, d.ID, store.Next{State: relay.DeliveryUndelivered, Reason: relay.ReasonUnreachable}, noon))
	require.ErrorIs(t, s.Settle(ctx, d.ID, requeue, noon), store.ErrConflict)
	kept, err := s.Delivery(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.DeliveryUndelivered, kept.State)
	require.Equal(t, "SM1", kept.ProviderID)
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSent, state)
}

func unanswered() []test {
	return []test{
		{"a delivery without an answer is sent again when its wait is over", resends},
		{"attempts that a crash interrupted become unknown, with no outcome", orphans},
		{"an answer that comes after its attempt was given up counts", lateAnswer},
	}
}

func resends(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", NewDelivery)[0]
	finish(t, s, d.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Minute)))
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertDue, state)
	finish(t, s, d.ID, sent)
	attempts, err := s.Attempts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 2)
}

func orphans(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	old, young, queued := send(t, s, "e1", NewDelivery)[0], send(t, s, "e2", NewDelivery)[0], send(t, s, "e3", NewDelivery)[0]
	begin(t, s, old.ID)
	_, _, err := s.BeginAttempt(ctx, store.Start{DeliveryID: young.ID, Provider: "twilio", Now: after(time.Hour)})
	require.NoError(t, err)

	n, err := s.Orphaned(ctx, after(time.Hour), after(2*time.Hour), after(3*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for id, want := range map[string]relay.DeliveryState{
		old.ID: relay.DeliveryUnknown, young.ID: relay.DeliverySending, queued.ID: relay.DeliveryQueued,
	} {
		d, err := s.Delivery(ctx, id)
		require.NoError(t, err)
		require.Equal(t, want, d.State)
	}
	d, err := s.Delivery(ctx, old.ID)
	require.NoError(t, err)
	require.Equal(t, relay.ReasonNoAnswer, d.Reason)
	require.Equal(t, after(3*time.Hour), d.NextAt)
	attempts, err := s.Attempts(ctx, old.ID)
	require.NoError(t, err)
	require.Empty(t, attempts[0].Outcome)
	require.Zero(t, attempts[0].EndedAt)
	n, err = s.Orphaned(ctx, after(time.Hour), after(2*time.Hour), after(3*time.Hour))
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = s.Orphaned(ctx, noon, noon, time.Time{})
	require.Error(t, err)
}

func lateAnswer(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery)[0]
	attempt := accepted(begin(t, s, d.ID))
	_, err := s.Orphaned(ctx, after(time.Hour), after(time.Hour), after(2*time.Hour))
	require.NoError(t, err)
	require.NoError(t, s.FinishAttempt(ctx, attempt, sent))
	_, _, err = s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(2 * time.Hour)})
	require.ErrorIs(t, err, store.ErrConflict)
}

func rollingUp() []test {
	return []test{{"an alert is sent once one delivery was accepted, failed if one is dead, suppressed if all are", rollsUp}}
}

func rollsUp(t *testing.T, s store.Store) {
	t.Helper()
	suppressed := store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut}
	waiting := later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour))
	for name, tt := range map[string]struct {
		sms, mail store.Next
		want      relay.AlertState
		reason    relay.Reason
	}{
		"both sent":            {sent, sent, relay.AlertSent, relay.ReasonNone},
		"one sent, then dead":  {sent, dead, relay.AlertSent, relay.ReasonNone},
		"dead, then sent":      {dead, sent, relay.AlertSent, relay.ReasonNone},
		"dead and waiting":     {dead, waiting, relay.AlertDue, relay.ReasonNone},
		"both dead":            {dead, dead, relay.AlertFailed, relay.ReasonInvalidNumber},
		"dead and suppressed":  {dead, suppressed, relay.AlertFailed, relay.ReasonInvalidNumber},
		"both suppressed":      {suppressed, suppressed, relay.AlertSuppressed, relay.ReasonOptedOut},
		"suppressed and sent":  {suppressed, sent, relay.AlertSent, relay.ReasonNone},
		"waiting and accepted": {waiting, sent, relay.AlertSent, relay.ReasonNone},
	} {
		deliveries := send(t, s, name, NewDelivery, mail)
		finish(t, s, deliveries[0].ID, tt.sms)
		finish(t, s, deliveries[1].ID, tt.mail)
		state, reason := stateOf(t, s, deliveries[0].AlertID)
		require.Equal(t, tt.want, state, name)
		require.Equal(t, tt.reason, reason, name)
	}
}
