package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// defaultList is how many rows a list returns where the filter sets no limit.
const defaultList = 50

// narrowed turns a filter into conditions. Every list says which fields it knows; a field that is set and not known is an
// error, since ignoring it would show more than was asked for.
type narrowed struct {
	filter store.Filter
	// table is also what the list is called; newest is the column of the time it is ordered by.
	table, newest string
	conditions    []string
	args          []any
	known         []string
	path          path
	err           error
}

// where adds a condition with one argument, unless the filter's field is empty.
func (n *narrowed) where(condition, field, value string) {
	n.known = append(n.known, field)
	if value != "" {
		n.conditions = append(n.conditions, condition)
		n.args = append(n.args, value)
	}
}

func (n *narrowed) equal(column, field, value string) { n.where(column+" = ?", field, value) }

// recipient takes a relay.Recipient.Key, or a uid alone, which is what people have at hand.
func (n *narrowed) recipient() {
	key := n.filter.Recipient
	if key != "" && !strings.Contains(key, ":") {
		key = "uid:" + key
	}
	n.equal("recipient", "Recipient", key)
}

// state checks the state before it asks: a misspelt one would look as if there were nothing.
func state[S ~string](n *narrowed, states []S) {
	n.equal("state", "State", n.filter.State)
	if n.filter.State != "" && !slices.Contains(states, S(n.filter.State)) {
		n.err = fmt.Errorf("there is no state %q; want one of %q", n.filter.State, states)
	}
}

// address asks as the index has it. "address <> ”" lets the partial index be used.
func (n *narrowed) address() {
	a := n.filter.Address
	n.where("lower(address) = ? AND address <> ''", "Address", a.Reveal())
	if a.Reveal() != "" {
		n.equal("channel", "Address", string(a.Channel()))
	}
}

// alertReason asks as the index has it, which leaves out the Reason that nearly every alert begins with.
func (n *narrowed) alertReason() {
	condition := "reason = ? AND reason NOT IN ('', 'waiting')"
	if n.filter.Reason == relay.ReasonWaiting {
		condition = "reason = ?"
	}
	n.where(condition, "Reason", string(n.filter.Reason))
}

// tried has its conditions as the index has them, without arguments.
func (n *narrowed) tried() {
	n.known = append(n.known, "Tried")
	switch n.filter.Tried {
	case store.TriedAny:
	case store.TriedBefore:
		n.conditions = append(n.conditions, "attempts > 0")
		if n.filter.State == string(relay.DeliveryQueued) {
			n.conditions = append(n.conditions, "state = 'queued'")
		}
	case store.TriedNever:
		n.conditions = append(n.conditions, "attempts = 0")
	default:
		n.err = fmt.Errorf("tried %q; want %q or %q", n.filter.Tried, store.TriedBefore, store.TriedNever)
	}
}

// between bounds the time, which is also what the list is ordered by.
func (n *narrowed) between() {
	if !n.filter.Since.IsZero() {
		n.conditions = append(n.conditions, n.newest+" >= ?")
		n.args = append(n.args, micros(n.filter.Since))
	}
	// A row to go on after says more than Until does, and SQLite would begin at Until.
	if after := n.filter.After.At; !n.filter.Until.IsZero() && (after.IsZero() || !after.Before(n.filter.Until)) {
		n.conditions = append(n.conditions, n.newest+" < ?")
		n.args = append(n.args, micros(n.filter.Until))
	}
}

// check refuses fields that the list does not know, and limits out of bounds.
func (n *narrowed) check() error {
	f := n.filter
	for _, field := range []struct{ name, value string }{
		{"Trigger", string(f.Trigger)},
		{"AlertID", f.AlertID},
		{"Rule", f.Rule},
		{"Lead", f.Lead},
		{"State", f.State},
		{"Channel", string(f.Channel)},
		{"Recipient", f.Recipient},
		{"Address", f.Address.Reveal()},
		{"Tried", string(f.Tried)},
	} {
		if field.value != "" && !slices.Contains(n.known, field.name) {
			return fmt.Errorf("they cannot be narrowed by %s", field.name)
		}
	}
	switch {
	case f.Limit < 0 || f.Limit > store.MaxList:
		return fmt.Errorf("limit %d; want 1 to %d", f.Limit, store.MaxList)
	case f.After.At.IsZero() != (f.After.ID == ""):
		return errors.New("the row to go on after has a time and an ID, or neither")
	}
	return n.err
}

