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
	// usualRate is that of a busy app, in webhooks per second, and usualConnections as many as can be under way at it.
	usualRate        = 200
	usualConnections = 64
	// syncs are how often the disk is asked before and after each run.
	syncs = 100
	// arrival is how long the last messages have to reach the sink.
	arrival = 10 * time.Second
)

// measureLatency compares the time of an answer with that of the disk: a webhook is answered when it is on disk, so it cannot be less.
func measureLatency(ctx context.Context, b *bench) (results, error) {
	var p50, p99, late, disk loadtest.Samples
	for range b.rounds {
		load, sync, err := b.latencyOnce(ctx)
		if err != nil {
			return results{}, err
		}
		p50, p99 = append(p50, ms(load.Latency.Quantile(0.5))), append(p99, ms(load.Latency.Quantile(0.99)))
		late, disk = append(late, ms(load.Late.Quantile(0.5))), append(disk, ms(sync.Quantile(0.5)))
		b.say("accept at %d/s: %s; the generator was late by %s; fsync %s", usualRate, load.Latency, load.Late.Quantile(0.5), sync)
	}
	return results{Goals: []goal{{
		Name: "latency", What: "accept latency at 200/s, p50 over the disk's own fsync time in the same run", Bound: 6, Unit: "×",
		Samples: p50.Over(disk),
		Parts: []part{
			{"p50 of the answer", "ms", p50},
			{"p99", "ms", p99},
			{"fsync of 4 KiB, p50", "ms", disk},
			{"of the first, how late the generator was", "ms", late},
		},
	}}}, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (b *bench) latencyOnce(ctx context.Context) (load loadtest.Load, sync *loadtest.Latency, err error) {
	s, err := b.relay(holding, nowhere())
	if err != nil {
		return load, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	r, err := b.serve(ctx, s)
	if err != nil {
		return load, nil, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	if sync, err = loadtest.SyncTimes(ctx, s.dir, syncs, time.Second/usualRate); err != nil {
		return load, nil, err
	}
	if load, err = b.atRate(ctx, r.Public); err != nil {
		return load, nil, err
	}
	after, err := loadtest.SyncTimes(ctx, s.dir, syncs, time.Second/usualRate)
	if err != nil {
		return load, nil, err
	}
	sync.Merge(after)
	return load, sync, nil
}

// atRate posts as a busy app does.
func (b *bench) atRate(ctx context.Context, address string) (loadtest.Load, error) {
	target, err := b.target(address)
	if err != nil {
		return loadtest.Load{}, err
	}
	load, err := loadtest.Open{
		Rate: usualRate, Connections: usualConnections, Warm: b.for1(2*time.Second, time.Second), Measure: b.for1(10*time.Second, 2*time.Second),
	}.Run(ctx, target)
	if err == nil {
		err = load.Check()
	}
	return load, err
}

// measureEndToEnd follows each webhook to its message.
func measureEndToEnd(ctx context.Context, b *bench) (_ results, err error) {
	p, sink, err := b.sink(ctx)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	var p50, p99, most loadtest.Samples
	for range b.rounds {
		took, err := b.endToEndOnce(ctx, sink)
		if err != nil {
			return results{}, err
		}
		p50, p99, most = append(p50, ms(took.Quantile(0.5))), append(p99, ms(took.Quantile(0.99))), append(most, ms(took.Max()))
		b.say("end to end at %d/s: %s", usualRate, took)
	}
	what := "end to end at 200/s, no wait, SQLite: "
	return results{Goals: []goal{
		{Name: "p50", What: what + "p50", Bound: 40, Unit: "ms", Samples: p50},
		{Name: "p99", What: what + "p99", Bound: 120, Unit: "ms", Samples: p99, Parts: []part{{"the slowest", "ms", most}}},
	}}, nil
}

// endToEndOnce is how long each took from when it was due to be posted until it was at the provider.
func (b *bench) endToEndOnce(ctx context.Context, sink loadtest.SinkClient) (took *loadtest.Latency, err error) {
	s, err := b.relay(atOnce, sink)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	r, err := b.serve(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	from := b.next.Load() + 1
	load, err := b.atRate(ctx, r.Public)
	if err != nil {
		return nil, err
	}
	return journeys(ctx, sink, load, from, b.next.Load()+1)
}

// journeys waits until the message of each webhook has come. One that came twice or not at all is an error: no number counts that was
// reached by losing or repeating.
func journeys(ctx context.Context, sink loadtest.SinkClient, load loadtest.Load, from, to int64) (*loadtest.Latency, error) {
	deadline := time.Now().Add(arrival)
	for {
		seen, err := sink.Times(ctx, from, to)
		if err != nil {
			return nil, err
		}
		if int64(len(seen)) == to-from {
			return matched(seen, load)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("of %d webhooks %d had become messages after %s", to-from, len(seen), arrival)
		}
		if err := wait(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

func matched(seen []loadtest.Seen, load loadtest.Load) (*loadtest.Latency, error) {
	came := make(map[int64]loadtest.Seen, len(seen))
	for _, s := range seen {
		if s.Times != 1 {
			return nil, fmt.Errorf("the message of webhook %d came %d times", s.N, s.Times)
		}
		came[s.N] = s
	}
	took := loadtest.NewLatency()
	for _, start := range load.Starts {
		took.Add(came[start.N].First.Sub(start.Due))
	}
	return took, nil
}

// wait waits, unless ctx ends, which is an error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
