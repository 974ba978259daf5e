package tables

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// claimed tells whether any of the claims is taken.
func (b *batch) claimed(ctx context.Context, claims []string) (bool, error) {
	taken := map[string]string{}
	if err := b.Ask(ctx, askClaimed(taken, claims)...); err != nil {
		return false, fmt.Errorf("read claims: %w", err)
	}
	return len(taken) > 0, nil
}

// askClaimed asks for each claim that is taken which delivery has it.
func askClaimed(taken map[string]string, claims []string) []Ask {
	if len(claims) == 0 {
		return nil
	}
	return []Ask{Asking(func(pairs [][2]string) {
		for _, p := range pairs {
			taken[p[0]] = p[1]
		}
	}, func(row Scanner) (p [2]string, err error) { return p, row.Scan(&p[0], &p[1]) },
		"SELECT claim, delivery FROM claims WHERE claim IN each(?)", claims)}
}

// taken tells whether one of the claims is, by what the decision found a moment ago and what it made since.
func (b *batch) taken(ctx context.Context, claims []string, v *verdict) (bool, error) {
	if slices.ContainsFunc(claims, func(c string) bool { return !slices.Contains(v.query.Claims, c) }) {
		return b.claimed(ctx, claims)
	}
	for _, c := range claims {
		_, before := v.facts.Claimed[c]
		if before || slices.Contains(v.claimed, c) {
			return true, nil
		}
	}
	v.claimed = append(v.claimed, claims...)
	return false, nil
}

// askCounted asks for each count when deliveries were made under its counter. One of a clock that is ahead of ours counts too.
func askCounted(found map[relay.Count][]time.Time, counts []relay.Count, now time.Time) []Ask {
	asks := make([]Ask, len(counts))
	for i, c := range counts {
		asks[i] = Asking(func(times []time.Time) { found[c] = times }, scanTime,
			"SELECT at FROM counted WHERE counter = ? AND at > ? ORDER BY at DESC LIMIT ?", string(c.Counter), micros(now.Add(-c.Per)), c.Max)
	}
	return asks
}

func scanTime(row Scanner) (t time.Time, err error) { return t, row.Scan(at{&t}) }

// hold keeps what a queued delivery claims, and what it counts against.
func (b *batch) hold(ctx context.Context, d relay.Delivery) error {
	if len(d.Claims) > 0 {
		claims := slices.Compact(slices.Sorted(slices.Values(d.Claims)))
		query, args := "INSERT INTO claims (claim, delivery) SELECT value, ? FROM each(?) WHERE true ON CONFLICT DO NOTHING", []any{d.ID, claims}
		if len(claims) == 1 { // one row costs less without a list
			query, args = "INSERT INTO claims (delivery, claim) VALUES (?, ?) ON CONFLICT DO NOTHING", []any{d.ID, claims[0]}
		}
		err := b.Expect(ctx, len(claims), query, args...) // none was taken a moment ago
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
