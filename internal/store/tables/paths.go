package tables

import (
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// path is how the rows of a list are found: through which index, and over which columns between those that are given and the time.
//
// SQLite keeps no statistics of our tables and would choose by counting conditions: an index on states for the one delivery of an
// alert, or the order of time for a rule that never matched, a walk through all. So it is told the index (INDEXED BY, which fails
// where the index does not fit); PostgreSQL, which knows how many rows each value has, is not.
type path struct {
	index string
	// over are columns that stand between the given ones and the time in the index, and are not given themselves: each of their few
	// values is asked for by itself, newest first, and the answers are merged. One index serves so with any of its columns missing.
	over []values
}

// values are all that a column can be.
type values struct {
	column string
	all    []string
}

func allOf[S ~string](column string, all []S) values {
	v := values{column: column}
	for _, s := range all {
		v.all = append(v.all, string(s))
	}
	return v
}

func eventPath(f store.Filter) path {
	switch {
	case f.EventID != "":
		return path{}
	case f.Reason != relay.ReasonNone:
		return path{index: "events_noise"}
	case f.Trigger != "":
		return path{index: "events_trigger"}
	default:
		return path{index: "events_received"}
	}
}

// alertPath takes what leaves the fewest rows, as far as one can say without counting.
func alertPath(f store.Filter) path {
	switch {
	case f.AlertID != "":
		return path{}
	case f.EventID != "":
		return path{index: "alerts_event"}
	case f.Lead != "":
		return path{index: "alerts_lead"}
	case f.Recipient != "":
		return path{index: "alerts_recipient"}
	case f.Reason == relay.ReasonWaiting:
		if f.State == "" { // only they wait
			return path{"alerts_state", []values{allOf("state", []relay.AlertState{relay.AlertHeld, relay.AlertDue})}}
		}
		return path{index: "alerts_state"}
	case f.Reason != relay.ReasonNone:
		return path{index: "alerts_reason"}
	case f.State != "":
		return path{index: "alerts_state"}
	case f.Rule != "":
		return path{index: "alerts_rule"}
	case f.Trigger != "":
		return path{index: "alerts_trigger"}
	default:
		return path{index: "alerts_received"}
	}
}

// deliveryPath takes what leaves the fewest rows, as far as one can say without counting. What is being sent is never more than the
// workers, so there the state comes first.
func deliveryPath(f store.Filter) path {
	var over []values
	if f.Channel == "" {
		over = append(over, allOf("channel", relay.Channels()))
	}
	if f.State == "" {
		over = append(over, allOf("state", relay.DeliveryStates()))
	}
	switch {
	case f.AlertID != "":
		return path{index: "deliveries_alert"}
	case f.EventID != "":
		return path{index: "deliveries_event"}
	case f.State == string(relay.DeliverySending):
		return path{"deliveries_state", over}
	case f.State == string(relay.DeliveryQueued) && f.Tried == store.TriedBefore:
		return path{index: "deliveries_retrying"}
	case f.Address.Reveal() != "":
		return path{index: "deliveries_address"}
	case f.Recipient != "":
		return path{index: "deliveries_recipient"}
	case f.Reason != relay.ReasonNone:
		return path{index: "deliveries_reason"}
	case f.State == "" && f.Rule != "":
		return path{index: "deliveries_rule"}
	case f.State != "" || f.Channel != "":
		return path{"deliveries_state", over}
	default:
		return path{index: "deliveries_created"}
	}
}

// branch is one question to the index.
type branch struct {
	conditions []string
	args       []any
}

// branches are the questions whose answers together are the list: one for each combination of the values that are not given.
func (n *narrowed) branches() []branch {
	all := []branch{{n.conditions, n.args}}
	for _, v := range n.path.over {
		var next []branch
		for _, b := range all {
			for _, value := range v.all {
				next = append(next, branch{
					append(slices.Clip(b.conditions), v.column+" = ?"),
					append(slices.Clip(b.args), value),
				})
			}
		}
		all = next
	}
	return all
}

// from is the rest of a query, without its order.
func (n *narrowed) from(b branch) string {
	var sql strings.Builder
	sql.WriteString(" FROM " + n.table)
	if n.path.index != "" {
		sql.WriteString(" INDEXED BY " + n.path.index)
	}
	if len(b.conditions) > 0 {
		sql.WriteString(" WHERE " + strings.Join(b.conditions, " AND "))
	}
	return sql.String()
}

// page is a part of the list, newest first. Where answers are merged the rows themselves are read only of those on the page.
func (n *narrowed) page(columns string, limit int) (string, []any) {
	all := n.branches()
	if len(all) == 1 {
		return "SELECT " + columns + n.from(all[0]) + " ORDER BY " + n.newest + " DESC, seq DESC LIMIT ?", append(all[0].args, limit)
	}
	parts, args := make([]string, len(all)), []any{}
	for i, b := range all {
		// Each has its own order and limit: PostgreSQL would not take them from the whole, and sort all there is.
		parts[i] = "SELECT place_at, place FROM (SELECT " + n.newest + " AS place_at, seq AS place" + n.from(b) +
			" ORDER BY " + n.newest + " DESC, seq DESC LIMIT ?) branch"
		args = append(append(args, b.args...), limit)
	}
	// The outer join is what makes both databases begin with the places.
	return "SELECT " + columns + " FROM (" + strings.Join(parts, " UNION ALL ") + " ORDER BY place_at DESC, place DESC LIMIT ?) places LEFT JOIN " +
		n.table + " ON seq = place ORDER BY place_at DESC, place DESC", append(args, limit)
}

// count counts the list, no further than most.
func (n *narrowed) count(most int) (string, []any) {
	all := n.branches()
	parts, args := make([]string, len(all)), []any{}
	for i, b := range all {
		parts[i] = "SELECT seq" + n.from(b)
		args = append(args, b.args...)
	}
	return "SELECT count(*) FROM (" + strings.Join(parts, " UNION ALL ") + " LIMIT ?) places", append(args, most)
}
