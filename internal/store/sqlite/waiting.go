package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Waiting implements store.Store.
func (s *Store) Waiting(ctx context.Context, w store.Waiting) ([]relay.Delivery, error) {
	if !waits(w.State) || w.Limit < 1 || w.Limit > store.MaxList {
		return nil, fmt.Errorf("list what waits: state %q, limit %d; want queued or unknown, and 1 to %d", w.State, w.Limit, store.MaxList)
	}
	conditions, args := []string{"state = ?", "channel = ?"}, []any{string(w.State), string(w.Channel)}
	for _, bound := range []struct {
		condition string
		at        time.Time
	}{
		{"next_at <= ?", w.ReadyBy}, {"created_at < ?", w.MadeBefore}, {"expires_at <= ?", w.ExpiredBy},
	} {
		if !bound.at.IsZero() {
			conditions, args = append(conditions, bound.condition), append(args, micros(bound.at))
		}
	}
	if w.Fallback {
		conditions = append(conditions, "EXISTS (SELECT 1 FROM alerts a WHERE a.id = alert_id AND a.fallback <> 0)")
	}
	found, err := all(ctx, s.read, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE "+strings.Join(conditions, " AND ")+
		" ORDER BY next_at, seq LIMIT ?", append(args, w.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list what waits: %w", err)
	}
	return found, nil
}

// Queue implements store.Store.
func (s *Store) Queue(ctx context.Context, channel relay.Channel, workers int) error {
	s.mu.Lock()
	client := s.client
	s.mu.Unlock() // Stop must not have to wait for what is under way on one channel
	if client == nil {
		return nil
	}
	name := store.QueueOf(channel)
	var err error
	if workers > 0 {
		err = client.Queues().Add(name, river.QueueConfig{MaxWorkers: workers})
		if _, there := errors.AsType[*river.QueueAlreadyAddedError](err); there {
			err = nil
		}
	} else {
		err = client.Queues().Remove(ctx, name)
		if _, gone := errors.AsType[*river.QueueNotFoundError](err); gone {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("work queue %q by %d at once: %w", name, workers, err)
	}
	return nil
}
