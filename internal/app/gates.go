package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
)

// gateCollector shows how the channels' gates stand, each time somebody looks.
type gateCollector struct {
	gates func() []dispatch.GateState

	stopped, rate, underWay, concurrency *prometheus.Desc
}

func newGateCollector(gates func() []dispatch.GateState) *gateCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &gateCollector{
		gates: gates,
		stopped: desc("beckon_channel_stopped", "Whether no attempts begin on the channel but for a probe now and then (1), by reason.",
			"channel", "reason"),
		rate: desc("beckon_channel_rate", "Messages per second that this process may send, its share of the channel's rate; 0 without a bound.",
			"channel"),
		underWay:    desc("beckon_channel_calls", "Calls to the provider that are under way.", "channel"),
		concurrency: desc("beckon_channel_calls_max", "Calls to the provider that may be under way at once.", "channel"),
	}
}

// Describe implements prometheus.Collector.
func (c *gateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.stopped, c.rate, c.underWay, c.concurrency} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Every reason has its series, so that an alert on one knows it before.
func (c *gateCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, g := range c.gates() {
		name := string(g.Channel)
		for _, reason := range []relay.Reason{relay.ReasonMisconfigured, relay.ReasonProviderTrouble, relay.ReasonThrottled} {
			shut := 0.0
			if g.Shut == reason {
				shut = 1
			}
			gauge(c.stopped, shut, name, string(reason))
		}
		gauge(c.rate, g.Rate, name)
		gauge(c.underWay, float64(g.UnderWay), name)
		gauge(c.concurrency, float64(g.Concurrency), name)
	}
}
