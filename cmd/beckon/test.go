package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/scenario"
)

// testFlags are what `beckon test` was asked for.
type testFlags struct {
	only      string
	templates string
	junit     string
	verbose   bool
	coverage  bool
	json      bool
}

func testCommand() *cobra.Command {
	var f testFlags
	c := &cobra.Command{
		Use:   "test [FILE...]",
		Short: "Run scenario tests of rules",
		Long: `Run the tests of rules (default: rules.test.yaml beside BECKON_RULES): events at given times, and the messages that must come
of them, under a virtual clock. Days of waiting take microseconds, and nothing is sent.

A failure shows what was expected, what came, and how it was decided: where nothing came, of the alert that is nearest to what
was expected. A warning of a field that the webhook does not have fails nothing. --coverage names the triggers of rules, the clauses of
unless and the fallbacks that no test has seen at work; it does not change the exit code.`,
		Example: "  beckon test\n  beckon test --run 'quiet hours' -v\n  beckon test --coverage --junit report.xml staging/*.test.yaml",
		Args:    args(cobra.ArbitraryArgs),
		RunE:    func(c *cobra.Command, given []string) error { return test(c, given, f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.only, "run", "", "run only the tests whose name matches this regular expression; -run is the same")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "name the tests that pass, too")
	flags.StringVar(&f.junit, "junit", "", "write the results to this file as JUnit XML")
	flags.BoolVar(&f.coverage, "coverage", false, "name what of the rules no test has seen at work")
	flags.BoolVar(&f.json, "json", false, "print the results as JSON")
	flags.StringVar(&f.templates, "templates", "", "folder of templates for files that name none (default: BECKON_TEMPLATES)")
	return c
}

func test(c *cobra.Command, files []string, f testFlags) error {
	cfg, err := settings("BECKON_RULES", "BECKON_TEMPLATES")
	if err != nil {
		return err
	}
	if f.templates == "" {
		f.templates = cfg.Templates
	}
	if len(files) == 0 {
		files = []string{strings.TrimSuffix(cfg.Rules, filepath.Ext(cfg.Rules)) + ".test.yaml"}
	}
	options := scenario.Options{Now: time.Now}
	if f.only != "" {
		only, err := regexp.Compile(f.only)
		if err != nil {
			return usageError{fmt.Errorf("-run: %w", err)}
		}
		options.Only = only.MatchString
	}
	results, err := runTests(c.Context(), files, f.templates, options)
	if err != nil {
		return err
	}
	if f.junit != "" {
		if err := writeJUnit(f.junit, results); err != nil {
			return err
		}
	}
	if err := showTests(c.OutOrStdout(), results, f); err != nil {
		return err
	}
	return f.verdict(c.Context(), results)
}

// tested is what came of one file, and what its tests have not seen.
type tested struct {
	scenario.Report

	// Gaps is nil where nobody asked for them or the file could not be run, and empty where everything was seen.
	Gaps []scenario.Gap `json:"gaps,omitzero"`
}

func runTests(ctx context.Context, files []string, templates string, options scenario.Options) ([]tested, error) {
	var results []tested
	for _, file := range files {
		suite, findings, err := scenario.Load(file, templates)
		if err != nil {
			return nil, usageError{err}
		}
		if suite == nil {
			results = append(results, tested{Report: scenario.Report{File: file, Findings: findings}})
			continue
		}
		report := suite.Run(ctx, options)
		results = append(results, tested{Report: report, Gaps: append([]scenario.Gap{}, suite.Gaps(report)...)})
	}
	return results, nil
}

func writeJUnit(path string, results []tested) error {
	reports := make([]scenario.Report, len(results))
	for i, r := range results {
		reports[i] = r.Report
	}
	file, err := os.Create(path) //nolint:gosec // named by who runs the command
	if err != nil {
		return usageError{fmt.Errorf("--junit: %w", err)}
	}
	return errors.Join(scenario.WriteJUnit(file, reports), file.Close())
}

func showTests(w io.Writer, results []tested, f testFlags) error {
	if !f.coverage {
		for i := range results {
			results[i].Gaps = nil
		}
	}
	if f.json {
		return printJSON(w, results)
	}
	for _, r := range results {
		if len(r.Tests)+len(r.Findings) == 0 {
			continue // no test of this file was picked: "ok" would say too much
		}
		rules.Write(w, r.Findings)
		rules.Write(w, r.Warnings)
		scenario.Print(w, r.Report, f.verbose)
		if f.coverage && len(r.Findings) == 0 {
			printGaps(w, r.Gaps)
		}
	}
	return nil
}

func printGaps(w io.Writer, gaps []scenario.Gap) {
	if len(gaps) == 0 {
		_, _ = fmt.Fprintln(w, "coverage: every trigger, unless and fallback was seen at work")
		return
	}
	_, _ = fmt.Fprintf(w, "coverage: %d not seen at work\n", len(gaps))
	for _, gap := range gaps {
		_, _ = fmt.Fprintf(w, "  rule %s (line %d): %s\n", gap.Rule, gap.Line, gap.What)
	}
}

// verdict turns results into an exit code. Where nothing was run, nothing was proved.
func (f testFlags) verdict(ctx context.Context, results []tested) error {
	ran, failed := 0, 0
	for _, r := range results {
		ran += len(r.Tests)
		failed += r.Failed() + len(r.Findings)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case failed > 0:
		return errSaid
	case ran == 0:
		return usageError{fmt.Errorf("-run: no test has a name that matches %q", f.only)}
	}
	return nil
}
