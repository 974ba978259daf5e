package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// sharedStore says that others work on it too.
type sharedStore struct{ store.Store }

// Shared implements store.Store.
func (sharedStore) Shared() bool { return true }

func TestAReplicaThatStartsLeavesTheAttemptsOfOthersAloneUntilTheyAreLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		shared bool
		want   relay.DeliveryState
	}{{false, relay.DeliveryUnknown}, {true, relay.DeliverySending}} {
		b := newBench(t)
		b.provider = nil // so that the decision makes no attempt
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
		b.now = b.now.Add(orphanAge)
		if tt.shared {
			b.Store = sharedStore{b.kept}
		}
		require.NoError(t, b.Start(t.Context()))
		require.Equal(t, tt.want, b.delivery(id).State)
		require.NoError(t, b.Stop(t.Context()))
		b.now = b.now.Add(time.Microsecond)
		if tt.shared {
			require.NoError(t, b.houseKeeping(t.Context()))
		}
		require.Equal(t, relay.DeliveryUnknown, b.delivery(id).State)
	}
}
