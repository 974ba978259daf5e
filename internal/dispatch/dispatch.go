// Package dispatch does what is due: it decides alerts whose time has come, makes the attempts of their deliveries, and keeps
// house (attempts that nobody finished, what is past its retention).
//
// Its River jobs are wake-ups that carry an ID. What they find is in the store, so a job that runs twice, late or after
// a crash does no harm: every step is taken by compare-and-set.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// Provider carries messages of one channel. Send makes one attempt and always says what came of it.
type Provider interface {
	Name() string
	Send(ctx context.Context, delivery relay.Delivery) relay.Outcome
}

// Directory knows people. An error that is ErrUnknownPerson means that nobody has that uid; any other, that a source did
// not answer.
type Directory interface {
	Lookup(ctx context.Context, uid string) (relay.Contact, error)
}

// ErrUnknownPerson is what a Directory answers for a uid that no source has.
var ErrUnknownPerson = errors.New("unknown person")

// Observer is told what happened, for metrics. Its methods must be quick and may be called from many goroutines.
type Observer interface {
	// Decided: an alert fell due and this came of it.
	Decided(alert relay.Alert, decision relay.Decision)
	// Attempted: one call to a provider ended. ctx has its span, where it is traced.
	Attempted(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt)
	// Settled: a delivery reached an end. latency counts from the decision to send, so a rule's wait is not in it.
	Settled(ctx context.Context, delivery relay.Delivery, state relay.DeliveryState, latency time.Duration)
	// ZoneUnknown: a person's time zone is not one that exists.
	ZoneUnknown()
	// Searched: a message whose answer was lost was looked for.
	Searched(delivery relay.Delivery, result Search)
}

// Options are what a Dispatcher works with. All are required but where it is said.
type Options struct {
	Store store.Store
	// Current gives the rules and templates in force; it is asked anew for each decision.
	Current   func() *engine.Generation
	Directory Directory
	// Chat is asked what no webhook says; nil is nobody.
	Chat Chat
	// Links gives the addresses that a message to the contact about the event offers, none where they are empty. It must be quick
	// and change nothing.
	Links func(alert relay.Alert, event relay.Event, contact relay.Contact) render.Links
	// Provider gives the provider in force for a channel; false where none is configured.
	Provider func(relay.Channel) (Provider, bool)
	Observer Observer
	// Tracer makes spans of decisions and attempts; nil makes none.
	Tracer *telemetry.Tracer
	Logger *slog.Logger
	Now    func() time.Time
	// Random in [0,1) jitters retries.
	Random func() float64
	// UnknownWait is how long a delivery whose answer was lost waits before it is sent again.
	UnknownWait time.Duration
	// Retention is how long events and what belongs to them are kept, RetentionMessages how long texts and addresses of deliveries
	// that are done, and RetentionAudit what operators did; 0 is for good.
	Retention, RetentionMessages, RetentionAudit time.Duration
	// Replica names this process among those that share the database.
	Replica string
	// Limits bound the calls on each channel.
	Limits map[relay.Channel]Limits
	// DailySegments is how many SMS segments may go out in a UTC day; 0 is no bound.
	DailySegments int
	// Receipts says on which channels providers tell what became of a message; nil is none.
	Receipts func(relay.Channel) bool
	// Guard gives the Reason why the settings let nothing go out to an address, if there is one; nil forbids none.
	Guard func(relay.Address) relay.Reason
	// Sandbox gives the outbox for an address whose messages must not leave the house; false where they may, as for all where it is
	// nil.
	Sandbox func(relay.Address) (Provider, bool)
}

// How long things may take. A job outlives its attempt, so that the outcome can be written down.
const (
	jobTimeout    = channel.Deadline + 5*time.Second
	lookupTimeout = 5 * time.Second
	// wishesFor is how long a person's wishes count that were read before the person was looked up.
	wishesFor = 100 * time.Millisecond
	// dueWorkers decide, and make first attempts: maxInline of them at most on a channel, so that some are left to decide where the
	// providers of both take ten seconds for each answer.
	dueWorkers = 128
	maxInline  = 48
	// keepPatience is how long a store in trouble is asked to keep an outcome, and keepPause the time between.
	keepPatience = 20 * time.Second
	keepPause    = 200 * time.Millisecond
	// orphanAge is how old an attempt without outcome must be before it counts as lost, where somebody may be at work on it.
	orphanAge = channel.Deadline + keepPatience + 10*time.Second
	// maxResends is how often a message is sent again because the answer was lost: one repeat is possible, not many.
	maxResends = 1
	// maxOrphans is how many attempts of a delivery may end with their process: such a one says nothing of the provider, and mostly no
	// request went out. It is bounded, in case it is the message that ends the process.
	maxOrphans = 3
	houseWork  = 15 * time.Second
	pruneSize  = 500
)

// Dispatcher works what is due.
type Dispatcher struct {
	Options

	gates     map[relay.Channel]*gate
	asking    *asking
	busy      atomic.Int64
	stopHouse context.CancelFunc
	house     sync.WaitGroup
}

// New makes a Dispatcher; Start sets it to work.
func New(o Options) *Dispatcher {
	d := &Dispatcher{Options: o, gates: map[relay.Channel]*gate{}, asking: newAsking()}
	for _, ch := range relay.Channels() {
		d.gates[ch] = newGate(ch, o.Limits[ch], o.Now)
	}
	return d
}

// Reopen has a delivery tried at once on each channel that is stopped: the providers may be others now.
func (d *Dispatcher) Reopen() {
	for _, g := range d.gates {
		g.reopen()
	}
}

