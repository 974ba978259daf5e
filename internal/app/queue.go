package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// queueCollector asks the store what is waiting, each time somebody looks.
type queueCollector struct {
	store store.Store
	now   func() time.Time

	waiting, alerts, oldest, bytes, free, paused, segments, up *prometheus.Desc
}

func newQueueCollector(s store.Store, now func() time.Time) *queueCollector {
	return &queueCollector{
		store: s, now: now,
		waiting: prometheus.NewDesc("beckon_queue_deliveries", "Deliveries that are not done, and dead ones.", []string{"channel", "state"}, nil),
		alerts:  prometheus.NewDesc("beckon_queue_alerts", "Alerts that are held or due.", []string{"state"}, nil),
		oldest: prometheus.NewDesc("beckon_queue_oldest_ready_age_seconds", "Age of the delivery that waits longest.",
			[]string{"channel"}, nil),
		bytes:  prometheus.NewDesc("beckon_store_bytes", "Size of the database on disk.", nil, nil),
		free:   prometheus.NewDesc("beckon_store_free_bytes", "Room left on the disk of the database, where that is known.", nil, nil),
		paused: prometheus.NewDesc("beckon_paused", "Pauses in force.", nil, nil),
		segments: prometheus.NewDesc("beckon_sms_segments_today", "SMS segments of this day (UTC) that count against BECKON_SMS_DAILY_SEGMENTS.",
			nil, nil),
		up: prometheus.NewDesc("beckon_store_up", "Whether the store answers (1); without it the queue's gauges are missing.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (q *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- q.waiting
	ch <- q.alerts
	ch <- q.oldest
	ch <- q.bytes
	ch <- q.free
	ch <- q.paused
	ch <- q.segments
	ch <- q.up
}

// waitingStates are the states of a delivery that is not done, and dead.
func waitingStates() []relay.DeliveryState {
	return []relay.DeliveryState{relay.DeliveryQueued, relay.DeliverySending, relay.DeliveryUnknown, relay.DeliveryDead}
}

// statsTimeout bounds one look at the store: a scrape must end even when the disk hangs.
const statsTimeout = 2 * time.Second

// Collect implements prometheus.Collector. While the store does not answer, everything else is still shown.
func (q *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	stats, err := q.store.Stats(ctx)
	pauses, unread := q.store.Pauses(ctx)
	if err != nil || unread != nil {
		gauge(q.up, 0)
		return
	}
	gauge(q.up, 1)
	gauge(q.paused, float64(len(pauses)))
	gauge(q.segments, float64(stats.Segments))
	for _, channel := range relay.Channels() {
		for _, state := range waitingStates() {
			gauge(q.waiting, float64(stats.Deliveries[channel][state]), string(channel), string(state))
		}
		age := 0.0
		if since, ok := stats.OldestQueued[channel]; ok {
			age = q.now().Sub(since).Seconds()
		}
		gauge(q.oldest, age, string(channel))
	}
	for _, state := range []relay.AlertState{relay.AlertHeld, relay.AlertDue} {
		gauge(q.alerts, float64(stats.Alerts[state]), string(state))
	}
	gauge(q.bytes, float64(stats.Bytes))
	if stats.Free >= 0 {
		gauge(q.free, float64(stats.Free))
	}
}
