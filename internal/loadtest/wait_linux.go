package loadtest

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// nearEnough is how long before the time the runtime's timers are left for the kernel's: theirs come up to a millisecond late on an idle
// machine, which would be taken for latency of the system.
const nearEnough = 3 * time.Millisecond

// waitExactly waits until a time or until ctx ends.
func waitExactly(ctx context.Context, until time.Time) {
	if time.Until(until) > nearEnough {
		pause(ctx, until.Add(-nearEnough))
	}
	for left := time.Until(until); left > 0 && ctx.Err() == nil; left = time.Until(until) {
		ts := unix.NsecToTimespec(left.Nanoseconds())
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil) // a signal ends it early: then again
	}
}
