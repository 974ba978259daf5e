package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// acceptors are how many connections post at once.
const acceptors = 128

// unwanted are rules that want something else than a mention.
const unwanted = `version: 1
rules:
  - { name: missed-call, trigger: call_initiated, to: callee, wait: 1h, unless: [answered], urgent: true, send: [ { sms: missed-call } ] }
`

func measureAccept(ctx context.Context, b *bench) (results, error) {
	return b.overDecoder(ctx, "accept", goal{
		Name: "accept", What: "durable accept (matched event, SQLite FULL, 128 connections) / Echo that only decodes the same body",
		Bound: 0.30, AtLeast: true,
	}, func(ctx context.Context) (busy, error) { return b.acceptOnce(ctx, holding, nil) })
}

func measureWanted(ctx context.Context, b *bench) (results, error) {
	return b.overDecoder(ctx, "unwanted", goal{
		Name: "wanted", What: "accept of events no rule wants, `BECKON_KEEP=wanted` / same", Bound: 0.75, AtLeast: true,
	}, func(ctx context.Context) (busy, error) {
		return b.acceptOnce(ctx, unwanted, map[string]string{"BECKON_KEEP": "wanted"})
	})
}

// busy is a process at its limit.
type busy struct {
	loadtest.Load

	// cpu is its own processor time for one request.
	cpu time.Duration
}

// overDecoder lets both take turns.
func (b *bench) overDecoder(ctx context.Context, what string, g goal, once func(context.Context) (busy, error)) (results, error) {
	var ours, theirs, nothing, ourCPU, theirCPU loadtest.Samples
	for range b.rounds {
		for _, turn := range []struct {
			run       func(context.Context) (busy, error)
			rate, cpu *loadtest.Samples
		}{
			{func(ctx context.Context) (busy, error) { return b.serverOnce(ctx, "_decoder") }, &theirs, &theirCPU},
			{once, &ours, &ourCPU},
			{func(ctx context.Context) (busy, error) { return b.serverOnce(ctx, "_nothing") }, &nothing, nil},
		} {
			seen, err := turn.run(ctx)
			if err != nil {
				return results{}, err
			}
			*turn.rate = append(*turn.rate, seen.Rate())
			if turn.cpu != nil {
				*turn.cpu = append(*turn.cpu, us(seen.cpu))
			}
		}
		b.say("%s %.0f/s (%.0f µs of a processor each), decoder %.0f/s (%.0f µs), empty handler %.0f/s", what, ours[len(ours)-1], ourCPU[len(ourCPU)-1],
			theirs[len(theirs)-1], theirCPU[len(theirCPU)-1], nothing[len(nothing)-1])
	}
	g.Samples = ours.Over(theirs)
	g.Parts = []part{
		{"Beckon", "/s", ours},
		{"Echo that only decodes", "/s", theirs},
		{"empty handler", "/s", nothing},
		{"Beckon's processor time per event", "µs", ourCPU},
		{"Echo's", "µs", theirCPU},
		{"Echo's over Beckon's", "", theirCPU.Over(ourCPU)},
	}
	return results{Goals: []goal{g}}, nil
}

// acceptOnce is how many webhooks a second a new relay takes.
func (b *bench) acceptOnce(ctx context.Context, rules string, env map[string]string) (seen busy, err error) {
	s, err := b.relay(rules, nowhere())
	if err != nil {
		return busy{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	maps.Copy(s.env, env)
	seen, _, err = b.serveAtLimit(ctx, s, acceptors)
	return seen, err
}

// serverOnce is how many an anchor takes.
func (b *bench) serverOnce(ctx context.Context, name string) (seen busy, err error) {
	p, address, err := b.lab.ServeOwn(ctx, name)
	if err != nil {
		return busy{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	return b.atLimit(ctx, p, address)
}

// atLimit posts as fast as is taken.
func (b *bench) atLimit(ctx context.Context, p *loadtest.Process, address string) (busy, error) {
	target, err := b.target(address)
	if err != nil {
		return busy{}, err
	}
	return b.atLimitOf(ctx, p, target, acceptors)
}

// atLimitOf posts over so many connections as fast as is taken.
func (b *bench) atLimitOf(ctx context.Context, p *loadtest.Process, target loadtest.Target, connections int) (busy, error) {
	before, err := p.CPU()
	if err != nil {
		return busy{}, err
	}
	load := loadtest.Closed{Connections: connections, Warm: b.for1(time.Second, 300*time.Millisecond), Measure: b.for1(4*time.Second, 1500*time.Millisecond)}
	from := b.next.Load()
	seen, err := load.Run(ctx, target)
	if err == nil {
		err = seen.Check()
	}
	if err != nil {
		return busy{}, err
	}
	after, err := p.CPU()
	return busy{Load: seen, cpu: (after - before) / time.Duration(b.next.Load()-from)}, err
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
