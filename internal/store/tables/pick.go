package tables

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Pick implements store.Bulk.
func (s *Tables) Pick(ctx context.Context, of store.Kind, filter store.Filter, most int) ([]string, error) {
	if most < 1 || most > store.MaxPick {
		return nil, fmt.Errorf("pick: at most %d; want 1 to %d", most, store.MaxPick)
	}
	filter.After, filter.Limit = store.Mark{}, 0
	var n narrowed
	switch of {
	case store.KindAlert:
		n = narrowAlerts(filter)
	case store.KindDelivery:
		n = narrowDeliveries(filter)
	case store.KindEvent:
		fallthrough
	default:
		return nil, fmt.Errorf("pick: no order is for a %q", of)
	}
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("pick %s: %w", n.table, err)
	}
	query, args := n.page("id", most)
	ids, err := All(ctx, s.Read, scanString, query, args...)
	if err != nil {
		return nil, fmt.Errorf("pick %s: %w", n.table, err)
	}
	return ids, nil
}

// Survey implements store.Bulk.
func (s *Tables) Survey(ctx context.Context, of store.Kind, ids []string, now time.Time) (store.Survey, error) {
	if len(ids) > store.MaxPick {
		return store.Survey{}, fmt.Errorf("survey: %d IDs; at most %d are looked at", len(ids), store.MaxPick)
	}
	columns, from, args := []string{"count(*)", "0", "0", "0"}, "alerts", []any{}
	if of == store.KindDelivery {
		from = "deliveries"
		for i, condition := range []string{
			"state = 'unknown' OR state = 'dead' AND reason = 'no_answer'", "expires_at <= ?", "blanked_at <> 0 OR address = '' OR text = ''",
		} {
			columns[i+1] = "coalesce(sum(CASE WHEN " + condition + " THEN 1 ELSE 0 END), 0)"
		}
		args = append(args, micros(now))
	}
	found, err := One(ctx, s.Read, func(row Scanner) (v store.Survey, err error) {
		return v, row.Scan(&v.Found, &v.Unsure, &v.Late, &v.Blank)
	}, "SELECT "+strings.Join(columns, ", ")+" FROM "+from+" WHERE id IN each(?)", append(args, listed(ids))...)
	if err != nil {
		return store.Survey{}, fmt.Errorf("survey %s: %w", from, err)
	}
	return found, nil
}

// Carried implements store.Bulk.
func (s *Tables) Carried(ctx context.Context, alertID string) ([]relay.Member, error) {
	alerts, err := All(ctx, s.Read, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE "+ledBy+" ORDER BY received_at, seq LIMIT ?",
		alertID, relay.MaxMembers-1)
	if err == nil {
		var members []relay.Member
		if members, err = s.withEvents(ctx, alerts); err == nil {
			return members, nil
		}
	}
	return nil, fmt.Errorf("what alert %q leads: %w", alertID, err)
}

// Look implements store.Bulk.
func (s *Tables) Look(ctx context.Context, alertID string, query relay.Query) (facts relay.Facts, err error) {
	if err = checkQuery(query); err != nil {
		return facts, fmt.Errorf("look at alert %q: %w", alertID, err)
	}
	ahead, err := s.readAhead(ctx, alertID, query)
	if err != nil {
		return facts, fmt.Errorf("look at alert %q: %w", alertID, err)
	}
	for _, p := range ahead.chosen {
		if e := ahead.events[p.Seq]; e != nil {
			facts.Candidates = append(facts.Candidates, *e)
		}
	}
	facts.Deliveries, err = All(ctx, s.Read, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE alert_id = ? ORDER BY seq", alertID)
	if err != nil {
		return facts, fmt.Errorf("look at the deliveries of alert %q: %w", alertID, err)
	}
	return facts, nil
}
