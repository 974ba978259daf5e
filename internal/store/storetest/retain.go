package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func thinning() []test {
	return []test{
		{"messages go before what became of them", blanks},
		{"a message that somebody may still need is kept", blanksNothingNeeded},
		{"blanking takes the oldest first and no more than asked", blanksSome},
		{"what operators did is kept for its own time", prunesAudit},
	}
}

func blanks(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", NewDelivery, mail)
	finish(t, s, d[0].ID, sent)
	finish(t, s, d[1].ID, dead)
	require.NoError(t, s.KeepOutbox(ctx, relay.OutboxMessage{ID: "o1", DeliveryID: d[0].ID, Channel: relay.ChannelSMS, ReceivedAt: noon}))
	require.NoError(t, s.KeepOutbox(ctx, relay.OutboxMessage{ID: "o2", Channel: relay.ChannelSMS, ReceivedAt: after(time.Hour)}))
	n, err := s.Blank(ctx, after(30*time.Minute), 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for i, before := range d {
		kept := deliveryOf(t, s, before.ID)
		require.NotZero(t, kept.BlankedAt)
		require.Empty(t, kept.Address())
		require.Equal(t, relay.Content{Locale: before.Content.Locale, Encoding: before.Content.Encoding, Segments: before.Content.Segments}, kept.Content)
		require.Equal(t, []relay.DeliveryState{relay.DeliverySent, relay.DeliveryDead}[i], kept.State)
		require.Equal(t, before.Recipient, kept.Recipient)
		attempts, err := s.Attempts(ctx, kept.ID)
		require.NoError(t, err)
		require.Len(t, attempts, 1)
	}
	listed, err := s.Deliveries(ctx, store.Filter{Recipient: "lee"})
	require.NoError(t, err)
	require.Len(t, listed, 2, "they are listed as before")
	outbox, err := s.Outbox(ctx, store.OutboxFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, outbox, 1)
	require.Equal(t, "o2", outbox[0].ID)
	require.Len(t, receive(t, s, receipt(d[0], "1", relay.DeliveryDelivered)), 1, "a late receipt still counts")
	n, err = s.Blank(ctx, after(30*time.Minute), 10)
	require.NoError(t, err)
	require.Zero(t, n, "once")
	_, err = s.Blank(ctx, noon, 0)
	require.Error(t, err)
}

func blanksNothingNeeded(t *testing.T, s store.Store) {
	t.Helper()
	send(t, s, "queued", NewDelivery)
	begin(t, s, send(t, s, "sending", NewDelivery)[0].ID)
	finish(t, s, send(t, s, "unknown", NewDelivery)[0].ID, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, noon))
	half := send(t, s, "one sent, one under way", NewDelivery, mail)
	finish(t, s, half[0].ID, dead)
	finish(t, s, send(t, s, "young", func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.CreatedAt = after(2 * time.Hour)
		return d
	})[0].ID, sent)
	n, err := s.Blank(t.Context(), after(time.Hour), 10)
	require.NoError(t, err)
	require.Zero(t, n)
}

func blanksSome(t *testing.T, s store.Store) {
	t.Helper()
	var ids []string
	for _, event := range []string{"a", "b", "c"} {
		d := send(t, s, event, func(a relay.Alert, template string) relay.Delivery {
			d := NewDelivery(a, template)
			d.CreatedAt = after(-time.Duration(len(ids)) * time.Minute)
			return d
		})[0]
		finish(t, s, d.ID, sent)
		ids = append(ids, d.ID)
	}
	n, err := s.Blank(t.Context(), after(time.Hour), 2)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Zero(t, deliveryOf(t, s, ids[0]).BlankedAt)
	require.NotZero(t, deliveryOf(t, s, ids[2]).BlankedAt)
}

func prunesAudit(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	for i, action := range []string{"pause", "resume", "export"} {
		require.NoError(t, s.Note(ctx, relay.Audit{At: after(time.Duration(i) * time.Hour), Who: "kim", Action: action, Subject: "everything"}))
	}
	n, err := s.PruneAudit(ctx, after(90*time.Minute), 1)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	left, err := s.Audit(ctx, store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.Equal(t, "resume", left[1].Action, "the oldest went first")
	n, err = s.PruneAudit(ctx, after(90*time.Minute), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = s.PruneAudit(ctx, noon, 0)
	require.Error(t, err)
}
