package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// claimed tells for each claim that is taken which delivery has it.
func claimed(ctx context.Context, db queryer, claims []string) (map[string]string, error) {
	taken := make(map[string]string, len(claims))
	if len(claims) == 0 {
		return taken, nil
	}
	pairs, err := all(ctx, db, func(row scanner) (p [2]string, err error) { return p, row.Scan(&p[0], &p[1]) },
		"SELECT claim, delivery FROM claims WHERE claim IN (SELECT value FROM json_each(?))", listed(claims))
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	for _, p := range pairs {
		taken[p[0]] = p[1]
	}
	return taken, nil
}

// counted tells for each count when deliveries were made under its counter. One of a clock that is ahead of ours counts too.
func counted(ctx context.Context, db queryer, counts []relay.Count, now time.Time) (
	map[relay.Count][]time.Time, error,
) {
	found := make(map[relay.Count][]time.Time, len(counts))
	for _, c := range counts {
		times, err := all(ctx, db, scanTime, "SELECT at FROM counted WHERE counter = ? AND at > ? ORDER BY at DESC LIMIT ?",
			string(c.Counter), micros(now.Add(-c.Per)), c.Max)
		if err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
		found[c] = times
	}
	return found, nil
}

func scanTime(row scanner) (t time.Time, err error) { return t, row.Scan(at{&t}) }

// hold keeps what a queued delivery claims, and what it counts against.
func (b *batch) hold(ctx context.Context, d relay.Delivery) error {
	if len(d.Claims) > 0 {
		_, err := b.exec(ctx, "INSERT OR IGNORE INTO claims (claim, delivery) SELECT value, ? FROM json_each(?)",
			d.ID, listed(d.Claims))
		if err != nil {
			return fmt.Errorf("keep its claims: %w", err)
		}
	}
	if len(d.Counters) > 0 {
		_, err := b.exec(ctx, "INSERT OR IGNORE INTO counted (counter, at, delivery) SELECT value, ?, ? FROM json_each(?)",
			micros(d.CreatedAt), d.ID, listed(d.Counters))
		if err != nil {
			return fmt.Errorf("keep what it counts against: %w", err)
		}
	}
	return nil
}

// letGo gives back what a delivery holds that has come to such an end.
func (b *batch) letGo(ctx context.Context, d relay.Delivery) error {
	if d.ReleasesCounters() {
		if _, err := b.exec(ctx, "DELETE FROM counted WHERE delivery = ?", d.ID); err != nil {
			return fmt.Errorf("count the delivery no longer: %w", err)
		}
	}
	if d.ReleasesClaims() {
		if _, err := b.exec(ctx, "DELETE FROM claims WHERE delivery = ?", d.ID); err != nil {
			return fmt.Errorf("release the claims: %w", err)
		}
	}
	return nil
}

// listed is a list as the argument of json_each: one statement serves lists of any length.
func listed[T ~string | ~[2]string](list []T) string {
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings can always be marshalled
	}
	return string(text)
}
