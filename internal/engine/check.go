package engine

import (
	"cmp"
	"errors"
	"fmt"
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
	// odd are the characters of templates that were named, by place.
	odd map[render.Odd]bool
}

// use is a rule that sends by a template, as one of its triggers.
type use struct {
	rule    *rules.Rule
	send    rules.Send
	trigger relay.Trigger
}

// checkTemplates holds every template that a rule sends, also as a fallback, against every trigger of the rule: it must be
// there, use only fields that the trigger carries, and render for the trigger's sample in every locale; where the rule has a
// digest also for several. Templates of a render.Survey that are broken are left out.
func (g *Generation) checkTemplates(sample samples) []rules.Finding {
	p := &proof{Generation: g, sample: sample, odd: map[render.Odd]bool{}}
	for _, rule := range g.Rules.Rules() {
		for _, send := range sends(rule) {
			if g.Templates.Broken(send.Template) {
				continue
			}
			if !g.Templates.Has(send.Template, send.Channel) {
				p.missingTemplate(rule, send)
				continue
			}
			for _, trigger := range rule.Triggers {
				p.template(use{rule, send, trigger})
			}
		}
	}
	p.branches()
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
		if u.rule.Digest == nil {
			continue
		}
		mixed := req
		mixed.Events = p.several(u, &event)
		mixed.Count = len(mixed.Events) + 1
		if p.renders(u, mixed, fmt.Sprintf("a digest that begins with a sample of %s", u.trigger)) {
			full := p.fullDigest(u, req)
			p.tellsOfAll(u, req, full, locale)
			p.renders(u, full, fmt.Sprintf("a digest of %d samples of %s", full.Count, u.trigger))
		}
	}
}

