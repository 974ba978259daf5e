package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// draft is a rule while it is read, with the places that later checks point at.
type draft struct {
	*Rule
	at map[string]entry
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
		{"send", true, readSend},
		{"urgent", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Urgent, at) }},
		{"include_actor", false, func(l *loader, d *draft, at entry) { l.boolean(&d.IncludeActor, at) }},
		{"enabled", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Enabled, at) }},
		{"collapse", false, func(l *loader, d *draft, at entry) { l.boolean(&d.Collapse, at) }},
		{"expires", false, func(l *loader, d *draft, at entry) { l.duration(&d.Expires, at, time.Second) }},
		{"quiet_hours", false, func(l *loader, d *draft, at entry) { d.QuietHours, d.QuietOff = l.quietHours(at) }},
		{"digest", false, notYet[draft]},
		{"limits", false, notYet[draft]},
		{"fallback", false, notYet[draft]},
		{"fallback_after", false, notYet[draft]},
		{"on_unknown", false, notYet[draft]},
		{"private", false, notYet[draft]},
	}
}

// readRule reads one rule, then checks what takes more than one of its keys.
func (l *loader) readRule(node *yaml.Node) {
	l.report.rule = nameOf(node)
	d := &draft{Rule: &Rule{
		Enabled: true, Collapse: true, Expires: l.set.defaults.Expires, Line: node.Line, Column: node.Column,
	}, at: map[string]entry{}}
	readMap(l, node, "the rule", ruleKeys(), d)
	l.checkTargets(d)
	l.checkAddresses(d)
	l.checkTimes(d)
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
		text, ok := l.text(entry{at.key, node})
		if !ok {
			continue
		}
		trigger := relay.Trigger(text)
		switch _, known := l.catalogue[trigger]; {
		case !known:
			l.fail(node, "unknown trigger "+quote(text), didYouMean(text, l.triggers()))
		case slices.Contains(d.Triggers, trigger):
			l.fail(node, fmt.Sprintf("trigger %s is named twice", quote(text)), "")
		default:
			d.Triggers = append(d.Triggers, trigger)
		}
	}
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

func readSend(l *loader, d *draft, at entry) {
	if at.value.Kind != yaml.SequenceNode {
		l.fail(at.value, fmt.Sprintf("%q must be a list, this is %s", "send", kindOf(at.value)), "write [ { sms: TEMPLATE } ]")
		return
	}
	for _, node := range l.items(at) {
		if node.Kind != yaml.MappingNode || len(node.Content) != 2 {
			l.fail(node, "an entry of \"send\" is one channel with one template", "write { sms: TEMPLATE }")
			continue
		}
		l.readSendEntry(d, entry{node.Content[0], node.Content[1]})
	}
}

func (l *loader) readSendEntry(d *draft, at entry) {
	if l.unreadable[at.key] || l.unreadable[at.value] {
		return
	}
	channel := relay.Channel(at.key.Value)
	if !slices.Contains(relay.Channels(), channel) {
		l.fail(at.key, "unknown channel "+quote(at.key.Value), suggest(at.key.Value, relay.Channels()))
		return
	}
	template, ok := l.text(at)
	if !ok {
		return
	}
	same := func(s Send) bool { return s.Channel == channel && s.Template == template }
	switch {
	case !word.MatchString(template):
		l.fail(at.value, quote(template)+" is no name for a template", wordHint)
	case slices.ContainsFunc(d.Send, same):
		l.fail(at.key, fmt.Sprintf("%s with template %s is there twice", channel, quote(template)), "")
	default:
		d.Send = append(d.Send, Send{Channel: channel, Template: template, Line: at.value.Line, Column: at.value.Column})
	}
}

func (l *loader) checkTimes(d *draft) {
	if at, ok := d.at["wait"]; ok && d.Wait >= d.Expires {
		l.fail(at.value, fmt.Sprintf("the alert expires (%s) before its wait is over (%s)", d.Expires, d.Wait), "make `expires` longer or `wait` shorter")
	}
	if at, ok := d.at["unless"]; ok && d.Wait == 0 {
		l.warn(at.key, "\"unless\" without \"wait\" is looked at as soon as the event comes", "add `wait: 5m`")
	}
}

// compileCondition compiles `if` in the language of each of the rule's triggers.
func (l *loader) compileCondition(d *draft, at entry) {
	text := ""
	switch {
	case at.value.Kind != yaml.ScalarNode:
		l.fail(at.value, fmt.Sprintf("%q must be a condition, this is %s", "if", kindOf(at.value)), "")
		return
	case at.value.Tag != "!!null":
		text = at.value.Value
	}
	switch {
	case len(text) > maxExpression:
		l.fail(at.value, fmt.Sprintf("the condition has %d bytes, more than %d", len(text), maxExpression), "")
		return
	case strings.TrimSpace(text) == "":
		l.fail(at.key, "the condition is empty", "leave `if` out to match every event; "+quoteBang)
		return
	}
	d.conditions = make(map[relay.Trigger]*condition, len(d.Triggers))
	found := map[flaw][]relay.Trigger{}
	for _, trigger := range d.Triggers {
		for _, f := range l.compileFor(d, trigger, text) {
			found[f] = append(found[f], trigger)
		}
	}
	for f, triggers := range found {
		if len(d.Triggers) > 1 && len(triggers) < len(d.Triggers) {
			f.message = fmt.Sprintf("trigger %s: %s", list(triggers), f.message)
		}
		l.fail(l.within(at, f.offset), f.message, f.hint)
	}
}

// compileFor compiles the condition for one trigger, or says what is wrong with it there.
func (l *loader) compileFor(d *draft, trigger relay.Trigger, text string) []flaw {
	spoken, err := l.dialect(trigger)
	if err != nil {
		return []flaw{{message: "conditions cannot be compiled: " + err.Error()}}
	}
	program, flaws := spoken.compile(text)
	d.conditions[trigger] = &condition{program: program, text: text, event: l.shape(trigger)}
	return flaws
}

func (l *loader) readUnless(d *draft, at entry) {
	known := make([]string, 0, len(l.clauses))
	for _, s := range shorthands() {
		known = append(known, s.name)
	}
	if at.value.Kind != yaml.SequenceNode {
		l.fail(at.value, fmt.Sprintf("%q must be a list, this is %s", "unless", kindOf(at.value)), "write [read]")
		return
	}
	for _, node := range l.items(at) {
		switch i := slices.Index(known, node.Value); {
		case node.Kind == yaml.MappingNode:
			l.notYet(node, "an entry of \"unless\" with a trigger and a condition of its own")
		case node.Kind != yaml.ScalarNode:
			l.fail(node, fmt.Sprintf("an entry of %q must be text, this is %s", "unless", kindOf(node)), "write [read]")
		case i < 0:
			l.fail(node, "unknown entry of \"unless\": "+quote(node.Value), suggest(node.Value, known))
		default:
			l.addClause(d, node, shorthands()[i])
		}
	}
}

func (l *loader) addClause(d *draft, node *yaml.Node, s shorthand) {
	for _, trigger := range d.Triggers {
		if !s.appliesTo(trigger, l.shape(trigger)) {
			l.fail(node, fmt.Sprintf("%q can never be so for %s", s.name, trigger), "")
			return
		}
	}
	clause := l.clauses[s.name]
	if slices.Contains(d.Unless, clause) {
		l.fail(node, fmt.Sprintf("%q is there twice", s.name), "")
		return
	}
	d.Unless = append(d.Unless, clause)
}
