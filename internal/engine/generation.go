// Package engine decides: Plan makes alerts of an event, Decide says what becomes of an alert that fell due.
//
// It is pure. The clock, the event, the rules, the person and what is kept come in as values, and nothing is read or
// written; so `serve`, the tests and the simulator run the very same code. Steps and their order are those of
// docs/states.md; every end has a Reason.
package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Generation is one set of rules and templates that were checked against each other. It never changes: a reload builds a
// new one and swaps it in whole.
type Generation struct {
	Rules     *rules.Set
	Templates *render.Templates
	// Hash names the generation: it changes when the rules or a template change.
	Hash string

	catalogue relay.Catalogue
	shapes    map[relay.Trigger]*relay.Shape
}

// Parts is what a Generation is built from.
type Parts struct {
	Rules     *rules.Set
	Templates *render.Templates
	Catalogue relay.Catalogue
	// Sample gives a typical event of a trigger, to prove that templates render; false where there is none.
	Sample func(relay.Trigger) (relay.Event, bool)
}

// Build checks the templates against the rules that use them and joins both. The Generation is nil when a finding is an error.
func Build(p Parts) (*Generation, []rules.Finding) {
	g := &Generation{
		Rules: p.Rules, Templates: p.Templates, catalogue: p.Catalogue,
		shapes: make(map[relay.Trigger]*relay.Shape, len(p.Catalogue)),
	}
	for name, spec := range p.Catalogue {
		g.shapes[name] = relay.EventShape(spec)
	}
	sum := sha256.Sum256([]byte(p.Rules.Hash() + "\x00" + p.Templates.Hash()))
	g.Hash = hex.EncodeToString(sum[:8])

	findings := g.checkTemplates(p.Sample)
	if slices.ContainsFunc(findings, func(f rules.Finding) bool { return f.Severity == rules.SeverityError }) {
		return nil, findings
	}
	return g, findings
}

// request asks for one message.
func (g *Generation) request(rule *rules.Rule, send rules.Send, event *relay.Event, contact relay.Contact,
	links render.Links,
) render.Request {
	defaults := g.Rules.Defaults()
	zone := contact.Zone
	if zone == nil {
		zone = defaults.TimeZone
	}
	told, count := g.told(event, links)
	if count < 2 {
		told, count = nil, 0
	}
	return render.Request{
		Template: send.Template, Channel: send.Channel, Shape: g.shapes[event.Trigger], Event: event,
		Recipient: contact, Rule: rule.Name, Private: rule.Private, Links: links, Locale: contact.Locale,
		DefaultLocale: defaults.Locale, TimeZone: zone, MaxSegments: defaults.MaxSegments,
		Events: told[:min(len(told), maxParts)], Count: count,
	}
}

// maxParts is how many of the messages that one event is about are listed where no digest says it.
const maxParts = 20

// told is what a message tells of an event, and how many things that is: the event, or each of the messages that it is about.
// The links are for the event's own files; those of its parts are not among them.
func (g *Generation) told(event *relay.Event, links render.Links) (list []render.Told, count int) {
	shape := g.shapes[event.Trigger]
	if len(event.Parts) < 2 {
		return []render.Told{{Shape: shape, Event: event, Links: links}}, 1
	}
	for _, part := range event.Parts {
		each := *event
		each.Message = part.Message
		if part.Sender != nil {
			each.Sender = part.Sender
		}
		list = append(list, render.Told{Shape: shape, Event: &each})
	}
	return list, max(event.Count, len(list))
}

// Resends reports whether a message of that rule is sent again when its answer was lost and the provider cannot tell that it has it.
// For a rule that is gone or disabled nothing more goes out.
func (g *Generation) Resends(rule string) bool {
	r, ok := g.Rules.Rule(rule)
	return ok && r.Enabled && r.OnUnknown != rules.GiveUp
}
