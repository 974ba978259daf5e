// Package sim runs the engine under a virtual clock with a memory of its own: events arrive at given times, alerts fall due,
// and every provider accepts at once. Hours of waiting take microseconds.
//
// It decides nothing itself. What `serve` does through the store and the queue, it does in memory, plainly: each step looks at
// everything that is kept.
package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Setup is what a simulation starts from.
type Setup struct {
	// Generation gives the rules and templates in force at a moment, so that a reload can be simulated.
	Generation func(now time.Time) *engine.Generation
	// Contact looks a person up at a moment.
	Contact func(uid string, now time.Time) (relay.Contact, engine.Found)
	// Suppressed are the addresses that must not be written to, and why.
	Suppressed map[relay.Address]relay.Reason
	// Events in any order; each arrives at its ReceivedAt.
	Events []relay.Event
}

// Result is everything that came of it, in the order it happened.
type Result struct {
	Alerts     []relay.Alert
	Deliveries []relay.Delivery
	// Duplicates counts events that were repeats.
	Duplicates int
}

// Run simulates until nothing is left to happen.
func Run(setup Setup) Result {
	w := &world{setup: setup, events: map[string]relay.Event{}, alerts: map[string]*relay.Alert{}, claims: map[string]string{}}
	events := slices.Clone(setup.Events)
	slices.SortStableFunc(events, func(a, b relay.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	for len(events) > 0 || w.next() != nil {
		due := w.next()
		if len(events) > 0 && (due == nil || !events[0].ReceivedAt.After(due.DueAt)) {
			w.receive(events[0])
			events = events[1:]
			continue
		}
		w.decide(due)
	}
	return w.result()
}

// world is what is kept.
type world struct {
	setup      Setup
	events     map[string]relay.Event
	arrived    []string
	alerts     map[string]*relay.Alert
	order      []string
	deliveries []relay.Delivery
	claims     map[string]string
	duplicates int
}

func (w *world) receive(event relay.Event) {
	if w.repeated(event) {
		w.duplicates++
		return
	}
	w.events[event.ID] = event
	w.arrived = append(w.arrived, event.ID)
	plan, _ := w.setup.Generation(event.ReceivedAt).Plan(event)
	w.add(plan.Alerts)
}

func (w *world) repeated(event relay.Event) bool {
	if _, kept := w.events[event.ID]; kept {
		return true
	}
	return event.Repeat.Key != "" && slices.ContainsFunc(w.arrived, func(id string) bool {
		earlier := w.events[id]
		return earlier.Repeat.Key == event.Repeat.Key && event.ReceivedAt.Sub(earlier.ReceivedAt) <= event.Repeat.Window
	})
}

func (w *world) add(alerts []relay.Alert) {
	for _, alert := range alerts {
		if _, kept := w.alerts[alert.ID]; !kept {
			w.alerts[alert.ID] = &alert
			w.order = append(w.order, alert.ID)
		}
	}
}

// next is the held alert that falls due first, the earlier planned of two.
func (w *world) next() *relay.Alert {
	var first *relay.Alert
	for _, id := range w.order {
		a := w.alerts[id]
		if a.State == relay.AlertHeld && (first == nil || a.DueAt.Before(first.DueAt)) {
			first = a
		}
	}
	return first
}

func (w *world) decide(alert *relay.Alert) {
	now := alert.DueAt
	generation := w.setup.Generation(now)
	event := w.events[alert.EventID]
	s := engine.Situation{Alert: *alert, Event: event, Now: now}
	if uid := alert.Recipient.UID; uid != "" {
		s.Contact, s.Found = w.setup.Contact(uid, now)
	}
	query := generation.Query(*alert, event, s.Contact)
	s.Facts = relay.Facts{
		Candidates: w.candidates(query, event.ID, now), Claimed: w.claims, Suppressed: w.suppressed(query),
	}
	w.apply(alert, generation.Decide(s), now)
}

// suppressed are those addresses of the query that must not be written to. What the query does not name is not known, as
// in a store.
func (w *world) suppressed(query relay.Query) map[relay.Address]relay.Reason {
	out := map[relay.Address]relay.Reason{}
	for _, to := range query.Addresses {
		if reason, ok := w.setup.Suppressed[to]; ok {
			out[to] = reason
		}
	}
	return out
}

// candidates are the kept events that the query names, newest first.
func (w *world) candidates(query relay.Query, own string, now time.Time) []relay.Event {
	var out []relay.Event
	taken := map[relay.Lookup]int{}
	for _, id := range slices.Backward(w.arrived) {
		event := w.events[id]
		if id == own || event.ReceivedAt.After(now) {
			continue
		}
		selected := false
		for _, key := range engine.KeysOf(event) {
			lookup := relay.Lookup{Key: key, Trigger: event.Trigger}
			if slices.Contains(query.Lookups, lookup) && taken[lookup] < relay.MaxCandidates {
				taken[lookup]++
				selected = true
			}
		}
		if selected {
			out = append(out, event)
		}
	}
	return out
}

func (w *world) apply(alert *relay.Alert, decision relay.Decision, now time.Time) {
	alert.UpdatedAt, alert.Reason = now, decision.Reason
	alert.Trace = append(alert.Trace, decision.Trace...)
	switch decision.Action {
	case relay.ActHold:
		alert.DueAt = decision.Until
	case relay.ActCancel:
		alert.State = relay.AlertCancelled
	case relay.ActSuppress:
		alert.State = relay.AlertSuppressed
	case relay.ActResolve:
		delete(w.alerts, alert.ID)
		w.order = slices.DeleteFunc(w.order, func(id string) bool { return id == alert.ID })
		w.add(decision.Resolved)
	case relay.ActSend:
		for i, d := range decision.Deliveries {
			if d.State == relay.DeliveryQueued {
				decision.Deliveries[i].State, decision.Deliveries[i].Provider = relay.DeliverySent, "sim"
				w.claims[d.Claim] = d.ID
			}
		}
		w.deliveries = append(w.deliveries, decision.Deliveries...)
		alert.State, alert.Reason = relay.RollUp(decision.Deliveries)
	}
}

func (w *world) result() Result {
	out := Result{Deliveries: w.deliveries, Duplicates: w.duplicates}
	for _, id := range w.order {
		out.Alerts = append(out.Alerts, *w.alerts[id])
	}
	slices.SortStableFunc(out.Alerts, func(a, b relay.Alert) int {
		return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}
