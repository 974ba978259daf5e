package tables

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/store"
)

// defaultList is how many rows a list returns where the filter sets no limit.
const defaultList = 50

// narrowed turns a filter into conditions. Every list says which fields it knows; a field that is set and not known is an
// error, since ignoring it would show more than was asked for.
type narrowed struct {
	filter     store.Filter
	of         string
	conditions []string
	args       []any
	known      []string
	newest     string
	err        error
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

// between bounds the time column, which is also what the list is ordered by.
func (n *narrowed) between(column string) {
	n.newest = column
	if !n.filter.Since.IsZero() {
		n.conditions = append(n.conditions, column+" >= ?")
		n.args = append(n.args, micros(n.filter.Since))
	}
	if !n.filter.Until.IsZero() {
		n.conditions = append(n.conditions, column+" < ?")
		n.args = append(n.args, micros(n.filter.Until))
	}
}

// check refuses fields that the list does not know, and limits out of bounds.
func (n *narrowed) check() error {
	f := n.filter
	for _, field := range []struct{ name, value string }{
		{"AlertID", f.AlertID},
		{"Rule", f.Rule},
		{"Lead", f.Lead},
		{"State", f.State},
		{"Channel", string(f.Channel)},
		{"Recipient", f.Recipient},
	} {
		if field.value != "" && !slices.Contains(n.known, field.name) {
			return fmt.Errorf("they cannot be narrowed by %s", field.name)
		}
	}
	if f.Limit < 0 || f.Limit > store.MaxList {
		return fmt.Errorf("limit %d; want 1 to %d", f.Limit, store.MaxList)
	}
	return n.err
}

func (n *narrowed) clauses() string {
	var sql strings.Builder
	if len(n.conditions) > 0 {
		sql.WriteString(" WHERE " + strings.Join(n.conditions, " AND "))
	}
	sql.WriteString(" ORDER BY " + n.newest + " DESC, seq DESC LIMIT ?")
	return sql.String()
}

// list runs a query that the filter narrows.
func list[T any](ctx context.Context, q DB, n *narrowed, scan func(Scanner) (T, error), query string) ([]T, error) {
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("list %s: %w", n.of, err)
	}
	limit := n.filter.Limit
	if limit == 0 {
		limit = defaultList
	}
	rows, err := All(ctx, q, scan, query+n.clauses(), append(n.args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", n.of, err)
	}
	return rows, nil
}
