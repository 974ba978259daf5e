package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-relay/beckon/internal/channel/twilio"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/loadtest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// atOnce texts everybody who is mentioned, without a wait.
const atOnce = `version: 1
defaults: { sender_limit: off }
rules:
  - name: mention
    trigger: user_mentioned
    if: event.conversation.kind == "user"
    to: mentioned
    urgent: true
    limits: off
    send: [ { sms: mention } ]
`

const (
	// posters are how many connections post while delivering is measured.
	posters = 64
	// sideBySide are how many loops of the provider's client there are where one is not all that the machine can do: as many as the relay
	// has workers.
	sideBySide = 128
	// underWay is how many webhooks may be without their message: enough to keep every part busy, and no growing backlog.
	underWay = 1000
	// lookEvery is how often the sink is asked how many came.
	lookEvery = 10 * time.Millisecond
)

func measureSQLite(ctx context.Context, b *bench) (results, error) {
	return b.overBare(ctx, goal{
		Name: "sqlite", What: "delivered per second, webhook to provider's 201, SQLite / bare loop of the provider client against the same sink",
		Bound: 0.40, AtLeast: true,
	}, func(context.Context) (string, func() error, error) { return "", func() error { return nil }, nil })
}

func measurePostgreSQL(ctx context.Context, b *bench) (results, error) {
	return b.overBare(ctx, goal{Name: "postgresql", What: "the same on PostgreSQL", Bound: 0.50, AtLeast: true}, b.database)
}

// overBare lets relay, bare loop and many such loops take turns at one sink. database gives the URL of an empty one, or nothing for SQLite, and what
// removes it.
func (b *bench) overBare(ctx context.Context, g goal, database func(context.Context) (string, func() error, error)) (_ results, err error) {
	p, sink, err := b.sink(ctx)
	if err != nil {
		return results{}, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	var ours, theirs, most, cpu loadtest.Samples
	for range b.rounds {
		bare, err := b.bareOnce(ctx, sink, 1)
		if err != nil {
			return results{}, err
		}
		all, err := b.bareOnce(ctx, sink, sideBySide)
		if err != nil {
			return results{}, err
		}
		rate, each, err := b.deliverOnce(ctx, sink, database)
		if err != nil {
			return results{}, err
		}
		theirs, most, ours, cpu = append(theirs, bare), append(most, all), append(ours, rate), append(cpu, each)
		b.say("delivered %.0f/s (%.0f µs of a processor each), bare loop %.0f/s, %d of them %.0f/s", rate, each, bare, sideBySide, all)
	}
	g.Samples = ours.Over(theirs)
	g.Parts = []part{{"Beckon", "/s", ours}, {"bare loop", "/s", theirs}, {"128 bare loops side by side", "/s", most}, {"Beckon over these", "", ours.Over(most)}, {"Beckon's processor time per message", "µs", cpu}}
	return results{Goals: []goal{g}}, nil
}

// sink starts one.
func (b *bench) sink(ctx context.Context) (*loadtest.Process, loadtest.SinkClient, error) {
	p, address, err := b.lab.ServeOwn(ctx, "_sink")
	return p, loadtest.SinkClient{Address: address}, err
}

func (b *bench) deliverOnce(ctx context.Context, sink loadtest.SinkClient, database func(context.Context) (string, func() error, error),
) (rate, cpu float64, err error) {
	url, drop, err := database(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	s, err := b.relay(atOnce, sink)
	if err != nil {
		return 0, 0, err
	}
	var env map[string]string
	if url != "" {
		env = map[string]string{"BECKON_DATABASE_URL": url}
	}
	return b.delivering(ctx, s, sink, env)
}

// delivering starts a relay and lets as many messages through as it can.
func (b *bench) delivering(ctx context.Context, s setup, sink loadtest.SinkClient, env map[string]string) (rate, cpu float64, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	maps.Copy(s.env, env)
	r, err := b.serve(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, r.Kill()) }()
	target, err := b.target(r.Public)
	if err != nil {
		return 0, 0, err
	}
	before, err := r.CPU()
	if err != nil {
		return 0, 0, err
	}
	start, err := sink.Count(ctx)
	if err != nil {
		return 0, 0, err
	}
	rate, err = b.flow(ctx, sink, target, underWay)
	if err != nil {
		return 0, 0, err
	}
	after, err := r.CPU()
	if err != nil {
		return 0, 0, err
	}
	end, err := sink.Count(ctx)
	return rate, us(after-before) / float64(max(1, end-start)), err
}

// flow posts as fast as messages arrive at the sink, so many ahead of them at the most, and tells how many a second those are.
func (b *bench) flow(ctx context.Context, sink loadtest.SinkClient, target loadtest.Target, ahead int64) (float64, error) {
	warm, measured := b.for1(2*time.Second, time.Second), b.for1(6*time.Second, time.Second)
	earlier, err := sink.Count(ctx)
	if err != nil {
		return 0, err
	}
	watched, stop := context.WithCancel(ctx)
	defer stop()
	var arrived atomic.Int64
	from := b.next.Load()
	load := loadtest.Closed{
		Connections: posters, Warm: warm, Measure: measured,
		Hold: func() bool { return b.next.Load()-from-arrived.Load() >= ahead },
	}
	var rate float64
	var looked error
	var looking sync.WaitGroup
	looking.Go(func() { rate, looked = watchSink(watched, sink, time.Now().Add(warm), measured, earlier, &arrived) })
	seen, err := load.Run(ctx, target)
	if err == nil {
		err = seen.Check()
	}
	if err != nil {
		stop()
	}
	looking.Wait()
	return rate, errors.Join(err, looked)
}

// watchSink keeps in arrived how many messages came, and measures the rate from a time on.
func watchSink(ctx context.Context, sink loadtest.SinkClient, from time.Time, measured time.Duration, earlier int64, arrived *atomic.Int64) (float64, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	first, began := int64(-1), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
		n, err := sink.Count(ctx)
		if err != nil {
			return 0, err
		}
		arrived.Store(n - earlier)
		now := time.Now()
		if first < 0 && now.After(from) {
			first, began = n, now
		}
		if took := now.Sub(began); first >= 0 && took >= measured-lookEvery {
			return float64(n-first) / took.Seconds(), nil
		}
	}
}

