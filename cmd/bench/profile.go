package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// profileRate is how many times a second it is looked what a relay does.
const profileRate = "199"

// serve starts a relay and waits until it is ready; with --profile, perf watches what it does until it ends. A profile of every relay that
// was measured shows where the time of a missed goal went: `perf report --no-children -i FILE`.
func (b *bench) serve(ctx context.Context, s setup) (*loadtest.Relay, error) {
	r, err := b.lab.Serve(ctx, b.beckon, s.env)
	if err != nil || b.profile == "" {
		return r, err
	}
	b.profiles++
	file := filepath.Join(b.profile, fmt.Sprintf("%s-%d.data", b.measuring, b.profiles))
	//nolint:gosec,noctx // our own arguments; it ends with the relay, and has to write what it saw
	perf := exec.Command("perf", "record", "-g", "-F", profileRate, "-o", file, "-p", strconv.Itoa(r.PID()))
	perf.Stderr = os.Stderr
	if err := perf.Start(); err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	b.perfs.Go(func() { _ = perf.Wait() })
	return r, nil
}
