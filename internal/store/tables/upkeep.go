package tables

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Stats implements store.Store.
func (s *Tables) Stats(ctx context.Context) (store.Stats, error) {
	stats := store.Stats{
		Deliveries:   map[relay.Channel]map[relay.DeliveryState]int{},
		Alerts:       map[relay.AlertState]int{},
		OldestQueued: map[relay.Channel]time.Time{},
		Free:         s.Room.Bytes(),
	}
	err := errors.Join(s.countDeliveries(ctx, stats), s.countAlerts(ctx, stats))
	if err == nil {
		stats.Bytes, err = s.Size(ctx)
	}
	if err == nil {
		stats.Segments, err = One(ctx, s.Read, scanInt, "SELECT COALESCE(max(segments), 0) FROM spending WHERE day = ?", dayOf(s.Now()))
	}
	if err != nil {
		return store.Stats{}, fmt.Errorf("count what is waiting: %w", err)
	}
	return stats, nil
}

func (s *Tables) countDeliveries(ctx context.Context, stats store.Stats) error {
	type count struct {
		channel relay.Channel
		state   relay.DeliveryState
		n       int
		oldest  time.Time
	}
	counts, err := All(ctx, s.Read, func(row Scanner) (c count, err error) {
		return c, row.Scan(&c.channel, &c.state, &c.n, at{&c.oldest})
	}, `SELECT channel, state, count(*), min(created_at) FROM deliveries
		WHERE state IN ('queued', 'sending', 'unknown', 'dead') GROUP BY state, channel`)
	for _, c := range counts {
		if stats.Deliveries[c.channel] == nil {
			stats.Deliveries[c.channel] = map[relay.DeliveryState]int{}
		}
		stats.Deliveries[c.channel][c.state] = c.n
		if c.state == relay.DeliveryQueued {
			stats.OldestQueued[c.channel] = c.oldest
		}
	}
	for channel := range stats.OldestQueued {
		if err == nil {
			stats.OldestQueued[channel], err = s.waitsSince(ctx, channel)
		}
	}
	return err
}

// waitsSince is since when the oldest of what is queued waits. What was retried by hand waits since then, however old it is: both are
// read from their ends of indexes.
func (s *Tables) waitsSince(ctx context.Context, channel relay.Channel) (time.Time, error) {
	times, err := All(ctx, s.Read, scanTime, `SELECT at FROM (
		SELECT * FROM (SELECT created_at AS at FROM deliveries WHERE state = 'queued' AND channel = ? AND retried_at = 0
			ORDER BY created_at LIMIT 1) AS made
		UNION ALL
		SELECT * FROM (SELECT retried_at AS at FROM deliveries WHERE state = 'queued' AND retried_at > 0 AND channel = ?
			ORDER BY retried_at LIMIT 1) AS again
		) AS oldest ORDER BY at LIMIT 1`, string(channel), string(channel))
	if err != nil || len(times) == 0 {
		return time.Time{}, err
	}
	return times[0], nil
}

func (s *Tables) countAlerts(ctx context.Context, stats store.Stats) error {
	type count struct {
		state relay.AlertState
		n     int
	}
	counts, err := All(ctx, s.Read, func(row Scanner) (c count, err error) { return c, row.Scan(&c.state, &c.n) },
		"SELECT state, count(*) FROM alerts WHERE state IN ('held', 'due') GROUP BY state")
	for _, c := range counts {
		stats.Alerts[c.state] = c.n
	}
	return err
}

// Ping implements store.Store. The writers answer it: that one can connect does not prove that they work.
func (s *Tables) Ping(ctx context.Context) error {
	look := hasty.on("")
	look.harmless = true // a database that hangs is one that cannot be written to
	_, err := do(ctx, s, look, func(ctx context.Context, b *batch) (struct{}, error) {
		return struct{}{}, s.Options.Ping(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("ping the store: %w", err)
	}
	return nil
}

// Prune implements store.Store, oldest first. What the sandbox has kept goes with the deliveries, or by its own age where it
// belongs to none; it is not counted.
func (s *Tables) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, fmt.Errorf("prune: limit %d; want at least 1", limit)
	}
	n, err := do(ctx, s, patient.on("", "prune"), func(ctx context.Context, b *batch) (int, error) {
		n, err := b.pruneEvents(ctx, before, limit)
		if err != nil {
			return 0, err
		}
		_, err = b.Exec(ctx, `DELETE FROM outbox WHERE seq IN (
			SELECT o.seq FROM outbox o WHERE o.received_at < ?
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = o.delivery_id)
			ORDER BY o.received_at LIMIT ?)`, micros(before), limit)
		if err != nil {
			return 0, err
		}
		if err = b.pruneReceipts(ctx, before, limit); err != nil {
			return 0, err
		}
		return n, b.pruneGenerations(ctx, micros(before))
	})
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	return n, nil
}
