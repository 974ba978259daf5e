package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/outbox"
	"github.com/beckon-relay/beckon/internal/relay"
)

type keeper struct {
	kept []relay.OutboxMessage
	err  error
}

func (k *keeper) KeepOutbox(_ context.Context, m relay.OutboxMessage) error {
	if k.err == nil {
		k.kept = append(k.kept, m)
	}
	return k.err
}

func TestWhatIsSentIsKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	k := &keeper{}
	box := outbox.New(k, func() time.Time { return now })
	sms := relay.Delivery{ID: "dl_1", Channel: relay.ChannelSMS, Phone: "+14155550123", Content: relay.Content{Text: "hi"}}
	mail := relay.Delivery{ID: "dl_2", Channel: relay.ChannelEmail, Email: "ann@example.com", Content: relay.Content{Subject: "s"}}
	var ids []string
	for _, d := range []relay.Delivery{sms, mail, sms} {
		got := box.Send(t.Context(), d)
		require.Equal(t, relay.Accepted, got.Kind)
		ids = append(ids, got.ProviderID)
	}
	require.Equal(t, []relay.OutboxMessage{
		{ID: ids[0], DeliveryID: "dl_1", Channel: relay.ChannelSMS, Phone: sms.Phone, Content: sms.Content, ReceivedAt: now},
		{ID: ids[1], DeliveryID: "dl_2", Channel: relay.ChannelEmail, Email: mail.Email, Content: mail.Content, ReceivedAt: now},
		{ID: ids[2], DeliveryID: "dl_1", Channel: relay.ChannelSMS, Phone: sms.Phone, Content: sms.Content, ReceivedAt: now},
	}, k.kept)
	require.NotEqual(t, ids[0], ids[2], "a message sent twice is kept twice")
	require.Equal(t, "outbox", box.Name())
}

func TestWhatCannotBeKeptIsTriedAgain(t *testing.T) {
	t.Parallel()
	box := outbox.New(&keeper{err: errors.New("disk is full: +14155550123")}, time.Now)
	got := box.Send(t.Context(), relay.Delivery{ID: "dl_1", Channel: relay.ChannelSMS})
	require.Equal(t, relay.Outcome{
		Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonProviderTrouble,
		Detail: "not kept: disk is full: [number]",
	}, got)
}
