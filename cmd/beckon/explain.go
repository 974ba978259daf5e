package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// explainFlags are what `beckon explain` was called with.
type explainFlags struct {
	at, rule      string
	current, json bool
}

func explainCommand() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain EVENT.json | ID",
		Short: "Say what every rule makes of an event, and why not",
		Long: `Explain an event, from a file with the webhook or by the ID of a kept one: for each rule whether it matched and, where it did
not, which part of its condition was false and what that saw; and for each person what would happen if nothing else did: when,
and the exact messages. Nothing is sent or kept.

A kept event is explained by the rules and templates that were in force when it came, a file by those of BECKON_RULES and
BECKON_TEMPLATES. People come from BECKON_DIRECTORY, which is asked now; without one everybody is taken to be reachable. What really became of a
kept event is shown by 'beckon events show ID'.`,
		Example: "  beckon explain event.json\n  beckon explain event.json --at 2026-03-02T23:30:00Z --rule missed-call\n" +
			"  beckon explain 2f6c81 --current",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error { return f.run(c, given[0]) },
	}
	flags := c.Flags()
	flags.StringVar(&f.at, "at", "", "when the event is taken to arrive, such as 2026-03-02T23:30:00Z (default: now; of a kept one, when it did)")
	flags.StringVar(&f.rule, "rule", "", "only this rule")
	flags.BoolVar(&f.current, "current", false, "explain a kept event by the rules of BECKON_RULES")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func (f *explainFlags) run(c *cobra.Command, given string) error {
	cfg, err := settings(append(config.DirectorySettings(), "BECKON_RULES", "BECKON_TEMPLATES")...)
	if err != nil {
		return err
	}
	people, err := app.OpenPeople(cfg)
	if err != nil {
		return err
	}
	what, err := f.read(c, given)
	if err != nil {
		return err
	}
	event, generation := what.event, what.generation
	if generation == nil {
		if generation, err = currentGeneration(c, cfg.Rules, cfg.Templates); err != nil {
			return err
		}
	}
	if _, known := generation.Rules.Rule(f.rule); f.rule != "" && !known {
		return usageError{fmt.Errorf("--rule %q: there is no such rule", f.rule)}
	}
	detail := explanationOf(generation, event, app.Explain(generation, event, what.session, people), f.rule)
	detail.Invented, detail.Kept = people.Invented, event.Generation != ""
	if err := people.Trouble(); err != nil {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "beckon: not everybody could be looked up, so alerts are shown as held:", err)
	}
	if f.json {
		return printJSON(c.OutOrStdout(), detail)
	}
	printExplanation(c.OutOrStdout(), detail)
	return nil
}

// idForm is what an event's ID looks like, or the beginning of one.
var idForm = regexp.MustCompile(`^[0-9a-f]{6,64}$`)

// subject is what is explained: an event and, of a kept one, the generation that was in force and what is known of its call
// session.
type subject struct {
	event      relay.Event
	generation *engine.Generation
	session    []relay.Event
}

func (f *explainFlags) read(c *cobra.Command, given string) (subject, error) {
	_, err := os.Stat(given)
	kept := errors.Is(err, fs.ErrNotExist) && idForm.MatchString(given)
	if !kept && f.current {
		return subject{}, usageError{errors.New("--current is for the ID of a kept event")}
	}
	var what subject
	if kept {
		what, err = f.readKept(c, given)
	} else {
		var read *relay.Event
		if read, err = readEvent(given); err == nil {
			what.event = *read
		}
	}
	if err != nil || f.at == "" {
		return what, err
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return what, usageError{fmt.Errorf("--at %q is not a time such as 2026-03-02T23:30:00Z", f.at)}
	}
	what.event.ReceivedAt = at
	return what, nil
}

func (f *explainFlags) readKept(c *cobra.Command, id string) (what subject, err error) {
	err = withStore(c.Context(), func(s store.Store) error {
		id, err := local{app.NewReader(s)}.resolve(c.Context(), store.KindEvent, id)
		if err != nil {
			return err
		}
		if what.event, err = s.Event(c.Context(), id); err != nil {
			return fmt.Errorf("read it: %w", err)
		}
		if what.session, err = app.SessionOf(c.Context(), s, what.event); err != nil || f.current {
			return err
		}
		what.generation, err = generationOf(c, s, what.event)
		return err
	})
	return what, err
}

// generationOf gives the rules and templates that were in force when an event was kept.
func generationOf(c *cobra.Command, s store.Store, event relay.Event) (*engine.Generation, error) {
	if event.Generation == "" {
		return nil, errors.New("the event was kept by a version of Beckon that did not keep its rules; use explain with --current")
	}
	generation, err := app.GenerationOf(c.Context(), s, event.Generation)
	if err != nil {
		return nil, fmt.Errorf("%w; use explain with --current for the rules of BECKON_RULES", err)
	}
	return generation, nil
}

// currentGeneration loads the rules of the settings; findings that are errors are printed.
func currentGeneration(c *cobra.Command, rulesFile, templates string) (*engine.Generation, error) {
	generation, findings, err := app.LoadGeneration(rulesFile, templates)
	if err != nil {
		return nil, usageError{err}
	}
	if generation == nil {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), app.FindingsError(findings))
		return nil, errSaid
	}
	return generation, nil
}
