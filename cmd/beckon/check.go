package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Formats of `beckon check`.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatGitHub = "github"
)

// checkFlags are what `beckon check` was called with.
type checkFlags struct {
	format    string
	templates string
	json      bool
	strict    bool
}

func checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Validate rules, templates and recipients",
		Long: `Validate a rules file (default: BECKON_RULES), the templates it uses (--templates, BECKON_TEMPLATES) and the files of
recipients (BECKON_DIRECTORY): syntax, names, roles and fields of each trigger, conditions, and that every template renders in
every locale for a sample of every trigger its rule names, with a digest also for more of them than it lists. It says how many
segments each SMS takes, warns where a single character doubles that, and says which rules need CometChat's API. Every finding is
reported at once, with file, line and column.`,
		Example: "  beckon check\n  beckon check --json staging/rules.yaml --templates staging/templates\n  beckon check --strict --format github",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			if err := f.complete(c); err != nil {
				return usageError{err}
			}
			cfg, err := settings("BECKON_RULES", "BECKON_TEMPLATES", "BECKON_RETENTION", "BECKON_DIRECTORY")
			if err != nil {
				return err
			}
			file := cfg.Rules
			if len(given) == 1 {
				file = given[0]
			}
			cfg.Templates = cmp.Or(f.templates, cfg.Templates)
			checked, err := app.Check(file, cfg)
			if err != nil {
				return usageError{err}
			}
			return f.report(c, file, checked)
		},
	}
	c.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
	c.Flags().StringVar(&f.format, "format", formatText, "text, json, or github for annotations in a GitHub workflow")
	c.Flags().StringVar(&f.templates, "templates", "", "folder of templates (default: BECKON_TEMPLATES)")
	c.Flags().BoolVar(&f.strict, "strict", false, "fail on warnings too")
	return c
}

func (f *checkFlags) complete(c *cobra.Command) error {
	if f.json && !c.Flags().Changed("format") {
		f.format = formatJSON
	}
	if !slices.Contains([]string{formatText, formatJSON, formatGitHub}, f.format) {
		return fmt.Errorf("--format must be text, json or github and not %q", f.format)
	}
	if f.json && f.format != formatJSON {
		return errors.New("--json and --format " + f.format + " do not go together")
	}
	return nil
}

// report prints what was found and fails when that forbids using the file.
func (f *checkFlags) report(c *cobra.Command, file string, checked app.Checked) error {
	out := c.OutOrStdout()
	switch f.format {
	case formatJSON:
		if err := printJSON(out, checkReportOf(file, checked)); err != nil {
			return err
		}
	case formatGitHub:
		annotate(out, checked.Findings)
	default:
		rules.Write(out, checked.Findings)
		if err := printSizes(out, checked.SMS); err != nil {
			return err
		}
		printAsks(out, checked.Asks)
	}
	wrong := 0
	for _, finding := range checked.Findings {
		if finding.Severity == rules.SeverityError {
			wrong++
		}
	}
	warnings := len(checked.Findings) - wrong
	g := checked.Generation
	if wrong > 0 || g == nil || f.strict && warnings > 0 {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: errors: %d, warnings: %d\n", file, wrong, warnings)
		return errSaid
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: fine (rules: %d, templates: %d, warnings: %d, generation: %s)\n",
		file, len(g.Rules.Rules()), len(g.Templates.Names()), warnings, g.Hash)
	return nil
}

// checkReport is what `check --json` prints.
type checkReport struct {
	File string `json:"file"`
	// Generation is empty where a finding is an error.
	Generation string          `json:"generation"`
	Findings   []rules.Finding `json:"findings"`
	SMS        []smsRow        `json:"sms"`
	// Asks are the rules that need CometChat's API.
	Asks []app.Ask `json:"asks_cometchat,omitempty"`
}

// smsRow says how an SMS travels.
type smsRow struct {
	Template string        `json:"template"`
	Locale   string        `json:"locale"`
	Sample   relay.Trigger `json:"sample"`
	// Digest is how many events a digest tells of, and Listed how many of them it has room to list.
	Digest int `json:"digest,omitempty"`
	Listed int `json:"listed,omitempty"`
	// Segments, Encoding and Units are of the whole text, also where it is cut: CutTo is what is left of the segments.
	Segments int    `json:"segments"`
	CutTo    int    `json:"cut_to,omitempty"`
	Encoding string `json:"encoding"`
	// Units are septets or 16-bit units, by encoding; Room is how many fit into the segments.
	Units int `json:"units"`
	Room  int `json:"room"`
}

func checkReportOf(file string, checked app.Checked) checkReport {
	report := checkReport{File: file, Findings: append([]rules.Finding{}, checked.Findings...), SMS: []smsRow{}, Asks: checked.Asks}
	if checked.Generation != nil {
		report.Generation = checked.Generation.Hash
	}
	for _, m := range checked.SMS {
		report.SMS = append(report.SMS, smsRow{
			Template: m.Template, Locale: m.Locale, Sample: m.Trigger, Digest: m.Digest, Listed: m.Listed, Segments: m.Size.Segments,
			CutTo: m.CutTo, Encoding: m.Size.Encoding, Units: m.Size.Units, Room: m.Size.Room(),
		})
	}
	return report
}

func printSizes(w io.Writer, all []engine.Measured) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range all {
		name := m.Template
		if m.Locale != "" {
			name += " (" + m.Locale + ")"
		}
		rest := ""
		if m.Digest > 0 {
			name += fmt.Sprintf(", digest of %d", m.Digest)
			rest = fmt.Sprintf(", lists %d", m.Listed)
		}
		if m.CutTo > 0 {
			rest += ", cut to " + segments(m.CutTo)
		}
		_, _ = fmt.Fprintf(t, "SMS\t%s:\t%s, %s, %d of %d%s\n", name, segments(m.Size.Segments), m.Size.Encoding, m.Size.Units, m.Size.Room(), rest)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printAsks says which rules do not work without CometChat's API.
func printAsks(w io.Writer, asks []app.Ask) {
	for _, ask := range asks {
		for _, role := range ask.Roles {
			_, _ = fmt.Fprintf(w, "CometChat  %s: is asked for %s, so `serve` needs COMETCHAT_API_KEY\n", ask.Rule, role)
		}
	}
}

func segments(n int) string {
	if n == 1 {
		return "1 segment"
	}
	return fmt.Sprintf("%d segments", n)
}

// annotate prints findings as the workflow commands that GitHub shows beside the lines of a pull request. In a property
// also : and , must be escaped (docs.github.com, "Workflow commands for GitHub Actions"; actions/toolkit, command.ts).
func annotate(w io.Writer, findings []rules.Finding) {
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, f := range findings {
		command, title, text := "error", "beckon check", f.Message
		if f.Severity == rules.SeverityWarning {
			command = "warning"
		}
		if f.Rule != "" {
			title = "rule " + f.Rule
		}
		if f.Hint != "" {
			text += "\n" + f.Hint
		}
		_, _ = fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", command, property.Replace(f.File), f.Line, f.Column,
			property.Replace(title), message.Replace(text))
	}
}
