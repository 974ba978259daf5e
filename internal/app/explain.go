package app

import (
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Explained is what rules make of an event.
type Explained struct {
	// Rules says what each rule makes of it.
	Rules []engine.Account
	// Outcomes are what would become of each alert if nothing else happened.
	Outcomes []Foreseen
}

// Foreseen is an alert as it would end, with its deliveries and their messages.
type Foreseen struct {
	Alert      relay.Alert
	Deliveries []relay.Delivery
}

// Explain plays one event through a generation, under a clock of its own. Nothing is sent or kept.
func Explain(g *engine.Generation, event relay.Event, people *People) Explained {
	out := Explained{Rules: g.Explain(event)}
	result := sim.Run(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return g },
		Contact:    people.Find, Events: []relay.Event{event},
	})
	for _, a := range result.Alerts {
		f := Foreseen{Alert: a}
		for _, d := range result.Deliveries {
			if d.AlertID == a.ID {
				f.Deliveries = append(f.Deliveries, d)
			}
		}
		out.Outcomes = append(out.Outcomes, f)
	}
	return out
}
