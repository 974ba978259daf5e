package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// arguments makes JSON of lists, for json_each: one statement serves lists of any length. A list of one, as most are, is asked for by a
// statement of its own, since SQLite puts what json_each gives into a table first.
func arguments(query string, args []any) (string, []any, error) {
	for i, arg := range args {
		switch arg.(type) {
		case []string, []int64:
		default:
			continue
		}
		if only, alone := tables.Only(arg); alone {
			if one, ok := single(query, i); ok {
				query, args[i] = one, only
				continue
			}
		}
		text, err := json.Marshal(arg)
		if err != nil {
			return "", nil, fmt.Errorf("list arguments: %w", err)
		}
		args[i] = string(text)
	}
	return query, args, nil
}

// single puts a value in place of a list, if one of the question marks stands for a list that something is looked for in.
func single(query string, mark int) (string, bool) {
	const before, after = " IN each(", "?)"
	at := -1
	for range mark + 1 {
		next := strings.IndexByte(query[at+1:], '?')
		if next < 0 {
			return query, false
		}
		at += 1 + next
	}
	if !strings.HasSuffix(query[:at], before) || !strings.HasPrefix(query[at:], after) {
		return query, false
	}
	return query[:at-len(before)] + " = ?" + query[at+len(after):], true
}

// rows are *sql.Rows.
type rows struct{ *sql.Rows }

// Close implements tables.Rows; Err tells what went wrong.
func (r rows) Close() { _ = r.Rows.Close() }

// reader is what reads: a pool, or a transaction.
type reader struct {
	db interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

// Query implements tables.DB.
func (r reader) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	query, args, err := arguments(query, args)
	if err != nil {
		return nil, err
	}
	found, err := r.db.QueryContext(ctx, query, args...) //nolint:rowserrcheck // the caller's
	if err != nil {
		return nil, err
	}
	return rows{found}, nil
}

// transaction is a tables.Tx.
type transaction struct {
	span
	jobs *river.Client[span]
	bell *bell
	// gathered are rows that wait to be inserted, and waiting is how many.
	gathered []gathered
	waiting  int
}

func (s *Store) begin(ctx context.Context) (tables.Tx, error) {
	on, err := begin(ctx, s.write, toWrite)
	if err != nil {
		return nil, err
	}
	return &transaction{span: on, jobs: s.jobs, bell: s.bell}, nil
}

// Exec implements tables.Tx.
func (t *transaction) Exec(ctx context.Context, query string, args ...any) (int, error) {
	if err := t.flush(ctx); err != nil {
		return 0, err
	}
	query, args, err := arguments(query, args)
	if err != nil {
		return 0, err
	}
	result, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Insert implements tables.Tx. It asks for the seq afterwards: for RETURNING, SQLite would keep a copy of each page that the statement
// changes.
func (t *transaction) Insert(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// Later implements tables.Tx. Nothing is far away, so it is now.
func (t *transaction) Later(ctx context.Context, query string, args ...any) error {
	_, err := t.Exec(ctx, query, args...)
	return err
}

// Query implements tables.DB.
func (t *transaction) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return reader{t.span}.Query(ctx, query, args...)
}

// Expect implements tables.Tx.
func (t *transaction) Expect(ctx context.Context, rows int, query string, args ...any) error {
	n, err := t.Exec(ctx, query, args...)
	if err == nil && n < rows {
		err = tables.ErrRaced
	}
	return err
}

// Ask implements tables.Tx.
func (t *transaction) Ask(ctx context.Context, asks ...tables.Ask) error {
	return tables.AskEach(ctx, t, asks)
}

// Lock implements tables.Tx. The transaction has the whole file to itself.
func (t *transaction) Lock(context.Context, []string) error { return nil }

// Commit implements tables.Tx.
func (t *transaction) Commit(ctx context.Context, jobs []river.InsertManyParams) error {
	if err := t.flush(ctx); err != nil {
		t.Rollback(ctx)
		return err
	}
	if len(jobs) > 0 {
		if _, err := t.jobs.InsertManyFastTx(ctx, t.span, jobs); err != nil {
			t.Rollback(ctx)
			return fmt.Errorf("insert wake-ups: %w", err)
		}
	}
	if err := t.commit(ctx); err != nil {
		t.Rollback(ctx)
		return err
	}
	t.bell.ring(jobs)
	return nil
}

// Rollback implements tables.Tx.
func (t *transaction) Rollback(ctx context.Context) { t.rollback(ctx) }

// ping writes, since a disk that is full can still be read and locked.
func ping(ctx context.Context, tx tables.Tx, at int64) error {
	_, err := tx.Exec(ctx, "INSERT INTO heartbeat (id, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at", at)
	return err
}
