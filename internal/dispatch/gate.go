package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Limits bound the calls to a channel's provider.
type Limits struct {
	// Rate is in messages per second, for all replicas together; 0 is no bound.
	Rate float64
	// Concurrency is how many calls are under way at once in this process, at least 1.
	Concurrency int
}

const (
	// patience is how long a worker of a channel's queue waits to begin an attempt, before it lets others go first.
	patience = 3 * time.Second
	// breakerAfter is how many failures of the provider in a row open the breaker, and probeEvery how often one delivery is let
	// through a gate that is shut, to see whether it goes again.
	breakerAfter = 5
	probeEvery   = 30 * time.Second
	// maxSlow bounds how long one answer's Retry-After slows the whole channel down. Its own delivery waits in full.
	maxSlow = 5 * time.Minute
	// mostGuessed bounds it where the answer named no time.
	mostGuessed = 30 * time.Second
	// minWorkers is how few workers a channel's queue has, however low its rate: a slow answer must not stop the channel.
	minWorkers = 4
)

// Errors that the breaker is told of. errUnused says that nothing was learnt about the provider.
var (
	errTrouble = errors.New("trouble at the provider")
	errUnused  = errors.New("no call was made")
)

// gate lets attempts on a channel begin, in this process: not faster than its rate, not more at once than its concurrency, and none
// while the provider is in trouble, refuses our settings or has asked to slow down, but for a probe now and then. What it keeps out is
// not begun, so it costs no delivery an attempt.
type gate struct {
	channel relay.Channel
	limits  Limits
	now     func() time.Time
	// limiter is nil where there is no bound. slots are for all calls, inline for those that due workers make themselves.
	limiter       *rate.Limiter
	slots, inline chan struct{}
	// news is sent to when the gate may have been shut or opened.
	news chan struct{}
	// finding is held while a message in the provider's list is taken for a delivery's.
	finding sync.Mutex
	// listless is done once it was told that the provider's list cannot be read.
	listless sync.Once
	// worked counts the jobs of the channel's queue.
	worked atomic.Int64

	mu       sync.Mutex
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	replicas int
	// wrong is why the channel is stopped: the outcome that showed that the configuration is bad, or what a probe met since then; nil
	// where it is not. probeAt is when one delivery is let through all the same.
	wrong   *relay.Outcome
	probeAt time.Time
	// reopened says that what waits for the gate is to be looked at, whatever time it has.
	reopened bool
	// slowUntil is what the provider asked for.
	slowUntil time.Time
}

func newGate(ch relay.Channel, limits Limits, now func() time.Time) *gate {
	limits.Concurrency = max(1, limits.Concurrency)
	g := &gate{
		channel: ch, limits: limits, now: now, slots: make(chan struct{}, limits.Concurrency),
		inline: make(chan struct{}, max(1, min(limits.Concurrency/2, maxInline))), news: make(chan struct{}, 1), breaker: newBreaker(),
	}
	if limits.Rate > 0 {
		g.limiter = rate.NewLimiter(0, 1)
	}
	g.share(1)
	return g
}

func newBreaker() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     probeEvery,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errUnused) },
	})
}

// share divides the rate by how many replicas work. A burst is a second's worth.
func (g *gate) share(replicas int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if replicas = max(1, replicas); replicas == g.replicas {
		return
	}
	g.replicas = replicas
	if g.limiter != nil {
		now, own := g.now(), g.limits.Rate/float64(replicas)
		g.limiter.SetLimitAt(now, rate.Limit(own))
		g.limiter.SetBurstAt(now, max(1, int(own)))
	}
}

// workers is how many work the channel's queue: three seconds' worth, which is how long each may wait.
func (g *gate) workers() int {
	if g.limits.Rate <= 0 {
		return g.limits.Concurrency
	}
	worth := math.Ceil(g.limits.Rate * patience.Seconds())
	return int(max(min(float64(minWorkers), float64(g.limits.Concurrency)), min(worth, float64(g.limits.Concurrency))))
}

// manner is how somebody comes to a gate.
type manner int

const (
	// atOnce is a due worker, which does not wait.
	atOnce manner = iota
	// patiently is a worker of the channel's queue.
	patiently
)

// refusal is why an attempt may not begin now, and after how long to come again.
type refusal struct {
	reason relay.Reason
	wait   time.Duration
}

// Error implements error.
func (r *refusal) Error() string {
	return fmt.Sprintf("no attempt may begin now (%s); again in %s", r.reason, r.wait)
}

// enter gives a pass, or a *refusal. Whoever comes patiently is kept waiting before being refused, so that a backlog does not turn
// round and round.
func (g *gate) enter(ctx context.Context, how manner) (*pass, error) {
	p := &pass{gate: g}
	if err := p.admit(ctx, how); err != nil {
		p.waive()
		return nil, err
	}
	return p, nil
}

