package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// The benchmarks of the packages that are run, where they are, and how often, so that benchstat can say how much they wobble.
const (
	benchmarks = "^Benchmark(Decode|Matches|Plan|Decide|Render|Segments|Signature)$"
	benchRuns  = 6
)

func benchPackages() []string {
	return []string{
		"./internal/cometchat", "./internal/rules", "./internal/engine", "./internal/render", "./internal/channel/twilio", "./internal/channel/sendgrid",
	}
}

// measureInProcess runs the benchmarks of the packages and sums them up by benchstat.
func measureInProcess(ctx context.Context, b *bench) (results, error) {
	if b.benchstat == "" {
		return results{}, errors.New("--benchstat does not name the program; `make bench` installs it and names it")
	}
	runs, long := benchRuns, "500ms"
	if b.quick {
		runs, long = 2, "20ms"
	}
	args := append([]string{"test", "-run", "^$", "-bench", benchmarks, "-benchmem", "-count", strconv.Itoa(runs), "-benchtime", long, "-p", "1"},
		benchPackages()...)
	c := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own arguments
	raw, err := c.CombinedOutput()
	if err != nil {
		return results{}, fmt.Errorf("run the benchmarks: %w\n%s", err, raw)
	}
	file := filepath.Join(b.lab.Dir, "benchmarks.txt")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return results{}, err
	}
	summed, err := exec.CommandContext(ctx, b.benchstat, "-format", "csv", file).Output() //nolint:gosec // named by who runs it
	if err != nil {
		return results{}, fmt.Errorf("sum up the benchmarks: %w", err)
	}
	found, err := readBenchstat(bytes.NewReader(summed))
	return results{InProcess: found}, err
}
