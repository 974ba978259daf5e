package dispatch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// passages counts how many pass a gate within a while, with as many workers as it has and no end of work.
func passages(t *testing.T, g *gate, long time.Duration) int {
	t.Helper()
	end := time.Now().Add(long)
	passed := make(chan struct{}, 100_000)
	var group errgroup.Group
	for range g.workers() {
		group.Go(func() error {
			for time.Now().Before(end) {
				p, err := g.enter(t.Context(), patiently)
				if err != nil {
					continue // it was kept waiting
				}
				if time.Now().Before(end) {
					passed <- struct{}{}
				}
				p.use(relay.Outcome{Kind: relay.Accepted})
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	return len(passed)
}

func TestTheRateIsKeptAndSharedByTheReplicas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(relay.ChannelSMS, Limits{Rate: 10, Concurrency: 32}, time.Now)
		require.InDelta(t, 600, passages(t, g, time.Minute), 12, "a burst of a second at the most")
		g.share(5)
		require.InDelta(t, 120, passages(t, g, time.Minute), 5)
		require.InDelta(t, 2, g.state().Rate, 0)
		g.share(0)
		require.InDelta(t, 10, g.state().Rate, 0, "nobody else")

		slow := newGate(relay.ChannelSMS, Limits{Rate: 1, Concurrency: 32}, time.Now)
		slow.share(10)
		require.InDelta(t, 6, passages(t, slow, time.Minute), 1, "also less than one in the time that a worker waits")
	})
}

func TestAQueueHasThreeSecondsWorthOfWorkers(t *testing.T) {
	t.Parallel()
	for want, limits := range map[int]Limits{
		4: {Rate: 0.1, Concurrency: 32}, 30: {Rate: 10, Concurrency: 32}, 32: {Rate: 100, Concurrency: 32}, 2: {Rate: 1, Concurrency: 2},
		64: {Concurrency: 64}, 1: {},
	} {
		require.Equal(t, want, newGate(relay.ChannelSMS, limits, time.Now).workers(), limits)
	}
}

func TestWhoComesAtOnceIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g := newGate(relay.ChannelSMS, Limits{Rate: 1, Concurrency: 8}, time.Now)
		p, err := g.enter(t.Context(), atOnce)
		require.NoError(t, err)
		_, err = g.enter(t.Context(), atOnce)
		require.ErrorAs(t, err, new(*refusal), "the rate")
		p.waive()
		free := newGate(relay.ChannelSMS, Limits{Concurrency: 8}, time.Now)
		for range 4 {
			_, err = free.enter(t.Context(), atOnce)
			require.NoError(t, err)
		}
		_, err = free.enter(t.Context(), atOnce)
		require.ErrorAs(t, err, new(*refusal), "their part of the concurrency")
		require.Zero(t, time.Since(start))
		for range 4 {
			_, err = free.enter(t.Context(), patiently)
			require.NoError(t, err, "the rest is for the queue")
		}
		_, err = free.enter(t.Context(), patiently)
		require.ErrorAs(t, err, new(*refusal))
		require.Equal(t, patience, time.Since(start), "which is kept waiting before it is refused")
	})
}

func trouble(t *testing.T, g *gate, outcome relay.Outcome) {
	t.Helper()
	p, err := g.enter(t.Context(), patiently)
	require.NoError(t, err)
	p.use(outcome)
}

func TestTheBreakerOpensOnTroubleInARowAndLetsOneThroughLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(relay.ChannelSMS, Limits{Concurrency: 8}, time.Now)
		fails := relay.Outcome{Kind: relay.Unknown, Blame: relay.BlameProvider, Reason: relay.ReasonNoAnswer}
		for range breakerAfter - 1 {
			trouble(t, g, fails)
		}
		trouble(t, g, relay.Outcome{Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonThrottled})
		for range breakerAfter - 1 {
			trouble(t, g, fails)
		}
		require.Empty(t, g.standing().reason, "to ask for less is no trouble, and breaks the row")
		trouble(t, g, fails)
		require.Equal(t, relay.ReasonProviderTrouble, g.standing().reason)
		_, err := g.enter(t.Context(), patiently)
		require.ErrorAs(t, err, new(*refusal))

		require.NoError(t, pause(t.Context(), probeEvery+time.Second))
		probe, err := g.enter(t.Context(), patiently)
		require.NoError(t, err)
		require.True(t, probe.probe)
		_, err = g.enter(t.Context(), patiently)
		require.ErrorAs(t, err, new(*refusal), "one at a time")
		probe.waive()
		trouble(t, g, relay.Outcome{Kind: relay.Permanent, Blame: relay.BlameRecipient})
		require.Empty(t, g.standing().reason, "it answers")
	})
}

