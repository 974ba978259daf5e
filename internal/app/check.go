package app

import (
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Checked is what Check found.
type Checked struct {
	Findings []rules.Finding
	// Generation is nil when a finding of rules or templates is an error.
	Generation *engine.Generation
	// SMS says how the texts travel that the rules send; empty without a Generation.
	SMS []engine.Measured
}

// Check reads a rules file with the templates, the retention and the files of recipients of the settings, as `serve` would. The
// error is for files that cannot be read at all.
func Check(rulesFile string, c config.Config) (Checked, error) {
	generation, findings, err := LoadGeneration(rulesFile, c.Templates)
	if err != nil {
		return Checked{}, err
	}
	checked := Checked{Findings: append(findings, Outlived(generation, c.Retention)...), Generation: generation}
	if generation != nil {
		checked.SMS = generation.Measure(sample)
	}
	_, _, problems := loadPeople(c.Directory.Files())
	for _, p := range problems {
		checked.Findings = append(checked.Findings, rules.Finding{
			File: p.File, Line: max(p.Line, 1), Column: max(p.Column, 1), Severity: rules.SeverityError, Message: p.Message,
		})
	}
	return checked, nil
}
