package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// span is a transaction. That of database/sql starts a goroutine for itself and another for each query in it, to roll back as soon as a
// context ends. This one lasts a moment, and is done by whoever began it whatever becomes of a context.
type span struct{ on *sql.Conn }

// How a span begins.
const (
	toRead  = "BEGIN"
	toWrite = "BEGIN IMMEDIATE"
)

// begin waits for a connection until ctx ends.
func begin(ctx context.Context, db *sql.DB, how string) (span, error) {
	on, err := db.Conn(ctx)
	if err != nil {
		return span{}, err
	}
	s := span{on}
	if _, err = s.ExecContext(ctx, how); err != nil {
		return span{}, errors.Join(err, on.Close())
	}
	return s, nil
}

// ExecContext runs a statement, as that of database/sql does.
func (s span) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.on.ExecContext(context.WithoutCancel(ctx), query, args...)
}

// QueryContext runs a query, as that of database/sql does.
func (s span) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.on.QueryContext(context.WithoutCancel(ctx), query, args...)
}

// commit keeps what was written, and ends the span unless it fails.
func (s span) commit(ctx context.Context) error {
	if _, err := s.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return s.on.Close()
}

// rollback ends the span without keeping anything. There is already an error to tell, if there is one.
func (s span) rollback(ctx context.Context) {
	if _, err := s.ExecContext(ctx, "ROLLBACK"); err != nil {
		// SQLite has rolled back by itself, or cannot: nobody gets a connection of which that is unknown.
		_ = s.on.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = s.on.Close()
}

// within runs something in a span.
func within(ctx context.Context, db *sql.DB, how string, run func(span) error) error {
	s, err := begin(ctx, db, how)
	if err != nil {
		return err
	}
	if err = run(s); err == nil {
		err = s.commit(ctx)
	}
	if err != nil {
		s.rollback(ctx)
	}
	return err
}
