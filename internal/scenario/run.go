package scenario

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Options say how tests are run.
type Options struct {
	// Only picks tests by name; nil picks all.
	Only func(name string) bool
	// Now measures how long a test takes.
	Now func() time.Time
}

// Report is what came of a file's tests.
type Report struct {
	File  string   `json:"file"`
	Tests []Result `json:"tests"`
	// Skipped counts the tests that Options.Only did not pick.
	Skipped int `json:"skipped"`
	// Findings are why the file could not be run.
	Findings []rules.Finding `json:"findings,omitempty"`
	// Warnings point at what is probably not meant in the tests that were run. They fail nothing.
	Warnings []rules.Finding `json:"warnings,omitempty"`
	Elapsed  time.Duration   `json:"elapsed_ns"`

	coverage coverage
}

// Result is what came of one test. It passed without Failures.
type Result struct {
	Name     string        `json:"name"`
	Line     int           `json:"line"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Failures []Failure     `json:"failures,omitempty"`
	// Repeats are the events that were repeats; they are told of a test that failed.
	Repeats []Repeat `json:"repeats,omitempty"`
}

// Failed counts the tests that failed.
func (r Report) Failed() int {
	failed := 0
	for _, t := range r.Tests {
		if len(t.Failures) > 0 {
			failed++
		}
	}
	return failed
}

// Run runs the tests over all processors. When ctx ends, the tests that were not begun are left out and counted as skipped.
func (s *Suite) Run(ctx context.Context, o Options) Report {
	started := o.Now()
	var chosen []*Test
	for _, t := range s.Tests {
		if o.Only == nil || o.Only(t.Name) {
			chosen = append(chosen, t)
		}
	}
	results, covered := make([]Result, len(chosen)), make([]coverage, len(chosen))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chosen)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(chosen) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				results[i], covered[i] = chosen[i].run(o.Now)
			}
		})
	}
	workers.Wait()
	report := Report{File: s.Path, Tests: []Result{}, coverage: coverage{}}
	for i, result := range results {
		if result.Name == "" {
			continue
		}
		report.Tests = append(report.Tests, result)
		report.Warnings = append(report.Warnings, chosen[i].warnings...)
		if !chosen[i].foreign {
			report.coverage.add(covered[i])
		}
	}
	report.Skipped = len(s.Tests) - len(report.Tests)
	report.Elapsed = o.Now().Sub(started)
	return report
}

func (t *Test) run(now func() time.Time) (Result, coverage) {
	started := now()
	seen := coverage{}
	setup := t.Setup()
	setup.Observe = func(o sim.Observation) { seen[o] = true }
	result := sim.Run(setup)
	r := Result{Name: t.Name, Line: t.Line, Failures: t.judge(result)}
	if len(r.Failures) > 0 {
		r.Repeats = t.repeats(result.Repeats)
	}
	r.Elapsed = now().Sub(started)
	return r, seen
}
