package loadtest

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of a Latency, and how exact it is: three digits.
const (
	shortestLatency = time.Microsecond
	longestLatency  = 10 * time.Minute
	latencyDigits   = 3
)

// Latency is how long things took, as a histogram: any quantile of it is right to a thousandth. It is not for several goroutines; each
// has its own, and they are added up.
type Latency struct{ h *hdrhistogram.Histogram }

// NewLatency makes an empty one.
func NewLatency() *Latency {
	return &Latency{hdrhistogram.New(int64(shortestLatency/time.Microsecond), int64(longestLatency/time.Microsecond), latencyDigits)}
}

// Add counts one. What is out of range counts as the end of the range.
func (l *Latency) Add(d time.Duration) {
	d = min(max(d, shortestLatency), longestLatency)
	_ = l.h.RecordValue(d.Microseconds()) // it is in range
}

// Merge adds all of another one.
func (l *Latency) Merge(other *Latency) { l.h.Merge(other.h) }

// Count is how many were added.
func (l *Latency) Count() int64 { return l.h.TotalCount() }

// Quantile is the time that a share of them, 0 to 1, did not exceed; 0 of none.
func (l *Latency) Quantile(share float64) time.Duration {
	return time.Duration(l.h.ValueAtQuantile(share*100)) * time.Microsecond
}

// Max is the longest.
func (l *Latency) Max() time.Duration { return time.Duration(l.h.Max()) * time.Microsecond }

// String reads "p50 1.2ms, p99 3ms, max 4ms of 1000".
func (l *Latency) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s of %d", l.Quantile(0.5), l.Quantile(0.99), l.Max(), l.Count())
}
