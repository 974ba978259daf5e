package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// backtestFlags are what `beckon backtest` was called with.
type backtestFlags struct {
	rules, old, templates string
	since                 time.Duration
	format                string
	json, texts           bool
	server                string
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

With --server a running relay does it: the new rules and templates go there and are compared with what is in force; what it keeps stays there,
and only the report comes back. That is for CI: a viewer's token (BECKON_TOKEN) is enough. It replays 5,000 events at the most.

Addresses are masked; texts are shown only with --texts. Differences do not change the exit code unless --fail-on names them, nor do
too few events unless --min-events says how many it takes.`,
		Example: "  beckon backtest --rules staging/rules.yaml\n" +
			"  beckon backtest --rules new.yaml --since 168h --format markdown --fail-on less > comment.md\n" +
			"  beckon backtest --rules rules.yaml --server https://beckon-admin.example.com --since 24h --format markdown",
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
	flags.StringVar(&f.server, "server", "", "have the relay do it whose admin listener is there, such as http://127.0.0.1:8081 (default: read the database)")
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
	case f.server != "" && f.old != "":
		return usageError{errors.New("--server compares with what is in force there: leave --old out")}
	case f.server != "" && f.texts:
		return usageError{errors.New("--texts is for a database: what people wrote stays at the relay")}
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
	replay := f.here
	if f.server != "" {
		replay = f.there
	}
	report, err := replay(c)
	if err != nil {
		return err
	}
	if err := f.print(c.OutOrStdout(), report); err != nil {
		return err
	}
	if report.Events == 0 && len(f.failOn) > 0 && f.minEvents == 0 {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "beckon: --fail-on: nothing was replayed, so nothing is proved; --min-events makes that fail")
	}
	return f.verdict(report)
}

// here replays the database of the settings.
func (f *backtestFlags) here(c *cobra.Command) (report backtest.Report, err error) {
	cfg, err := settings(append(config.DirectorySettings(), "BECKON_DATABASE_URL", "BECKON_RULES", "BECKON_TEMPLATES", "BECKON_KEEP")...)
	if err != nil {
		return report, err
	}
	replay := app.Replay{Since: f.since, Keep: cfg.Keep, Setup: backtest.Setup{Examples: f.examples, Texts: f.texts}}
	if replay.People, err = app.OpenPeople(cfg); err != nil {
		return report, err
	}
	if replay.Setup.Old, err = versionOf(c, cmp.Or(f.old, cfg.Rules), cfg.Templates); err != nil {
		return report, err
	}
	if replay.Setup.New, err = versionOf(c, f.rules, cmp.Or(f.templates, cfg.Templates)); err != nil {
		return report, err
	}
	meter := newMeter(c.ErrOrStderr())
	defer meter.clear()
	replay.Setup.Progress = meter.tell
	err = withStore(c.Context(), func(s store.Store) (err error) {
		replay.Store = s
		report, err = replay.Run(c.Context())
		return err
	})
	return report, err
}

func versionOf(c *cobra.Command, rules, templates string) (backtest.Version, error) {
	generation, err := currentGeneration(c, rules, templates)
	return backtest.Version{Name: rules, Generation: generation}, err
}

// there has the relay replay what it keeps, and compare with what is in force. Events, people and texts stay where they are.
func (f *backtestFlags) there(c *cobra.Command) (report backtest.Report, err error) {
	cfg, err := settings(append(config.ConsoleSettings(), "BECKON_TEMPLATES")...)
	if err != nil {
		return report, err
	}
	fresh, err := versionOf(c, f.rules, cmp.Or(f.templates, cfg.Templates))
	if err != nil {
		return report, err
	}
	body, err := json.Marshal(server.BacktestRequest{
		Rules: fresh.Generation.Rules.Text(), Templates: fresh.Generation.Templates.Files(), Since: f.since.String(), Examples: f.examples,
	})
	if err != nil {
		return report, fmt.Errorf("encode: %w", err)
	}
	ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
	defer cancel()
	answer, err := relayFlags{server: f.server}.open(ctx, cfg, adminRequest{method: http.MethodPost, path: "/console/api/backtest", body: body})
	if err != nil {
		return report, err
	}
	if report, err = readAnswer[backtest.Report](answer); err != nil {
		return report, err
	}
	report.Old.Name, report.New.Name = "in force at "+f.server, f.rules
	return report, nil
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
