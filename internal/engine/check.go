package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// samples gives a typical event of a trigger; false where there is none.
type samples func(relay.Trigger) (relay.Event, bool)

// proof holds the templates against the rules that use them.
type proof struct {
	*Generation

	sample   samples
	findings []rules.Finding
}

// use is a rule that sends by a template, as one of its triggers.
type use struct {
	rule    *rules.Rule
	send    rules.Send
	trigger relay.Trigger
}

// checkTemplates holds every template that a rule sends, also as a fallback, against every trigger of the rule: it must be
// there, use only fields that the trigger carries, and render for the trigger's sample in every locale; where the rule has a
// digest also for several.
func (g *Generation) checkTemplates(sample samples) []rules.Finding {
	p := &proof{Generation: g, sample: sample}
	for _, rule := range g.Rules.Rules() {
		for _, send := range sends(rule) {
			if !g.Templates.Has(send.Template, send.Channel) {
				p.missingTemplate(rule, send)
				continue
			}
			for _, trigger := range rule.Triggers {
				p.template(use{rule, send, trigger})
			}
		}
	}
	p.locales()
	return p.findings
}

// sends are all messages that a rule may send.
func sends(rule *rules.Rule) []rules.Send { return slices.Concat(rule.Send, rule.Fallback) }

// find places a finding at the entry of `send` or `fallback`.
func (p *proof) find(rule *rules.Rule, send rules.Send, severity rules.Severity, message, hint string) {
	f := p.Rules.Finding(send.Line, send.Column, severity, message, hint)
	f.Rule = rule.Name
	p.findings = append(p.findings, f)
}

func (p *proof) missingTemplate(rule *rules.Rule, send rules.Send) {
	names := slices.DeleteFunc(p.Templates.Names(), func(name string) bool { return !p.Templates.Has(name, send.Channel) })
	p.find(rule, send, rules.SeverityError, fmt.Sprintf("there is no %s template %q", send.Channel, send.Template),
		fmt.Sprintf("templates for %s: %s", send.Channel, cmp.Or(strings.Join(names, ", "), "none")))
}

func (p *proof) template(u use) {
	problems := p.Templates.Check(u.send.Template, u.send.Channel, p.shapes[u.trigger])
	for _, problem := range problems {
		p.findings = append(p.findings, rules.Finding{
			File: problem.File, Line: problem.Line, Column: problem.Column, Severity: rules.SeverityError, Rule: u.rule.Name,
			Message: fmt.Sprintf("%s (used by rule %q for %s)", problem.Message, u.rule.Name, u.trigger),
		})
	}
	event, ok := p.sample(u.trigger)
	if len(problems) > 0 || !ok {
		return
	}
	for _, locale := range p.Templates.Variants(u.send.Template, u.send.Channel) {
		req := p.trial(u, &event, locale)
		p.renders(u, req, fmt.Sprintf("a sample of %s", u.trigger))
		if u.rule.Digest != nil {
			req.Events = p.several(u, &event)
			req.Count = len(req.Events) + 1
			p.renders(u, req, fmt.Sprintf("a digest that begins with a sample of %s", u.trigger))
		}
	}
}

// trial asks for the sample's message in exactly this variant.
func (g *Generation) trial(u use, event *relay.Event, locale string) render.Request {
	req := g.request(u.rule, u.send, event, relay.Contact{
		UID: "sample", Name: "Sample", Email: "sample@example.com", Phone: "+14155550100", Locale: locale,
	}, render.Links{})
	req.DefaultLocale = ""
	return req
}

// several are the events of a digest: two of the trigger at hand, and one of each other trigger of the rule, as far as the
// digest lists as many.
func (p *proof) several(u use, first *relay.Event) []render.Told {
	told := []render.Told{{Shape: p.shapes[u.trigger], Event: first}, {Shape: p.shapes[u.trigger], Event: first}}
	for _, trigger := range u.rule.Triggers {
		if event, ok := p.sample(trigger); ok && trigger != u.trigger {
			told = append(told, render.Told{Shape: p.shapes[trigger], Event: &event})
		}
	}
	return told[:min(len(told), u.rule.Digest.Max)]
}

// renders finds what goes wrong, or costs too much, when one message is made.
func (p *proof) renders(u use, req render.Request, of string) {
	content, err := p.Templates.Render(req)
	if err == nil && rubbish(content) {
		err = errors.New("it prints a value in a form that it does not have (%!)")
	}
	if err != nil {
		p.find(u.rule, u.send, rules.SeverityError, fmt.Sprintf("does not render for %s: %v", of, err), "")
		return
	}
	if req.Channel != relay.ChannelSMS {
		return
	}
	p.oddCharacters(u, content)
	if len(req.Events) > 0 {
		return // A long digest is cut by design: it begins with how many there are.
	}
	if whole := p.whole(req); whole.Segments > content.Segments {
		p.find(u.rule, u.send, rules.SeverityWarning,
			fmt.Sprintf("the SMS of template %s is cut for %s: whole it would take %d segments, and max_segments is %d",
				variantName(req.Template, content.Locale), of, whole.Segments, req.MaxSegments), "shorten the template, or raise `max_segments`")
	}
}