// tellsOfAll finds a template that makes the same message of a digest as of its first event alone.
func (p *proof) tellsOfAll(u use, one, full render.Request, locale string) {
	single, err := p.Templates.Render(one)
	if err != nil {
		return
	}
	several, err := p.Templates.Render(full)
	if err == nil && single == several {
		p.find(u.rule, u.send, rules.SeverityWarning,
			fmt.Sprintf("template %s tells of the first event of a digest alone", variantName(u.send.Template, locale)),
			"list .events, or write .count")
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

// fullDigest asks for a digest that lists as many events as the rule allows, and counts one more.
func (g *Generation) fullDigest(u use, req render.Request) render.Request {
	told := render.Told{Shape: req.Shape, Event: req.Event}
	req.Events = slices.Repeat([]render.Told{told}, u.rule.Digest.Max)
	req.Count = u.rule.Digest.Max + 1
	return req
}

// renders finds what goes wrong, or costs too much, when one message is made, and reports whether it is made.
func (p *proof) renders(u use, req render.Request, of string) bool {
	content, err := p.Templates.Render(req)
	if err == nil && rubbish(content) {
		err = errors.New("it prints a value in a form that it does not have (%!)")
	}
	if err != nil {
		p.find(u.rule, u.send, rules.SeverityError, fmt.Sprintf("does not render for %s: %v", of, err), "")
		return false
	}
	if req.Channel != relay.ChannelSMS {
		return true
	}
	// What a cut takes away may be the very character that made the text too long.
	fit, err := p.Templates.Fit(req)
	if err != nil {
		return true
	}
	odd := p.oddCharacters(u, content.Locale, fit.Whole)
	if fit.Cut {
		p.cut(u, req, of, content.Locale, fit, odd)
	}
	return true
}

// cut says that an SMS is too long, and how much of that a few characters are to blame for.
func (p *proof) cut(u use, req render.Request, of, locale string, fit render.Fit, odd []render.Odd) {
	if len(req.Events) > 1 {
		of += ", though it lists only one event"
	}
	message := fmt.Sprintf("the SMS of template %s is cut for %s: whole it would take %s, and max_segments is %d",
		variantName(req.Template, locale), of, counted(render.Measure(fit.Whole.Reveal(), true).Segments), req.MaxSegments)
	if len(odd) > 0 {
		plain, names := fit.Whole.Reveal(), []string{}
		for _, o := range odd {
			plain = strings.ReplaceAll(plain, o.Char, o.Instead)
			names = append(names, fmt.Sprintf("%q (%s)", o.Char, codePoints(o.Char)))
		}
		message += fmt.Sprintf("; without %s, not in GSM-7, it would take %s", strings.Join(names, ", "),
			counted(render.Measure(plain, true).Segments))
	}
	p.find(u.rule, u.send, rules.SeverityWarning, message, "shorten the template, or raise `max_segments`")
}

func counted(segments int) string {
	if segments == 1 {
		return "1 segment"
	}
	return fmt.Sprintf("%d segments", segments)
}

// wrongVerb is what printf writes for a verb that does not fit: %!d(string=...), %!(EXTRA ...).
var wrongVerb = regexp.MustCompile(`%![a-zA-Z]?\(`)

func rubbish(c relay.Content) bool {
	return wrongVerb.MatchString(c.Subject.Reveal() + c.Text.Reveal() + c.HTML.Reveal())
}

// fewOdd is how many characters outside GSM-7 are taken for an oversight.
const fewOdd = 3

// oddCharacters finds the few characters of a template that alone make its SMS cost twice as much.
func (p *proof) oddCharacters(u use, locale string, text relay.Text) []render.Odd {
	odd := p.Templates.Odd(u.send.Template, locale, text)
	if len(odd) > fewOdd || slices.ContainsFunc(odd, needed) {
		return nil
	}
	for _, o := range odd {
		p.warn(u.rule, o, "with it")
	}
	return odd
}

// warn names an odd character where it stands, once.
func (p *proof) warn(rule *rules.Rule, o render.Odd, when string) {
	if p.odd[o] {
		return
	}
	p.odd[o] = true
	hint := "write something else, or leave it out"
	if o.Instead != "" {
		hint = fmt.Sprintf("write %q", o.Instead)
	}
	p.findings = append(p.findings, rules.Finding{
		File: o.File, Line: o.Line, Column: o.Column, Severity: rules.SeverityWarning, Rule: rule.Name, Hint: hint,
		Message: fmt.Sprintf("%q (%s) is not in GSM-7: %s the whole SMS is sent as UCS-2, where a segment holds 70 characters and not 160",
			o.Char, codePoints(o.Char), when),
	})
}

// branches finds the odd characters that no sample has shown, since they stand in a branch that none takes.
func (p *proof) branches() {
	for _, rule := range p.Rules.Rules() {
		for _, send := range sends(rule) {
			if send.Channel != relay.ChannelSMS || p.Templates.Broken(send.Template) {
				continue
			}
			for _, locale := range p.Templates.Variants(send.Template, send.Channel) {
				odd := p.Templates.Literals(send.Template, locale)
				if len(odd) > fewOdd || slices.ContainsFunc(odd, needed) {
					continue
				}
				for _, o := range odd {
					p.warn(rule, o, "where this branch is taken,")
				}
			}
		}
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
	p.defaultLocale(all)
	slices.Sort(all)
	told := map[rules.Send]bool{}
	for _, rule := range p.Rules.Rules() {
		for _, send := range sends(rule) {
			key := rules.Send{Channel: send.Channel, Template: send.Template}
			if p.Templates.Has(send.Template, send.Channel) && !p.Templates.Broken(send.Template) && !told[key] {
				told[key] = true
				p.missingLocales(rule, send, slices.Compact(slices.Clone(all)))
			}
		}
	}
}

// localeKey is where a rules file says defaults.locale: no other key is called so.
var localeKey = regexp.MustCompile(`(?m)^[^#\n]*?\blocale["']?:\s*(\S)`)

// defaultLocale finds that nobody gets messages in the language that is to be everybody's. Files without a locale are taken for
// English. all are the locales of the templates in use.
func (p *proof) defaultLocale(all []string) {
	locale := p.Rules.Defaults().Locale
	if len(all) == 0 || serves("en", locale) || slices.ContainsFunc(all, func(has string) bool { return serves(has, locale) }) {
		return
	}
	line, column := 1, 1
	if at := localeKey.FindStringSubmatchIndex(p.Rules.Text()); at != nil {
		head := p.Rules.Text()[:at[2]]
		line, column = 1+strings.Count(head, "\n"), 1+utf8.RuneCountInString(head[strings.LastIndex(head, "\n")+1:])
	}
	p.findings = append(p.findings, p.Rules.Finding(line, column, rules.SeverityWarning,
		fmt.Sprintf("`defaults.locale` is %s, and no template in use has files for it: people whose language is not known get %s",
			locale, language("")), "write them, or name another locale"))
}

// serves reports whether files for a locale are taken where another is wanted: those of its language, also of another region.
func serves(has, wanted string) bool {
	base := func(locale string) string {
		language, _, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
		return strings.ToLower(language)
	}
	return has != "" && base(has) == base(wanted)
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
	// Digest is how many events a digest tells of, one more than it may list; Listed is how many it has room to list. Both are 0
	// for the message of one event.
	Digest, Listed int
	// Size is that of the whole text, also where it is cut: CutTo is then what max_segments leaves of its segments, otherwise 0.
	Size  render.Size
	CutTo int
}

// Measure says how the SMS of every template that a rule uses travels in each locale, for the samples of the triggers it is
// used for, and for a digest of them where the rule has one. Templates stand in the order of the rules.
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
		i := slices.IndexFunc(longest, m.sameMessage)
		switch {
		case i < 0:
			longest = append(longest, m)
		case cmp.Or(cmp.Compare(m.Size.Segments, longest[i].Size.Segments), cmp.Compare(m.Size.Units, longest[i].Size.Units)) > 0:
			longest[i] = m
		}
	}
	return longest
}

func (m Measured) sameMessage(other Measured) bool {
	return m.Template == other.Template && m.Locale == other.Locale && m.Digest == other.Digest
}

func (g *Generation) measure(u use, event *relay.Event) []Measured {
	var all []Measured
	for _, locale := range g.Templates.Variants(u.send.Template, relay.ChannelSMS) {
		req := g.trial(u, event, locale)
		requests := []render.Request{req}
		if u.rule.Digest != nil {
			requests = append(requests, g.fullDigest(u, req))
		}
		for _, req := range requests {
			fit, err := g.Templates.Fit(req)
			if err != nil {
				continue
			}
			m := Measured{
				Template: u.send.Template, Locale: locale, Trigger: u.trigger, Digest: req.Count, Listed: fit.Listed,
				Size: render.Measure(fit.Whole.Reveal(), true),
			}
			if fit.Cut {
				m.CutTo = req.MaxSegments
			}
			all = append(all, m)
		}
	}
	return all
}