// open fails while the gate is shut, unless it is time for a probe. It tells how long the provider wants to be left in peace.
func (g *gate) open(p *pass) (slow time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if slow = g.slow(now); slow > patience {
		return slow, &refusal{relay.ReasonThrottled, slow}
	}
	if g.wrong != nil {
		if !g.probeDue(now) {
			return 0, &refusal{stopped(*g.wrong), probeEvery}
		}
		g.probeAt, p.probe = now.Add(probeEvery), true
	}
	return slow, nil
}

// probeDue and slow do not trust a clock that was put back.
func (g *gate) probeDue(now time.Time) bool {
	return !now.Before(g.probeAt) || g.probeAt.Sub(now) > probeEvery
}

func (g *gate) slow(now time.Time) time.Duration {
	if left := g.slowUntil.Sub(now); left > 0 && left <= maxSlow {
		return left
	}
	return 0
}

// reserve takes a place in the order of the rate, and tells when its turn comes; none where that takes longer than it may.
func (g *gate) reserve(most time.Duration) time.Duration {
	if g.limiter == nil {
		return 0
	}
	now := g.now()
	place := g.limiter.ReserveN(now, 1)
	wait := place.DelayFrom(now)
	if wait > most {
		place.CancelAt(now)
	}
	return wait
}

// allow asks the breaker.
func (g *gate) allow() (tell func(error), probe bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	tell, err = g.breaker.Allow()
	if err != nil {
		return nil, false, &refusal{relay.ReasonProviderTrouble, probeEvery}
	}
	return tell, g.breaker.State() != gobreaker.StateClosed, nil
}

// learn takes in what an attempt came to.
func (g *gate) learn(outcome relay.Outcome, probe bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	switch {
	case misconfigured(outcome):
		if g.wrong == nil {
			g.probeAt = now.Add(probeEvery)
		}
		g.wrong = &outcome
	case probe && g.wrong != nil && troubled(outcome):
		g.wrong = &outcome // nobody knows whether the settings are right now
	case probe && outcome.Blame != relay.BlameProvider:
		g.wrong = nil // it answered, and not that
	}
	if outcome.Reason == relay.ReasonThrottled && outcome.RetryAfter > 0 {
		if until := now.Add(min(outcome.RetryAfter, maxSlow)); until.After(g.slowUntil) || g.slow(now) == 0 {
			g.slowUntil = until
		}
	}
}

// misconfigured tells whether an outcome will be that of every other delivery, too, until somebody mends the settings.
func misconfigured(o relay.Outcome) bool {
	return o.Kind == relay.Retry && o.Blame == relay.BlameConfig
}

// stopped is the reason that a channel stands still for because of an outcome.
func stopped(o relay.Outcome) relay.Reason {
	if troubled(o) {
		return relay.ReasonProviderTrouble
	}
	return relay.ReasonMisconfigured
}

// troubled tells whether an outcome is the provider's failure: no connection, no answer, a 5xx. To ask for less is none.
func troubled(o relay.Outcome) bool {
	return o.Blame == relay.BlameProvider && o.Reason != relay.ReasonThrottled
}

// reopen lets a probe through at once, because the provider is a new one.
func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.breaker, g.slowUntil, g.probeAt, g.reopened = newBreaker(), time.Time{}, g.now(), true
	g.tidings()
}

// wasReopened tells, once, that the gate was.
func (g *gate) wasReopened() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.reopened
	g.reopened = false
	return was
}

// unprobed gives back the turn of a probe that made no call.
func (g *gate) unprobed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probeAt = g.now()
}

// tidings wakes up who keeps the gate.
func (g *gate) tidings() {
	select {
	case g.news <- struct{}{}:
	default:
	}
}

// standing is why the gate is shut, none where it is open, and whether a probe may pass now.
type standing struct {
	reason relay.Reason
	wrong  relay.Outcome
	probe  bool
	// left is for how long, where that is known.
	left time.Duration
}

func (g *gate) standing() standing {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, state := g.now(), g.breaker.State()
	switch slow := g.slow(now); {
	case g.wrong != nil:
		return standing{reason: stopped(*g.wrong), wrong: *g.wrong, probe: g.probeDue(now) && slow == 0}
	case state != gobreaker.StateClosed:
		return standing{reason: relay.ReasonProviderTrouble, probe: state == gobreaker.StateHalfOpen && slow == 0}
	case slow > 0:
		return standing{reason: relay.ReasonThrottled, left: slow}
	}
	return standing{}
}

// state is for metrics.
func (g *gate) state() GateState {
	out := GateState{
		Channel: g.channel, Shut: g.standing().reason, UnderWay: len(g.slots), Concurrency: g.limits.Concurrency,
	}
	if g.limiter != nil {
		out.Rate = float64(g.limiter.Limit())
	}
	return out
}
