package dispatch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store"
)

// plant is a bench in a bubble, where minutes pass at once, with a provider for each channel and keepers that the test runs.
type plant struct {
	*bench

	vendors map[relay.Channel]*vendor
	keepers map[relay.Channel]*keeper
	log     *bytes.Buffer
}

// vendor answers as it is told to, and counts.
type vendor struct {
	mu     sync.Mutex
	answer func(relay.Delivery) relay.Outcome
	calls  int
	sent   map[string]int
}

func (v *vendor) Name() string { return "scripted" }

func (v *vendor) Send(_ context.Context, d relay.Delivery) relay.Outcome {
	v.mu.Lock()
	v.calls++
	answer := v.answer
	v.mu.Unlock()
	out := answer(d)
	v.mu.Lock()
	defer v.mu.Unlock()
	if out.Kind == relay.Accepted {
		v.sent[d.ID]++
	}
	return out
}

func (v *vendor) does(answer func(relay.Delivery) relay.Outcome) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = answer
}

func (v *vendor) made() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.calls
}

func accepts(d relay.Delivery) relay.Outcome {
	return relay.Outcome{Kind: relay.Accepted, ProviderID: "id " + d.ID}
}

func down(relay.Delivery) relay.Outcome {
	return relay.Outcome{Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonProviderTrouble, Status: 503}
}

func refuses(relay.Delivery) relay.Outcome {
	return relay.Outcome{
		Kind: relay.Retry, Blame: relay.BlameConfig, Reason: relay.ReasonMisconfigured, Status: 401, Code: "20003", Detail: "the credentials are refused",
	}
}

const (
	textOnly     = "send: [ { sms: mention } ]"
	textThenMail = "send: [ { sms: mention } ], fallback: [ { email: mention } ]"
)

func newPlant(t *testing.T, keys string) *plant {
	t.Helper()
	p := &plant{bench: newBench(t), vendors: map[relay.Channel]*vendor{}, keepers: map[relay.Channel]*keeper{}, log: &bytes.Buffer{}}
	p.virtual = true
	p.people["cometchat-uid-2"] = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com"}
	p.free(keys)
	p.Logger = slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, ch := range relay.Channels() {
		p.vendors[ch] = &vendor{answer: accepts, sent: map[string]int{}}
		p.keepers[ch] = &keeper{d: p.Dispatcher, gate: p.gates[ch]}
	}
	p.Provider = func(ch relay.Channel) (Provider, bool) { return p.vendors[ch], true }
	return p
}

// free puts a rule in force that nothing limits.
func (p *plant) free(keys string) {
	p.t.Helper()
	set, findings := rules.Load("rules.yaml", []byte("version: 1\ndefaults: { sender_limit: off }\n"+
		"rules: [ { name: told, trigger: user_mentioned, to: mentioned, "+keys+" } ]\n"), cometchat.Catalogue())
	require.NotNil(p.t, set, "%v", findings)
	templates, err := shipped()
	require.NoError(p.t, err)
	g, findings := engine.Build(engine.Parts{
		Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(),
		Sample: func(relay.Trigger) (relay.Event, bool) { return relay.Event{}, false },
	})
	require.NotNil(p.t, g, "%v", findings)
	p.Current = func() *engine.Generation { return g }
}

// flood has so many alerts fall due, by as many workers as there are.
func (p *plant) flood(n int) (alerts []string) {
	p.t.Helper()
	alerts = make([]string, n)
	var group errgroup.Group
	group.SetLimit(dueWorkers)
	for i := range n {
		group.Go(func() error {
			alerts[i] = p.mentionOf(strconv.Itoa(5000 + i))
			return p.due(p.t.Context(), alerts[i])
		})
	}
	require.NoError(p.t, group.Wait())
	p.drain()
	return alerts
}

