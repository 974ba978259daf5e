package main

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/view"
)

// addCompletion adds cobra's command that prints completion scripts, which by itself prints help and exits 0 for a shell that it
// does not know. It must come after SetOut: cobra remembers the output of that moment.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Args = args(cobra.NoArgs)
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		for _, shell := range c.Commands() {
			shell.Args = args(cobra.NoArgs)
		}
	}
}

// completeValues lets the shell complete what flags and arguments may be, by the names of the flags: each means the same
// wherever it stands.
func completeValues(c *cobra.Command) {
	for _, child := range c.Commands() {
		completeValues(child)
	}
	for flag, values := range map[string]func() []cobra.Completion{
		"state":   func() []cobra.Completion { return statesOf(c) },
		"format":  func() []cobra.Completion { return formatsOf(c) },
		"reason":  reasonsAndMeanings,
		"channel": func() []cobra.Completion { return words(relay.Channels()) },
		"trigger": func() []cobra.Completion { return words(slices.Sorted(maps.Keys(cometchat.Catalogue()))) },
		"sample":  func() []cobra.Completion { return words(slices.Sorted(maps.Keys(cometchat.Catalogue()))) },
		"fail-on": func() []cobra.Completion { return append(words(backtest.Kinds()), failOnAny) },
		"rule":    ruleNames,
	} {
		if c.Flags().Lookup(flag) != nil {
			_ = c.RegisterFlagCompletionFunc(flag, noFiles(values)) // it fails for a flag that is not there or has one
		}
	}
	if strings.HasPrefix(c.Use, "preview ") {
		c.ValidArgsFunction = noFiles(templateNames)
	}
}

// noFiles completes values, and no names of files beside them.
func noFiles(values func() []cobra.Completion) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	}
}

func words[T ~string](all []T) []cobra.Completion {
	out := make([]cobra.Completion, len(all))
	for i, word := range all {
		out[i] = string(word)
	}
	return out
}

func statesOf(c *cobra.Command) []cobra.Completion {
	return words(view.States(c.Parent().Name()))
}

func formatsOf(c *cobra.Command) []cobra.Completion {
	if c.Name() == "backtest" {
		return []cobra.Completion{formatText, formatJSON, formatMarkdown}
	}
	return []cobra.Completion{formatText, formatJSON, formatGitHub}
}

func reasonsAndMeanings() []cobra.Completion {
	var out []cobra.Completion
	for _, doc := range relay.Reasons() {
		out = append(out, cobra.CompletionWithDesc(string(doc.Reason), doc.Meaning))
	}
	return out
}

// ruleNames are those of BECKON_RULES; none where they cannot be read, since a shell has no place for findings.
func ruleNames() []cobra.Completion {
	cfg, err := settings("BECKON_RULES")
	if err != nil {
		return nil
	}
	text, err := os.ReadFile(cfg.Rules)
	if err != nil {
		return nil
	}
	set, _ := rules.Load(cfg.Rules, text, cometchat.Catalogue())
	if set == nil {
		return nil
	}
	var out []cobra.Completion
	for _, rule := range set.Rules() {
		out = append(out, rule.Name)
	}
	return out
}

// templateNames are those of BECKON_TEMPLATES, or none.
func templateNames() []cobra.Completion {
	cfg, err := settings("BECKON_TEMPLATES")
	if err != nil {
		return nil
	}
	loaded, _ := render.Load(os.DirFS(cfg.Templates))
	if loaded == nil {
		return nil
	}
	return loaded.Names()
}
