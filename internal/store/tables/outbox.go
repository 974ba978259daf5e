package tables

import (
	"context"
	"fmt"
	"slices"

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
func (s *Tables) Outbox(ctx context.Context, limit int) ([]relay.OutboxMessage, error) {
	if limit == 0 {
		limit = store.MaxList
	}
	if limit < 0 || limit > store.MaxList {
		return nil, fmt.Errorf("list the outbox: limit %d; want 1 to %d", limit, store.MaxList)
	}
	messages, err := All(ctx, s.Read, scanOutbox, "SELECT "+outboxColumns+" FROM outbox ORDER BY seq DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("list the outbox: %w", err)
	}
	slices.Reverse(messages)
	return messages, nil
}
