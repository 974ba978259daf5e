package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// backtestFlags are what `beckon backtest` was called with.
type backtestFlags struct {
	rules, old, templates string
	since                 time.Duration
	format                string
	json, texts           bool
	examples, minEvents   int
	failOn                []string
}

// formatMarkdown is one more format, beside those of `beckon check`.
const formatMarkdown = "markdown"

// failOnAny is the --fail-on that stands for every kind of change.
const failOnAny = "any"

func backtestCommand() *cobra.Command {
	var f backtestFlags
	c := &cobra.Command{
		Use:   "backtest --rules NEW",
		Short: "Replay kept events through new rules, and show what would change",
		Long: `Replay the events of the database (BECKON_DATABASE_URL) through the rules in force (BECKON_RULES, BECKON_TEMPLATES) and through
new ones, under a virtual clock, and show what people would be told more, less or differently, by rule, with examples. Nothing
is sent or kept, and a relay may be running on the database.

What is compared is who is told of which event on which channel, so a digest of three tells of three and is one message. People
are taken as they are in BECKON_DIRECTORY now, and so are those who opted out; every provider takes every message. What happened
before --since is not seen, nor what will yet happen.

Addresses are masked; texts are shown only with --texts. Differences do not change the exit code unless --fail-on names them, nor do
too few events unless --min-events says how many it takes.`,
		Example: "  beckon backtest --rules staging/rules.yaml\n" +
			"  beckon backtest --rules new.yaml --since 168h --format markdown --fail-on less > comment.md",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.StringVar(&f.rules, "rules", "", "the new rules file; required")
	flags.StringVar(&f.templates, "templates", "", "folder of the new templates (default: BECKON_TEMPLATES)")
	flags.StringVar(&f.old, "old", "", "the rules file to compare with (default: BECKON_RULES)")
	flags.DurationVar(&f.since, "since", 72*time.Hour, "replay events that are younger than this")
	flags.StringVar(&f.format, "format", formatText, "text, json or markdown, which is for a comment on a pull request")
	flags.BoolVar(&f.json, "json", false, "the same as --format json")
	flags.IntVar(&f.examples, "examples", 3, fmt.Sprintf("how many examples of each kind of change for a rule and channel (up to %d)",
		backtest.MaxExamples))
	flags.BoolVar(&f.texts, "texts", false, "show the texts of examples, which hold what people wrote, in clear")
	flags.IntVar(&f.minEvents, "min-events", 0, "exit with 1 where fewer events were replayed: a replay of nothing proves nothing")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "exit with 1 where there are such changes: more, less, different, any")
	return c
}

// complete checks the flags.
func (f *backtestFlags) complete(c *cobra.Command) error {
	if f.json && c.Flags().Changed("format") && f.format != formatJSON {
		return usageError{fmt.Errorf("--json and --format %s: choose one", f.format)}
	}
	if f.json {
		f.format = formatJSON
	}
	switch {
	case f.rules == "":
		return usageError{errors.New("--rules is required: the file with the new rules")}
	case f.since <= 0:
		return usageError{errors.New("--since must be more than 0, such as 72h")}
	case f.minEvents < 0:
		return usageError{errors.New("--min-events must not be negative")}
	case f.examples < 0 || f.examples > backtest.MaxExamples:
		return usageError{fmt.Errorf("--examples must be 0 to %d", backtest.MaxExamples)}
	}
	if err := oneOf("--format", f.format, []string{formatText, formatJSON, formatMarkdown}); err != nil {
		return err
	}
	kinds := []string{failOnAny}
	for _, kind := range backtest.Kinds() {
		kinds = append(kinds, string(kind))
	}
	for _, kind := range f.failOn {
		if !slices.Contains(kinds, kind) {
			return usageError{fmt.Errorf("--fail-on %q: must be one of %v", kind, kinds)}
		}
	}
	return nil
}

func (f *backtestFlags) run(c *cobra.Command) error {
	if err := f.complete(c); err != nil {
		return err
	}
	cfg, err := settings(append(config.DirectorySettings(), "BECKON_DATABASE_URL", "BECKON_RULES", "BECKON_TEMPLATES", "BECKON_KEEP")...)
	if err != nil {
		return err
	}
	people, err := app.OpenPeople(cfg)
	if err != nil {
		return err
	}
	setup, err := f.setup(c, cfg, people)
	if err != nil {
		return err
	}
	meter := newMeter(c.ErrOrStderr())
	defer meter.clear()
	setup.Progress = meter.tell
	var notes []string
	if notes, err = f.gather(c.Context(), cfg, meter.tell, &setup); err != nil {
		return err
	}
	report, err := backtest.Run(c.Context(), setup)
	if err != nil {
		return err
	}
	if err := people.Trouble(); err != nil { // whoever was not found would count as told less
		return fmt.Errorf("look people up: %w", err)
	}
	meter.clear()
	report.Notes = append(report.Notes, notes...)
	if err := f.print(c.OutOrStdout(), report); err != nil {
		return err
	}
	if report.Events == 0 && len(f.failOn) > 0 && f.minEvents == 0 {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "beckon: --fail-on: nothing was replayed, so nothing is proved; --min-events makes that fail")
	}
	return f.verdict(report)
}

