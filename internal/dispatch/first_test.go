package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestTheFirstAttemptIsWrittenDownWithItsDecision(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	died := false
	b.Store = flaky{b.kept, func() (before, after bool) { died = !died; return false, died }}
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.ErrorIs(t, b.due(t.Context(), id), errDown, "the process dies after the decision is kept")
	d := b.delivery(id)
	require.Equal(t, relay.DeliverySending, d.State)
	require.Equal(t, 1, d.Attempts)
	require.NoError(t, b.due(t.Context(), id), "the job runs again after the restart")
	require.Empty(t, b.provider.sent, "nobody knows here that no call was made")
	lost, err := b.kept.Orphaned(t.Context(), b.now.Add(time.Second), b.now, b.now.Add(unknownWait))
	require.NoError(t, err)
	require.Equal(t, 1, lost)
	b.now = b.now.Add(unknownWait)
	require.NoError(t, b.work(d.ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Len(t, b.provider.sent, 1)
}

func TestWhatAGateKeepsOutGoesToItsQueueWithTheDecision(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gate := b.gates[relay.ChannelSMS]
	for range cap(gate.inline) {
		_, err := gate.enter(t.Context(), atOnce)
		require.NoError(t, err)
	}
	id := b.fallDue()
	d := b.delivery(id)
	require.Equal(t, relay.DeliveryQueued, d.State)
	require.Equal(t, b.now, d.NextAt, "there is a wake-up for it")
	require.Empty(t, b.provider.sent)
	require.NoError(t, b.work(d.ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
}

func TestAPassThatADecisionDoesNotUseIsGivenBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Store = flaky{b.kept, func() (before, after bool) { return false, true }}
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.ErrorIs(t, b.due(t.Context(), id), errDown)
	require.Empty(t, b.gates[relay.ChannelSMS].slots)
	require.Empty(t, b.gates[relay.ChannelSMS].inline)
}
