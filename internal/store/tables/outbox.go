package tables

import (
	"context"
	"fmt"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const outboxColumns = "id, delivery_id, channel, address, " + contentColumns + ", received_at"

func scanOutbox(row Scanner) (m relay.OutboxMessage, err error) {
	var address string
	c := &m.Content
	err = row.Scan(&m.ID, &m.DeliveryID, &m.Channel, &address, &c.Text, &c.Subject, &c.HTML, &c.Locale, &c.Encoding,
		&c.Segments, &c.Unsubscribe, at{&m.ReceivedAt})
	m.Phone, m.Email = addressed(m.Channel, address)
	return m, err
}

// KeepOutbox implements store.Store.
func (s *Tables) KeepOutbox(ctx context.Context, m relay.OutboxMessage) error {
	address := m.Email.Reveal()
	if m.Channel == relay.ChannelSMS {
		address = m.Phone.Reveal()
	}
	args := append([]any{m.ID, m.DeliveryID, string(m.Channel), address}, contentArgs(m.Content)...)
	args = append(args, micros(m.ReceivedAt))
	_, err := do(ctx, s, patient.on(m.ID), func(ctx context.Context, b *batch) (int, error) {
		n, err := b.Exec(ctx, "INSERT INTO outbox ("+outboxColumns+") VALUES ("+marks(len(args))+
			") ON CONFLICT (id) DO NOTHING", args...)
		if err == nil && n == 0 {
			err = store.ErrConflict
		}
		return n, err
	})
	if err != nil {
		return fmt.Errorf("keep outbox message %q: %w", m.ID, err)
	}
	return nil
}

// Outbox implements store.Store.
func (s *Tables) Outbox(ctx context.Context, filter store.OutboxFilter) ([]store.OutboxMessage, error) {
	l := latest{of: "the outbox", before: filter.Before, limit: filter.Limit}
	channel, address := filter.Channel, filter.Address.Reveal()
	l.where("channel = ?", string(channel), channel != "")
	l.where("lower(address) = ?", address, address != "")
	l.where("channel = ?", string(filter.Address.Channel()), address != "")
	return listLatest(ctx, s.Read, l, func(row Scanner) (store.OutboxMessage, error) {
		_, m, err := scanOutboxRow(row)
		return store.OutboxMessage{OutboxMessage: m.OutboxMessage, Seq: m.seq}, err
	}, "SELECT seq, "+outboxColumns+" FROM outbox")
}
