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

// lateStore puts queues down too late: whoever waits for it gives up.
type lateStore struct {
	store.Store

	asked []int
}

// Queue implements store.Store.
func (s *lateStore) Queue(_ context.Context, _ relay.Channel, workers int) error {
	s.asked = append(s.asked, workers)
	if workers == 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestAQueueThatWasHalfPutDownIsTakenUpAgainWhenTheGateOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, textOnly)
		late := &lateStore{Store: p.kept}
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