// whole is how an SMS would travel if its segments were not limited.
func (g *Generation) whole(req render.Request) render.Size {
	req.MaxSegments = math.MaxInt
	content, err := g.Templates.Render(req)
	if err != nil {
		return render.Size{}
	}
	return render.Measure(content.Text.Reveal(), true)
}

// wrongVerb is what printf writes for a verb that does not fit: %!d(string=...), %!(EXTRA ...).
var wrongVerb = regexp.MustCompile(`%![a-zA-Z]?\(`)

func rubbish(c relay.Content) bool {
	return wrongVerb.MatchString(c.Subject.Reveal() + c.Text.Reveal() + c.HTML.Reveal())
}

// fewOdd is how many characters outside GSM-7 are taken for an oversight.
const fewOdd = 3

// oddCharacters finds the few characters of a template that alone make its SMS cost twice as much.
func (p *proof) oddCharacters(u use, content relay.Content) {
	odd := p.Templates.Odd(u.send.Template, content.Locale, content.Text)
	if len(odd) > fewOdd || slices.ContainsFunc(odd, needed) {
		return
	}
	for _, o := range odd {
		hint := "write something else, or leave it out"
		if o.Instead != "" {
			hint = fmt.Sprintf("write %q", o.Instead)
		}
		p.findings = append(p.findings, rules.Finding{
			File: o.File, Line: o.Line, Column: o.Column, Severity: rules.SeverityWarning, Rule: u.rule.Name, Hint: hint,
			Message: fmt.Sprintf("%q (%s) is not in GSM-7: with it the whole SMS is sent as UCS-2, where a segment holds 70 characters and not 160",
				o.Char, codePoints(o.Char)),
		})
	}
}

// needed reports whether a character could not be done without: it comes from elsewhere than the template, or is a letter of
// a script that GSM-7 does not write.
func needed(o render.Odd) bool {
	first, _ := utf8.DecodeRuneInString(o.Char)
	return o.File == "" || unicode.IsLetter(first) && !unicode.Is(unicode.Latin, first)
}

func codePoints(char string) string {
	var points []string
	for _, r := range char {
		points = append(points, fmt.Sprintf("%U", r))
	}
	return strings.Join(points, " ")
}

// locales finds the templates that lack a locale which others have.
func (p *proof) locales() {
	var all []string
	for _, rule := range p.Rules.Rules() {
		for _, send := range sends(rule) {
			all = append(all, p.Templates.Variants(send.Template, send.Channel)...)
		}
	}
	slices.Sort(all)
	told := map[rules.Send]bool{}
	for _, rule := range p.Rules.Rules() {
		for _, send := range sends(rule) {
			key := rules.Send{Channel: send.Channel, Template: send.Template}
			if p.Templates.Has(send.Template, send.Channel) && !told[key] {
				told[key] = true
				p.missingLocales(rule, send, slices.Compact(slices.Clone(all)))
			}
		}
	}
}

func (p *proof) missingLocales(rule *rules.Rule, send rules.Send, all []string) {
	for _, locale := range all {
		req := render.Request{Template: send.Template, Channel: send.Channel, Locale: locale}
		if locale == "" || p.Templates.Chosen(req) != "" {
			continue
		}
		req.DefaultLocale = p.Rules.Defaults().Locale
		p.find(rule, send, rules.SeverityWarning, fmt.Sprintf("template %s has no %s variant for %s; people with that locale get %s",
			send.Template, locale, send.Channel, language(p.Templates.Chosen(req))), "")
	}
}

// language names a variant. Files without a locale are taken for English, as package render does.
func language(locale string) string { return cmp.Or(locale, "en") }

func variantName(template, locale string) string {
	return fmt.Sprintf("%s (%s)", template, language(locale))
}

// Measured is how the SMS of a template travels: for the sample that takes the most.
type Measured struct {
	Template string
	// Locale is "" for the files without one.
	Locale  string
	Trigger relay.Trigger
	Size    render.Size
}

// Measure says how the SMS of every template that a rule uses travels in each locale, for the samples of the triggers it is
// used for. Templates stand in the order of the rules.
func (g *Generation) Measure(sample func(relay.Trigger) (relay.Event, bool)) []Measured {
	var all []Measured
	for _, rule := range g.Rules.Rules() {
		for _, send := range sends(rule) {
			for _, trigger := range rule.Triggers {
				if event, ok := sample(trigger); ok && send.Channel == relay.ChannelSMS {
					all = append(all, g.measure(use{rule, send, trigger}, &event)...)
				}
			}
		}
	}
	var longest []Measured
	for _, m := range all {
		i := slices.IndexFunc(longest, func(l Measured) bool { return l.Template == m.Template && l.Locale == m.Locale })
		switch {
		case i < 0:
			longest = append(longest, m)
		case cmp.Or(cmp.Compare(m.Size.Segments, longest[i].Size.Segments), cmp.Compare(m.Size.Units, longest[i].Size.Units)) > 0:
			longest[i] = m
		}
	}
	return longest
}

func (g *Generation) measure(u use, event *relay.Event) []Measured {
	var all []Measured
	for _, locale := range g.Templates.Variants(u.send.Template, relay.ChannelSMS) {
		content, err := g.Templates.Render(g.trial(u, event, locale))
		if err == nil {
			all = append(all, Measured{u.send.Template, locale, u.trigger, render.Measure(content.Text.Reveal(), true)})
		}
	}
	return all
}