// pass lets time pass, and the keepers look every few seconds; in a long time less often, since each look costs real time.
func (p *plant) pass(long time.Duration) {
	p.t.Helper()
	every := 5 * time.Second
	if long > 10*time.Minute {
		every = probeEvery / 2
	}
	for end := time.Now().Add(long); time.Now().Before(end); {
		step := min(every, time.Until(end))
		require.NoError(p.t, pause(p.t.Context(), step))
		for _, k := range p.keepers {
			require.NoError(p.t, k.look(p.t.Context()))
		}
	}
}

// drain works what River would: all that is ready, on channels whose queue is not put down.
func (p *plant) drain() {
	p.t.Helper()
	for _, ch := range relay.Channels() {
		for p.gates[ch].standing().reason == relay.ReasonNone {
			ready, err := p.kept.Waiting(p.t.Context(), store.Waiting{
				Channel: ch, State: relay.DeliveryQueued, ReadyBy: time.Now(), Limit: store.MaxList,
			})
			require.NoError(p.t, err)
			if len(ready) == 0 {
				break
			}
			var group errgroup.Group
			group.SetLimit(4)
			for _, d := range ready {
				group.Go(func() error {
					if err := p.work(d.ID); !errors.As(err, new(*river.JobSnoozeError)) {
						return err
					}
					return nil
				})
			}
			require.NoError(p.t, group.Wait())
		}
	}
}

// queued counts the texts that wait.
func (p *plant) queued() int {
	p.t.Helper()
	stats, err := p.kept.Stats(p.t.Context())
	require.NoError(p.t, err)
	return stats.Deliveries[relay.ChannelSMS][relay.DeliveryQueued]
}

//nolint:paralleltest // it counts the goroutines of the process
func TestAProviderThatIsDownForAnHourCostsFewAttemptsAndNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 120
		before := runtime.NumGoroutine()
		p := newPlant(t, textOnly)
		sms := p.vendors[relay.ChannelSMS]
		sms.does(down)
		p.flood(many)
		require.Equal(t, many, p.queued())
		p.pass(time.Hour)
		require.LessOrEqual(t, sms.made(), 4+breakerAfter+int(time.Hour/probeEvery), "one each half a minute")
		require.Greater(t, sms.made(), 60, "but it is tried")
		require.Less(t, runtime.NumGoroutine()-before, many/2, "none for each that waits")
		require.Equal(t, many, p.queued(), "none is given up")
		require.True(t, p.keepers[relay.ChannelSMS].down, "the queue does not turn round")
		require.Equal(t, relay.ReasonProviderTrouble, p.Gates()[0].Shut)

		sms.does(accepts)
		p.pass(time.Minute)
		require.False(t, p.keepers[relay.ChannelSMS].down)
		p.drain()
		p.pass(time.Hour) // those that were tried have later times
		p.drain()
		require.Zero(t, p.queued())
		require.Len(t, sms.sent, many)
	})
}

func TestOneDeliveryAloneOutlastsAnOutageOfHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		p.vendors[relay.ChannelSMS].does(down)
		id := p.flood(1)[0]
		for range 2 * 4 {
			p.pass(15 * time.Minute)
			p.drain()
		}
		require.Equal(t, relay.DeliveryQueued, p.delivery(id).State)
		p.vendors[relay.ChannelSMS].does(accepts)
		p.pass(15 * time.Minute)
		require.Equal(t, relay.DeliverySent, p.delivery(id).State)
	})
}

func TestBadConfigurationStopsTheChannelWithOneLoudLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 40
		p := newPlant(t, textOnly)
		sms := p.vendors[relay.ChannelSMS]
		sms.does(refuses)
		p.flood(many)
		p.pass(10 * time.Second)
		require.LessOrEqual(t, sms.made(), 4, "those that were under way")
		p.pass(time.Hour)
		require.LessOrEqual(t, sms.made(), 4+int(time.Hour/probeEvery))
		require.Equal(t, many, p.queued(), "none is burnt")
		loud := strings.Count(p.log.String(), "level=ERROR")
		require.Equal(t, 1, loud, p.log.String())
		for _, told := range []string{"code=20003", "status=401", "the credentials are refused", "waiting=40", "channel=sms"} {
			require.Contains(t, p.log.String(), told)
		}
		require.Equal(t, relay.ReasonMisconfigured, p.Gates()[0].Shut)
		require.Equal(t, relay.ReasonNone, p.Gates()[1].Shut, "the other channel works")

		sms.does(accepts)
		p.pass(probeEvery + 5*time.Second)
		require.Equal(t, relay.ReasonNone, p.Gates()[0].Shut, "a probe opened it")
		p.drain()
		p.pass(time.Hour)
		p.drain()
		require.Len(t, sms.sent, many)
	})
}

func TestAReloadTriesAStoppedChannelAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		sms := p.vendors[relay.ChannelSMS]
		sms.does(refuses)
		p.flood(20)
		p.pass(5 * time.Second)
		calls := sms.made()
		p.Reopen()
		require.NoError(t, p.keepers[relay.ChannelSMS].look(t.Context()))
		require.Equal(t, calls+1, sms.made(), "one is tried, and not all")
		sms.does(accepts)
		p.Reopen()
		require.NoError(t, p.keepers[relay.ChannelSMS].look(t.Context()))
		require.Equal(t, relay.ReasonNone, p.Gates()[0].Shut)
	})
}

func TestAProbeThatMeetsTroubleDoesNotOpenAStoppedChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		p.vendors[relay.ChannelSMS].does(refuses)
		p.flood(10)
		p.vendors[relay.ChannelSMS].does(down)
		p.pass(5 * time.Minute)
		require.Equal(t, relay.ReasonProviderTrouble, p.Gates()[0].Shut, "what it met last")
		require.Equal(t, 1, strings.Count(p.log.String(), "level=ERROR"), p.log.String())
		require.Equal(t, 1, strings.Count(p.log.String(), "the provider is in trouble"), p.log.String())
		require.Contains(t, p.log.String(), "next=30s")
		require.Contains(t, p.log.String(), "files named by NAME_FILE: reload; environment: restart")
		p.vendors[relay.ChannelSMS].does(refuses)
		p.pass(3 * time.Minute)
		require.Equal(t, relay.ReasonMisconfigured, p.Gates()[0].Shut)
		p.vendors[relay.ChannelSMS].does(accepts)
		p.pass(3 * time.Minute)
		require.Equal(t, relay.ReasonNone, p.Gates()[0].Shut)
	})
}

func TestAGoodReloadSendsWhatWaitsAtOnce(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(relay.Delivery) relay.Outcome{"misconfigured": refuses, "in trouble": down} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, textOnly)
				sms, k := p.vendors[relay.ChannelSMS], p.keepers[relay.ChannelSMS]
				sms.does(answer)
				id := p.flood(1)[0]
				for time.Until(p.delivery(id).NextAt) < 10*time.Second {
					p.pass(5 * time.Second)
					p.drain()
				}
				sms.does(accepts)
				reloaded := time.Now()
				p.Reopen()
				for range 3 { // a probe, and what wakes up when it opened the gate
					require.NoError(t, k.look(t.Context()))
					p.drain()
				}
				require.Zero(t, p.queued())
				require.Less(t, time.Since(reloaded), 2*time.Second)
			})
		})
	}
}

func TestWhatWasRefusedWakesUpWhenTheGateOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		sms, k := p.vendors[relay.ChannelSMS], p.keepers[relay.ChannelSMS]
		sms.does(refuses)
		id := p.flood(1)[0]
		p.pass(5 * time.Second)
		other := p.mentionOf("9")
		require.NoError(t, p.due(t.Context(), other))
		sms.does(accepts)
		p.gates[relay.ChannelSMS].unprobed() // its time has come
		require.NoError(t, k.look(t.Context()))
		require.Equal(t, relay.DeliverySent, p.delivery(other).State, "the probe")
		require.Greater(t, time.Until(p.delivery(id).NextAt), 10*time.Second)
		require.NoError(t, k.look(t.Context()))
		p.drain()
		require.Equal(t, relay.DeliverySent, p.delivery(id).State)
	})
}

