package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

const (
	// heldAlerts all fall due at once.
	heldAlerts, heldQuick = 100_000, 5_000
	// settling is how long a relay has run with them when its memory is read, and drainTime how long its peak is looked for.
	settling, drainTime = 10 * time.Second, 3 * time.Minute
	// held is how long alerts wait: longer than it takes to make them.
	heldFor = 30 * time.Minute
	// fillSome is how many are made to find out how long all will take, fillMargin how much longer than that they may.
	fillSome, fillMargin = 4000, 1.7
)

// waiting lets alerts wait for as long as it says, and texts them then.
const waiting = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, wait: %s, unless: [read], urgent: true, limits: off, send: [ { sms: mention } ] }
`

// measureHeld fills a database with alerts that all wait for the same second, starts a relay on it and looks at its memory, before and
// after that second, until all are sent.
func measureHeld(ctx context.Context, b *bench) (_ results, err error) {
	n := heldAlerts
	if b.quick {
		n = heldQuick
	}
	p, sink, err := b.sink(ctx)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	each, err := b.fillTime(ctx, sink)
	if err != nil {
		return results{}, err
	}
	s, err := b.relay(fmt.Sprintf(waiting, heldFor), sink)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	start := time.Now()
	due := start.Add(time.Duration(float64(n)*float64(each)*fillMargin) + 2*settling)
	if err := b.fill(ctx, s, n, due.Add(-heldFor)); err != nil {
		return results{}, err
	}
	b.say("%s alerts were made in %s, all due in %s", count(n), time.Since(start).Round(time.Second), time.Until(due).Round(time.Second))
	seen, err := b.drain(ctx, s, sink, n, due)
	if err != nil {
		return results{}, err
	}
	b.say("%d held alerts: %.0f MB; all due: at most %.0f MB, %d sent in %s", n, mb(seen.held), mb(seen.peak), seen.sent, seen.took.Round(time.Second))
	return results{Goals: []goal{
		{Name: "held", What: count(n) + " held alerts: resident memory", Bound: 100, Unit: "MB", Samples: loadtest.Samples{mb(seen.held)}},
		{
			Name: "due", What: "all due in the same second: peak", Bound: 150, Unit: "MB", Samples: loadtest.Samples{mb(seen.peak)},
			Parts: []part{
				{"sent, of " + count(n), "", loadtest.Samples{float64(seen.sent)}},
				{"sent a second", "/s", loadtest.Samples{float64(seen.sent) / seen.took.Seconds()}},
				{"how late the first came", "ms", loadtest.Samples{ms(seen.first)}},
			},
		},
	}}, nil
}

// fillTime is how long it takes to make one alert that waits.
func (b *bench) fillTime(ctx context.Context, sink loadtest.SinkClient) (_ time.Duration, err error) {
	s, err := b.relay(fmt.Sprintf(waiting, heldFor), sink)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	start := time.Now()
	err = b.fill(ctx, s, fillSome, start)
	return time.Since(start) / fillSome, err
}

// drained is what was seen of a relay whose alerts all fell due.
type drained struct {
	// held and peak are bytes: before they were due, and at most from then on.
	held, peak int64
	// first is when the first message came after they were due, took when the last did.
	first, took time.Duration
	// sent is how many were, fewer than all where drainTime was not enough.
	sent int64
}

func (b *bench) drain(ctx context.Context, s setup, sink loadtest.SinkClient, n int, due time.Time) (seen drained, err error) {
	r, err := b.serve(ctx, s)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	before, err := sink.Count(ctx)
	if err != nil {
		return seen, err
	}
	if left := time.Until(due); left < settling/2 || before > 0 {
		return seen, fmt.Errorf("the machine is too slow for it: the relay was ready %s before the alerts are due", left.Round(time.Second))
	}
	if err := wait(ctx, time.Until(due)-time.Second); err != nil {
		return seen, err
	}
	held, err := r.Memory()
	if err != nil {
		return seen, err
	}
	seen.held = held.Resident
	if err := r.ForgetPeak(); err != nil {
		return seen, err
	}
	for {
		sent, err := sink.Count(ctx)
		if err != nil {
			return seen, err
		}
		since := time.Since(due)
		if sent > 0 && seen.first == 0 {
			seen.first = since
		}
		if seen.sent = sent; sent >= int64(n) || since > drainTime {
			seen.took = since
			most, err := r.Memory()
			seen.peak = most.Peak
			return seen, err
		}
		if err := wait(ctx, lookEvery); err != nil {
			return seen, err
		}
	}
}
