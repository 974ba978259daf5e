package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

const (
	// lockSpace sets our locks apart from those of others in the database, and migrationLock from the rest of ours.
	lockSpace     = 0x6265636b // "beck"
	migrationLock = -1
	// rollbackTimeout bounds how long a transaction that failed is taken leave of.
	rollbackTimeout = time.Second
)

// indexed tells SQLite which index to take. PostgreSQL knows better.
var indexed = regexp.MustCompile(` INDEXED BY [a-z_]+`)

// dialect puts statements of package tables into PostgreSQL's words. There are few, so each is done once.
type dialect struct{ known sync.Map }

// phrase is a statement in PostgreSQL's words. single is for the case that each list after IN has one value, as most do: it is planned once,
// where for each list the server makes another plan.
type phrase struct {
	text, single string
	// lists are the arguments that stand after IN.
	lists []int
}

func (d *dialect) phrase(query string) *phrase {
	if known, ok := d.known.Load(query); ok {
		return known.(*phrase) //nolint:forcetypeassert // what is stored below
	}
	text := strings.ReplaceAll(indexed.ReplaceAllString(query, ""), " FROM each(?)", " FROM unnest(CAST(? AS text[])) AS each (value)")
	p := &phrase{
		text:   numbered(strings.ReplaceAll(text, " IN each(?)", " = ANY(?)")),
		single: numbered(strings.ReplaceAll(text, " IN each(?)", " = ?")),
	}
	for i, before := range strings.Split(query, "?") {
		if strings.HasSuffix(before, " IN each(") {
			p.lists = append(p.lists, i)
		}
	}
	d.known.Store(query, p)
	return p
}

// numbered has $1, $2 and so on in the place of question marks.
func numbered(query string) string {
	var out strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			out.WriteString("$" + strconv.Itoa(i))
		}
		out.WriteString(part)
	}
	return out.String()
}

// ours gives a statement with its arguments as PostgreSQL takes them.
func (d *dialect) ours(query string, args []any) (string, []any) {
	p := d.phrase(query)
	if len(p.lists) == 0 || slices.ContainsFunc(p.lists, func(i int) bool { _, one := tables.Only(args[i]); return !one }) {
		return p.text, arguments(args)
	}
	for _, i := range p.lists {
		args[i], _ = tables.Only(args[i])
	}
	return p.single, arguments(args)
}

// arguments makes texts what PostgreSQL takes: valid UTF-8 without NUL.
func arguments(args []any) []any {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = clean(v)
		case []string:
			if slices.ContainsFunc(v, func(s string) bool { return clean(s) != s }) {
				v = slices.Clone(v)
				for j := range v {
					v[j] = clean(v[j])
				}
				args[i] = v
			}
		}
	}
	return args
}

func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, string(utf8.RuneError)), "\x00", string(utf8.RuneError))
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// reader is what reads.
type reader struct {
	db      querier
	dialect *dialect
}

// Query implements tables.DB.
func (r reader) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	query, args = r.dialect.ours(query, args)
	found, err := r.db.Query(ctx, query, args...)
	if err != nil {
		return nil, told(err)
	}
	return &rows{Rows: found}, nil
}

// transaction is a tables.Tx.
type transaction struct {
	tx      pgx.Tx
	jobs    *river.Client[pgx.Tx]
	dialect *dialect
	// later go to the server with the next statement, and expected says how many rows each must touch.
	later    pgx.Batch
	expected []int
	// gathered are rows that were added last, to one table, and not put off yet.
	gathered gathered
}

// gathered are rows that go with one statement.
type gathered struct {
	into   string
	rows   int
	values []any
}

// maxGathered is how many rows go with one statement: the keys of an event or two. Each number of rows is another statement to prepare.
const maxGathered = 8

func (s *Store) begin(ctx context.Context) (tables.Tx, error) {
	return s.beginOn(ctx, s.write)
}

func (s *Store) beginOn(ctx context.Context, pool *pgxpool.Pool) (*transaction, error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return nil, told(err)
	}
	return &transaction{tx: tx, jobs: s.jobs, dialect: &s.dialect}, nil
}

// Later implements tables.Tx: a way to the server and back costs more than most statements.
func (t *transaction) Later(ctx context.Context, query string, args ...any) error {
	return t.Expect(ctx, 0, query, args...)
}

// Expect implements tables.Tx.
func (t *transaction) Expect(_ context.Context, rows int, query string, args ...any) error {
	t.pour()
	query, args = t.dialect.ours(query, args)
	t.later.Queue(query, args...)
	t.expected = append(t.expected, rows)
	return nil
}

// Ask implements tables.Tx.
func (t *transaction) Ask(ctx context.Context, asks ...tables.Ask) error {
	t.pour()
	batch := t.later
	for _, a := range asks {
		query, args := t.dialect.ours(a.Query, a.Args)
		batch.Queue(query, args...)
	}
	results, err := t.sendBatch(ctx, &batch)
	if err != nil {
		return told(err)
	}
	for _, a := range asks {
		var found pgx.Rows
		if found, err = results.Query(); err == nil {
			answer := &rows{Rows: found}
			err = a.Read(answer)
			answer.Close()
		}
		if err != nil {
			return told(errors.Join(err, results.Close()))
		}
	}
	return told(results.Close())
}

// send sends what was put off, and with it one more statement unless it is empty. The results of what was put off are read.
func (t *transaction) send(ctx context.Context, query string, args ...any) (pgx.BatchResults, error) {
	batch := t.later
	if query != "" {
		batch.Queue(query, args...)
	}
	return t.sendBatch(ctx, &batch)
}

