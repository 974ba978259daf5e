package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// filled are the tables that Fill copies, each after those that it refers to. What is not among them is of the replicas that
// work, and not of what they work on.
var filled = []string{
	"events", "event_keys", "alerts", "deliveries", "attempts", "claims", "released", "counted", "suppressions", "generations", "outbox",
	"receipts", "pauses", "audit", "spending", "preferences", "forgetting", "tallies",
}

// fillStep is after how many rows progress is told.
const fillStep = 1000

// Fill copies what another database keeps, by tables of the same names and columns, into this one, and makes a wake-up for
// all that waits. It is one transaction: all is copied or nothing. It fails where anything is kept here already. progress
// is told of each table how many rows are copied.
func (s *Store) Fill(ctx context.Context, from tables.DB, progress func(table string, done, of int)) (err error) {
	// A pool of its own: this takes as long as it takes.
	config := s.river.Config()
	config.MaxConns = 1
	delete(config.ConnConfig.RuntimeParams, "idle_in_transaction_session_timeout")
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer pool.Close()
	tx, err := s.beginOn(ctx, pool)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	for _, fill := range []func() error{
		func() error { return tx.checkEmpty(ctx) },
		func() error { return tx.copyAll(ctx, from, progress) },
		func() error { return tx.wakeAll(ctx, s.now(), progress) },
	} {
		if err = fill(); err != nil {
			tx.Rollback(ctx)
			return fmt.Errorf("copy, of which nothing is kept: %w", err)
		}
	}
	if err = tx.Commit(ctx, nil); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

// checkEmpty also keeps everybody else from writing until the transaction ends.
func (t *transaction) checkEmpty(ctx context.Context) error {
	for _, table := range filled {
		if _, err := t.tx.Exec(ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		var any bool
		if err := t.tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+")").Scan(&any); err != nil {
			return err
		}
		if any {
			return fmt.Errorf("the database is in use: there is something in its table %s; name an empty one", table)
		}
	}
	return nil
}

func (t *transaction) copyAll(ctx context.Context, from tables.DB, progress func(string, int, int)) error {
	for _, table := range filled {
		if err := t.copyTable(ctx, from, table, progress); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	return nil
}

func (t *transaction) copyTable(ctx context.Context, from tables.DB, table string, progress func(string, int, int)) error {
	columns, err := t.columns(ctx, table)
	if err != nil {
		return err
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	of, err := tables.One(ctx, from, scanInt, "SELECT count(*) FROM "+table)
	if err != nil {
		return err
	}
	found, err := from.Query(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+table)
	if err != nil {
		return err
	}
	defer found.Close()
	rows := &copied{Rows: found, columns: columns, keyed: table == "event_keys", tell: func(done int) {
		if done < of { // the end is told below
			progress(table, done, of)
		}
	}}
	if _, err = t.tx.CopyFrom(ctx, pgx.Identifier{table}, names, rows); err != nil {
		return err
	}
	progress(table, rows.done, of)
	if names[0] == "seq" {
		_, err = t.tx.Exec(ctx, "SELECT setval(pg_get_serial_sequence($1, 'seq'), coalesce(max(seq), 0) + 1, false) FROM "+table, table)
	}
	return err
}

func scanInt(row tables.Scanner) (n int, err error) { return n, row.Scan(&n) }

type column struct{ name, kind string }

func (t *transaction) columns(ctx context.Context, table string) ([]column, error) {
	return tables.All(ctx, t, func(row tables.Scanner) (c column, err error) { return c, row.Scan(&c.name, &c.kind) },
		`SELECT CAST(attname AS text), format_type(atttypid, NULL) FROM pg_attribute
		WHERE attrelid = CAST(CAST(? AS text) AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table)
}

// copied are rows of another database on their way into ours. It is a pgx.CopyFromSource.
type copied struct {
	tables.Rows
	columns []column
	// keyed rows begin with a relay.Key.
	keyed bool
	done  int
	tell  func(done int)
}

// Values implements pgx.CopyFromSource.
func (c *copied) Values() ([]any, error) {
	values, into := make([]any, len(c.columns)), make([]any, len(c.columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := c.Scan(into...); err != nil {
		return nil, err
	}
	for i, column := range c.columns {
		switch v := values[i].(type) {
		case string:
			values[i] = clean(v)
		case int64:
			if column.kind == "boolean" {
				values[i] = v != 0
			}
		case []byte:
			if v == nil { // how SQLite gives an empty value
				values[i] = []byte{}
			}
		}
	}
	if key, ok := values[0].(string); c.keyed && ok {
		values[0] = tables.KeyText(relay.Key(key))
	}
	if c.done++; c.done%fillStep == 0 {
		c.tell(c.done)
	}
	return values, nil
}

// waiting finds what has to be woken up, and when: alerts that are held or to be decided again, and deliveries that are to be
// attempted or looked for. What was being sent is found by its age.
const waiting = `
	SELECT 'due', id, CASE WHEN again_at <> 0 THEN again_at ELSE due_at END AS at FROM alerts WHERE state = 'held' OR again_at <> 0
	UNION ALL
	SELECT channel, id, next_at FROM deliveries WHERE state IN ('queued', 'unknown')`

func (t *transaction) wakeAll(ctx context.Context, now time.Time, progress func(string, int, int)) error {
	type sleeper struct {
		queue, id string
		at        int64
	}
	sleepers, err := tables.All(ctx, t, func(row tables.Scanner) (s sleeper, err error) {
		return s, row.Scan(&s.queue, &s.id, &s.at)
	}, waiting)
	if err != nil {
		return fmt.Errorf("look for what waits: %w", err)
	}
	jobs := make([]river.InsertManyParams, 0, fillStep)
	for i, s := range sleepers {
		var args river.JobArgs = store.DeliveryArgs{DeliveryID: s.id}
		queue := store.QueueOf(relay.Channel(s.queue))
		if s.queue == "due" {
			args, queue = store.DueArgs{AlertID: s.id}, store.QueueDue
		}
		jobs = append(jobs, tables.WakeUp(args, queue, time.UnixMicro(s.at), now))
		if len(jobs) == fillStep || i == len(sleepers)-1 {
			if _, err = t.jobs.InsertManyFastTx(ctx, t.tx, jobs); err != nil {
				return fmt.Errorf("insert wake-ups: %w", err)
			}
			jobs = jobs[:0]
			progress("wake-ups", i+1, len(sleepers))
		}
	}
	return nil
}