// after goes on behind a row. Its number is read first, so that the rest is about numbers only. Of a row that is gone it is 0: then
// those of the same microsecond are left out, and the list goes on all the same.
func (n *narrowed) after(ctx context.Context, q DB) error {
	mark := n.filter.After
	if mark.ID == "" {
		return nil
	}
	seq, err := One(ctx, q, scanSeq, "SELECT seq FROM "+n.table+" WHERE id = ?", mark.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	n.conditions = append(n.conditions, "("+n.newest+", seq) < (?, ?)")
	n.args = append(n.args, micros(mark.At), seq)
	return nil
}

// list runs a query that the filter narrows.
func list[T any](ctx context.Context, q DB, n *narrowed, scan func(Scanner) (T, error), columns string) ([]T, error) {
	err := n.check()
	if err == nil {
		err = n.after(ctx, q)
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", n.table, err)
	}
	query, args := n.page(columns, cmp.Or(n.filter.Limit, defaultList))
	rows, err := All(ctx, q, scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", n.table, err)
	}
	return rows, nil
}

// Count implements store.Store.
func (s *Tables) Count(ctx context.Context, kind store.Kind, filter store.Filter, most int) (int, error) {
	var n narrowed
	filter.After, filter.Limit = store.Mark{}, 0
	switch kind {
	case store.KindEvent:
		n = narrowEvents(filter)
	case store.KindAlert:
		n = narrowAlerts(filter)
	case store.KindDelivery:
		n = narrowDeliveries(filter)
	default:
		return 0, fmt.Errorf("count: there is no kind %q", kind)
	}
	err := n.check()
	if err == nil && (most < 1 || most > store.MaxCount) {
		err = fmt.Errorf("no further than %d; want 1 to %d", most, store.MaxCount)
	}
	found := 0
	if err == nil {
		query, args := n.count(most)
		found, err = One(ctx, s.Read, scanInt, query, args...)
	}
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", n.table, err)
	}
	return found, nil
}

func narrowEvents(filter store.Filter) narrowed {
	n := narrowed{filter: filter, table: "events", newest: "received_at"}
	n.equal("trigger", "Trigger", string(filter.Trigger))
	n.equal("id", "EventID", filter.EventID)
	n.where("noise = ? AND noise <> ''", "Reason", string(filter.Reason))
	n.between()
	n.path = eventPath(filter)
	return n
}

func narrowAlerts(filter store.Filter) narrowed {
	n := narrowed{filter: filter, table: "alerts", newest: "received_at"}
	n.equal("trigger", "Trigger", string(filter.Trigger))
	n.equal("event_id", "EventID", filter.EventID)
	n.equal("id", "AlertID", filter.AlertID)
	n.equal("rule", "Rule", filter.Rule)
	n.where("lead = ? AND lead <> ''", "Lead", filter.Lead)
	n.alertReason()
	n.recipient()
	state(&n, relay.AlertStates())
	n.between()
	n.path = alertPath(filter)
	return n
}

func narrowDeliveries(filter store.Filter) narrowed {
	n := narrowed{filter: filter, table: "deliveries", newest: "created_at"}
	n.equal("event_id", "EventID", filter.EventID)
	n.equal("alert_id", "AlertID", filter.AlertID)
	n.equal("rule", "Rule", filter.Rule)
	n.where("reason = ? AND reason <> ''", "Reason", string(filter.Reason))
	n.equal("channel", "Channel", string(filter.Channel))
	n.recipient()
	n.address()
	n.tried()
	state(&n, relay.DeliveryStates())
	n.between()
	n.path = deliveryPath(filter)
	return n
}

// latest narrows a list that is in the order in which things were kept, newest first.
type latest struct {
	of         string
	conditions []string
	args       []any
	before     int64
	limit      int
}

func (l *latest) where(condition string, value any, set bool) {
	if set {
		l.conditions, l.args = append(l.conditions, condition), append(l.args, value)
	}
}

func listLatest[T any](ctx context.Context, q DB, l latest, scan func(Scanner) (T, error), query string) ([]T, error) {
	limit := cmp.Or(l.limit, defaultList)
	switch {
	case limit < 1 || limit > store.MaxList:
		return nil, fmt.Errorf("list %s: limit %d; want 1 to %d", l.of, limit, store.MaxList)
	case l.before < 0:
		return nil, fmt.Errorf("list %s: before %d; want the Seq of the last one of a page", l.of, l.before)
	}
	l.where("seq < ?", l.before, l.before > 0)
	if len(l.conditions) > 0 {
		query += " WHERE " + strings.Join(l.conditions, " AND ")
	}
	found, err := All(ctx, q, scan, query+" ORDER BY seq DESC LIMIT ?", append(l.args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", l.of, err)
	}
	return found, nil
}
