package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// results are what measurements found.
type results struct {
	Goals  []goal  `json:"goals"`
	Curves []curve `json:"curves"`
	// InProcess is what benchstat made of the benchmarks of the packages.
	InProcess []innard `json:"in_process"`
}

func (r *results) add(more results) {
	r.Goals = append(r.Goals, more.Goals...)
	r.Curves = append(r.Curves, more.Curves...)
	if len(more.InProcess) > 0 {
		r.InProcess = more.InProcess
	}
}

// goal is a number with a bound.
type goal struct {
	Name    string           `json:"name"`
	What    string           `json:"what"`
	Bound   float64          `json:"bound"`
	AtLeast bool             `json:"at_least"`
	Unit    string           `json:"unit"`
	Samples loadtest.Samples `json:"samples"`
	Parts   []part           `json:"parts"`
	// At is when it was measured.
	At time.Time `json:"at"`
}

// part is a number that a goal was made of, or that explains it.
type part struct {
	What    string           `json:"what"`
	Unit    string           `json:"unit"`
	Samples loadtest.Samples `json:"samples"`
}

// Met says whether the median keeps the bound.
func (g goal) Met() bool {
	if g.AtLeast {
		return g.Samples.Median() >= g.Bound
	}
	return g.Samples.Median() <= g.Bound
}

// Sign is how the bound is written.
func (g goal) Sign() string {
	if g.AtLeast {
		return "≥"
	}
	return "≤"
}

// report is all that is known of a run, as it is kept beside the page.
type report struct {
	Began    time.Time        `json:"began"`
	Took     time.Duration    `json:"took_ns"`
	Revision string           `json:"revision"`
	Rounds   int              `json:"rounds"`
	Quick    bool             `json:"quick"`
	Machine  loadtest.Machine `json:"machine"`
	Before   loadtest.Average `json:"load_before"`
	After    loadtest.Average `json:"load_after"`
	Go       string           `json:"go"`
	SQLite   string           `json:"sqlite"`
	Postgres string           `json:"postgresql"`
	// Failed are the measurements that were not made, and why.
	Failed map[string]string `json:"failed,omitempty"`
	results
}

// Busy says whether the machine had other work before it began.
func (r report) Busy() bool { return r.Before.Busy(r.Machine.Cores) }

// Files of the report, below docs.
const (
	reportFile = "performance.json"
	pageFile   = "performance.md"
	imageFile  = "images/performance-%s.svg"
)

func readReport(docs string) (r report, err error) {
	text, err := os.ReadFile(filepath.Join(docs, reportFile)) //nolint:gosec // named by the user
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", reportFile, err)
	}
	return r, nil
}

// onto puts what was measured in place of the same in a report of before, which stays that of its run: so a part can be measured again.
func (r report) onto(earlier report, measured []string) report {
	out := earlier
	out.Goals, out.Curves, out.Failed = slices.Clone(earlier.Goals), slices.Clone(earlier.Curves), maps.Clone(r.Failed)
	for _, g := range r.Goals {
		out.Goals = replace(out.Goals, g, func(x goal) bool { return x.Name == g.Name })
	}
	for _, c := range r.Curves {
		out.Curves = replace(out.Curves, c, func(x curve) bool { return x.Name == c.Name })
	}
	if len(r.InProcess) > 0 {
		out.InProcess = r.InProcess
	}
	for name, why := range earlier.Failed {
		if !slices.Contains(measured, name) {
			out.Failed[name] = why
		}
	}
	out.Postgres = cmp.Or(earlier.Postgres, r.Postgres)
	out.Quick = earlier.Quick || r.Quick
	return out
}

func replace[T any](list []T, with T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = with
		return list
	}
	return append(list, with)
}

// number writes three digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return humanize.Comma(int64(v + 0.5))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func withUnit(v float64, unit string) string {
	if unit == "" || unit == "/s" {
		return number(v) + unit
	}
	return number(v) + " " + unit
}

// count writes a whole number with separators.
func count(n int) string { return humanize.Comma(int64(n)) }
