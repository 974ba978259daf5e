// Package engine decides: Plan makes alerts of an event, Decide says what becomes of an alert that fell due.
//
// It is pure. The clock, the event, the rules, the person and what is kept come in as values, and nothing is read or
// written; so `serve`, the tests and the simulator run the very same code. Steps and their order are those of
// docs/states.md; every end has a Reason.
package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

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

// checkTemplates holds every template that a rule sends against every trigger of the rule: it must be there, use only
// fields that the trigger carries, and render for the trigger's sample.
func (g *Generation) checkTemplates(sample func(relay.Trigger) (relay.Event, bool)) []rules.Finding {
	var findings []rules.Finding
	for _, rule := range g.Rules.Rules() {
		for _, send := range rule.Send {
			if !g.Templates.Has(send.Template, send.Channel) {
				findings = append(findings, g.missingTemplate(rule, send))
				continue
			}
			for _, trigger := range rule.Triggers {
				findings = append(findings, g.checkTemplate(rule, send, trigger, sample)...)
			}
		}
	}
	return findings
}

func (g *Generation) missingTemplate(rule *rules.Rule, send rules.Send) rules.Finding {
	names := slices.DeleteFunc(g.Templates.Names(), func(name string) bool { return !g.Templates.Has(name, send.Channel) })
	f := g.Rules.Finding(send.Line, send.Column, rules.SeverityError,
		fmt.Sprintf("there is no %s template %q", send.Channel, send.Template), "")
	f.Rule = rule.Name
	f.Hint = fmt.Sprintf("templates for %s: %s", send.Channel, joined(names))
	return f
}

func (g *Generation) checkTemplate(rule *rules.Rule, send rules.Send, trigger relay.Trigger,
	sample func(relay.Trigger) (relay.Event, bool),
) []rules.Finding {
	var findings []rules.Finding
	for _, p := range g.Templates.Check(send.Template, send.Channel, g.shapes[trigger]) {
		findings = append(findings, rules.Finding{
			File: p.File, Line: p.Line, Column: p.Column, Severity: rules.SeverityError, Rule: rule.Name,
			Message: fmt.Sprintf("%s (used by rule %q for %s)", p.Message, rule.Name, trigger),
		})
	}
	if len(findings) > 0 {
		return findings
	}
	event, ok := sample(trigger)
	if !ok {
		return nil
	}
	locales := append([]string{""}, g.Templates.Locales(send.Template)...)
	for _, locale := range locales {
		content, err := g.Templates.Render(g.request(rule, send, &event, relay.Contact{
			UID: "sample", Name: "Sample", Email: "sample@example.com", Phone: "+14155550100", Locale: locale,
		}, render.Links{}))
		if err == nil && rubbish(content) {
			err = errors.New("it prints a value in a form that it does not have (%!)")
		}
		if err != nil {
			f := g.Rules.Finding(send.Line, send.Column, rules.SeverityError,
				fmt.Sprintf("does not render for a sample of %s: %v", trigger, err), "")
			f.Rule = rule.Name
			findings = append(findings, f)
		}
	}
	return findings
}

// wrongVerb is what printf writes for a verb that does not fit: %!d(string=...), %!(EXTRA ...).
var wrongVerb = regexp.MustCompile(`%![a-zA-Z]?\(`)

func rubbish(c relay.Content) bool {
	return wrongVerb.MatchString(c.Subject.Reveal() + c.Text.Reveal() + c.HTML.Reveal())
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
	return render.Request{
		Template: send.Template, Channel: send.Channel, Shape: g.shapes[event.Trigger], Event: event,
		Recipient: contact, Rule: rule.Name, Links: links, Locale: contact.Locale, DefaultLocale: defaults.Locale,
		TimeZone: zone, MaxSegments: defaults.MaxSegments,
	}
}

func joined(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
