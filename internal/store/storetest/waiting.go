package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func waiting() []test {
	return []test{
		{"what waits longest on a channel comes first, and only what was asked for", listsWaiting},
		{"what waits for a reason that is gone is woken up", wakesByReason},
		{"what waits for no good reason is refused", refusesWaiting},
		{"a channel whose queue is taken away is not worked until it is given back", takesQueueAway},
	}
}

func wakesByReason(t *testing.T, s store.Store) {
	t.Helper()
	var ids []string
	for i, reason := range []relay.Reason{relay.ReasonMisconfigured, relay.ReasonProviderTrouble, relay.ReasonThrottled} {
		d := send(t, s, fmt.Sprint("e", i), NewDelivery)[0]
		finish(t, s, d.ID, later(relay.DeliveryQueued, reason, after(time.Hour)))
		ids = append(ids, d.ID)
	}
	n, err := s.Wake(t.Context(), relay.ChannelEmail, after(3*time.Minute), relay.ReasonMisconfigured)
	require.NoError(t, err)
	require.Zero(t, n, "another channel")
	n, err = s.Wake(t.Context(), relay.ChannelSMS, after(3*time.Minute), relay.ReasonMisconfigured, relay.ReasonProviderTrouble)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for i, at := range []time.Duration{3 * time.Minute, 3 * time.Minute, time.Hour} {
		require.Equal(t, after(at), deliveryOf(t, s, ids[i]).NextAt)
	}
	n, err = s.Wake(t.Context(), relay.ChannelSMS, after(3*time.Minute), relay.ReasonMisconfigured)
	require.NoError(t, err)
	require.Zero(t, n, "it is ready")
}

func listsWaiting(t *testing.T, s store.Store) {
	t.Helper()
	early := func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.CreatedAt, d.ExpiresAt = after(0), after(time.Hour)
		return d
	}
	retried := send(t, s, "e1", early)[0]
	finish(t, s, retried.ID, later(relay.DeliveryQueued, relay.ReasonThrottled, after(10*time.Minute)))
	fresh := send(t, s, "e2", NewDelivery, mail)
	lost := send(t, s, "e3", NewDelivery)[0]
	finish(t, s, lost.ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(5*time.Minute)))
	_, falls := sendFallback(t, s, "e4", NewDelivery)
	finish(t, s, send(t, s, "e5", NewDelivery)[0].ID, sent)

	list := func(w store.Waiting) (ids []string) {
		w.Channel = relay.ChannelSMS
		found, err := s.Waiting(t.Context(), w)
		require.NoError(t, err)
		for _, d := range found {
			ids = append(ids, d.ID)
		}
		return ids
	}
	queued := store.Waiting{State: relay.DeliveryQueued, Limit: 10}
	require.Equal(t, []string{fresh[0].ID, falls[0].ID, retried.ID}, list(queued))
	w := queued
	w.Limit = 1
	require.Equal(t, []string{fresh[0].ID}, list(w))
	w = queued
	w.ReadyBy = after(9 * time.Minute)
	require.Equal(t, []string{fresh[0].ID, falls[0].ID}, list(w))
	w.ReadyBy = after(10 * time.Minute)
	require.Len(t, list(w), 3)
	w = queued
	w.MadeBefore = after(time.Minute)
	require.Equal(t, []string{retried.ID}, list(w))
	w = queued
	w.ExpiredBy = after(time.Hour)
	require.Equal(t, []string{retried.ID}, list(w))
	w = queued
	w.Fallback = true
	require.Equal(t, []string{falls[0].ID}, list(w))
	require.Equal(t, []string{lost.ID}, list(store.Waiting{State: relay.DeliveryUnknown, Limit: 10}))

	whole, err := s.Waiting(t.Context(), store.Waiting{Channel: relay.ChannelEmail, State: relay.DeliveryQueued, Limit: 10})
	require.NoError(t, err)
	want, err := s.Delivery(t.Context(), fresh[1].ID)
	require.NoError(t, err)
	require.Equal(t, []relay.Delivery{want}, whole)
}

func refusesWaiting(t *testing.T, s store.Store) {
	t.Helper()
	for _, w := range []store.Waiting{
		{State: relay.DeliveryQueued}, {State: relay.DeliveryQueued, Limit: store.MaxList + 1}, {State: relay.DeliverySent, Limit: 1}, {Limit: 1},
	} {
		w.Channel = relay.ChannelSMS
		_, err := s.Waiting(t.Context(), w)
		require.Error(t, err)
	}
}

func takesQueueAway(t *testing.T, s store.Store) {
	t.Helper()
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 0), "nothing is worked yet")
	arrivals := startOn(t, s, noon, relay.ChannelEmail)
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 5))
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 5), "it is worked already")
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 0))
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 0), "twice is once")
	both := send(t, s, "e1", NewDelivery, mail)
	for _, d := range both {
		finish(t, s, d.ID, later(relay.DeliveryQueued, relay.ReasonThrottled, after(2*time.Minute)))
	}
	for range 2 { // the alert's is one of them
		a := next(t, arrivals)
		require.True(t, a.queue == store.QueueDue || a.id == both[1].ID, "the other channel goes on")
	}
	require.Empty(t, arrivals)
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 5))
	require.Equal(t, both[0].ID, next(t, arrivals).id)
}
