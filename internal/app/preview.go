package app

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// PreviewOptions say what to look at.
type PreviewOptions struct {
	Config   config.Config
	Template string
	// Channel is empty for all that the template has a message for.
	Channel relay.Channel
	// Locale is empty for all that the template has files for.
	Locale string
	// Count is how many events a digest tells of, each of them the same; 0 and 1 are the message of one event.
	Count int
	// Event is what to tell of. Without it, the built-in sample of the trigger Sample; without that too, the samples of all
	// triggers for which the rules use the template.
	Event  *relay.Event
	Sample relay.Trigger
	// To is the uid of somebody in the directory, whose locale is taken unless Locale is set; empty is an invented
	// person.
	To string
}

// Previewed is one message that was made and not sent.
type Previewed struct {
	Template string
	Trigger  relay.Trigger
	Content  relay.Content
	Channel  relay.Channel
	// Wanted is the locale that was asked for, where the template has no files for exactly it.
	Wanted string
	// Digest is how many events it tells of and Listed how many of them it lists; both are 0 for the message of one event.
	Digest, Listed int
	// Size, Whole and Odd are of an SMS. Whole and Odd are of the text before it was cut: Cut says that it was.
	Size, Whole render.Size
	Odd         []render.Odd
	Cut         bool
}

// UnknownNameError is a template or a trigger that does not exist.
type UnknownNameError struct{ error }

// Unwrap gives the error itself.
func (e UnknownNameError) Unwrap() error { return e.error }

// defaultListed is how many events a digest lists where no rule says so, as in package rules.
const defaultListed = 20

// Preview makes the messages of a template and sends none. FindingsError is what is wrong with the templates.
func Preview(o PreviewOptions) ([]Previewed, error) {
	p, err := newPreviewer(o)
	if err != nil {
		return nil, err
	}
	p.contact = relay.Contact{UID: "preview", Name: "Alex Example", Email: "alex@example.com", Phone: "+14155550100"}
	if o.To != "" {
		if p.contact, err = findContact(o.Config, o.To); err != nil {
			return nil, err
		}
		p.Locale = cmp.Or(o.Locale, p.contact.Locale)
	}
	return p.all()
}

func findContact(c config.Config, uid string) (relay.Contact, error) {
	people, err := OpenPeople(c)
	if err != nil {
		return relay.Contact{}, err
	}
	contact, found := people.Find(uid, time.Time{})
	if err := people.Trouble(); err != nil {
		return relay.Contact{}, fmt.Errorf("look up %q: %w", uid, err)
	}
	if found != engine.FoundContact || people.Invented {
		return relay.Contact{}, fmt.Errorf("no directory (BECKON_DIRECTORY) has the uid %q", uid)
	}
	return contact, nil
}

// previewer makes messages of one template.
type previewer struct {
	PreviewOptions

	templates *render.Templates
	// rules is nil where the rules file is missing or has errors, which is no matter for an event that is given.
	rules   *rules.Set
	contact relay.Contact
	// links are those of a message about an event.
	links func(relay.Event) render.Links
}

func newPreviewer(o PreviewOptions) (*previewer, error) {
	p := &previewer{PreviewOptions: o, links: render.ExampleLinks}
	if err := isFolder(o.Config.Templates); err != nil {
		return nil, err
	}
	var problems []render.Problem
	if p.templates, problems = render.Load(templatesIn(o.Config.Templates)); len(problems) > 0 {
		return nil, p.findings(problems)
	}
	if source, err := os.ReadFile(o.Config.Rules); err == nil {
		p.rules, _ = rules.Load(o.Config.Rules, source, cometchat.Catalogue())
	}
	return p, nil
}

// findings gives problems the place in the templates folder.
func (p *previewer) findings(problems []render.Problem) FindingsError {
	var found FindingsError
	for _, problem := range problems {
		found = append(found, inTemplate(templatesIn(p.Config.Templates), p.Config.Templates, rules.Finding{
			File: problem.File, Line: problem.Line, Column: problem.Column, Severity: rules.SeverityError, Message: problem.Message,
		}))
	}
	return found
}

func (p *previewer) all() ([]Previewed, error) {
	channels, err := p.channels()
	if err != nil {
		return nil, err
	}
	var all []Previewed
	for _, ch := range channels {
		events, err := p.events(ch)
		if err != nil {
			return nil, err
		}
		for _, event := range events {
			made, err := p.messages(ch, event)
			if err != nil {
				return nil, err
			}
			all = append(all, made...)
		}
	}
	return all, nil
}

// channels are those asked for.
func (p *previewer) channels() ([]relay.Channel, error) {
	if !slices.Contains(p.templates.Names(), p.Template) {
		return nil, UnknownNameError{fmt.Errorf("there is no template %q in %s; there are %s", p.Template, p.Config.Templates,
			strings.Join(p.templates.Names(), ", "))}
	}
	has := slices.DeleteFunc(relay.Channels(), func(ch relay.Channel) bool { return !p.templates.Has(p.Template, ch) })
	if p.Channel == "" {
		return has, nil
	}
	if !slices.Contains(has, p.Channel) {
		return nil, fmt.Errorf("template %q has nothing for %s, only for %s", p.Template, p.Channel, has[0])
	}
	return []relay.Channel{p.Channel}, nil
}