// sendBatch sends a batch that begins with what was put off, and reads the results of that.
func (t *transaction) sendBatch(ctx context.Context, batch *pgx.Batch) (pgx.BatchResults, error) {
	expected := t.expected
	t.later, t.expected = pgx.Batch{}, nil
	results := t.tx.SendBatch(ctx, batch)
	for _, rows := range expected {
		tag, err := results.Exec()
		if err == nil && int(tag.RowsAffected()) < rows {
			err = tables.ErrRaced
		}
		if err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	return results, nil
}

// Exec implements tables.Tx.
func (t *transaction) Exec(ctx context.Context, query string, args ...any) (int, error) {
	query, args = t.dialect.ours(query, args)
	t.pour()
	if t.later.Len() == 0 {
		tag, err := t.tx.Exec(ctx, query, args...)
		return int(tag.RowsAffected()), told(err)
	}
	results, err := t.send(ctx, query, args...)
	if err != nil {
		return 0, told(err)
	}
	tag, err := results.Exec()
	return int(tag.RowsAffected()), told(errors.Join(err, results.Close()))
}

// Query implements tables.DB.
func (t *transaction) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	query, args = t.dialect.ours(query, args)
	t.pour()
	if t.later.Len() == 0 {
		found, err := t.tx.Query(ctx, query, args...)
		if err != nil {
			return nil, told(err)
		}
		return &rows{Rows: found}, nil
	}
	results, err := t.send(ctx, query, args...)
	if err != nil {
		return nil, told(err)
	}
	found, err := results.Query()
	if err != nil {
		return nil, told(errors.Join(err, results.Close()))
	}
	return &rows{Rows: found, results: results}, nil
}

// Insert implements tables.Tx.
func (t *transaction) Insert(ctx context.Context, query string, args ...any) (int64, error) {
	seq, err := tables.One(ctx, t, func(row tables.Scanner) (seq int64, err error) { return seq, row.Scan(&seq) },
		query+" RETURNING seq", args...)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return seq, err
}

// Add implements tables.Tx. Before and after each statement the server does as much as for a row or two.
func (t *transaction) Add(_ context.Context, into string, values ...any) error {
	if g := &t.gathered; g.into != into || g.rows == maxGathered {
		t.pour()
		g.into = into
	}
	t.gathered.rows++
	t.gathered.values = append(t.gathered.values, values...)
	return nil
}

// pour puts off the statement that inserts what was gathered.
func (t *transaction) pour() {
	g := t.gathered
	if g.rows == 0 {
		return
	}
	t.gathered = gathered{}
	row := "(" + strings.Repeat("?, ", len(g.values)/g.rows-1) + "?)"
	query := "INSERT INTO " + g.into + " VALUES " + row + strings.Repeat(", "+row, g.rows-1) + " ON CONFLICT DO NOTHING"
	query, args := t.dialect.ours(query, g.values)
	t.later.Queue(query, args...)
	t.expected = append(t.expected, 0)
}

// flush sends what was put off.
func (t *transaction) flush(ctx context.Context) error {
	t.pour()
	if t.later.Len() == 0 {
		return nil
	}
	results, err := t.send(ctx, "")
	if err != nil {
		return told(err)
	}
	return told(results.Close())
}

// rows are pgx.Rows, of which others may have been sent along.
type rows struct {
	pgx.Rows
	results pgx.BatchResults // nil where none were
}

// Err implements tables.Rows.
func (r *rows) Err() error { return told(r.Rows.Err()) }

// Close implements tables.Rows; Err tells what went wrong.
func (r *rows) Close() {
	r.Rows.Close()
	if r.results != nil {
		_ = r.results.Close()
	}
}

// Lock implements tables.Tx. The server has room for some 6,400 locks of everybody by default, and tables.Tables takes few at a time. All
// transactions take theirs in the same order.
func (t *transaction) Lock(ctx context.Context, keys []string) error {
	locks := make([]int32, len(keys))
	for i, key := range keys {
		h := fnv.New32a()
		_, _ = h.Write([]byte(key))      // it never fails
		locks[i] = int32(h.Sum32() >> 1) // 31 bits: -1 is for migrations
	}
	slices.Sort(locks)
	_, err := t.tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) WITH ORDINALITY AS l (key, n) ORDER BY n",
		int32(lockSpace), slices.Compact(locks))
	return told(err)
}

// Commit implements tables.Tx. Where the connection is lost in it, nobody knows whether it was kept: an error comes back, and
// whoever does the same again finds out, since every write that matters is done by compare-and-set or once by ID.
func (t *transaction) Commit(ctx context.Context, jobs []river.InsertManyParams) error {
	if err := t.flush(ctx); err != nil {
		t.Rollback(ctx)
		return err
	}
	if len(jobs) > 0 {
		if _, err := t.jobs.InsertManyFastTx(ctx, t.tx, jobs); err != nil {
			t.Rollback(ctx)
			return fmt.Errorf("insert wake-ups: %w", told(err))
		}
	}
	if err := t.tx.Commit(ctx); err != nil {
		t.Rollback(ctx)
		return fmt.Errorf("commit: %w", told(err))
	}
	return nil
}

// Rollback implements tables.Tx; there is already an error to tell.
func (t *transaction) Rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = t.tx.Rollback(ctx)
}