// setup loads both versions and the people.
func (f *backtestFlags) setup(c *cobra.Command, cfg config.Config, people *app.People) (backtest.Setup, error) {
	s := backtest.Setup{Examples: f.examples, Texts: f.texts}
	for _, v := range []struct {
		to               *backtest.Version
		rules, templates string
	}{
		{&s.Old, cmp.Or(f.old, cfg.Rules), cfg.Templates},
		{&s.New, f.rules, cmp.Or(f.templates, cfg.Templates)},
	} {
		generation, err := currentGeneration(c, v.rules, v.templates)
		if err != nil {
			return s, err
		}
		*v.to = backtest.Version{Name: v.rules, Generation: generation}
	}
	if !people.Invented {
		s.Contact = func(uid string) (relay.Contact, engine.Found) { return people.Find(uid, time.Now()) }
	}
	return s, nil
}

// gather reads the kept events and who opted out, and notes what is missing among the former.
func (f *backtestFlags) gather(ctx context.Context, cfg config.Config, progress backtest.Progress, setup *backtest.Setup) ([]string, error) {
	var notes []string
	err := withStore(ctx, func(s store.Store) (err error) {
		if setup.Suppressed, err = s.Suppressed(ctx); err != nil {
			return fmt.Errorf("read who opted out: %w", err)
		}
		hashed, err := s.HashedBy(ctx)
		if err != nil {
			return fmt.Errorf("read who opted out: %w", err)
		}
		if len(hashed) > 0 {
			notes = append(notes, "That people who were forgotten had said no is kept as hashes, and not seen here.")
		}
		to := time.Now()
		from := to.Add(-f.since)
		setup.Events, err = backtest.Gather(ctx, backtest.Window{
			From: from, To: to, PageSize: store.MaxList, Progress: progress,
			Page: func(ctx context.Context, until time.Time) ([]relay.Event, error) {
				return s.Events(ctx, store.Filter{Since: from, Until: until, Limit: store.MaxList})
			},
		})
		if err != nil {
			return err
		}
		older, err := s.Events(ctx, store.Filter{Until: from, Limit: 1})
		if err != nil {
			return fmt.Errorf("look for older events: %w", err)
		}
		if len(older) == 0 && len(setup.Events) > 0 {
			oldest := slices.MinFunc(setup.Events, func(a, b relay.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) }).ReceivedAt
			notes = append(notes, fmt.Sprintf("The oldest event that is kept came %s ago, which is less than --since %s.",
				to.Sub(oldest).Round(time.Second), f.since))
		}
		return nil
	})
	if cfg.Keep == config.KeepWanted {
		notes = append(notes, "Only events that a rule wanted were kept (BECKON_KEEP=wanted), so what new rules would make of others is not seen.")
	}
	return notes, err
}

func (f *backtestFlags) print(w io.Writer, report backtest.Report) error {
	switch f.format {
	case formatJSON:
		return printJSON(w, report)
	case formatMarkdown:
		return backtest.WriteMarkdown(w, report)
	}
	return backtest.WriteText(w, report)
}

// verdict turns too few events and the changes that are not wanted into an exit code.
func (f *backtestFlags) verdict(report backtest.Report) error {
	if report.Events < f.minEvents {
		return fmt.Errorf("%d events were replayed, and --min-events asks for %d", report.Events, f.minEvents)
	}
	var changed []string
	for _, kind := range backtest.Kinds() {
		unwanted := slices.Contains(f.failOn, string(kind)) || slices.Contains(f.failOn, failOnAny)
		if n := report.Total.Of(kind); unwanted && n > 0 {
			changed = append(changed, fmt.Sprintf("%s %d", kind, n))
		}
	}
	if len(changed) > 0 {
		return fmt.Errorf("--fail-on does not allow what changed: %s", strings.Join(changed, ", "))
	}
	return nil
}

// meterAfter is how long work takes before its progress is shown.
const meterAfter = 500 * time.Millisecond

// meter shows progress on a terminal, and nothing anywhere else.
type meter struct {
	w       io.Writer
	started time.Time
	what    string
	bar     *progressbar.ProgressBar
}

func newMeter(w io.Writer) *meter {
	if file, ok := w.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		w = nil
	}
	return &meter{w: w, started: time.Now()}
}

func (m *meter) tell(what string, done, total int) {
	if m.w == nil || time.Since(m.started) < meterAfter {
		return
	}
	if m.what != what {
		m.clear()
		m.what = what
		m.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(m.w), progressbar.OptionSetDescription(what),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	}
	_ = m.bar.Set(done) // a terminal that is gone is no reason to stop
}

func (m *meter) clear() {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
}
