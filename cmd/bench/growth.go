package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
)

const (
	// pageLooks is how often each page of the console is asked for.
	pageLooks = 15
	// consoleUser looks at them.
	consoleUser = "bench:a-secret-of-nobody"
	// keepLong is as long as a relay can keep what is old.
	keepLong = "87600h"
)

// consolePages are those that show what is kept.
func consolePages() []string {
	return []string{"", "events", "alerts", "deliveries", "alerts?state=held", "deliveries?state=dead"}
}

// measureKept finds out how accepting and the console change with how much is kept.
func measureKept(ctx context.Context, b *bench) (results, error) {
	c := curve{Name: "kept", What: "with what is kept", X: "events kept, each with an alert and a delivery"}
	most := 1_000_000
	if b.quick {
		most = 100_000
	}
	for _, n := range sizes(10_000, most) {
		if err := b.keptOnce(ctx, &c, n); err != nil {
			return results{}, err
		}
	}
	return results{Curves: []curve{c}}, nil
}

func (b *bench) keptOnce(ctx context.Context, c *curve, n int) (err error) {
	s, err := b.relay(holding, nowhere())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	s.env["BECKON_RETENTION"] = keepLong // what it is filled with is old
	s.env["BECKON_CONSOLE_USERS"] = consoleUser
	path, start := filepath.Join(s.dir, "beckon.db"), time.Now()
	if _, _, err := sqlite.Migrate(ctx, path); err != nil {
		return err
	}
	if err := sqlitetest.Settled(ctx, path, n); err != nil {
		return err
	}
	b.say("%s events were made in %s", count(n), time.Since(start).Round(time.Second))
	if err := settled(ctx); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil {
		c.add("size of the database", "MB", float64(n), mb(info.Size()))
	}
	r, err := b.serve(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	c.add("start to ready", "ms", float64(n), ms(r.Ready))
	for _, page := range consolePages() {
		took, err := loadtest.Pages(ctx, "http://"+consoleUser+"@"+r.Admin+"/console/"+page, pageLooks)
		if err != nil {
			return err
		}
		c.add("console/"+page, "ms", float64(n), ms(took.Quantile(0.5)))
	}
	target, err := b.target(r.Public)
	if err != nil {
		return err
	}
	for range b.few() {
		seen, cpu, err := b.steady(ctx, r.Process, target, usualRate)
		if err != nil {
			return err
		}
		c.add("accept at 200/s, p50", "ms", float64(n), ms(seen.Latency.Quantile(0.5)))
		c.add("accept, processor time", "µs", float64(n), us(cpu))
	}
	return nil
}

// settled waits until what was made is on the disk, which would be busy with it for a while.
func settled(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "sync").CombinedOutput(); err != nil {
		return fmt.Errorf("sync the disk: %w: %s", err, out)
	}
	return nil
}

// steady posts at a rate, and gives the processor time of each webhook as well.
func (b *bench) steady(ctx context.Context, p *loadtest.Process, target loadtest.Target, rate float64) (seen loadtest.Load, cpu time.Duration, err error) {
	before, err := p.CPU()
	if err != nil {
		return seen, 0, err
	}
	seen, err = loadtest.Open{
		Rate: rate, Connections: usualConnections, Warm: b.for1(time.Second, 500*time.Millisecond), Measure: b.for1(5*time.Second, 2*time.Second),
	}.Run(ctx, target)
	if err == nil {
		err = seen.Check()
	}
	if err != nil {
		return seen, 0, err
	}
	after, err := p.CPU()
	posted := rate * (b.for1(time.Second, 500*time.Millisecond) + b.for1(5*time.Second, 2*time.Second)).Seconds()
	return seen, time.Duration(float64(after-before) / posted), err
}

// besides lets alerts of mentions wait for long, and texts those of messages at once.
const besides = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, wait: 12h, unless: [read], urgent: true, limits: off, send: [ { sms: m } ] }
  - { name: message, trigger: message_sent, to: receiver, urgent: true, limits: off, send: [ { sms: m } ] }
`

// copied is how many alerts are made one by one.
const copied = 10_000

// besideRate is how many messages a second go out while others wait.
const besideRate = 50

// measurePending finds out how much alerts that wait cost the others.
func measurePending(ctx context.Context, b *bench) (_ results, err error) {
	c := curve{Name: "pending", What: "with alerts that wait", X: "alerts held"}
	p, sink, err := b.sink(ctx)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	s, err := b.relay(besides, sink)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if err := s.withTemplates(map[string]string{"m/sms.txt": "{{ .event.message.text }}"}); err != nil {
		return results{}, err
	}
	most, held := 1_000_000, 0
	if b.quick {
		most = 10_000
	}
	for _, n := range sizes(100, most) {
		start := time.Now()
		// Beyond some thousands copies are as good as what was posted.
		if held < copied {
			err = b.fill(ctx, s, n-held, start)
		} else {
			err = sqlitetest.Multiply(ctx, filepath.Join(s.dir, "beckon.db"), n/held)
		}
		if err != nil {
			return results{}, err
		}
		b.say("%s alerts are held, the last %s were made in %s", count(n), count(n-held), time.Since(start).Round(time.Second))
		held = n
		if err := settled(ctx); err != nil {
			return results{}, err
		}
		if err := b.pendingOnce(ctx, &c, s, sink, n); err != nil {
			return results{}, err
		}
	}
	return results{Curves: []curve{c}}, nil
}

func (b *bench) pendingOnce(ctx context.Context, c *curve, s setup, sink loadtest.SinkClient, n int) (err error) {
	r, err := b.serve(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Stop()) }() // the next goes on with its database
	target, err := b.posting(b.message, r.Public)
	if err != nil {
		return err
	}
	x := float64(n)
	c.add("start to ready", "ms", x, ms(r.Ready))
	for range b.few() {
		from := b.next.Load() + 1
		seen, cpu, err := b.steady(ctx, r.Process, target, besideRate)
		if err != nil {
			return err
		}
		took, err := journeys(ctx, sink, seen, from, b.next.Load()+1)
		if err != nil {
			return err
		}
		c.add(fmt.Sprintf("end to end of others at %d/s, p50", besideRate), "ms", x, ms(took.Quantile(0.5)))
		c.add("accept of others, p50", "ms", x, ms(seen.Latency.Quantile(0.5)))
		c.add("processor time of each", "µs", x, us(cpu))
	}
	memory, err := r.Memory()
	c.add("resident memory", "MB", x, mb(memory.Resident))
	return err
}