// GateState says how a channel's gate stands in this process.
type GateState struct {
	Channel relay.Channel
	// Shut is why no attempts begin but for a probe now and then; none where they do.
	Shut relay.Reason
	// Rate is this process's share in messages per second, 0 where there is no bound.
	Rate float64
	// UnderWay is how many calls are, of at most Concurrency.
	UnderWay, Concurrency int
}

// Gates gives them in the order of relay.Channels.
func (d *Dispatcher) Gates() []GateState {
	var out []GateState
	for _, ch := range relay.Channels() {
		out = append(out, d.gates[ch].state())
	}
	return out
}

// Busy tells how many workers have a job now, and how many there are.
func (d *Dispatcher) Busy() (now, of int) {
	of = dueWorkers
	for _, g := range d.gates {
		of += g.workers()
	}
	return int(d.busy.Load()), of
}

// working counts a worker as busy until the returned function is called.
func (d *Dispatcher) working() func() {
	d.busy.Add(1)
	return func() { d.busy.Add(-1) }
}

// Start takes up what a crash left behind and begins to work. It returns once work has begun.
func (d *Dispatcher) Start(ctx context.Context) error {
	now := d.Now()
	before := now.AddDate(100, 0, 0) // nobody is at work, whatever the clock said then
	if d.Store.Shared() {
		before = now.Add(-orphanAge) // a younger attempt may be another replica's, which is still at it
	}
	lost, err := d.Store.Orphaned(ctx, before, now, now.Add(d.UnknownWait))
	if err != nil {
		return fmt.Errorf("take up attempts without outcome: %w", err)
	}
	if lost > 0 {
		d.Logger.WarnContext(ctx, "attempts without outcome found; they are looked for after BECKON_UNKNOWN_WAIT",
			"count", lost, "wait", d.UnknownWait.String())
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &dueWorker{d: d})
	river.AddWorker(workers, &deliveryWorker{d: d})
	queues := map[string]river.QueueConfig{store.QueueDue: {MaxWorkers: dueWorkers}} // the channels' follow, and may be put down
	err = d.Store.Start(ctx, &river.Config{
		Workers: workers, Queues: queues, JobTimeout: jobTimeout, ErrorHandler: failures{d.Logger},
		Logger: slog.New(warnings{d.Logger.Handler()}),
	})
	if err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	for _, g := range d.gates {
		if err := d.Store.Queue(ctx, g.channel, g.workers()); err != nil {
			return fmt.Errorf("start the queue: %w", errors.Join(err, d.Store.Stop(ctx)))
		}
	}
	house, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopHouse = stop
	d.house.Go(func() { d.keepHouse(house) })
	d.house.Go(func() { d.beat(house) })
	for _, g := range d.gates {
		k := &keeper{d: d, gate: g}
		d.house.Go(func() { k.run(house) })
	}
	return nil
}

// Stop claims no more work and waits for what is under way until ctx ends. An attempt once begun is finished.
func (d *Dispatcher) Stop(ctx context.Context) error {
	if d.stopHouse != nil {
		d.stopHouse()
		defer d.house.Wait() // a probe may be under way, and no work is claimed meanwhile
	}
	if err := d.Store.Stop(ctx); err != nil {
		return fmt.Errorf("stop the queue: %w", err)
	}
	return nil
}

// keepHouse looks now and then for attempts that nobody finished and for what is past its retention.
func (d *Dispatcher) keepHouse(ctx context.Context) {
	tick := time.NewTicker(houseWork)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.houseKeeping(ctx); err != nil && ctx.Err() == nil {
			d.Logger.ErrorContext(ctx, "housekeeping failed; it is tried again", "error", err)
		}
	}
}

func (d *Dispatcher) houseKeeping(ctx context.Context) error {
	now := d.Now()
	if _, err := d.Store.Orphaned(ctx, now.Add(-orphanAge), now, now.Add(d.UnknownWait)); err != nil {
		return fmt.Errorf("look for attempts without outcome: %w", err)
	}
	for _, kind := range []struct {
		what  string
		kept  time.Duration
		prune func(ctx context.Context, before time.Time, limit int) (int, error)
	}{
		{"events", d.Retention, d.Store.Prune},
		{"messages", d.RetentionMessages, d.Store.Blank},
		{"the audit", d.RetentionAudit, d.Store.PruneAudit},
		{"counters", talliesKept(d.Retention), d.Store.PruneTallies},
	} {
		for n := pruneSize; kind.kept > 0 && n >= pruneSize; {
			var err error
			if n, err = kind.prune(ctx, now.Add(-kind.kept), pruneSize); err != nil {
				return fmt.Errorf("prune %s: %w", kind.what, err)
			}
		}
	}
	return nil
}

// mostTallies is how long counters are kept at the most: nobody looks further back.
const mostTallies = 30 * 24 * time.Hour

// talliesKept is how long counters are kept: as long as events, which they count.
func talliesKept(retention time.Duration) time.Duration {
	if retention == 0 {
		return mostTallies
	}
	return min(retention, mostTallies)
}

// warnings is a log handler that passes nothing below a warning: River tells of its own well-being every few seconds.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// failures logs jobs that failed; River runs them again by the store's retry policy.
type failures struct{ logger *slog.Logger }

// HandleError implements river.ErrorHandler.
func (f failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.logger.ErrorContext(ctx, "a job failed and is tried again", "kind", job.Kind, "attempt", job.Attempt, "error", err)
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (f failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	f.logger.ErrorContext(ctx, "a job panicked and is tried again", "kind", job.Kind, "attempt", job.Attempt,
		"type", fmt.Sprintf("%T", value), "trace", trace)
	return nil
}
