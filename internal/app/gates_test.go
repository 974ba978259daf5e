package app

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestAStoppedChannelShowsInTheMetricsWithItsReason(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newGateCollector(func() []dispatch.GateState {
		return []dispatch.GateState{{
			Channel: relay.ChannelSMS, Shut: relay.ReasonMisconfigured, Rate: 0.5, UnderWay: 3, Concurrency: 32,
		}}
	}))
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				key = append(key, l.GetValue())
			}
			got[strings.Join(key, " ")] = m.GetGauge().GetValue()
		}
	}
	require.Equal(t, map[string]float64{
		"beckon_channel_stopped sms misconfigured": 1, "beckon_channel_stopped sms provider_trouble": 0, "beckon_channel_stopped sms throttled": 0,
		"beckon_channel_rate sms": 0.5, "beckon_channel_calls sms": 3, "beckon_channel_calls_max sms": 32,
	}, got)
}
