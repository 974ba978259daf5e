package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// draft is a rule while it is read, with the places that later checks point at, by key.
type draft struct {
	*Rule
	at map[string]entry
	// forms are the entries of `unless` in the general form.
	forms []form
}

// note is a reader for keys that are checked when the whole rule is known.
func note(_ *loader, d *draft, at entry) { d.at[at.key.Value] = at }

// ruleKeys is the table of what a rule may say.
func ruleKeys() []key[draft] {
	return []key[draft]{
		{"name", true, readName},
		{"description", false, func(l *loader, d *draft, at entry) { d.Description, _ = l.text(at) }},
		{"trigger", true, readTriggers},
		{"if", false, note},
		{"to", true, readTargets},
		{"wait", false, func(l *loader, d *draft, at entry) {
			note(l, d, at)
			l.duration(&d.Wait, at, 0)
		}},
		{"unless", false, note},
		{"send", true, func(l *loader, d *draft, at entry) { l.sends(&d.Send, at) }},
		{"urgent", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Urgent, at) }},
		{"include_actor", false, func(l *loader, d *draft, at entry) { l.boolean(&d.IncludeActor, at) }},
		{"enabled", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Enabled, at) }},
		{"collapse", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Collapse, at) }},
		{"expires", false, func(l *loader, d *draft, at entry) {
			note(l, d, at)
			l.duration(&d.Expires, at, time.Second)
		}},
		{"quiet_hours", false, func(l *loader, d *draft, at entry) {
			note(l, d, at)
			d.QuietHours, d.QuietOff = l.quietHours(at)
		}},
		{"digest", false, readDigest},
		{"limits", false, func(l *loader, d *draft, at entry) {
			note(l, d, at)
			d.Limits, d.LimitsOff = l.limits(at)
		}},
		{"fallback", false, func(l *loader, d *draft, at entry) {
			note(l, d, at)
			l.sends(&d.Fallback, at)
		}},
		{"fallback_after", false, func(l *loader, d *draft, at entry) {
			note(l, d, at)
			l.duration(&d.FallbackAfter, at, time.Second)
		}},
		{"on_unknown", false, readOnUnknown},
		{"private", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Private, at) }},
	}
}

// readRule reads one rule, then checks what takes more than one of its keys.
func (l *loader) readRule(node *yaml.Node) {
	l.report.rule = nameOf(node)
	d := &draft{Rule: &Rule{
		Enabled: true, Collapse: true, Expires: l.set.defaults.Expires, OnUnknown: Resend, Line: node.Line, Column: node.Column,
	}, at: map[string]entry{}}
	readMap(l, node, "the rule", ruleKeys(), d)
	l.checkTargets(d)
	l.checkAddresses(d)
	l.checkFallback(d)
	l.checkTimes(d)
	l.checkQuiet(d)
	l.checkScopes(d)
	if at, ok := d.at["if"]; ok {
		l.compileCondition(d, at)
	}
	if at, ok := d.at["unless"]; ok {
		l.readUnless(d, at)
	}
	l.set.rules = append(l.set.rules, d.Rule)
}

// nameOf finds a rule's name before the rule is read, for the findings in it.
func nameOf(node *yaml.Node) string {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == "name" && word.MatchString(node.Content[i+1].Value) {
			return node.Content[i+1].Value
		}
	}
	return ""
}

// word is what names of rules and templates are made of: they become parts of paths, metrics and links.
var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

const wordHint = "use letters, digits, - and _, at most 64"

func readName(l *loader, d *draft, at entry) {
	d.Line, d.Column = at.value.Line, at.value.Column
	text, ok := l.text(at)
	if !ok {
		return
	}
	if !word.MatchString(text) {
		l.fail(at.value, quote(text)+" is no name for a rule", wordHint)
		return
	}
	if first, again := l.names[text]; again {
		l.fail(at.value, fmt.Sprintf("there is a rule %s in line %d already", quote(text), first), "each rule needs a name of its own")
		return
	}
	l.names[text] = at.value.Line
	d.Name = text
}

func readTriggers(l *loader, d *draft, at entry) {
	for _, node := range l.items(at) {
		trigger, ok := l.trigger(entry{at.key, node})
		switch {
		case !ok:
		case slices.Contains(d.Triggers, trigger):
			l.fail(node, fmt.Sprintf("trigger %s is named twice", quote(string(trigger))), "")
		default:
			d.Triggers = append(d.Triggers, trigger)
		}
	}
}

// trigger reads one trigger of the catalogue.
func (l *loader) trigger(at entry) (relay.Trigger, bool) {
	text, ok := l.text(at)
	if !ok {
		return "", false
	}
	if _, known := l.catalogue[relay.Trigger(text)]; !known {
		l.fail(at.value, "unknown trigger "+quote(text), didYouMean(text, l.triggers()))
		return "", false
	}
	return relay.Trigger(text), true
}

// triggers are those of the catalogue, sorted so that hints are the same each time.
func (l *loader) triggers() []relay.Trigger {
	names := make([]relay.Trigger, 0, len(l.catalogue))
	for name := range l.catalogue {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// compileCondition compiles `if` in the language of each of the rule's triggers.
func (l *loader) compileCondition(d *draft, at entry) {
	text, ok := l.expression(at, "leave `if` out to match every event")
	if !ok {
		return
	}
	d.conditions = make(map[relay.Trigger]*condition, len(d.Triggers))
	for trigger, program := range l.compileEach(d, at, text, l.dialect) {
		d.conditions[trigger] = &condition{program: program, text: text, event: l.shape(trigger)}
	}
}

// expression reads the text of a condition; instead says what to write where it is empty.
func (l *loader) expression(at entry, instead string) (string, bool) {
	if at.value.Kind != yaml.ScalarNode {
		l.fail(at.value, fmt.Sprintf("%q must be a condition, this is %s", at.key.Value, kindOf(at.value)), "")
		return "", false
	}
	text := at.value.Value
	switch {
	case len(text) > maxExpression:
		l.fail(at.value, fmt.Sprintf("the condition has %d bytes, more than %d", len(text), maxExpression), "")
		return "", false
	case at.value.Tag == "!!null", strings.TrimSpace(text) == "":
		l.fail(at.key, "the condition is empty", instead+"; "+quoteBang)
		return "", false
	}
	return text, true
}

// compileEach compiles a condition for each of the rule's triggers, in the dialect that is spoken about it, and reports what is
// wrong with it there.
func (l *loader) compileEach(
	d *draft, at entry, text string, spoken func(relay.Trigger) (*dialect, error),
) map[relay.Trigger]cel.Program {
	programs := make(map[relay.Trigger]cel.Program, len(d.Triggers))
	found := map[flaw][]relay.Trigger{}
	for _, trigger := range d.Triggers {
		program, flaws := compileIn(spoken, trigger, text)
		programs[trigger] = program
		for _, f := range flaws {
			found[f] = append(found[f], trigger)
		}
	}
	for f, triggers := range found {
		if len(d.Triggers) > 1 && len(triggers) < len(d.Triggers) {
			f.message = fmt.Sprintf("trigger %s: %s", list(triggers), f.message)
		}
		l.fail(l.within(at, f.offset), f.message, f.hint)
	}
	return programs
}

// compileIn compiles a condition for one trigger, or says what is wrong with it there.
func compileIn(spoken func(relay.Trigger) (*dialect, error), trigger relay.Trigger, text string) (cel.Program, []flaw) {
	language, err := spoken(trigger)
	if err != nil {
		return nil, []flaw{{message: "conditions cannot be compiled: " + err.Error()}}
	}
	return language.compile(text)
}
