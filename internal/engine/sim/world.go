package sim

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

// world is what is kept.
type world struct {
	setup  Setup
	agenda agenda
	now    time.Time

	events map[string]*relay.Event
	// found are the events by what they are looked up under, in the order they arrived.
	found map[relay.Lookup][]*relay.Event
	// first are the places of events by their IDs, and repeatable those of events without a time of their own.
	first      map[string]int
	repeatable map[relay.Key][]int
	repeats    []Repeat

	alerts map[string]*entry
	order  []*entry
	// digests are the alerts that wait together, and led those that went along, by their lead.
	digests map[string][]*entry
	led     map[string][]*entry

	deliveries []*parcel
	claims     map[string]*parcel
	spent      map[relay.Counter][]*parcel
}

// entry is an alert with what became of it.
type entry struct {
	relay.Alert

	deliveries []*parcel
	// fallback says that the rule has channels left to try; gone that one alert per person took its place.
	fallback, gone bool
}

// parcel is a delivery on its way.
type parcel struct{ relay.Delivery }

func newWorld(setup Setup) *world {
	return &world{
		setup: setup, events: map[string]*relay.Event{}, found: map[relay.Lookup][]*relay.Event{},
		first: map[string]int{}, repeatable: map[relay.Key][]int{}, alerts: map[string]*entry{}, digests: map[string][]*entry{},
		led: map[string][]*entry{}, claims: map[string]*parcel{}, spent: map[relay.Counter][]*parcel{},
	}
}

// repeated tells whether an event repeats an earlier one, and which: of the same ID, or, where a payload says too little for one,
// of the same key within a while.
func (w *world) repeated(event relay.Event) (of int, repeated bool) {
	if of, repeated = w.first[event.ID]; repeated || event.Repeat.Key == "" {
		return of, repeated
	}
	for _, earlier := range w.repeatable[event.Repeat.Key] {
		if event.ReceivedAt.Sub(w.setup.Events[earlier].ReceivedAt) <= event.Repeat.Window {
			return earlier, true
		}
	}
	return 0, false
}

func (w *world) keep(event relay.Event) {
	w.events[event.ID] = &event
	for _, key := range engine.KeysOf(event) {
		lookup := relay.Lookup{Key: key, Trigger: event.Trigger}
		w.found[lookup] = append(w.found[lookup], &event)
	}
}

func (w *world) add(alerts []relay.Alert) {
	for _, alert := range alerts {
		if _, kept := w.alerts[alert.ID]; kept {
			continue
		}
		a := &entry{Alert: alert}
		w.alerts[a.ID] = a
		w.order = append(w.order, a)
		if a.Digest != "" {
			w.digests[a.Digest] = append(w.digests[a.Digest], a)
		}
		w.agenda.add(appointment{at: a.LookAt(), alert: a})
	}
}

// members are the other alerts of the digest: those that are held, or that the alert leads where it was decided before.
func (w *world) members(of *entry) []relay.Member {
	listed := w.digests[of.Digest]
	if len(of.deliveries) > 0 {
		listed = w.led[of.ID]
	}
	var out []relay.Member
	for _, a := range listed {
		if a != of && len(out) < relay.MaxMembers-1 {
			out = append(out, relay.Member{Alert: a.Alert, Event: *w.events[a.EventID]})
		}
	}
	return out
}

// candidates are the kept events that the query names, newest first.
func (w *world) candidates(query relay.Query, own string, now time.Time) []relay.Event {
	seen := map[string]bool{own: true}
	var out []*relay.Event
	for _, lookup := range query.Lookups {
		taken := 0
		for _, e := range slices.Backward(w.found[lookup]) {
			if e.ReceivedAt.After(now) || e.ID == own {
				continue
			}
			if taken++; taken > relay.MaxCandidates {
				break
			}
			if !seen[e.ID] {
				seen[e.ID] = true
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *relay.Event) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	events := make([]relay.Event, len(out))
	for i, e := range out {
		events[i] = *e
	}
	return events
}

func (w *world) claimed(query relay.Query) map[string]string {
	out := map[string]string{}
	for _, claim := range query.Claims {
		if holder, ok := w.claims[claim]; ok {
			out[claim] = holder.ID
		}
	}
	return out
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

func (w *world) counted(query relay.Query, now time.Time) map[relay.Count][]time.Time {
	out := map[relay.Count][]time.Time{}
	for _, count := range query.Counts {
		for _, p := range slices.Backward(w.spent[count.Counter]) {
			if !p.CreatedAt.After(now.Add(-count.Per)) || len(out[count]) == count.Max {
				break
			}
			out[count] = append(out[count], p.CreatedAt)
		}
	}
	return out
}

func (a *entry) deliveriesNow() []relay.Delivery {
	out := make([]relay.Delivery, len(a.deliveries))
	for i, p := range a.deliveries {
		out[i] = p.Delivery
	}
	return out
}
