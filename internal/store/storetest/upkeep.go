package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func keepingUp() []test {
	return []test{
		{"what is waiting is counted", counts},
		{"old events go with all that belongs to them", prunes},
		{"old events with something under way stay", spares},
		{"pruning takes the oldest first and no more than asked", prunesSome},
		{"a pruned event can be told of again", forgets},
		{"the sandbox keeps every message, and lists the newest first", keepsOutbox},
		{"a working store answers a ping", pings},
	}
}

func counts(t *testing.T, s store.Store) {
	t.Helper()
	accept(t, s, "held", "lee", "kim")
	queued := send(t, s, "queued", NewDelivery, mail)
	young := send(t, s, "young", NewDelivery)[0]
	begin(t, s, young.ID)
	finish(t, s, send(t, s, "unknown", NewDelivery)[0].ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, noon))
	finish(t, s, send(t, s, "dead", NewDelivery)[0].ID, dead)
	finish(t, s, send(t, s, "sent", NewDelivery)[0].ID, sent)

	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[relay.Channel]map[relay.DeliveryState]int{
		relay.ChannelSMS: {
			relay.DeliveryQueued: 1, relay.DeliverySending: 1, relay.DeliveryUnknown: 1, relay.DeliveryDead: 1,
		},
		relay.ChannelEmail: {relay.DeliveryQueued: 1},
	}, stats.Deliveries)
	require.Equal(t, map[relay.AlertState]int{relay.AlertHeld: 2, relay.AlertDue: 3}, stats.Alerts)
	require.Equal(t, map[relay.Channel]time.Time{
		relay.ChannelSMS: queued[0].CreatedAt, relay.ChannelEmail: queued[1].CreatedAt,
	}, stats.OldestQueued)
	require.Positive(t, stats.Bytes)
}

func prunes(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "old", claim)[0]
	finish(t, s, d.ID, sent)
	keep(t, s, "young", relay.MessageSent, time.Hour, "c1")
	require.NoError(t, s.KeepOutbox(ctx, relay.OutboxMessage{ID: "o1", DeliveryID: d.ID, ReceivedAt: noon}))
	require.NoError(t, s.KeepOutbox(ctx, relay.OutboxMessage{ID: "o2", ReceivedAt: after(time.Hour)}))

	n, err := s.Prune(ctx, after(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = s.Event(ctx, "old")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Alert(ctx, d.AlertID)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Delivery(ctx, d.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	attempts, err := s.Attempts(ctx, d.ID)
	require.NoError(t, err)
	require.Empty(t, attempts)
	outbox, err := s.Outbox(ctx, store.OutboxFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, outbox, 1)
	require.Equal(t, "o2", outbox[0].ID)
	_, err = s.Event(ctx, "young")
	require.NoError(t, err)
	require.Equal(t, relay.DeliveryQueued, send(t, s, "next", claim)[0].State, "its claim went too")
	_, err = s.Prune(ctx, noon, 0)
	require.Error(t, err)
}

func spares(t *testing.T, s store.Store) {
	t.Helper()
	accept(t, s, "held", "lee")
	send(t, s, "queued", NewDelivery)
	begin(t, s, send(t, s, "sending", NewDelivery)[0].ID)
	finish(t, s, send(t, s, "unknown", NewDelivery)[0].ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, noon))
	half := send(t, s, "sent, but another under way", NewDelivery, mail)
	finish(t, s, half[0].ID, sent)
	n, err := s.Prune(t.Context(), after(time.Hour), 10)
	require.NoError(t, err)
	require.Zero(t, n)
}

func prunesSome(t *testing.T, s store.Store) {
	t.Helper()
	for i := range 5 {
		keep(t, s, fmt.Sprintf("e%d", i), relay.MessageSent, -time.Duration(i)*time.Minute)
	}
	n, err := s.Prune(t.Context(), after(time.Hour), 3)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	left, err := s.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Equal(t, "e0 e1", ids(left))
}

func forgets(t *testing.T, s store.Store) {
	t.Helper()
	accept(t, s, "e1")
	_, err := s.Prune(t.Context(), after(time.Hour), 10)
	require.NoError(t, err)
	got, err := s.Accept(t.Context(), relay.Plan{Event: NewEvent("e1")})
	require.NoError(t, err)
	require.False(t, got.Duplicate)
}

func keepsOutbox(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery, mail)
	var want []relay.OutboxMessage
	for i, of := range []relay.Delivery{d[0], d[1], d[0]} {
		m := relay.OutboxMessage{
			ID: fmt.Sprintf("o%d", i), DeliveryID: of.ID, Channel: of.Channel, Phone: of.Phone, Email: of.Email,
			Content: of.Content, ReceivedAt: after(time.Duration(i) * time.Second),
		}
		require.NoError(t, s.KeepOutbox(ctx, m))
		want = append(want, m)
	}
	require.ErrorIs(t, s.KeepOutbox(ctx, want[0]), store.ErrConflict)
	all, err := s.Outbox(ctx, store.OutboxFilter{})
	require.NoError(t, err)
	require.Len(t, all, 3)
	for i, m := range slices.Backward(all) {
		require.Equal(t, want[len(want)-1-i], m.OutboxMessage, "newest first")
	}
	for _, tt := range []struct {
		filter store.OutboxFilter
		want   []store.OutboxMessage
	}{
		{store.OutboxFilter{Limit: 2}, all[:2]},
		{store.OutboxFilter{Before: all[0].Seq, Limit: 1}, all[1:2]},
		{store.OutboxFilter{Before: all[2].Seq}, nil},
		{store.OutboxFilter{Channel: relay.ChannelEmail}, all[1:2]},
		{store.OutboxFilter{Address: relay.NewAddress(relay.ChannelEmail, "LEE@example.net")}, all[1:2]},
		{store.OutboxFilter{Address: relay.NewAddress(relay.ChannelSMS, d[0].Phone.Reveal()), Before: all[0].Seq}, all[2:]},
		{store.OutboxFilter{Address: relay.NewAddress(relay.ChannelEmail, d[0].Phone.Reveal())}, nil},
	} {
		got, err := s.Outbox(ctx, tt.filter)
		require.NoError(t, err)
		require.Equal(t, tt.want, got, "%+v", tt.filter)
	}
	for _, f := range []store.OutboxFilter{{Limit: store.MaxList + 1}, {Limit: -1}, {Before: -1}} {
		_, err = s.Outbox(ctx, f)
		require.Error(t, err)
	}
}

func pings(t *testing.T, s store.Store) {
	t.Helper()
	require.NoError(t, s.Ping(t.Context()))
	require.NoError(t, s.Ping(t.Context()))
}
