package sqlite

import (
	"context"
	"strings"
)

// maxGathered is how many rows are gathered before they are inserted: the keys and alerts of some eighty events.
const maxGathered = 400

// insertion is a statement that inserts rows: what stands before them, one of them with a question mark for each value, and what
// stands behind them.
type insertion struct{ head, row, tail string }

// run inserts rows given by their values, one after the other: many with one statement, and the rest with few and smaller ones, so that
// there are three to prepare whatever the number.
func (i insertion) run(ctx context.Context, on span, columns int, values []any) error {
	for _, rows := range []int{64, 8, 1} {
		for len(values) >= rows*columns {
			_, err := on.ExecContext(ctx, i.head+i.row+strings.Repeat(", "+i.row, rows-1)+i.tail, values[:rows*columns]...)
			if err != nil {
				return err
			}
			values = values[rows*columns:]
		}
	}
	return nil
}

// gathered are rows of one table that wait to be inserted. Before and after each statement SQLite does as much (a cursor on each index
// is opened and closed) as for a row, so those that nobody waits for go together, whichever events they are of.
type gathered struct {
	into    string
	columns int
	values  []any
}

// Add implements tables.Tx.
func (t *transaction) Add(ctx context.Context, into string, values ...any) error {
	var rows *gathered
	for i := range t.gathered {
		if t.gathered[i].into == into {
			rows = &t.gathered[i]
		}
	}
	if rows == nil {
		t.gathered = append(t.gathered, gathered{into: into, columns: len(values)})
		rows = &t.gathered[len(t.gathered)-1]
	}
	rows.values = append(rows.values, values...)
	if t.waiting++; t.waiting < maxGathered {
		return nil
	}
	return t.flush(ctx)
}

// flush inserts what was gathered, the tables in the order in which they were first added to: one may refer to another.
func (t *transaction) flush(ctx context.Context) error {
	if t.waiting == 0 {
		return nil
	}
	t.waiting = 0
	for i := range t.gathered {
		rows := &t.gathered[i]
		statement := insertion{
			"INSERT INTO " + rows.into + " VALUES ", "(" + strings.Repeat("?, ", rows.columns-1) + "?)", " ON CONFLICT DO NOTHING",
		}
		if err := statement.run(ctx, t.span, rows.columns, rows.values); err != nil {
			return err
		}
		clear(rows.values) // what they held is not kept from being collected
		rows.values = rows.values[:0]
	}
	return nil
}
