package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/template"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// pageTemplate is the page: what is written by hand stands there, what is measured is put in.
//
//go:embed performance.md.tmpl
var pageTemplate string

// write keeps the report, and writes the page and its pictures from it.
func (r report) write(docs string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := put(filepath.Join(docs, reportFile), append(text, '\n')); err != nil {
		return err
	}
	page, err := r.page()
	if err != nil {
		return err
	}
	if err := put(filepath.Join(docs, pageFile), page); err != nil {
		return err
	}
	for _, c := range r.Curves {
		picture, err := c.draw()
		if err != nil {
			return err
		}
		if err := put(filepath.Join(docs, fmt.Sprintf(imageFile, c.Name)), picture); err != nil {
			return err
		}
	}
	return nil
}

func put(path string, content []byte) error {
	return os.WriteFile(path, content, 0o644) //nolint:gosec // documentation
}

// page fills the template.
func (r report) page() ([]byte, error) {
	t, err := template.New(pageFile).Funcs(template.FuncMap{
		"number": number, "unit": withUnit, "count": count, "exponent": exponent, "last": last, "value": r.value, "limit": limitOf, "note": noteOf,
		"image": func(c curve) string { return fmt.Sprintf(imageFile, c.Name) }, "day": func(t time.Time) string { return t.Format(time.DateOnly) },
		"minutes": func(d time.Duration) string { return d.Round(time.Minute).String() }, "gb": func(n int64) string { return fmt.Sprintf("%.0f GB", float64(n)/1e9) },
		"flat": flat, "whole": func(v float64) string { return count(int(v)) },
	}).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the template of the page: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, r); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return page.Bytes(), nil
}

// value is the median of a goal, or of one of its parts, with its unit; where it was not measured it says so.
func (r report) value(name string, parts ...string) string {
	for _, g := range r.Goals {
		if g.Name != name {
			continue
		}
		if len(parts) == 0 {
			return withUnit(g.Samples.Median(), g.Unit)
		}
		for _, p := range g.Parts {
			if p.What == parts[0] {
				return withUnit(p.Samples.Median(), p.Unit)
			}
		}
	}
	return "(not measured)"
}

// exponent writes that of a series, last that of its last step.
func exponent(s series) string { return power(s.Exponent()) }

func last(s series) string { return power(s.Last()) }

func power(k float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2f", k)
}

// flatBelow is the exponent below which a curve is called flat: a tenfold then costs less than a third more.
const flatBelow = 0.12

// flat says in words how a series grows at its end.
func flat(s series) string {
	switch k, ok := s.Last(); {
	case !ok:
		return ""
	case k < flatBelow:
		return "flat"
	case k < 1-flatBelow:
		return "grows less than in proportion"
	case k <= 1+flatBelow:
		return "grows in proportion"
	}
	return "grows more than in proportion"
}

// Sizes are those of a curve.
func (c curve) Sizes() []int {
	var all []int
	for _, s := range c.Series {
		for _, p := range s.Points {
			if !slices.Contains(all, int(p.X)) {
				all = append(all, int(p.X))
			}
		}
	}
	slices.Sort(all)
	return all
}

// At is the series' value at a size; empty where it has none.
func (s series) At(size int) string {
	for _, p := range s.Points {
		if int(p.X) == size {
			return number(p.Samples.Median())
		}
	}
	return ""
}

// Missed are the goals that were not met.
func (r report) Missed() []goal {
	return slices.DeleteFunc(slices.Clone(r.Goals), goal.Met)
}

// Again are the goals that were measured after the run, one by one.
func (r report) Again() []goal {
	return slices.DeleteFunc(slices.Clone(r.Goals), func(g goal) bool { return g.At.Before(r.Began.Add(r.Took)) })
}

// Spread is the lowest and the highest of the rounds; nothing where there was one.
func (g goal) Spread() string { return spread(g.Samples) }

// Spread is as that of a goal.
func (p part) Spread() string { return spread(p.Samples) }

func spread(s loadtest.Samples) string {
	if len(s) < 2 {
		return ""
	}
	return number(s.Low()) + " to " + number(s.High())
}
