package outbound

import (
	"sync/atomic"
	"time"
)

// Pause is until when a service wants no calls. The zero value is none. It may be used by many goroutines.
type Pause struct{ until atomic.Int64 }

// Hold begins a pause, unless a longer one is on, and gives when it ends.
func (p *Pause) Hold(until time.Time) time.Time {
	for {
		old := p.until.Load()
		if old >= until.UnixNano() {
			return time.Unix(0, old)
		}
		if p.until.CompareAndSwap(old, until.UnixNano()) {
			return until
		}
	}
}

// On reports whether calls have to wait, and until when.
func (p *Pause) On(now time.Time) (until time.Time, on bool) {
	until = time.Unix(0, p.until.Load())
	return until, now.Before(until)
}
