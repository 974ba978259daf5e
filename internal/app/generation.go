package app

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// LoadGeneration reads a rules file and a templates folder and checks both, together where each is sound. The Generation is
// nil when a finding is an error. The error is for files that cannot be read at all.
func LoadGeneration(rulesFile, templatesDir string) (*engine.Generation, []rules.Finding, error) {
	return loadGeneration(rulesFile, templatesDir, 0)
}

func loadGeneration(rulesFile, templatesDir string, hurryTo time.Duration) (g *engine.Generation, findings []rules.Finding, err error) {
	err = steady([]string{rulesFile, templatesDir}, func() error {
		g, findings, err = readGeneration(rulesFile, templatesDir, hurryTo)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return g, findings, nil
}

func readGeneration(rulesFile, templatesDir string, hurryTo time.Duration) (*engine.Generation, []rules.Finding, error) {
	source, err := readMoment(rulesFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read rules: %w", err)
	}
	if err := isFolder(templatesDir); err != nil {
		return nil, nil, err
	}
	templates := templatesIn(templatesDir)
	generation, findings := assemble(files{rulesFile, source, templates, hurryTo})
	for i, f := range findings {
		if f.File != rulesFile {
			findings[i] = inTemplate(templates, templatesDir, f)
		}
	}
	return generation, unique(findings), nil
}

// isFolder says what to set where the templates are not where they should be.
func isFolder(templatesDir string) error {
	info, err := os.Stat(templatesDir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", templatesDir)
	}
	if err != nil {
		return fmt.Errorf("read templates: %w; name their folder with BECKON_TEMPLATES, or with --templates where the command has it", err)
	}
	return nil
}

// files are what a generation is made of.
type files struct {
	rulesFile string
	rules     []byte
	templates fs.FS
	// hurryTo is as in Options.
	hurryTo time.Duration
}

// assemble loads rules and templates and checks both, together where the rules are sound; of templates with problems, those that
// have none. The Generation is nil when a finding is an error.
func assemble(f files) (*engine.Generation, []rules.Finding) {
	catalogue := cometchat.Catalogue()
	set, findings := rules.Load(f.rulesFile, f.rules, catalogue)
	templates, problems := render.Survey(f.templates)
	for _, p := range problems {
		findings = append(findings, rules.Finding{
			File: p.File, Line: p.Line, Column: p.Column, Severity: rules.SeverityError, Message: p.Message,
		})
	}
	if set == nil {
		return nil, findings
	}
	if f.hurryTo > 0 {
		set = set.Hurried(f.hurryTo)
	}
	generation, crossed := engine.Build(engine.Parts{Rules: set, Templates: templates, Catalogue: catalogue, Sample: sample})
	if len(problems) > 0 {
		generation = nil
	}
	return generation, append(findings, crossed...)
}

// Outlived finds the rules that wait for longer than events are kept: what would cancel them might be gone by then.
func Outlived(generation *engine.Generation, retention time.Duration) []rules.Finding {
	if generation == nil {
		return nil
	}
	var findings []rules.Finding
	for _, rule := range generation.Rules.Rules() {
		if longest := max(rule.Wait, rule.Expires); longest >= retention {
			f := generation.Rules.Finding(rule.Line, rule.Column, rules.SeverityError,
				fmt.Sprintf("waits for or expires after %s, but events are kept for %s (BECKON_RETENTION) only", longest, retention), "")
			f.Rule = rule.Name
			findings = append(findings, f)
		}
	}
	return findings
}

func isError(f rules.Finding) bool { return f.Severity == rules.SeverityError }

// inTemplate completes a finding in a template: its path, its place, and the line with a caret.
func inTemplate(templates fs.FS, dir string, f rules.Finding) rules.Finding {
	source, err := fs.ReadFile(templates, f.File)
	f.File = filepath.Join(dir, f.File)
	f.Line, f.Column = max(f.Line, 1), max(f.Column, 1)
	if err != nil {
		return f
	}
	return excerpted(f, string(source))
}

// excerpted gives a finding its place and the line of the text with a caret.
func excerpted(f rules.Finding, text string) rules.Finding {
	f.Line, f.Column = max(f.Line, 1), max(f.Column, 1)
	if lines := strings.Split(text, "\n"); f.Line <= len(lines) {
		f.Excerpt = excerptOf(lines[f.Line-1], f.Column)
	}
	return f
}

// excerptOf is a line with a caret under the column; nothing of a line that is too long.
func excerptOf(line string, column int) string {
	if len(line) > excerptMax || strings.TrimSpace(line) == "" {
		return ""
	}
	return strings.ReplaceAll(line, "\t", " ") + "\n" + strings.Repeat(" ", max(column, 1)-1) + "^"
}

// excerptMax is the longest line of a template that a finding shows, in bytes.
const excerptMax = 200

// unique drops repeats: a template that two rules use has its faults once.
func unique(findings []rules.Finding) []rules.Finding {
	seen := make(map[string]bool, len(findings))
	return slices.DeleteFunc(findings, func(f rules.Finding) bool {
		key := f.String()
		repeat := seen[key]
		seen[key] = true
		return repeat
	})
}

// sampleTime is when the built-in samples are said to arrive while templates are tried with them.
const sampleTime = "2026-03-02T12:00:00Z"

func sample(trigger relay.Trigger) (relay.Event, bool) {
	body, ok := cometchat.Sample(trigger)
	if !ok {
		return relay.Event{}, false
	}
	at, err := time.Parse(time.RFC3339, sampleTime)
	if err != nil {
		return relay.Event{}, false
	}
	event, err := cometchat.Decode(body, at)
	return event, err == nil
}
