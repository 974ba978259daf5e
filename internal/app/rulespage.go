package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/view"
)

// rulesPage shows the rules in force with all that is written in their files.
type rulesPage struct {
	// counted gives the rules with what they did.
	counted func(ctx context.Context) (view.Rules, error)
	current func() *engine.Generation
	// refusedFor are the findings for which the last reload was refused, if it was for some.
	refusedFor func() []view.Finding
}

var _ console.Rules = rulesPage{}

// Rules implements console.Rules.
func (p rulesPage) Rules(ctx context.Context, viewer bool) (view.Rules, error) {
	shown, err := p.counted(ctx)
	if err != nil {
		return view.Rules{}, fmt.Errorf("count what the rules did: %w", err)
	}
	shown.Files, shown.RefusedFor = filesOf(p.current()), p.refusedFor()
	if viewer {
		shown.Text = rules.Masked(shown.Text)
	}
	return shown, nil
}

// findingsIn are the findings that an error has with it, for people.
func findingsIn(err error) []view.Finding {
	found, _ := errors.AsType[FindingsError](err)
	return viewFindings(found)
}

// refusedFor are the findings for which the last reload was refused; none where it was not, or for another reason.
func (a *App) refusedFor() []view.Finding {
	if found := a.refusals.Load(); found != nil {
		return *found
	}
	return nil
}

// rulesPage makes the page of the rules.
func (a *App) rulesPage() rulesPage {
	return rulesPage{counted: overview{a}.Rules, current: a.generation, refusedFor: a.refusedFor}
}

// playground makes the playground for the settings of a reload. Trials of an earlier one count with those of the next.
func (a *App) playground(c config.Config) *playground {
	named := make([]string, 0, len(c.Directory.Sources))
	for _, source := range c.Directory.Sources {
		named = append(named, string(source.Kind))
	}
	return &playground{
		store: a.store, current: a.generation, people: func() directory.Source { return a.live.Load().people.chain }, named: named,
		slots: a.trials, now: time.Now, patience: trialTime, logger: a.Logger,
	}
}

// inbox makes the inbox for the settings of a reload.
func (a *App) inbox(c config.Config) inbox {
	return inbox{views: views{NewReader(a.store)}, open: a.Dev && c.AdminOnLoopback(), from: c.SendGrid.From}
}
