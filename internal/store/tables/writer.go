package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// maxBatch bounds how long one transaction holds the connection that River needs too.
	maxBatch = 256
	// maxLocks is how many names one transaction may lock, but for those of its last write: the more, the more others wait for it.
	maxLocks = 64
	// maxAttempts of a job. A wake-up that River gave up on would be an alert that nobody looks at again.
	maxAttempts = 10_000
)

// An op is decided by whoever moves it away from opWaiting first: the writer, or the caller whose context ended.
const (
	opWaiting int32 = iota
	opTaken
	opAbandoned
)

// op is one write that waits for its transaction. It may run several times: in batches that then failed, and alone.
type op struct {
	write
	state atomic.Int32
	run   func(ctx context.Context, b *batch) error
	// trace is store.TraceOf the caller.
	trace string
	done  chan error
}

// write says how a write is done.
type write struct {
	patience patience
	// of is the ID of what is written to. Where several transactions run side by side, each writes in the order of these.
	of string
	// locks are what nobody else may lock meanwhile.
	locks []string
	// harmless is one whose caller may leave without knowing what became of it.
	harmless bool
}

// batch is the transaction that ops run in.
type batch struct {
	Tx
	now  time.Time
	keys relay.HashKeys
	jobs []river.InsertManyParams
	// trace is that of the op that runs.
	trace string
	// hashes says whether any suppression is hashed; nil where nobody has looked yet.
	hashes *bool
}

// writer puts writes into transactions. All its goroutines take from one queue.
type writer struct {
	Options
	ops    chan *op
	mu     sync.RWMutex // held for reading while sending to ops, so that it is not closed meanwhile
	closed bool
	loops  sync.WaitGroup
}

func startWriter(ctx context.Context, o Options, loops int) *writer {
	w := &writer{Options: o, ops: make(chan *op, cmp.Or(o.QueueLimit, DefaultQueueLimit))}
	for range loops {
		w.loops.Go(func() { w.loop(ctx) })
	}
	return w
}

// stop refuses further writes and returns when those that wait are done.
func (w *writer) stop() {
	w.mu.Lock()
	w.closed = true
	close(w.ops)
	w.mu.Unlock()
	w.loops.Wait()
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

// on says what is written to and what is locked for it, with that patience.
func (p patience) on(id string, locks ...string) write {
	return write{patience: p, of: id, locks: locks}
}

// do runs a write in a transaction, shared with others that wait, and returns when it is on disk. Where ctx ends before
// the write was begun it is not done and ctx's error comes back; once begun, its own result does, whatever ctx says. So
// an error always means that nothing was kept.
func do[T any](ctx context.Context, s *Tables, w write, run func(context.Context, *batch) (T, error)) (T, error) {
	var result, none T
	if s.writer == nil {
		return none, ErrReadOnly
	}
	o := &op{write: w, trace: store.TraceOf(ctx), done: make(chan error, 1), run: func(ctx context.Context, b *batch) (err error) {
		result, err = run(ctx, b)
		return err
	}}
	lane := s.writer
	if len(w.locks) > 0 {
		lane = s.lane(w.locks[0])
	}
	if err := lane.submit(ctx, o); err != nil {
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
	if o.state.CompareAndSwap(opWaiting, opAbandoned) || w.harmless {
		return none, ctx.Err()
	}
	if err := <-o.done; err != nil {
		return none, err
	}
	return result, nil
}

// lane is the writer of what locks a name first.
func (s *Tables) lane(name string) *writer {
	if len(s.lockers) == 1 {
		return s.lockers[0]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // it never fails
	return s.lockers[int(h.Sum32())%len(s.lockers)]
}

func (w *writer) submit(ctx context.Context, o *op) error {
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
	if o.patience == hasty {
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
	for locks := len(first.locks); len(ops) < maxBatch && (w.Writers <= 1 || locks < maxLocks); {
		select {
		case o, open := <-w.ops:
			if !open {
				return ops
			}
			take(o)
			locks += len(o.locks)
		default:
			return ops
		}
	}
	return ops
}

// commit runs the ops in one transaction. Where it failed on one of them each runs alone, so that a bad one fails no neighbour.
func (w *writer) commit(ctx context.Context, ops []*op) {
	results, err := w.persist(ctx, ops)
	switch {
	case err == nil:
		for i, o := range ops {
			o.done <- results[i]
		}
	case len(ops) == 1 || w.fault(err) == FaultDatabase:
		for _, o := range ops {
			o.done <- err
		}
	default:
		for _, o := range ops {
			w.commit(ctx, []*op{o})
		}
	}
}

func (w *writer) fault(err error) Fault {
	switch {
	case errors.Is(err, ErrRaced):
		return FaultRace
	case w.Fault == nil:
		return FaultWrite
	default:
		return w.Fault(err)
	}
}

// maxRaces is how often a transaction is tried that others get in the way of.
const maxRaces = 5

// persist runs the ops in one transaction, again where others got in between.
func (w *writer) persist(ctx context.Context, ops []*op) (results []error, err error) {
	if w.Writers > 1 {
		slices.SortStableFunc(ops, func(a, b *op) int { return cmp.Compare(a.of, b.of) })
	}
	for range maxRaces {
		results, err = w.transact(ctx, ops)
		if err == nil || w.fault(err) != FaultRace {
			break
		}
	}
	return results, err
}

// transact runs the ops and inserts their jobs. A result is nil, store.ErrConflict or store.ErrNotFound, which ops give
// before they write anything; every other error fails, and rolls back, them all.
func (w *writer) transact(ctx context.Context, ops []*op) (results []error, err error) {
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	tx, err := w.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	b := &batch{Tx: tx, now: w.Now(), keys: w.keys()}
	if results, err = b.run(ctx, ops); err != nil {
		tx.Rollback(ctx)
		return nil, err
	}
	return results, tx.Commit(ctx, b.jobs)
}

func (b *batch) run(ctx context.Context, ops []*op) ([]error, error) {
	var locks []string
	for _, o := range ops {
		locks = append(locks, o.locks...)
	}
	if len(locks) > 0 {
		if err := b.Lock(ctx, locks); err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
	}
	results := make([]error, len(ops))
	for i, o := range ops {
		results[i] = protect(ctx, b, o)
		if r := results[i]; r != nil && !errors.Is(r, store.ErrConflict) && !errors.Is(r, store.ErrNotFound) {
			return nil, r
		}
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
	b.trace = o.trace
	return o.run(ctx, b)
}

// wake inserts a job when the batch commits.
func (b *batch) wake(args river.JobArgs, queue string, at time.Time) {
	if b.trace != "" {
		args = traced(args, b.trace)
	}
	b.jobs = append(b.jobs, WakeUp(args, queue, at, b.now))
}

func traced(args river.JobArgs, trace string) river.JobArgs {
	switch a := args.(type) {
	case store.DueArgs:
		a.Trace = trace
		return a
	case store.DeliveryArgs:
		a.Trace = trace
		return a
	}
	return args
}

// WakeUp is a job that comes at the given time. One that is close comes at once, and its worker snoozes the rest.
func WakeUp(args river.JobArgs, queue string, at, now time.Time) river.InsertManyParams {
	opts := &river.InsertOpts{Queue: queue, MaxAttempts: maxAttempts}
	if at.Sub(now) >= store.NearFuture {
		opts.ScheduledAt = at
	}
	return river.InsertManyParams{Args: args, InsertOpts: opts}
}
