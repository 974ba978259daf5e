//go:build !linux

package loadtest

import (
	"context"
	"time"
)

// waitExactly waits until a time or until ctx ends.
func waitExactly(ctx context.Context, until time.Time) { pause(ctx, until) }
