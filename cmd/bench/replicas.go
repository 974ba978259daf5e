package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

const (
	// farAway is how long the provider takes, and callsEach how many calls one replica has under way: so it sends at most their ratio a
	// second, whatever the machine could.
	farAway   = 50 * time.Millisecond
	callsEach = 4
	// callsMost is the same for finding out where the database is the limit.
	callsMost = 64
)

// measureReplicas lets 1, 2 and 4 replicas share one PostgreSQL: with few calls each, so that the provider is the limit and twice the
// replicas should send twice as much; and with many, to see where it ends.
func measureReplicas(ctx context.Context, b *bench) (_ results, err error) {
	p, sink, err := b.sink(ctx)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	if err := sink.Delay(ctx, farAway); err != nil {
		return results{}, err
	}
	rates, most := map[int]loadtest.Samples{}, map[int]loadtest.Samples{}
	for range b.few() {
		for _, n := range []int{1, 2, 4} {
			few, err := b.replicasOnce(ctx, sink, n, callsEach)
			if err != nil {
				return results{}, err
			}
			many, err := b.replicasOnce(ctx, sink, n, callsMost)
			if err != nil {
				return results{}, err
			}
			rates[n], most[n] = append(rates[n], few), append(most[n], many)
			b.say("%d replicas: %.0f/s with %d calls each, %.0f/s with %d", n, few, callsEach, many, callsMost)
		}
	}
	two, four := rates[2].Over(rates[1]).Times(1.0/2), rates[4].Over(rates[1]).Times(1.0/4)
	worst := make(loadtest.Samples, len(two))
	for i := range two {
		worst[i] = min(two[i], four[i])
	}
	g := goal{
		Name: "replicas", What: "replicas 1 → 2 → 4 on one PostgreSQL, provider 50 ms away: per replica, over what one alone does", Bound: 0.85, AtLeast: true,
		Samples: worst, Parts: []part{{"2 replicas, each over one alone", "", two}, {"4 replicas", "", four}},
	}
	for _, n := range []int{1, 2, 4} {
		g.Parts = append(g.Parts, part{fmt.Sprintf("%d with %d calls each", n, callsEach), "/s", rates[n]})
	}
	for _, n := range []int{1, 2, 4} {
		g.Parts = append(g.Parts, part{fmt.Sprintf("%d with %d calls each, where the machine is the limit", n, callsMost), "/s", most[n]})
	}
	return results{Goals: []goal{g}}, nil
}

func (b *bench) replicasOnce(ctx context.Context, sink loadtest.SinkClient, n, calls int) (rate float64, err error) {
	url, drop, err := b.database(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	var addresses []string
	for range n {
		s, err := b.relay(atOnce, sink)
		if err != nil {
			return 0, err
		}
		defer func() { _ = os.RemoveAll(s.dir) }() // the lab goes anyhow
		maps.Copy(s.env, map[string]string{"BECKON_DATABASE_URL": url, "BECKON_SMS_CONCURRENCY": strconv.Itoa(calls)})
		r, err := b.serve(ctx, s)
		if err != nil {
			return 0, err
		}
		defer func() { _ = r.Kill() }() // so does this
		addresses = append(addresses, r.Public)
	}
	target, err := b.target(addresses...)
	if err != nil {
		return 0, err
	}
	return b.flow(ctx, sink, target, int64(n*calls*5/2+60))
}