func TestABreakdownThatMayHaveTakenTheMessageDoesNotFallBackEarly(t *testing.T) {
	t.Parallel()
	for status, early := range map[int]bool{500: false, 502: true, 503: true, 504: false} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, textThenMail)
				answer := status
				p.vendors[relay.ChannelSMS].does(func(d relay.Delivery) relay.Outcome {
					out := down(d)
					out.Status, answer = answer, 503
					return out
				})
				id := p.flood(1)[0]
				for range 30 {
					p.pass(10 * time.Second)
					p.drain()
				}
				require.Equal(t, early, p.deliveries(id)[0].State == relay.DeliveryDead)
			})
		})
	}
}

func TestWhatWaitsForAShutChannelGoesOutByItsFallback(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(relay.Delivery) relay.Outcome{"in trouble": down, "misconfigured": refuses} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlant(t, textThenMail)
				p.vendors[relay.ChannelSMS].does(answer)
				alerts := p.flood(40)
				p.pass(fallbackPatience - 10*time.Second)
				require.Empty(t, p.vendors[relay.ChannelEmail].sent, "it may go again soon")
				p.pass(10*time.Second + 2*sweepEvery)
				for _, id := range alerts {
					require.NoError(t, p.due(t.Context(), id), "the wake-up for the fallback")
				}
				p.drain()
				for _, id := range alerts {
					require.Equal(t, relay.AlertSent, p.alert(id).State)
				}
				require.Len(t, p.vendors[relay.ChannelEmail].sent, 40)
				require.Zero(t, p.queued())
			})
		})
	}
}

func TestWhatMayHaveBeenTakenDoesNotFallBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textThenMail)
		p.vendors[relay.ChannelSMS].does(func(relay.Delivery) relay.Outcome {
			return relay.Outcome{Kind: relay.Unknown, Blame: relay.BlameProvider, Reason: relay.ReasonNoAnswer}
		})
		id := p.flood(1)[0]
		p.vendors[relay.ChannelSMS].does(down)
		p.pass(unknownWait)
		require.NoError(t, p.work(p.deliveries(id)[0].ID), "it is sent again, and was not taken")
		require.Equal(t, relay.DeliveryQueued, p.deliveries(id)[0].State)
		for range breakerAfter {
			p.pass(time.Minute)
			p.drain()
		}
		require.Equal(t, relay.DeliveryQueued, p.deliveries(id)[0].State, "the first one may have arrived")
	})
}

func TestWhatExpiresInFrontOfAShutChannelEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, "expires: 1h, "+textOnly)
		p.vendors[relay.ChannelSMS].does(refuses)
		alerts := p.flood(30)
		p.pass(time.Hour + 2*sweepEvery)
		require.Zero(t, p.queued())
		for _, id := range alerts {
			require.Equal(t, relay.ReasonExpired, p.alert(id).Reason)
		}
	})
}

func TestASlowProviderLeavesTheWorkersToTheOtherChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, `if: "int(event.message.id) < 9000", send: [ { sms: mention } ] },
  { name: mailed, trigger: user_mentioned, to: mentioned, if: "int(event.message.id) >= 9000", send: [ { email: mention } ]`)
		p.vendors[relay.ChannelSMS].does(func(d relay.Delivery) relay.Outcome {
			_ = pause(context.Background(), 10*time.Second)
			return accepts(d)
		})
		start := time.Now()
		var group errgroup.Group
		group.SetLimit(dueWorkers)
		for i := range 200 {
			group.Go(func() error { return p.due(t.Context(), p.mentionOf(strconv.Itoa(5000+i))) })
		}
		mails := make(chan time.Duration, 20)
		for i := range 20 {
			group.Go(func() error {
				err := p.due(t.Context(), p.mentionOf(strconv.Itoa(9000+i)))
				mails <- time.Since(start)
				return err
			})
		}
		require.NoError(t, group.Wait())
		for range 20 {
			require.Zero(t, <-mails, "no mail waited for a text")
		}
		p.drain()
		require.Len(t, p.vendors[relay.ChannelEmail].sent, 20)
	})
}
