// Package sim runs the engine under a virtual clock with a memory of its own: events arrive at given times, alerts fall due,
// providers answer as they are told to. Days of waiting take microseconds.
//
// It decides nothing itself. What `serve` does through the store and the queue, it does in memory, by the same contract.
package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// Setup is what a simulation starts from.
type Setup struct {
	// Generation gives the rules and templates in force at a moment, so that a reload can be simulated.
	Generation func(now time.Time) *engine.Generation
	// Contact looks a person up at a moment.
	Contact func(uid string, now time.Time) (relay.Contact, engine.Found)
	// Chat answers what only the chat app can say at a moment; nil says that there is nobody to ask.
	Chat func(question relay.Question, now time.Time) relay.Answer
	// Suppressed are the addresses that must not be written to, and why.
	Suppressed map[relay.Address]relay.Reason
	// Events in any order; each arrives at its ReceivedAt.
	Events []relay.Event
	// Known are events that are kept beside these: they are found when alerts are decided, and make none themselves.
	Known []relay.Event
	// Carry says what becomes of a delivery that goes out; nil means that every provider accepts at once.
	Carry func(relay.Delivery) Fate
	// Receipts says that providers tell what became of a message: silence means something only then.
	Receipts bool
	// Links gives the links of a message; nil gives examples of those to files, and no other.
	Links func(alert relay.Alert, event relay.Event, contact relay.Contact) render.Links
	// Observe is told what rules did, for coverage; nil tells nobody.
	Observe func(Observation)
	// Step is called before each event that arrives, with how many came before it; nil is not called. It reports progress.
	Step func(events int)
	// Stop is asked before each thing that happens whether to give up; what came of it until then is the result. Nil never does.
	Stop func() bool
}

// Fate is what a provider makes of a delivery. State is relay.DeliverySent for accepted and never heard of again,
// DeliveryDelivered or DeliveryUndelivered for accepted at once and a receipt After that time, or DeliveryDead for refused at
// once, for that Reason.
type Fate struct {
	State  relay.DeliveryState
	Reason relay.Reason
	After  time.Duration
}

// Observation is one thing that a rule did: it matched an event of a trigger, or, where they are set, a clause of its `unless`
// cancelled an alert, or an entry of its fallback (counted from 1) was tried.
type Observation struct {
	Rule     string
	Trigger  relay.Trigger
	Clause   string
	Fallback int
}

// Result is everything that came of it, in the order it happened.
type Result struct {
	Alerts     []relay.Alert
	Deliveries []relay.Delivery
	// Repeats are the events of which nothing came, because they repeat an earlier one.
	Repeats []Repeat
}

// Repeat is an event that repeats another, both as places in Setup.Events.
type Repeat struct{ Event, Of int }

// Run simulates until nothing is left to happen.
func Run(setup Setup) Result {
	if setup.Links == nil {
		setup.Links = exampleLinks
	}
	w := newWorld(setup)
	for i := range setup.Known {
		w.keep(setup.Known[i])
	}
	order := make([]int, len(setup.Events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return setup.Events[a].ReceivedAt.Compare(setup.Events[b].ReceivedAt) })
	for n := 0; n < len(order) || w.waiting(); {
		if setup.Stop != nil && setup.Stop() {
			break
		}
		next, ok := w.agenda.peek()
		if n < len(order) && (!ok || !setup.Events[order[n]].ReceivedAt.After(next.at)) {
			if setup.Step != nil {
				setup.Step(n)
			}
			w.receive(order[n])
			n++
			continue
		}
		w.agenda.take()
		w.happen(next)
	}
	return w.result()
}

func (w *world) waiting() bool {
	_, ok := w.agenda.peek()
	return ok
}

// happen does what the agenda says: a receipt comes in, or an alert is looked at.
func (w *world) happen(next appointment) {
	if next.at.After(w.now) { // one whose people were asked for in vain for long was due before they are known
		w.now = next.at
	}
	if next.delivery != nil {
		w.move(next.delivery, next.state, relay.ReasonNone, w.now)
		return
	}
	if a := next.alert; !a.gone && a.LookAt().Equal(next.at) {
		w.decide(a, w.now)
	}
}

