package rules

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxClauses is how many entries `unless` may have: each is tried on every candidate.
const maxClauses = 20

// readUnless reads shorthands and entries in the general form, in the order they are written.
func (l *loader) readUnless(d *draft, at entry) {
	if at.value.Kind != yaml.SequenceNode {
		l.fail(at.value, fmt.Sprintf("%q must be a list, this is %s", "unless", kindOf(at.value)), "write [read]")
		return
	}
	nodes := l.items(at)
	if len(nodes) > maxClauses {
		l.fail(nodes[maxClauses], fmt.Sprintf("\"unless\" has %d entries, more than %d", len(nodes), maxClauses), "")
		return
	}
	for _, node := range nodes {
		switch node.Kind {
		case yaml.MappingNode:
			l.readForm(d, node)
		case yaml.ScalarNode:
			l.readShorthand(d, node)
		default:
			l.fail(node, "an entry of \"unless\" must be a word or a map, this is "+kindOf(node),
				"write read, or { trigger: TRIGGER, if: CONDITION }")
		}
	}
}

func (l *loader) readShorthand(d *draft, node *yaml.Node) {
	known := make([]string, 0, len(l.clauses))
	for _, s := range shorthands() {
		known = append(known, s.name)
	}
	i := slices.Index(known, node.Value)
	if i < 0 {
		l.fail(node, "unknown entry of \"unless\": "+quote(node.Value), suggest(node.Value, known))
		return
	}
	s := shorthands()[i]
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

// readForm reads an entry in the general form.
func (l *loader) readForm(d *draft, node *yaml.Node) {
	var f form
	var condition entry
	readMap(l, node, "an entry of \"unless\"", []key[form]{
		{"trigger", true, func(l *loader, f *form, at entry) { f.trigger, _ = l.trigger(at) }},
		{"if", true, func(l *loader, f *form, at entry) {
			condition = at
			f.expression, _ = l.expression(at, "write what must be so, such as same(later.sender.uid, recipient.uid)")
		}},
	}, &f)
	// What cannot be read at all, such as a condition with a tag, was found before.
	if f.trigger == "" || f.expression == "" {
		return
	}
	if slices.Contains(d.forms, f) {
		l.fail(node, "this entry is there twice", "")
		return
	}
	d.forms = append(d.forms, f)
	d.Unless = append(d.Unless, l.compileForm(d, condition, f))
}

// compileForm makes the clause of an entry in the general form, whose condition is compiled for each of the rule's triggers.
func (l *loader) compileForm(d *draft, at entry, f form) *Clause {
	clause := &Clause{Name: d.clauseName(f.trigger), Reason: relay.ReasonUnless, conditions: map[occasion]*condition{}}
	for _, link := range []relay.Link{relay.LinkRecipient, relay.LinkConversation, relay.LinkSession, relay.LinkMessage} {
		clause.Looks = append(clause.Looks, Look{Trigger: f.trigger, Link: link})
	}
	later, recipient := renamed(l.shape(f.trigger), "event", "later"), relay.RecipientShape()
	programs := l.compileEach(d, at, f.expression, func(trigger relay.Trigger) (*dialect, error) {
		return l.spoken(occasion{trigger, f.trigger}, map[string]*relay.Shape{
			"event": l.shape(trigger), "later": later, "recipient": recipient,
		}, clauseFunctions()...)
	})
	for trigger, program := range programs {
		clause.conditions[occasion{trigger, f.trigger}] = &condition{
			program: program, text: f.expression, event: l.shape(trigger), later: later, recipient: recipient,
		}
	}
	return clause
}

// clauseName names a clause after its trigger, numbered on where the rule has one of that name.
func (d *draft) clauseName(trigger relay.Trigger) string {
	n := 1
	for _, f := range d.forms[:len(d.forms)-1] {
		if f.trigger == trigger {
			n++
		}
	}
	if n == 1 {
		return string(trigger)
	}
	return fmt.Sprintf("%s %d", trigger, n)
}

// renamed is a shape under another name. CEL tells types by their paths, and two events of different triggers have other fields
// under the same ones.
func renamed(s *relay.Shape, from, to string) *relay.Shape {
	out := *s
	out.Path = to + strings.TrimPrefix(s.Path, from)
	if s.Elem != nil {
		out.Elem = renamed(s.Elem, from, to)
	}
	out.Fields = slices.Clone(s.Fields)
	for i, f := range s.Fields {
		out.Fields[i].Shape = renamed(f.Shape, from, to)
	}
	return &out
}
