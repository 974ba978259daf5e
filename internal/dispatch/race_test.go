package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// The answer of a twin, with the same words to the same number, is still on its way while its message is in the list already.
func TestAMessageWhoseAnswerIsOnItsWayIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("collapse: false, " + textOnly)
	l := &lister{name: "scripted"}
	b.Provider = func(relay.Channel) (Provider, bool) { return l, true }
	l.outcomes = []relay.Outcome{{Kind: relay.Unknown}, {Kind: relay.Accepted, ProviderID: "SM2"}}
	lost := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), lost))
	b.now = b.now.Add(unknownWait)
	twin := b.mentionOf("2")
	calls := 0
	l.hook = func(context.Context) {
		if calls++; calls > 1 {
			return
		}
		l.list = []relay.Found{{ProviderID: "SM2", State: relay.DeliverySent}}
		l.mu.Unlock()
		defer l.mu.Lock()
		require.NoError(t, b.work(b.delivery(lost).ID)) //nolint:contextcheck // the bench has the context of its test
	}
	require.NoError(t, b.due(t.Context(), twin))
	require.Equal(t, "SM2", b.delivery(twin).ProviderID)
	require.NotEqual(t, "SM2", b.delivery(lost).ProviderID, "one message is two deliveries, and one is lost: %s", b.delivery(lost).State)
}

// A wake-up of the alert that runs twice: one attempts, the other is refused by the gate and hands over what it read before.
func TestHandingOverDoesNotForgetThatAnAnswerWasLost(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule(textOnly)
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Unknown, Reason: relay.ReasonNoAnswer}}
	id := b.mentionOf("1")
	var stale relay.Delivery
	b.provider.hook = func(context.Context) { stale = b.delivery(id) } //nolint:contextcheck // the bench has the context of its test
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.DeliveryUnknown, b.delivery(id).State)
	stale.State, stale.Attempts = relay.DeliveryQueued, 0
	require.NoError(t, b.handOver(t.Context(), stale, relay.ReasonNone))
	require.Equal(t, relay.DeliveryUnknown, b.delivery(id).State, "it would be sent again without a look")
}

// A clock that was ahead was put right, and the process died in an attempt before.
func TestAnAttemptFromTheFutureIsTakenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.provider = nil
	id := b.mention()
	b.now = b.alert(id).DueAt
	_, err := b.kept.Decide(t.Context(), id, relay.Query{}, b.now, func(a relay.Alert, _ relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{{
			ID: "dl_1", Channel: relay.ChannelSMS, Recipient: a.Recipient, Phone: "+14155550102", State: relay.DeliveryQueued,
		}}}
	})
	require.NoError(t, err)
	_, _, err = b.kept.BeginAttempt(t.Context(), store.Start{DeliveryID: "dl_1", Provider: "another", Now: b.now})
	require.NoError(t, err)
	b.now = b.now.Add(-time.Hour)
	require.NoError(t, b.Start(t.Context()))
	defer func() { require.NoError(t, b.Stop(t.Context())) }()
	require.Equal(t, relay.DeliveryUnknown, b.delivery(id).State)
}
