package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// measureIdle looks at a relay that has nothing to do.
func measureIdle(ctx context.Context, b *bench) (results, error) {
	var fresh, again, memory, own, cpu loadtest.Samples
	for range b.rounds {
		seen, err := b.idleOnce(ctx)
		if err != nil {
			return results{}, err
		}
		fresh, again = append(fresh, ms(seen.fresh)), append(again, ms(seen.again))
		memory, own, cpu = append(memory, mb(seen.memory.Resident)), append(own, mb(seen.memory.Own)), append(cpu, 100*seen.cpu)
		b.say("idle: ready after %s, and %s with a new database; %.0f MB, of which %.0f are its own; %.1f %% of a core", seen.again.Round(time.Millisecond),
			seen.fresh.Round(time.Millisecond), mb(seen.memory.Resident), mb(seen.memory.Own), 100*seen.cpu)
	}
	return results{Goals: []goal{
		{Name: "idle-cpu", What: "idle CPU of one core", Bound: 3, Unit: "%", Samples: cpu},
		{
			Name: "idle-memory", What: "idle resident memory", Bound: 40, Unit: "MB", Samples: memory,
			Parts: []part{{"of it its own, without pages of the executable", "MB", own}},
		},
		{
			Name: "ready", What: "start to ready", Bound: 300, Unit: "ms", Samples: again,
			Parts: []part{{"with a new database, whose tables are made", "ms", fresh}},
		},
	}}, nil
}

// mb is in millions of bytes.
func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

type idle struct {
	fresh, again time.Duration
	memory       loadtest.Memory
	// cpu is a share of one core.
	cpu float64
}

func (b *bench) idleOnce(ctx context.Context) (seen idle, err error) {
	s, err := b.asShipped()
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	first, err := b.serve(ctx, s)
	if err != nil {
		return seen, err
	}
	seen.fresh = first.Ready
	if err := first.Stop(); err != nil {
		return seen, err
	}
	r, err := b.serve(ctx, s)
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	seen.again = r.Ready
	// What is done once after a start is not idling.
	if err := wait(ctx, b.for1(8*time.Second, 2*time.Second)); err != nil {
		return seen, err
	}
	before, err := r.CPU()
	if err != nil {
		return seen, err
	}
	began := time.Now()
	if err := wait(ctx, b.for1(10*time.Second, 3*time.Second)); err != nil {
		return seen, err
	}
	after, err := r.CPU()
	if err != nil {
		return seen, err
	}
	seen.cpu = float64(after-before) / float64(time.Since(began))
	seen.memory, err = r.Memory()
	return seen, err
}

// asShipped is a relay with the rules that are shipped beside the templates, and no rates or bounds but its own.
func (b *bench) asShipped() (setup, error) {
	rules, err := os.ReadFile(filepath.Join(filepath.Dir(b.templates), "rules.yaml"))
	if err != nil {
		return setup{}, err
	}
	s, err := b.relay(string(rules), nowhere())
	for _, name := range []string{"BECKON_SMS_RATE", "BECKON_EMAIL_RATE", "BECKON_SMS_CONCURRENCY", "BECKON_EMAIL_CONCURRENCY"} {
		delete(s.env, name)
	}
	return s, err
}