// events are what is told of.
func (p *previewer) events(ch relay.Channel) ([]*relay.Event, error) {
	if p.Event != nil {
		return []*relay.Event{p.Event}, nil
	}
	triggers := []relay.Trigger{p.Sample}
	if p.Sample == "" {
		triggers = p.used(ch)
	}
	var events []*relay.Event
	for _, trigger := range triggers {
		event, ok := sample(trigger)
		if !ok {
			return nil, UnknownNameError{fmt.Errorf("there is no sample of %q; there are %s", trigger,
				strings.Join(p.fitting(relay.Channels()...), ", "))}
		}
		events = append(events, &event)
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("no rule in %s uses the template %q, so name the trigger with --sample: %s", p.Config.Rules, p.Template,
			strings.Join(p.fitting(ch), ", "))
	}
	return events, nil
}

// used are the triggers for which the rules use the template, in the order of the file.
func (p *previewer) used(ch relay.Channel) []relay.Trigger {
	var triggers []relay.Trigger
	for _, rule := range p.rulesUsing(ch) {
		for _, trigger := range rule.Triggers {
			if !slices.Contains(triggers, trigger) {
				triggers = append(triggers, trigger)
			}
		}
	}
	return triggers
}

// rulesUsing are the rules that send the template on a channel; where none does, those that send it on another.
func (p *previewer) rulesUsing(ch relay.Channel) []*rules.Rule {
	if p.rules == nil {
		return nil
	}
	var here, elsewhere []*rules.Rule
	for _, rule := range p.rules.Rules() {
		for _, send := range slices.Concat(rule.Send, rule.Fallback) {
			switch {
			case send.Template != p.Template:
			case send.Channel == ch:
				here = append(here, rule)
			default:
				elsewhere = append(elsewhere, rule)
			}
		}
	}
	if len(here) > 0 {
		return here
	}
	return elsewhere
}

// fitting names the triggers that carry all that the template uses on one of the channels, sorted.
func (p *previewer) fitting(channels ...relay.Channel) []string {
	var names []string
	for trigger, spec := range cometchat.Catalogue() {
		if slices.ContainsFunc(channels, func(ch relay.Channel) bool {
			return len(p.templates.Check(p.Template, ch, relay.EventShape(spec))) == 0
		}) {
			names = append(names, string(trigger))
		}
	}
	slices.Sort(names)
	return names
}

// messages makes the message of one event in each locale.
func (p *previewer) messages(ch relay.Channel, event *relay.Event) ([]Previewed, error) {
	spec, known := cometchat.Catalogue()[event.Trigger]
	if !known {
		return nil, fmt.Errorf("nothing is known of events of the trigger %q; templates can be for %s", event.Trigger,
			strings.Join(p.fitting(ch), ", "))
	}
	shape := relay.EventShape(spec)
	if problems := p.templates.Check(p.Template, ch, shape); len(problems) > 0 {
		return nil, fmt.Errorf("template %q is not for %s:\n%w", p.Template, event.Trigger, p.findings(problems))
	}
	req := p.request(ch, event, shape)
	locales := []string{p.Locale}
	if p.Locale == "" {
		locales, req.DefaultLocale = p.templates.Variants(p.Template, ch), ""
	}
	var all []Previewed
	for _, req.Locale = range locales {
		m, err := p.message(req)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// message makes one message.
func (p *previewer) message(req render.Request) (Previewed, error) {
	content, err := p.templates.Render(req)
	if err != nil {
		return Previewed{}, err
	}
	m := Previewed{
		Template: p.Template, Trigger: req.Event.Trigger, Channel: req.Channel, Content: content, Digest: req.Count, Listed: len(req.Events),
	}
	if p.Locale != "" && !sameLocale(p.Locale, cmp.Or(content.Locale, "en")) {
		m.Wanted = p.Locale
	}
	if req.Channel != relay.ChannelSMS {
		return m, nil
	}
	fit, err := p.templates.Fit(req)
	if err != nil {
		return Previewed{}, err
	}
	m.Listed, m.Cut = fit.Listed, fit.Cut
	m.Size, m.Whole = render.Measure(content.Text.Reveal(), true), render.Measure(fit.Whole.Reveal(), true)
	m.Odd = p.odd(content.Locale, fit.Whole)
	return m, nil
}

// sameLocale compares as package render does. Files without a locale are taken for English.
func sameLocale(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-"))
}

// odd gives the characters that are odd their place in the templates folder.
func (p *previewer) odd(locale string, text relay.Text) []render.Odd {
	all := p.templates.Odd(p.Template, locale, text)
	for i, o := range all {
		if o.File != "" {
			all[i].File = filepath.Join(p.Config.Templates, o.File)
		}
	}
	return all
}

func (p *previewer) request(ch relay.Channel, event *relay.Event, shape *relay.Shape) render.Request {
	req := render.Request{
		Template: p.Template, Channel: ch, Shape: shape, Event: event, Recipient: p.contact, Rule: "preview",
		Links: p.links(*event), TimeZone: p.contact.Zone,
	}
	if p.rules != nil {
		defaults := p.rules.Defaults()
		req.DefaultLocale, req.MaxSegments = defaults.Locale, defaults.MaxSegments
		req.TimeZone = cmp.Or(p.contact.Zone, defaults.TimeZone)
	}
	listed := defaultListed
	for _, rule := range p.rulesUsing(ch) {
		if slices.Contains(rule.Triggers, event.Trigger) {
			req.Rule, req.Private = rule.Name, rule.Private
			if rule.Digest != nil {
				listed = rule.Digest.Max
			}
			break
		}
	}
	if p.Count > 1 {
		req.Events = slices.Repeat([]render.Told{{Shape: shape, Event: event, Links: req.Links}}, min(p.Count, listed))
		req.Count = p.Count
	}
	return req
}
