package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// switches are the operators' stop switches, kept in the store so that all replicas obey.
type switches struct{ app *App }

// Pause implements server.Switches. It refuses names that are none: a slip of the hand must not look like a stop.
func (s switches) Pause(ctx context.Context, p relay.Pause) (standing relay.Pause, again bool, err error) {
	if err := s.known(p); err != nil {
		return p, false, err
	}
	found, err := s.app.store.Pauses(ctx)
	if err != nil {
		return p, false, err
	}
	for _, earlier := range found {
		if earlier.Channel == p.Channel && earlier.Rule == p.Rule {
			return earlier, true, s.app.store.Pause(ctx, p) // it may have ended since we looked
		}
	}
	return p, false, s.app.store.Pause(ctx, p)
}

func (s switches) known(p relay.Pause) error {
	if channels := relay.Channels(); p.Channel != "" && !slices.Contains(channels, p.Channel) {
		return &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "unknown_channel",
			Message: fmt.Sprintf("there is no channel %q; want one of %q", p.Channel, channels),
		}
	}
	if p.Rule == "" {
		return nil
	}
	names := ruleNames(s.app.generation())
	if !slices.Contains(names, p.Rule) {
		return &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "unknown_rule",
			Message: fmt.Sprintf("no rule is named %q; the rules are %s", p.Rule, strings.Join(names, ", ")),
		}
	}
	return nil
}

// Resume implements server.Switches. The rule may be gone by now.
func (s switches) Resume(ctx context.Context, p relay.Pause) (ended []relay.Pause, woken int, err error) {
	found, err := s.app.store.Pauses(ctx)
	if err != nil {
		return nil, 0, err
	}
	woken, err = s.app.store.Resume(ctx, p)
	if errors.Is(err, store.ErrNotFound) {
		message := "nothing is paused"
		if len(found) > 0 {
			message = fmt.Sprintf("%s is not paused; these are: %s", p.Subject(), strings.Join(subjects(found), ", "))
		}
		return nil, 0, &server.Refusal{Status: http.StatusNotFound, Code: "not_paused", Message: message}
	}
	for _, f := range found {
		if p.Channel == "" && p.Rule == "" || f.Channel == p.Channel && f.Rule == p.Rule {
			ended = append(ended, f)
		}
	}
	return ended, woken, err
}

// Pauses implements server.Switches.
func (s switches) Pauses(ctx context.Context) ([]relay.Pause, error) { return s.app.store.Pauses(ctx) }

// auditShown is how many entries of the audit are shown.
const auditShown = 50

// Audit implements server.Switches.
func (s switches) Audit(ctx context.Context) ([]relay.Audit, error) {
	found, err := s.app.store.Audit(ctx, store.AuditFilter{Limit: auditShown})
	out := make([]relay.Audit, 0, len(found))
	for _, a := range found {
		out = append(out, a.Audit)
	}
	return out, err
}
