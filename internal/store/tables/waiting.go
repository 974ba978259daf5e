package tables

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Waiting implements store.Store.
func (s *Tables) Waiting(ctx context.Context, w store.Waiting) ([]relay.Delivery, error) {
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
		conditions, args = append(conditions, "alert_id IN (SELECT id FROM alerts WHERE fallback = ?)"), append(args, true)
	}
	found, err := All(ctx, s.Read, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE "+strings.Join(conditions, " AND ")+
		" ORDER BY next_at, seq LIMIT ?", append(args, w.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list what waits: %w", err)
	}
	return found, nil
}
