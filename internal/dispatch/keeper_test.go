package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// askedStore notes how queues are put down and taken up.
type askedStore struct {
	store.Store

	asked []int
}

// Queue implements store.Store.
func (s *askedStore) Queue(_ context.Context, _ relay.Channel, workers int) error {
	s.asked = append(s.asked, workers)
	return nil
}

// lateStore puts queues down too late: whoever waits for it gives up.
type lateStore struct{ askedStore }

// Queue implements store.Store.
func (s *lateStore) Queue(ctx context.Context, channel relay.Channel, workers int) error {
	_ = s.askedStore.Queue(ctx, channel, workers)
	if workers == 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestAQueueThatWasHalfPutDownIsTakenUpAgainWhenTheGateOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		late := &lateStore{askedStore{Store: p.kept}}
		p.Store = late
		k := p.keepers[relay.ChannelSMS]
		p.vendors[relay.ChannelSMS].does(refuses)
		id := p.mentionOf("1")
		require.NoError(t, p.due(t.Context(), id))
		require.ErrorIs(t, k.look(t.Context()), context.DeadlineExceeded)
		require.Equal(t, []int{0}, late.asked)
		p.vendors[relay.ChannelSMS].does(accepts)
		require.NoError(t, pause(t.Context(), probeEvery+time.Second))
		require.NoError(t, p.work(p.delivery(id).ID), "a worker of the queue made the probe")
		require.NoError(t, k.look(t.Context()))
		require.Equal(t, []int{0, 4}, late.asked)
	})
}

func TestAQueueThatWorksNothingAlthoughSomethingIsReadyIsBegunAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		asked := &askedStore{Store: p.kept}
		p.Store = asked
		p.pass(3 * idleQueue)
		require.Empty(t, asked.asked, "nothing is ready")
		sms := p.vendors[relay.ChannelSMS]
		sms.does(down)
		id := p.flood(1)[0]
		sms.does(accepts)
		p.pass(3*idleQueue + time.Minute)
		require.GreaterOrEqual(t, len(asked.asked), 4)
		require.Equal(t, []int{0, 4}, asked.asked[:2])
		require.Contains(t, p.log.String(), "channel=sms")

		p.drain()
		require.Equal(t, relay.DeliverySent, p.delivery(id).State)
		before := len(asked.asked)
		p.pass(3 * idleQueue)
		require.Len(t, asked.asked, before, "it works, and nothing is left")
	})
}

// A rule's text and mail both wait in front of shut gates, and an operator paused the mail: it is not lost, so the text must not end for
// a fallback that does not come.
func TestWhatWaitsBesideAPausedMessageDoesNotFallBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, "send: [ { sms: mention }, { email: mention } ], fallback: [ { sms: unread-message } ]")
		p.vendors[relay.ChannelSMS].does(refuses)
		p.vendors[relay.ChannelEmail].does(refuses)
		id := p.flood(1)[0]
		require.NoError(t, p.kept.Pause(t.Context(), relay.Pause{Channel: relay.ChannelEmail, By: "ann", At: time.Now()}))
		p.pass(fallbackPatience + 3*sweepEvery)
		for _, d := range p.deliveries(id) {
			require.Equal(t, relay.DeliveryQueued, d.State, "%s %s", d.Channel, d.Reason)
		}
	})
}

func TestWhatIsPausedInFrontOfAShutGateFallsBackWhenItIsResumed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textThenMail)
		p.vendors[relay.ChannelSMS].does(refuses)
		p.flood(20)
		pause := relay.Pause{Channel: relay.ChannelSMS, By: "ann", At: time.Now()}
		require.NoError(t, p.kept.Pause(t.Context(), pause))
		p.pass(fallbackPatience + 3*sweepEvery)
		require.Equal(t, 20, p.queued())
		_, err := p.kept.Resume(t.Context(), pause)
		require.NoError(t, err)
		p.pass(2 * sweepEvery)
		require.Zero(t, p.queued(), "though the Reason is theirs until they are tried")
	})
}

// stoppedStore tells when it is stopped.
type stoppedStore struct {
	store.Store

	stopped chan struct{}
}

// Stop implements store.Store.
func (s *stoppedStore) Stop(ctx context.Context) error {
	close(s.stopped)
	return s.Store.Stop(ctx)
}

func TestNoWorkIsClaimedWhileAProbeEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	kept := &stoppedStore{b.kept, make(chan struct{})}
	b.Store = kept
	require.NoError(t, b.Start(t.Context()))
	ended, late := false, time.NewTimer(5*time.Second)
	defer late.Stop()
	b.house.Go(func() {
		select {
		case <-kept.stopped:
			ended = true
		case <-late.C:
		}
	})
	require.NoError(t, b.Stop(t.Context()))
	require.True(t, ended, "the queue stops meanwhile, and a probe is waited for")
}
