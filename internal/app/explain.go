package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Explained is what rules make of an event.
type Explained struct {
	// Rules says what each rule makes of it.
	Rules []engine.Account
	// Outcomes are what would become of each alert if nothing else happened.
	Outcomes []Foreseen
}

// SessionOf reads the kept events of an event's call session, a day before and after it at most: they say who took part where the
// event itself names nobody. None where it is of no session.
func SessionOf(ctx context.Context, s store.Store, event relay.Event) ([]relay.Event, error) {
	if event.Call == nil || event.Call.SessionID == "" {
		return nil, nil
	}
	const near = 24 * time.Hour
	var out []relay.Event
	for trigger, spec := range cometchat.Catalogue() {
		if !slices.ContainsFunc(spec.Carries, func(path string) bool { return strings.HasPrefix(path, "call") }) {
			continue
		}
		found, err := s.Events(ctx, store.Filter{
			Trigger: trigger, Since: event.ReceivedAt.Add(-near), Until: event.ReceivedAt.Add(near), Limit: store.MaxList,
		})
		if err != nil {
			return nil, fmt.Errorf("read the call session: %w", err)
		}
		for _, e := range found {
			if e.ID != event.ID && e.Call != nil && e.Call.SessionID == event.Call.SessionID && e.AppID == event.AppID {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// Foreseen is an alert as it would end, with its deliveries and their messages.
type Foreseen struct {
	Alert      relay.Alert
	Deliveries []relay.Delivery
}

// Explain plays one event through a generation, under a clock of its own, beside what is known of its call session. Nothing is
// sent or kept, and CometChat is not asked: in the place of a group's members there is one stand-in.
func Explain(g *engine.Generation, event relay.Event, session []relay.Event, people *People) Explained {
	return Explained{Rules: g.Explain(event), Outcomes: foresee(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return g },
		Contact:    sim.Reachable(people.Find), Chat: sim.StandIn, Events: []relay.Event{event}, Known: session,
	})}
}

// foresee tells what becomes of each alert.
func foresee(setup sim.Setup) []Foreseen {
	var out []Foreseen
	result := sim.Run(setup)
	for _, a := range result.Alerts {
		f := Foreseen{Alert: a}
		for _, d := range result.Deliveries {
			if d.AlertID == a.ID {
				f.Deliveries = append(f.Deliveries, d)
			}
		}
		out = append(out, f)
	}
	return out
}
