package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// looked is a store that is only looked at, and may be away.
type looked struct {
	store.Store
	away   error
	pauses []relay.Pause
}

func (l looked) Stats(context.Context) (store.Stats, error) {
	return store.Stats{Free: -1, Segments: 12}, l.away
}

func (l looked) Pauses(context.Context) ([]relay.Pause, error) { return l.pauses, l.away }

func (l looked) scrape(t *testing.T) string {
	t.Helper()
	m := newMetrics("test", "abc")
	m.registry.MustRegister(newQueueCollector(l, time.Now))
	return scrape(t, m)
}

func TestMetricsAreShownWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	got := looked{away: errors.New("dial 10.9.8.7: refused")}.scrape(t)
	require.Contains(t, got, "\nbeckon_store_up 0\n")
	require.Contains(t, got, "beckon_webhook_requests_total{")
	require.NotContains(t, got, "beckon_queue_")
	require.NotContains(t, got, "10.9.8.7")
}

func TestMetricsTellOfPauses(t *testing.T) {
	t.Parallel()
	got := looked{pauses: []relay.Pause{{}, {Channel: relay.ChannelSMS}}}.scrape(t)
	require.Contains(t, got, "\nbeckon_store_up 1\n")
	require.Contains(t, got, "\nbeckon_paused 2\n")
	require.Contains(t, got, "\nbeckon_sms_segments_today 12\n")
	require.Contains(t, got, `beckon_queue_deliveries{channel="sms",state="queued"} 0`)
}

func TestSuppressedDeliveriesAreCountedByReason(t *testing.T) {
	t.Parallel()
	m := newMetrics("test", "abc")
	require.Contains(t, scrape(t, m), `beckon_deliveries_suppressed_total{channel="sms",reason="daily_segments"} 0`)
	m.Settled(t.Context(), relay.Delivery{Channel: relay.ChannelSMS, Reason: relay.ReasonDailySegments}, relay.DeliverySuppressed, 0)
	m.Settled(t.Context(), relay.Delivery{Channel: relay.ChannelSMS, Reason: relay.ReasonThrottled}, relay.DeliverySuppressed, 0)
	m.Settled(t.Context(), relay.Delivery{Channel: relay.ChannelEmail}, relay.DeliverySent, 0)
	got := scrape(t, m)
	require.Contains(t, got, `beckon_deliveries_suppressed_total{channel="sms",reason="daily_segments"} 1`)
	require.Contains(t, got, `beckon_deliveries_suppressed_total{channel="sms",reason="opted_out"} 1`, "the last attempt said so")
	require.NotContains(t, got, `beckon_deliveries_suppressed_total{channel="sms",reason="throttled"}`)
}
