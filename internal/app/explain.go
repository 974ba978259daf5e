package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/directory"
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

// People knows the contacts of the settings, for the commands that try rules out.
type People struct {
	chain directory.Chain
	// Invented says that no directory is configured, so that everybody is taken to be reachable on every channel.
	Invented bool
}

// OpenPeople reads the directories of the settings. The error names everything that is wrong in them.
func OpenPeople(c config.Config) (*People, error) {
	p := &People{Invented: len(c.DirectoryFiles) == 0}
	var wrong []error
	for _, path := range c.DirectoryFiles {
		file, problems := directory.LoadFile(path)
		for _, problem := range problems {
			wrong = append(wrong, errors.New(problem.String()))
		}
		if file != nil {
			p.chain = append(p.chain, file)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("read the recipients: %w", err)
	}
	return p, nil
}

// Find looks a person up as sim.Setup asks for it; who they are does not change with time.
func (p *People) Find(uid string, _ time.Time) (relay.Contact, engine.Found) {
	if p.Invented {
		return relay.Contact{UID: uid, Name: uid, Email: relay.Email(uid + "@example.com"), Phone: "+14155550100"}, engine.FoundContact
	}
	contact, err := p.chain.Lookup(context.Background(), uid)
	switch {
	case errors.Is(err, directory.ErrUnknown):
		return relay.Contact{}, engine.FoundNobody
	case err != nil:
		return relay.Contact{}, engine.FoundDown
	}
	if zone, err := time.LoadLocation(contact.TimeZone); err == nil && contact.TimeZone != "" {
		contact.Zone = zone
	}
	return contact, engine.FoundContact
}
