package backtest

import (
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// thing is what a person is told on a channel: an event. What is told under both versions has the same.
type thing struct {
	event     string
	recipient string
	channel   relay.Channel
}

// telling is how somebody is told of a thing.
type telling struct {
	delivery *relay.Delivery
	// digest is how many events the message tells of; 0 where it is no digest.
	digest int
}

// alertKey finds the alert that a rule made of an event for a recipient.
type alertKey struct{ event, rule, recipient string }

// placeKey finds what became of an alert on a channel.
type placeKey struct {
	alert   string
	channel relay.Channel
}

// side is what came of the events under one version.
type side struct {
	generation *engine.Generation
	alerts     []relay.Alert
	deliveries []relay.Delivery
	// told is everything that goes out.
	told map[thing][]telling
	// byKey and byPlace are made when they are needed first: only examples ask.
	byKey   map[alertKey]*relay.Alert
	byPlace map[placeKey]*relay.Delivery
}

func newSide(generation *engine.Generation, result sim.Result) *side {
	s := &side{
		generation: generation, alerts: result.Alerts, deliveries: result.Deliveries,
		told: make(map[thing][]telling, len(result.Deliveries)),
	}
	led := map[string][]*relay.Alert{}
	digest := map[string]bool{}
	for i := range s.alerts {
		a := &s.alerts[i]
		if a.Lead != "" {
			led[a.Lead] = append(led[a.Lead], a)
		}
		if a.Digest != "" {
			digest[a.ID] = true
		}
	}
	for i := range s.deliveries {
		d := &s.deliveries[i]
		if !arrives(d) {
			continue
		}
		t := telling{delivery: d}
		if digest[d.AlertID] {
			t.digest = 1 + len(led[d.AlertID])
		}
		s.tell(d.EventID, t)
		for _, a := range led[d.AlertID] {
			s.tell(a.EventID, t)
		}
	}
	return s
}

func (s *side) tell(event string, t telling) {
	key := thing{event: event, recipient: t.delivery.Recipient.Key(), channel: t.delivery.Channel}
	s.told[key] = append(s.told[key], t)
}

// arrives reports whether a delivery is a message that goes out.
func arrives(d *relay.Delivery) bool { return d.State == relay.DeliverySent }

// undecided counts the alerts whose fate was decided after the last event: more may come until then, which nobody knows yet.
func (s *side) undecided(last time.Time) int {
	n := 0
	for i := range s.alerts {
		if s.alerts[i].UpdatedAt.After(last) {
			n++
		}
	}
	return n
}

// index makes alerts and deliveries findable.
func (s *side) index() {
	if s.byKey != nil {
		return
	}
	s.byKey = make(map[alertKey]*relay.Alert, len(s.alerts))
	for i := range s.alerts {
		a := &s.alerts[i]
		s.byKey[alertKey{a.EventID, a.Rule, a.Recipient.Key()}] = a
	}
	s.byPlace = make(map[placeKey]*relay.Delivery, len(s.deliveries))
	for i := range s.deliveries {
		d := &s.deliveries[i]
		s.byPlace[placeKey{d.AlertID, d.Channel}] = d
	}
}