func TestRetryAfterSlowsTheWholeChannelWithinBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		throttled := func(after time.Duration) relay.Outcome {
			return relay.Outcome{Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonThrottled, RetryAfter: after}
		}
		p := newPlant(t, textOnly)
		sms := p.vendors[relay.ChannelSMS]
		sms.does(func(relay.Delivery) relay.Outcome { return throttled(time.Minute) })
		first := p.flood(1)[0]
		require.Equal(t, relay.ReasonThrottled, p.delivery(first).Reason)
		sms.does(accepts)
		second := p.mentionOf("7")
		require.NoError(t, p.due(t.Context(), second))
		require.Equal(t, relay.DeliveryQueued, p.delivery(second).State, "another message waits, too")
		require.Equal(t, relay.ReasonThrottled, p.delivery(second).Reason)
		p.pass(50 * time.Second)
		require.True(t, p.keepers[relay.ChannelSMS].down)
		require.Equal(t, 1, sms.made())
		p.pass(15 * time.Second)
		p.drain()
		require.Equal(t, relay.DeliverySent, p.delivery(first).State)
		require.Equal(t, relay.DeliverySent, p.delivery(second).State)

		g := newGate(relay.ChannelSMS, Limits{Concurrency: 1}, time.Now)
		start := time.Now()
		trouble(t, g, throttled(2*time.Second))
		trouble(t, g, throttled(0))
		require.Equal(t, 2*time.Second, time.Since(start), "a moment is waited out")
		trouble(t, g, throttled(time.Hour))
		require.Equal(t, maxSlow, g.standing().left)
	})
}

func TestAProviderThatAsksForLessAndNamesNoTimeIsLeftInPeace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		sms := p.vendors[relay.ChannelSMS]
		sms.does(func(relay.Delivery) relay.Outcome {
			return relay.Outcome{Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonThrottled, Status: 429}
		})
		id := p.flood(1)[0]
		require.Equal(t, relay.ReasonThrottled, p.Gates()[0].Shut, "the whole channel is")
		for range 2 * 60 * 6 {
			p.pass(10 * time.Second)
			p.drain()
		}
		require.Equal(t, relay.DeliveryQueued, p.delivery(id).State, "it is not given up")
		require.Greater(t, p.delivery(id).Attempts, channel.MaxAttempts)
		require.LessOrEqual(t, p.gates[relay.ChannelSMS].standing().left, mostGuessed)
		sms.does(accepts)
		p.pass(11 * time.Minute)
		p.drain()
		require.Equal(t, relay.DeliverySent, p.delivery(id).State)
	})
}

func TestAClockThatJumpsLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule(textOnly)
	b.provider.outcomes = []relay.Outcome{
		{Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonThrottled, RetryAfter: time.Minute},
		{Kind: relay.Retry, Blame: relay.BlameConfig, Reason: relay.ReasonMisconfigured},
	}
	first := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), first))
	b.now = b.now.Add(-10 * time.Hour)
	second := b.mentionOf("2")
	require.NoError(t, b.due(t.Context(), second), "what was asked for at another time holds nobody up")
	require.Len(t, b.provider.sent, 2)
	require.Equal(t, relay.ReasonMisconfigured, b.Gates()[0].Shut)
	b.now = b.now.Add(-10 * time.Hour)
	k := &keeper{d: b.Dispatcher, gate: b.gates[relay.ChannelSMS]}
	third := b.mentionOf("3")
	require.NoError(t, b.due(t.Context(), third), "a probe is due by this clock, too")
	require.Equal(t, relay.DeliverySent, b.delivery(third).State)
	b.now = b.now.Add(21 * time.Hour)
	require.NoError(t, k.look(t.Context()))
	for _, id := range []string{first, second} {
		b.now = b.now.Add(time.Minute)
		require.NoError(t, b.work(b.delivery(id).ID))
		require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	}
}

func TestWhatMustNotLeaveTheHouseGoesToTheOutboxWhateverTheProvider(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule(textOnly)
	box := &scripted{}
	b.Sandbox = func(to relay.Address) (Provider, bool) { return box, to.Reveal() == "+14155550102" }
	b.gates[relay.ChannelSMS].wrong = &relay.Outcome{}
	b.gates[relay.ChannelSMS].probeAt = b.now.Add(probeEvery)
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Equal(t, relay.ReasonNotAllowedHere, b.delivery(id).Reason)
	require.Len(t, box.sent, 1)
	require.Empty(t, b.provider.sent)
}

func TestADayHasSoManySegmentsAndTheFallbackGoesOutInstead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.people["cometchat-uid-2"] = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com"}
	b.rule(textThenMail)
	b.DailySegments = 1
	require.NoError(t, b.due(t.Context(), b.mentionOf("1")))
	id := b.mentionOf("2")
	require.NoError(t, b.due(t.Context(), id))
	require.NoError(t, b.due(t.Context(), id), "the wake-up for the fallback")
	all := b.deliveries(id)
	require.Len(t, all, 2)
	for _, d := range all {
		if d.Channel == relay.ChannelSMS {
			require.Equal(t, relay.ReasonDailySegments, d.Reason)
		} else {
			require.Equal(t, relay.DeliverySent, d.State)
		}
	}
}

func TestAPausedDeliveryWaitsWithoutAnAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule(textOnly)
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry}}
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	require.NoError(t, b.kept.Pause(t.Context(), relay.Pause{Channel: relay.ChannelSMS, By: "ann", At: b.now}))
	b.now = b.delivery(id).NextAt
	require.NoError(t, b.work(b.delivery(id).ID))
	require.Equal(t, relay.ReasonPaused, b.delivery(id).Reason)
	require.Equal(t, 1, b.delivery(id).Attempts)
	b.now = b.now.Add(store.PauseLook)
	_, err := b.kept.Resume(t.Context(), relay.Pause{Channel: relay.ChannelSMS, By: "ann", At: b.now})
	require.NoError(t, err)
	require.NoError(t, b.work(b.delivery(id).ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
}
