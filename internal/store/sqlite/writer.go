package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// maxBatch bounds how long one transaction holds the connection that River needs too.
	maxBatch = 256
	// maxAttempts of a job. A wake-up that River gave up on would be an alert that nobody looks at again.
	maxAttempts = 10_000
)

// An op is decided by whoever moves it away from opWaiting first: the writer, or the caller whose context ended.
const (
	opWaiting int32 = iota
	opTaken
	opAbandoned
)

// op is one write that waits for its transaction. It may run twice: once in a batch that then failed, once alone.
type op struct {
	state atomic.Int32
	run   func(ctx context.Context, b *batch) error
	done  chan error
}

// batch is the transaction that ops run in.
type batch struct {
	tx   *sql.Tx
	now  time.Time
	jobs []river.InsertManyParams
	// statements are prepared once for all ops: preparing costs as much as running them. They end with tx.
	statements map[string]*sql.Stmt
}

type writerOptions struct {
	db    *sql.DB
	jobs  *river.Client[*sql.Tx]
	now   func() time.Time
	limit int
}

// writer is the one goroutine that writes.
type writer struct {
	writerOptions
	ops    chan *op
	mu     sync.RWMutex // held for reading while sending to ops, so that it is not closed meanwhile
	closed bool
	ended  chan struct{}
}

func startWriter(ctx context.Context, o writerOptions) *writer {
	w := &writer{writerOptions: o, ops: make(chan *op, o.limit), ended: make(chan struct{})}
	go w.loop(ctx)
	return w
}

// stop refuses further writes and returns when those that wait are done.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	close(w.ops)
	w.mu.Unlock()
	<-w.ended
}

// patience says what a write does when too many wait.
type patience bool

const (
	// hasty is refused with store.ErrOverloaded: who sent it is told to come again.
	hasty patience = false
	// patient waits until its ctx ends: there are no more of them than workers and requests, and to refuse one costs more, since
	// what came before it must be done again or, like an answer, cannot be.
	patient patience = true
)

// do runs a write in a transaction, shared with others that wait, and returns when it is on disk. Where ctx ends before
// the write was begun it is not done and ctx's error comes back; once begun, its own result does, whatever ctx says. So
// an error always means that nothing was kept.
func do[T any](ctx context.Context, s *Store, p patience, run func(context.Context, *batch) (T, error)) (T, error) {
	var result, none T
	if s.writer == nil {
		return none, errReadOnly
	}
	o := &op{done: make(chan error, 1), run: func(ctx context.Context, b *batch) (err error) {
		result, err = run(ctx, b)
		return err
	}}
	if err := s.writer.submit(ctx, o, p); err != nil {
		return none, err
	}
	select {
	case err := <-o.done:
		if err != nil {
			return none, err
		}
		return result, nil
	case <-ctx.Done():
	}
	if o.state.CompareAndSwap(opWaiting, opAbandoned) {
		return none, ctx.Err()
	}
	if err := <-o.done; err != nil {
		return none, err
	}
	return result, nil
}

func (w *writer) submit(ctx context.Context, o *op, p patience) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errors.New("the store is closed")
	}
	select {
	case w.ops <- o:
		return nil
	default:
	}
	if p == hasty {
		return store.ErrOverloaded
	}
	select {
	case w.ops <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loop takes what is waiting, never waiting for more: while one transaction is synced to disk the next one gathers.
func (w *writer) loop(ctx context.Context) {
	defer close(w.ended)
	for first := range w.ops {
		ops := w.gather(first)
		if len(ops) > 0 {
			w.commit(ctx, ops)
		}
	}
}

// gather takes the waiting ops but those whose callers have gone.
func (w *writer) gather(first *op) []*op {
	ops := make([]*op, 0, maxBatch)
	take := func(o *op) {
		if o.state.CompareAndSwap(opWaiting, opTaken) {
			ops = append(ops, o)
		}
	}
	take(first)
	for len(ops) < maxBatch {
		select {
		case o, open := <-w.ops:
			if !open {
				return ops
			}
			take(o)
		default:
			return ops
		}
	}
	return ops
}

// commit runs the ops in one transaction, or each alone where that failed, so that a bad one fails no neighbour.
func (w *writer) commit(ctx context.Context, ops []*op) {
	results, err := w.transact(ctx, ops)
	if err == nil {
		for i, o := range ops {
			o.done <- results[i]
		}
		return
	}
	if len(ops) == 1 {
		ops[0].done <- err
		return
	}
	for _, o := range ops {
		w.commit(ctx, []*op{o})
	}
}

// transact runs the ops and inserts their jobs. A result is nil, store.ErrConflict or store.ErrNotFound, which ops give
// before they write anything; every other error fails, and rolls back, them all.
func (w *writer) transact(ctx context.Context, ops []*op) (results []error, err error) {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // there is already an error to tell
		}
	}()
	b := &batch{tx: tx, now: w.now(), statements: map[string]*sql.Stmt{}}
	results = make([]error, len(ops))
	for i, o := range ops {
		results[i] = protect(ctx, b, o)
		if r := results[i]; r != nil && !errors.Is(r, store.ErrConflict) && !errors.Is(r, store.ErrNotFound) {
			return nil, r
		}
	}
	if len(b.jobs) > 0 {
		if _, err = w.jobs.InsertManyTx(ctx, tx, b.jobs); err != nil {
			return nil, fmt.Errorf("insert wake-ups: %w", err)
		}
	}
	if err = tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return results, nil
}

// protect turns a panic of a caller's function, such as the one given to Decide, into that op's error: it would end the
// process from here, while in the caller's goroutine it would not.
func protect(ctx context.Context, b *batch, o *op) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return o.run(ctx, b)
}

// wake inserts a job when the batch commits. One that is close comes at once, and its worker snoozes the rest.
func (b *batch) wake(args river.JobArgs, queue string, at time.Time) {
	opts := &river.InsertOpts{Queue: queue, MaxAttempts: maxAttempts}
	if at.Sub(b.now) >= store.NearFuture {
		opts.ScheduledAt = at
	}
	b.jobs = append(b.jobs, river.InsertManyParams{Args: args, InsertOpts: opts})
}

func (b *batch) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement, ok := b.statements[query]; ok {
		return statement, nil
	}
	statement, err := b.tx.PrepareContext(ctx, query)
	if err == nil {
		b.statements[query] = statement
	}
	return statement, err
}

// exec runs a statement and tells how many rows it touched.
func (b *batch) exec(ctx context.Context, query string, args ...any) (int, error) {
	result, err := b.result(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func (b *batch) result(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := b.prepare(ctx, query) //nolint:sqlclosecheck // it ends with the transaction
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

// QueryContext implements queryer.
func (b *batch) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := b.prepare(ctx, query) //nolint:sqlclosecheck // it ends with the transaction
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}
