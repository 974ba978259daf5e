package sim

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// apply keeps a decision, as a store does.
func (w *world) apply(a *entry, decision relay.Decision, now time.Time) {
	if decision.Action == relay.ActResolve {
		a.gone = true
		w.add(decision.Resolved)
		return
	}
	early := a.Recipient.Key() == "" && !a.AgainAt.IsZero()
	if early && decision.Action == relay.ActHold {
		a.Trace, a.Reason, a.UpdatedAt = append(a.Trace, decision.Trace...), decision.Reason, now
		w.lookAgain(a, decision.Until)
		return
	}
	lead := a
	if decision.Lead != "" {
		lead = w.alerts[decision.Lead]
	}
	a.AgainAt = time.Time{}
	w.rule(a, lead, relay.Ruling{
		Action: decision.Action, Reason: decision.Reason, Until: decision.Until, Trace: decision.Trace,
	}, now)
	for _, r := range decision.Members {
		w.rule(w.alerts[r.AlertID], lead, r, now)
	}
	if len(decision.Deliveries) > 0 || decision.Action == relay.ActSend {
		lead.fallback = decision.Fallback
		if !decision.Again.IsZero() {
			w.lookAgain(lead, decision.Again)
		}
		w.ship(lead, decision.Deliveries, now) // a refusal may ask for a look at once
	}
}

// rule moves one alert by what was decided of it.
func (w *world) rule(a, lead *entry, r relay.Ruling, now time.Time) {
	a.Trace = append(a.Trace, r.Trace...)
	if a.State == relay.AlertSent { // it never moves back; its fallback may still wait
		if r.Action == relay.ActHold {
			w.lookAgain(a, r.Until)
		}
		return
	}
	a.UpdatedAt, a.Reason = now, r.Reason
	switch r.Action {
	case relay.ActHold:
		a.State, a.DueAt = relay.AlertHeld, r.Until
		if len(a.deliveries) > 0 {
			a.AgainAt = r.Until
		}
		w.agenda.add(appointment{at: r.Until, alert: a})
		return
	case relay.ActCancel:
		a.State = relay.AlertCancelled
	case relay.ActSuppress:
		a.State = relay.AlertSuppressed
	case relay.ActSend, relay.ActResolve, relay.ActAsk:
		a.State = relay.AlertDue
		if a != lead {
			a.Lead = lead.ID
			w.led[lead.ID] = append(w.led[lead.ID], a)
		}
	}
	w.leave(a)
}

// leave takes an alert that does not wait any more out of its digest.
func (w *world) leave(a *entry) {
	if a.Digest != "" {
		w.digests[a.Digest] = slices.DeleteFunc(w.digests[a.Digest], func(other *entry) bool { return other == a })
	}
}

func (w *world) lookAgain(a *entry, at time.Time) {
	a.AgainAt = at
	w.agenda.add(appointment{at: at, alert: a})
}

// ship hands deliveries to the provider and rolls the alert up.
func (w *world) ship(lead *entry, deliveries []relay.Delivery, now time.Time) {
	fresh := make([]*parcel, 0, len(deliveries))
	for _, d := range deliveries {
		p := &parcel{d}
		fresh = append(fresh, p)
		w.deliveries = append(w.deliveries, p)
		lead.deliveries = append(lead.deliveries, p)
		if p.State != relay.DeliveryQueued {
			continue
		}
		for _, claim := range p.Claims {
			w.claims[claim] = p
		}
		for _, c := range p.Counters {
			w.spent[c] = append(w.spent[c], p)
		}
	}
	w.rollUp(lead, now)
	for _, p := range fresh {
		if p.State == relay.DeliveryQueued {
			w.carry(p, now)
		}
	}
}

func (w *world) carry(p *parcel, now time.Time) {
	fate := Fate{State: relay.DeliverySent}
	if w.setup.Carry != nil {
		fate = w.setup.Carry(p.Delivery)
	}
	p.Provider = "sim"
	if fate.State == relay.DeliveryDead {
		if fate.Reason == relay.ReasonOptedOut { // the provider knew of a STOP that we did not
			fate.State = relay.DeliverySuppressed
		}
		w.move(p, fate.State, fate.Reason, now)
		return
	}
	w.move(p, relay.DeliverySent, relay.ReasonNone, now)
	if fate.State != relay.DeliverySent {
		w.agenda.add(appointment{at: now.Add(fate.After), delivery: p, state: fate.State})
	}
}

// move takes a delivery to its next state, and its alert along.
func (w *world) move(p *parcel, state relay.DeliveryState, reason relay.Reason, now time.Time) {
	p.State, p.Reason, p.UpdatedAt = state, reason, now
	if p.ReleasesClaims() {
		for _, claim := range p.Claims {
			delete(w.claims, claim)
		}
	}
	if p.ReleasesCounters() {
		for _, c := range p.Counters {
			w.spent[c] = slices.DeleteFunc(w.spent[c], func(other *parcel) bool { return other == p })
		}
	}
	w.rollUp(w.alerts[p.AlertID], now)
}

// rollUp gives an alert, and those that go along with it, the state that its deliveries ask for; or has it decided again where
// they came to nothing and the rule has other channels.
func (w *world) rollUp(lead *entry, now time.Time) {
	all := lead.deliveriesNow()
	state, reason := relay.RollUp(all)
	if lead.fallback && relay.FellThrough(all) {
		lead.fallback = false
		w.lookAgain(lead, now)
		return
	}
	for _, a := range append([]*entry{lead}, w.led[lead.ID]...) {
		if a.State == relay.AlertDue {
			a.State, a.Reason, a.UpdatedAt = state, reason, now
		}
	}
}
