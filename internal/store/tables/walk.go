package tables

import (
	"context"
	"fmt"

	"github.com/beckon-relay/beckon/internal/relay"
)

// walking goes through a table by its numbers, some rows at a time.
type walking[T any] struct {
	table, columns string
	scan           func(Scanner) (seq int64, value T, err error)
	// tell is told how far it came.
	tell func(what string, done, of int64)
	// visit gets some rows, and then some more. It may delete them.
	visit func(ctx context.Context, some []T) error
	// size is how many rows there are at a time; 0 is forgetSize.
	size int
}

// maxWalked is how much of events is held at a time, in bytes; a single one may be larger.
const maxWalked = 8 << 20

// walk goes through what a table has now; what is added meanwhile is left out.
func walk[T any](ctx context.Context, db DB, w walking[T]) error {
	ends, err := One(ctx, db, func(row Scanner) (ends [2]int64, err error) { return ends, row.Scan(&ends[0], &ends[1]) },
		"SELECT COALESCE(min(seq), 0), COALESCE(max(seq), 0) FROM "+w.table)
	if err != nil {
		return fmt.Errorf("look through %s: %w", w.table, err)
	}
	size := forgetSize
	if w.size > 0 {
		size = w.size
	}
	first, last := ends[0]-1, ends[1]
	for at := first; at < last; {
		some, next, err := w.some(ctx, db, [3]int64{at, last, int64(size)})
		if err == nil {
			err = w.visit(ctx, some)
		}
		if err != nil {
			return fmt.Errorf("look through %s: %w", w.table, err)
		}
		if at = next; len(some) == 0 {
			at = last
		}
		if w.tell != nil {
			w.tell(w.table, at-first, last-first)
		}
	}
	return nil
}

// some reads the rows after a number, up to the last, as many as go together, and tells the number of the last of them.
func (w walking[T]) some(ctx context.Context, db DB, bounds [3]int64) (some []T, next int64, err error) {
	rows, err := db.Query(ctx, "SELECT "+w.columns+" FROM "+w.table+" WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
		bounds[0], bounds[1], bounds[2])
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close() // rows.Err tells
	for bytes := 0; bytes < maxWalked && rows.Next(); {
		seq, value, err := w.scan(rows)
		if err != nil {
			return nil, 0, err
		}
		if e, ok := any(value).(row); ok {
			bytes += len(e.raw)
		}
		some, next = append(some, value), seq
	}
	return some, next, rows.Err()
}

type outboxRow struct {
	relay.OutboxMessage
	seq int64
}

func (m outboxRow) to() relay.Address {
	if m.Channel == relay.ChannelSMS {
		return relay.NewAddress(m.Channel, m.Phone.Reveal())
	}
	return relay.NewAddress(m.Channel, m.Email.Reveal())
}

func scanOutboxRow(row Scanner) (seq int64, m outboxRow, err error) {
	m.OutboxMessage, err = scanOutbox(numbered{row, &m.seq})
	return m.seq, m, err
}

type auditRow struct {
	relay.Audit
	seq int64
}

func scanAuditRow(row Scanner) (seq int64, a auditRow, err error) {
	err = row.Scan(&a.seq, at{&a.At}, &a.Who, &a.Action, &a.Subject)
	return a.seq, a, err
}

// numbered is a row with its number before what is scanned of it.
type numbered struct {
	Scanner
	seq *int64
}

// Scan implements Scanner.
func (n numbered) Scan(into ...any) error { return n.Scanner.Scan(append([]any{n.seq}, into...)...) }
