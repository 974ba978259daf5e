package backtest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText prints a report for people: totals, a line for each rule and channel, and the examples.
func WriteText(w io.Writer, r Report) error {
	p := &printer{}
	p.line("%s, %s", r.events(), r.span())
	p.line("  old: %s (generation %s)", r.Old.Name, r.Old.Generation)
	p.line("  new: %s (generation %s)", r.New.Name, r.New.Generation)
	for _, note := range r.notes() {
		p.line("note: %s", note)
	}
	p.line("\n%s", r.headline())
	if len(r.Rows) > 0 {
		p.line("")
		p.table(r)
	}
	for _, row := range r.Rows {
		for _, e := range row.Examples {
			p.example(row, e)
		}
	}
	if _, err := io.WriteString(w, p.String()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printer collects what is printed.
type printer struct{ strings.Builder }

func (p *printer) line(format string, args ...any) { _, _ = fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) table(r Report) {
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "RULE\tCHANNEL\tMESSAGES\tSEGMENTS\tMORE\tLESS\tDIFFERENT")
	for _, row := range r.Rows {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Rule, row.Channel, row.Messages, row.Segments,
			thousands(row.More), thousands(row.Less), thousands(row.Different))
	}
	_ = t.Flush() // a strings.Builder takes everything
}

func (p *printer) example(row Row, e Example) {
	p.line("\n%s: %s by %s to %s", e.Kind, row.Rule, row.Channel, e.To)
	p.line("  %s of %s, event %s", e.Trigger, clock(e.ReceivedAt), e.Event)
	for _, side := range e.sides() {
		p.line("  %s: %s", side.name, side.says)
		if side.told == nil {
			continue
		}
		for _, text := range side.told.texts() {
			p.line("       | %s", strings.ReplaceAll(text, "\n", "\n       | "))
		}
	}
	if len(e.Differs) > 0 {
		p.line("  in: %s", strings.Join(e.Differs, ", "))
	}
}

// saying is what one version makes of an example, in words.
type saying struct {
	name, says string
	told       *Told
}

func (e Example) sides() []saying {
	say := func(name string, told *Told) saying {
		if told == nil {
			return saying{name: name, says: "not told; " + e.Why}
		}
		return saying{name: name, says: told.String(), told: told}
	}
	return []saying{say("old", e.Old), say("new", e.New)}
}

// String reads "rule a, template b, at 2026-03-02T12:00:00Z, 2 segments, in a digest of 3".
func (t Told) String() string {
	out := fmt.Sprintf("rule %s, template %s, at %s", t.Rule, t.Template, clock(t.At))
	if t.Segments > 0 {
		out += ", " + plural(t.Segments, "segment")
	}
	if t.Digest > 0 {
		out += ", in a digest of " + strconv.Itoa(t.Digest)
	}
	return out
}

// texts are the subject and the text, those that are shown.
func (t Told) texts() []string {
	return slices.DeleteFunc([]string{t.Subject, t.Text}, func(text string) bool { return text == "" })
}

// String reads "3", or "3 → 4" where the versions differ.
func (p Pair) String() string {
	if p.Old == p.New {
		return thousands(p.Old)
	}
	return thousands(p.Old) + " → " + thousands(p.New)
}

func (r Report) events() string { return "Backtest of " + plural(r.Events, "event") }

func (r Report) span() string {
	if r.Events == 0 {
		return "none is kept of that time"
	}
	return clock(r.From) + " to " + clock(r.To)
}

// headline is the report in one line.
func (r Report) headline() string {
	if r.Events == 0 {
		return "Nothing was replayed, so nothing is compared"
	}
	t := r.Total
	changes := "Nothing changes"
	if t.More+t.Less+t.Different > 0 {
		changes = fmt.Sprintf("%s more, %s less, %s different", thousands(t.More), thousands(t.Less), thousands(t.Different))
	}
	return fmt.Sprintf("%s; messages: %s, SMS segments: %s", changes, t.Messages, t.Segments)
}

// notes are the report's own, with what is not decided yet.
func (r Report) notes() []string {
	if r.Undecided == (Pair{}) {
		return r.Notes
	}
	return append(slices.Clone(r.Notes), fmt.Sprintf("Alerts that fell due after the last event are taken as if nothing had come "+
		"since: %s under the old rules, %s under the new ones.", thousands(r.Undecided.Old), thousands(r.Undecided.New)))
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}

// thousands writes a number with commas.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
