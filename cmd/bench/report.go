package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// results are what measurements found.
type results struct {
	Goals  []goal
	Curves []curve
}

func (r *results) add(more results) {
	r.Goals = append(r.Goals, more.Goals...)
	r.Curves = append(r.Curves, more.Curves...)
}

// goal is a number with a bound.
type goal struct {
	Name, What string
	Bound      float64
	AtLeast    bool
	Unit       string
	Samples    loadtest.Samples
	Parts      []part
}

// part is a number that a goal was made of, or that explains it.
type part struct {
	What, Unit string
	Samples    loadtest.Samples
}

// Met says whether the median keeps the bound.
func (g goal) Met() bool {
	if g.AtLeast {
		return g.Samples.Median() >= g.Bound
	}
	return g.Samples.Median() <= g.Bound
}

// number writes three digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
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

func (r results) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, g := range r.Goals {
		sign, met := "≤", "MISSED"
		if g.AtLeast {
			sign = "≥"
		}
		if g.Met() {
			met = "met"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t(%s-%s)\tgoal %s %s\t%s\n", g.Name, withUnit(g.Samples.Median(), g.Unit), number(g.Samples.Low()),
			number(g.Samples.High()), sign, withUnit(g.Bound, g.Unit), met)
		for _, p := range g.Parts {
			_, _ = fmt.Fprintf(w, "  %s\t%s\t(%s-%s)\n", p.What, withUnit(p.Samples.Median(), p.Unit), number(p.Samples.Low()), number(p.Samples.High()))
		}
	}
	for _, c := range r.Curves {
		_, _ = fmt.Fprintf(w, "%s\n", c.What)
		for _, s := range c.Series {
			_, _ = fmt.Fprintf(w, "  %s, %s", s.Name, s.Unit)
			if k, ok := s.Exponent(); ok {
				_, _ = fmt.Fprintf(w, "\t^%.2f", k)
			}
			for _, p := range s.Points {
				_, _ = fmt.Fprintf(w, "\t%.0f: %s", p.X, number(p.Samples.Median()))
			}
			_, _ = fmt.Fprintln(w)
		}
	}
	return w.Flush()
}

// count writes a whole number with separators.
func count(n int) string { return humanize.Comma(int64(n)) }
