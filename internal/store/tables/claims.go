package tables

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// claimed tells for each claim that is taken which delivery has it.
func claimed(ctx context.Context, db DB, claims []string) (map[string]string, error) {
	taken := make(map[string]string, len(claims))
	if len(claims) == 0 {
		return taken, nil
	}
	pairs, err := All(ctx, db, func(row Scanner) (p [2]string, err error) { return p, row.Scan(&p[0], &p[1]) },
		"SELECT claim, delivery FROM claims WHERE claim IN each(?)", claims)
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	for _, p := range pairs {
		taken[p[0]] = p[1]
	}
	return taken, nil
}

// counted tells for each count when deliveries were made under its counter. One of a clock that is ahead of ours counts too.
func counted(ctx context.Context, db DB, counts []relay.Count, now time.Time) (
	map[relay.Count][]time.Time, error,
) {
	found := make(map[relay.Count][]time.Time, len(counts))
	for _, c := range counts {
		times, err := All(ctx, db, scanTime, "SELECT at FROM counted WHERE counter = ? AND at > ? ORDER BY at DESC LIMIT ?",
			string(c.Counter), micros(now.Add(-c.Per)), c.Max)
		if err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
		found[c] = times
	}
	return found, nil
}

func scanTime(row Scanner) (t time.Time, err error) { return t, row.Scan(at{&t}) }

// hold keeps what a queued delivery claims, and what it counts against.
func (b *batch) hold(ctx context.Context, d relay.Delivery) error {
	if len(d.Claims) > 0 {
		claims := slices.Compact(slices.Sorted(slices.Values(d.Claims)))
		n, err := b.Exec(ctx, "INSERT INTO claims (claim, delivery) SELECT value, ? FROM each(?) WHERE true ON CONFLICT DO NOTHING",
			d.ID, claims)
		if err == nil && n < len(claims) {
			err = errRaced // none was taken a moment ago
		}
		if err != nil {
			return fmt.Errorf("keep its claims: %w", err)
		}
	}
	if len(d.Counters) > 0 {
		err := b.Later(ctx, `INSERT INTO counted (counter, at, delivery)
			SELECT value, CAST(? AS BIGINT), ? FROM each(?) WHERE true ON CONFLICT DO NOTHING`, micros(d.CreatedAt), d.ID, texts(d.Counters))
		if err != nil {
			return fmt.Errorf("keep what it counts against: %w", err)
		}
	}
	return nil
}

// letGo gives back what a delivery holds that has come to such an end; which claims those were is remembered, for the case that it is
// retried. One that may have arrived keeps its claims.
func (b *batch) letGo(ctx context.Context, d relay.Delivery, mayHaveArrived bool) error {
	if d.ReleasesCounters() {
		if err := b.Later(ctx, "DELETE FROM counted WHERE delivery = ?", d.ID); err != nil {
			return fmt.Errorf("count the delivery no longer: %w", err)
		}
	}
	if d.ReleasesClaims() && !mayHaveArrived {
		err := b.Later(ctx, "INSERT INTO released (delivery, claim) SELECT delivery, claim FROM claims WHERE delivery = ? ON CONFLICT DO NOTHING", d.ID)
		if err != nil {
			return fmt.Errorf("remember the claims: %w", err)
		}
		if err := b.Later(ctx, "DELETE FROM claims WHERE delivery = ?", d.ID); err != nil {
			return fmt.Errorf("release the claims: %w", err)
		}
	}
	return nil
}

// texts is a list as an argument for each(?).
func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
