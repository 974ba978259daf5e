package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
)

// maxStatements is how many prepared statements a connection keeps. Beckon and River together have fewer that come again and again;
// what lists ask for has many forms, each of which is rare.
const maxStatements = 200

// words are how SQLite says what package tables writes. Nobody else writes, so no row is locked.
var words = strings.NewReplacer(" IN each(?)", " IN (SELECT value FROM json_each(?))", " FROM each(?)", " FROM json_each(?)",
	" FOR SHARE", "", " FOR UPDATE", "")

// preparing makes connections that keep their statements prepared: to parse one costs as much as to run it, and the driver does it anew
// each time. It is for River's statements as well as for ours.
type preparing struct{ driver.Connector }

// Connect implements driver.Connector.
func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := c.(driverConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's connection lacks what is needed to keep statements"), c.Close())
	}
	return &conn{driverConn: inner, idle: map[string]driver.Stmt{}}, nil
}

// driverConn is what database/sql uses of a connection of the driver.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn is a connection that keeps its statements. As any, it is used by one goroutine at a time.
type conn struct {
	driverConn

	// idle are those that nothing runs by now.
	idle map[string]driver.Stmt
}

var (
	_ driver.ExecerContext  = (*conn)(nil)
	_ driver.QueryerContext = (*conn)(nil)
)

// statement gives a statement, which is the caller's until it is given back with done. It is put into SQLite's words when it is prepared.
func (c *conn) statement(ctx context.Context, query string) (driver.Stmt, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	return c.PrepareContext(ctx, words.Replace(query))
}

// done keeps a statement for the next time, in place of any other where there are too many. One that failed is not kept.
func (c *conn) done(query string, s driver.Stmt, err error) error {
	if _, there := c.idle[query]; there || err != nil {
		return s.Close()
	}
	if len(c.idle) >= maxStatements {
		for other, old := range c.idle {
			delete(c.idle, other)
			if err := old.Close(); err != nil {
				return errors.Join(err, s.Close())
			}
			break
		}
	}
	c.idle[query] = s
	return nil
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(ctx, args) //nolint:forcetypeassert // the driver's have it
	return result, errors.Join(err, c.done(query, s, err))
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	found, err := s.(driver.StmtQueryContext).QueryContext(ctx, args) //nolint:forcetypeassert // the driver's have it
	if err != nil {
		return nil, errors.Join(err, c.done(query, s, err))
	}
	return &running{Rows: found, done: func(err error) error { return c.done(query, s, err) }}, nil
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	clear(c.idle)
	return errors.Join(append(errs, c.driverConn.Close())...)
}

// running is what a statement finds, until it is closed.
type running struct {
	driver.Rows

	done func(error) error
}

// Close implements driver.Rows.
func (r *running) Close() error {
	err := r.Rows.Close()
	if r.done == nil {
		return err
	}
	done := r.done
	r.done = nil
	return errors.Join(err, done(err))
}