// bareOnce is how many messages a second the provider's client sends in so many loops, in a process of its own.
func (b *bench) bareOnce(ctx context.Context, sink loadtest.SinkClient, loops int) (float64, error) {
	out, err := b.lab.Run(ctx, "_bare", "--sink", sink.URL(), "--loops", strconv.Itoa(loops), "--for", b.for1(4*time.Second, time.Second).String())
	if err != nil {
		return 0, err
	}
	var rate float64
	return rate, json.Unmarshal(out, &rate)
}

// bare sends as fast as it can and prints how many a second that was.
func bare(ctx context.Context, out io.Writer, sink string, long time.Duration, n int) error {
	client, err := twilio.New(twilio.Config{
		AccountSID: vendortest.TwilioAccountSID, AuthToken: vendortest.TwilioAuthToken, From: vendortest.TwilioFrom, BaseURL: sink,
	})
	if err != nil {
		return err
	}
	message := relay.Delivery{
		ID: "dl_bench", Channel: relay.ChannelSMS, Phone: "+14155550100",
		Content: relay.Content{Text: "Writer mentioned you: the bus leaves at eight. Please tell me today whether you are coming."},
	}
	start := time.Now()
	ctx, cancel := context.WithDeadline(ctx, start.Add(long))
	defer cancel()
	var sent, failed atomic.Int64
	var loops sync.WaitGroup
	for range n {
		loops.Go(func() {
			for ctx.Err() == nil {
				if got := client.Send(ctx, message); got.Kind == relay.Accepted {
					sent.Add(1)
				} else if ctx.Err() == nil {
					failed.Add(1)
				}
			}
		})
	}
	loops.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("%d messages were not accepted", n)
	}
	return json.NewEncoder(out).Encode(float64(sent.Load()) / time.Since(start).Seconds())
}
