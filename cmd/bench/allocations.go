package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/loadtest"
)

// measureAllocations counts what an event costs the garbage collector until it is handed to the store. It does not wobble, so once is
// enough.
func measureAllocations(_ context.Context, b *bench) (_ results, err error) {
	s, err := b.relay(holding, nowhere())
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	g, err := b.generation(s)
	if err != nil {
		return results{}, err
	}
	template, err := b.mention("127.0.0.1")
	if err != nil {
		return results{}, err
	}
	body, now, alerts := template.Body(b.next.Add(1)), time.Now(), 0
	const times = 1000
	decode := testing.AllocsPerRun(times, func() {
		_, err = cometchat.Decode(body, now)
	})
	all := testing.AllocsPerRun(times, func() {
		event, failed := cometchat.Decode(body, now)
		plan, _ := g.Plan(event)
		err, alerts = failed, len(plan.Alerts)
	})
	if err == nil && alerts != 1 {
		err = errors.New("the mention made no alert")
	}
	if err != nil {
		return results{}, err
	}
	b.say("allocations per event: %.0f, of which decoding %.0f", all, decode)
	return results{Goals: []goal{{
		Name: "allocations", What: "decode + match + plan, allocations per event", Bound: 60, Samples: loadtest.Samples{all},
		Parts: []part{{"of these, decoding", "", loadtest.Samples{decode}}},
	}}}, nil
}
