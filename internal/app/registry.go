package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/beckon-relay/beckon/internal/telemetry"
)

// nativeFactor is how far the bounds of a native histogram's buckets are apart at the most. A server that does not ask for native
// histograms is given the classic buckets.
const nativeFactor = 1.1

// histogram describes one in seconds, with so many classic buckets from the least on, each twice the one before.
func histogram(name, help string, least float64, buckets int) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(least, 2, buckets),
		NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}
}

// observe adds a time to a histogram, with the trace of ctx as an example where there is one.
func observe(ctx context.Context, to prometheus.Observer, took time.Duration) {
	if id := telemetry.TraceID(ctx); id != "" {
		if exemplary, ok := to.(prometheus.ExemplarObserver); ok {
			exemplary.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": id})
			return
		}
	}
	to.Observe(took.Seconds())
}
