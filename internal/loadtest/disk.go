package loadtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// page is what a small transaction writes at least.
const page = 4096

// SyncTimes is how long the disk of a folder takes to make sure of a page that was appended to a file, so many times, with a pause
// between them: a disk that has just been asked is quicker than one that was left alone.
func SyncTimes(ctx context.Context, dir string, times int, apart time.Duration) (l *Latency, err error) {
	file, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return nil, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	l = NewLatency()
	buffer := make([]byte, page)
	for range times {
		pause(ctx, time.Now().Add(apart))
		if _, err := file.Write(buffer); err != nil {
			return nil, fmt.Errorf("measure the disk: %w", err)
		}
		start := time.Now()
		if err := file.Sync(); err != nil {
			return nil, fmt.Errorf("measure the disk: %w", err)
		}
		l.Add(time.Since(start))
	}
	return l, ctx.Err()
}