func (w *world) receive(at int) {
	event := w.setup.Events[at]
	w.now = event.ReceivedAt
	if of, repeated := w.repeated(event); repeated {
		w.repeats = append(w.repeats, Repeat{Event: at, Of: of})
		return
	}
	w.first[event.ID] = at
	if key := event.Repeat.Key; key != "" {
		w.repeatable[key] = append(w.repeatable[key], at)
	}
	w.keep(event)
	plan, verdicts := w.setup.Generation(event.ReceivedAt).Plan(event)
	for _, v := range verdicts {
		if v.Matched {
			w.observe(Observation{Rule: v.Rule, Trigger: event.Trigger})
		}
	}
	w.add(plan.Alerts)
}

func (w *world) observe(o Observation) {
	if w.setup.Observe != nil {
		w.setup.Observe(o)
	}
}

// exampleLinks stand for the links to files. Whether there is one to unsubscribe does not depend on the rules.
func exampleLinks(_ relay.Alert, event relay.Event, _ relay.Contact) render.Links {
	links := render.ExampleLinks(event)
	links.Unsubscribe = ""
	return links
}

func (w *world) decide(a *entry, now time.Time) {
	generation := w.setup.Generation(now)
	s := engine.Situation{
		Alert: a.Alert, Event: *w.events[a.EventID], Members: w.members(a), Now: now,
		Receipts: func(relay.Channel) bool { return w.setup.Receipts },
		Links:    w.setup.Links,
	}
	if uid := a.Recipient.UID; uid != "" {
		s.Contact, s.Found = w.setup.Contact(uid, now)
	}
	query := generation.Query(s.Alert, s.Event, s.Contact, s.Members)
	s.Facts = relay.Facts{
		Candidates: w.candidates(query, a.EventID, now), Claimed: w.claimed(query), Suppressed: w.suppressed(query),
		Counted: w.counted(query, now), Deliveries: a.deliveriesNow(),
	}
	for _, m := range s.Members[:len(query.Members)] { // a query asks for the first of them
		s.Facts.Members = append(s.Facts.Members, m.Alert)
	}
	decision := generation.Decide(s)
	for s.Answers = map[relay.Question]relay.Answer{}; decision.Action == relay.ActAsk; decision = generation.Decide(s) {
		for _, question := range decision.Asks {
			s.Answers[question] = w.ask(question, now)
		}
	}
	w.watch(generation, a.Alert, decision)
	w.apply(a, decision, now)
}

func (w *world) ask(question relay.Question, now time.Time) relay.Answer {
	if w.setup.Chat == nil {
		return relay.Answer{State: relay.AnswerNobody}
	}
	return w.setup.Chat(question, now)
}

// watch tells which clauses cancelled and which fallbacks were tried.
func (w *world) watch(generation *engine.Generation, alert relay.Alert, decision relay.Decision) {
	rule, ok := generation.Rules.Rule(alert.Rule)
	if w.setup.Observe == nil || !ok {
		return
	}
	ruled := append([]relay.Ruling{{Action: decision.Action, Trace: decision.Trace}}, decision.Members...)
	for _, r := range ruled {
		if clause, ok := engine.CancelledBy(r); ok {
			w.observe(Observation{Rule: rule.Name, Clause: clause})
		}
	}
	for _, d := range decision.Deliveries {
		for n, f := range rule.Fallback {
			if f.Channel == d.Channel && f.Template == d.Template {
				w.observe(Observation{Rule: rule.Name, Fallback: n + 1})
			}
		}
	}
}

func (w *world) result() Result {
	out := Result{Repeats: w.repeats}
	for _, d := range w.deliveries {
		out.Deliveries = append(out.Deliveries, d.Delivery)
	}
	for _, a := range w.order {
		if !a.gone {
			out.Alerts = append(out.Alerts, a.Alert)
		}
	}
	slices.SortStableFunc(out.Alerts, func(a, b relay.Alert) int {
		return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}
