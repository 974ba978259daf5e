package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Target is what load goes to.
type Target struct {
	// Dial makes the Caller of one connection.
	Dial func(ctx context.Context) (Caller, error)
	// Next numbers the requests. It is shared by those that follow one another, so that no number comes twice.
	Next *atomic.Int64
}

// Load is what was seen. Only the time after the warming up counts.
type Load struct {
	// OK were answered 200, Other something else, Failed not at all.
	OK, Other, Failed int64
	// First is a fault, where there was one.
	First error
	// Elapsed is how long was measured.
	Elapsed time.Duration
	// Latency of all that were answered 200.
	Latency *Latency
	// Late is by how much the generator itself began requests late, in open loop. It is part of Latency.
	Late *Latency
	// Starts are when the requests were due that were answered 200, in open loop, in no order.
	Starts []Start
}

// Start is when a request was due to begin.
type Start struct {
	N   int64
	Due time.Time
}

// Rate is how many were answered 200 a second.
func (l Load) Rate() float64 { return float64(l.OK) / l.Elapsed.Seconds() }

// Check is an error unless all were answered 200.
func (l Load) Check() error {
	if l.OK > 0 && l.Other == 0 && l.Failed == 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("%d were answered 200, %d something else, %d not at all", l.OK, l.Other, l.Failed), l.First)
}

func (l *Load) add(other Load) {
	l.OK += other.OK
	l.Other += other.Other
	l.Failed += other.Failed
	if l.First == nil {
		l.First = other.First
	}
	l.Latency.Merge(other.Latency)
	l.Late.Merge(other.Late)
	l.Starts = append(l.Starts, other.Starts...)
}

func newLoad() Load { return Load{Latency: NewLatency(), Late: NewLatency()} }

// saw counts one answer, and reports whether it was 200.
func (l *Load) saw(n int64, status int, err error, took time.Duration) bool {
	switch {
	case err != nil:
		l.Failed++
		err = fmt.Errorf("request %d: %w", n, err)
	case status != http.StatusOK:
		l.Other++
		err = fmt.Errorf("request %d was answered %d", n, status)
	default:
		l.OK++
		l.Latency.Add(took)
		return true
	}
	if l.First == nil {
		l.First = err
	}
	return false
}

// Closed makes requests over so many connections at once, each the next as soon as the last is answered: it finds out how many a
// second a system takes at the most.
type Closed struct {
	Connections   int
	Warm, Measure time.Duration
	// Hold says before each request whether to wait a little; nil never does. It bounds what is under way behind the answers.
	Hold func() bool
}

// holdPause is how long a connection waits before it asks Hold again.
const holdPause = time.Millisecond

// Run makes the requests, until the time is over or ctx ends, which is an error.
func (g Closed) Run(ctx context.Context, target Target) (Load, error) {
	begin := time.Now().Add(g.Warm)
	end := begin.Add(g.Measure)
	return each(ctx, g.Connections, target, func(ctx context.Context, c Caller) Load {
		load := newLoad()
		for start := time.Now(); start.Before(end) && ctx.Err() == nil; start = time.Now() {
			if g.Hold != nil && g.Hold() {
				pause(ctx, start.Add(holdPause))
				continue
			}
			n := target.Next.Add(1)
			status, err := c.Call(ctx, n)
			if ended := time.Now(); ended.After(begin) && ended.Before(end) {
				load.saw(n, status, err, ended.Sub(start))
			} else if err != nil || status != http.StatusOK {
				load.saw(n, status, err, 0)
			}
		}
		return load
	}, g.Measure)
}

// Open makes requests at a rate, whatever is answered and when. It needs as many connections as requests can be under way; where all
// are taken, the next request begins late, and that counts.
type Open struct {
	// Rate is in requests per second.
	Rate          float64
	Connections   int
	Warm, Measure time.Duration
	// Wait waits until a time or until ctx ends; nil is as exact as the system can.
	Wait func(ctx context.Context, until time.Time)
}

// due is when the i-th request is to begin, counted from 0. It is computed anew for each, so that nothing adds up.
func (g Open) due(start time.Time, i int64) time.Time {
	return start.Add(time.Duration(float64(i) / g.Rate * float64(time.Second)))
}

// Run makes the requests, until the time is over or ctx ends, which is an error. All that are due are made.
func (g Open) Run(ctx context.Context, target Target) (Load, error) {
	wait := g.Wait
	if wait == nil {
		wait = waitExactly
	}
	start := time.Now()
	begin := start.Add(g.Warm)
	end := begin.Add(g.Measure)
	var turn atomic.Int64
	return each(ctx, g.Connections, target, func(ctx context.Context, c Caller) Load {
		load := newLoad()
		for {
			due := g.due(start, turn.Add(1)-1)
			if !due.Before(end) {
				return load
			}
			if wait(ctx, due); ctx.Err() != nil {
				return load
			}
			late := time.Since(due)
			n := target.Next.Add(1)
			status, err := c.Call(ctx, n)
			took := time.Since(due)
			if !due.Before(begin) {
				load.Late.Add(late)
				if load.saw(n, status, err, took) {
					load.Starts = append(load.Starts, Start{n, due})
				}
			}
		}
	}, g.Measure)
}

// each lets so many callers work, and adds up what they saw.
func each(ctx context.Context, callers int, target Target, work func(context.Context, Caller) Load, measured time.Duration) (Load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := newLoad()
	all.Elapsed = measured
	var mu sync.Mutex
	var under sync.WaitGroup
	for range callers {
		under.Go(func() {
			c, err := target.Dial(ctx)
			var load Load
			if err != nil {
				load = newLoad()
				load.Failed, load.First = 1, err
			} else {
				load = work(ctx, c)
				_ = c.Close() // nothing more is asked of it
			}
			mu.Lock()
			defer mu.Unlock()
			all.add(load)
		})
	}
	under.Wait()
	return all, ctx.Err()
}

// pause waits until a time or until ctx ends.
func pause(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Turns dials one after the other, for a system of several processes.
func Turns(dials ...func(context.Context) (Caller, error)) func(context.Context) (Caller, error) {
	var turn atomic.Int64
	return func(ctx context.Context) (Caller, error) {
		return dials[(turn.Add(1)-1)%int64(len(dials))](ctx)
	}
}
