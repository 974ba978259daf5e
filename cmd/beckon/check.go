package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/rules"
)

func checkCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Validate rules and templates",
		Long: `Validate a rules file (default: BECKON_RULES) and the templates it uses (BECKON_TEMPLATES): syntax, names, roles and
fields of each trigger, conditions, and that every template renders for a sample of every trigger its rule names.
Every finding is reported at once, with file, line and column.`,
		Example: "  beckon check\n  beckon check --json staging/rules.yaml",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			cfg, err := settings("BECKON_RULES", "BECKON_TEMPLATES", "BECKON_RETENTION")
			if err != nil {
				return err
			}
			file := cfg.Rules
			if len(given) == 1 {
				file = given[0]
			}
			return check(c, file, cfg, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	return c
}

func check(c *cobra.Command, file string, cfg config.Config, asJSON bool) error {
	generation, findings, err := app.LoadGeneration(file, cfg.Templates)
	if err != nil {
		return usageError{err}
	}
	findings = append(findings, app.Outlived(generation, cfg.Retention)...)
	if asJSON {
		if findings == nil {
			findings = []rules.Finding{}
		}
		encoder := json.NewEncoder(c.OutOrStdout())
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(findings); err != nil {
			return fmt.Errorf("print findings: %w", err)
		}
	} else {
		rules.Write(c.OutOrStdout(), findings)
	}
	wrong := len(slices.DeleteFunc(slices.Clone(findings), func(f rules.Finding) bool { return f.Severity != rules.SeverityError }))
	if wrong > 0 || generation == nil {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: errors: %d, warnings: %d\n", file, wrong, len(findings)-wrong)
		return errSaid
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: fine: %d rules, %d templates, %d warnings (generation %s)\n",
		file, len(generation.Rules.Rules()), len(generation.Templates.Names()), len(findings), generation.Hash)
	return nil
}
