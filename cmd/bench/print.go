package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// print shows what was found, for a terminal.
func (r report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r.printMachine(w)
	for _, g := range r.Goals {
		met := "MISSED"
		if g.Met() {
			met = "met"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t(%s to %s)\tgoal %s %s\t%s\n", g.Name, withUnit(g.Samples.Median(), g.Unit), number(g.Samples.Low()),
			number(g.Samples.High()), g.Sign(), withUnit(g.Bound, g.Unit), met)
		for _, p := range g.Parts {
			_, _ = fmt.Fprintf(w, "  %s\t%s\t(%s to %s)\n", p.What, withUnit(p.Samples.Median(), p.Unit), number(p.Samples.Low()), number(p.Samples.High()))
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
				_, _ = fmt.Fprintf(w, "\t%s: %s", count(int(p.X)), number(p.Samples.Median()))
			}
			_, _ = fmt.Fprintln(w)
		}
	}
	for _, i := range r.InProcess {
		_, _ = fmt.Fprintf(w, "%s\t%s µs\t± %s\t%s B\t%s allocations\n", i.Name, i.Micro(), i.Wobble, count(int(i.Bytes)), count(int(i.Allocations)))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Failed)) {
		_, _ = fmt.Fprintf(w, "%s FAILED: %s\n", name, r.Failed[name])
	}
	return w.Flush()
}

func (r report) printMachine(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s, %d cores, %.0f GB, %s, %s, SQLite %s", r.Machine.CPU, r.Machine.Cores, float64(r.Machine.Memory)/1e9, r.Machine.System, r.Go, r.SQLite)
	if r.Postgres != "" {
		_, _ = fmt.Fprintf(w, ", PostgreSQL %s", r.Postgres)
	}
	_, _ = fmt.Fprintf(w, "\nload average before %s, after %s; %d rounds, %s in all", r.Before, r.After, r.Rounds, r.Took.Round(time.Second))
	if r.Quick {
		_, _ = fmt.Fprint(w, "; --quick: do not compare these numbers")
	}
	if r.Busy() {
		_, _ = fmt.Fprint(w, "\nTHE MACHINE WAS BUSY with other work: times and rates mean little; processor time and memory do")
	}
	_, _ = fmt.Fprint(w, "\n\n")
}
