package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"cel.dev/cel-go/cel"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxRules is how many rules a file may have.
const maxRules = 10_000

// loader reads one file once.
type loader struct {
	report    report
	catalogue relay.Catalogue
	set       *Set
	// unreadable are nodes about which there is a finding already and whose content means nothing.
	unreadable map[*yaml.Node]bool
	// quietAt is where the defaults' quiet hours stand.
	quietAt entry
	// names are the lines of the rules read so far.
	names map[string]int
	// dialects of conditions, by what they are about, made when first needed.
	dialects map[occasion]*dialect
	// clauses of the shorthands, by name.
	clauses map[string]*Clause
	// shapes of events, by trigger, made when first needed.
	shapes map[relay.Trigger]*relay.Shape
}

// Load reads rules.yaml against the triggers of a catalogue. file is its name in findings, which are all that is wrong with it,
// in the order of the file. The Set is nil when any of them is an error.
func Load(file string, src []byte, catalogue relay.Catalogue) (*Set, []Finding) {
	sum := sha256.Sum256(src)
	l := &loader{
		report:     report{source: newSource(file, src)},
		catalogue:  catalogue,
		set:        &Set{hash: hex.EncodeToString(sum[:]), text: string(src), defaults: builtInDefaults(), implied: map[relay.Trigger][]*Clause{}},
		unreadable: map[*yaml.Node]bool{},
		names:      map[string]int{},
		dialects:   map[occasion]*dialect{},
		clauses:    map[string]*Clause{},
		shapes:     map[relay.Trigger]*relay.Shape{},
	}
	l.set.source = l.report.source
	if root := l.parse(src); root != nil {
		l.compileClauses(root)
		l.readFile(root)
		l.checkReach(root)
	}
	if l.report.errors > 0 {
		return nil, l.report.sorted()
	}
	l.set.index(l)
	return l.set, l.report.sorted()
}

// file is the top of rules.yaml. Its rules are read last, because the defaults stand in for what they leave out.
type file struct {
	rules *entry
}

func fileKeys() []key[file] {
	return []key[file]{
		{"version", true, readVersion},
		{"defaults", false, func(l *loader, _ *file, at entry) {
			readMap(l, at.value, "defaults", defaultsKeys(), &l.set.defaults)
		}},
		{"rules", true, func(_ *loader, f *file, at entry) { f.rules = &at }},
	}
}

func readVersion(l *loader, _ *file, at entry) {
	if version, err := strconv.Atoi(at.value.Value); err != nil || version != 1 {
		l.fail(at.value, "unknown version of the language", "this is version 1")
	}
}

func (l *loader) readFile(root *yaml.Node) {
	var f file
	readMap(l, root, "the file", fileKeys(), &f)
	l.checkDefaultQuiet()
	if f.rules == nil {
		return
	}
	if node := f.rules.value; node.Kind != yaml.SequenceNode {
		l.fail(node, fmt.Sprintf("%q must be a list, this is %s", "rules", kindOf(node)), "begin each rule with `- name: `")
		return
	}
	switch nodes := f.rules.value.Content; {
	case len(nodes) == 0:
		l.warn(f.rules.value, "there are no rules, so nobody is told of anything", "")
	case len(nodes) > maxRules:
		l.fail(nodes[maxRules], fmt.Sprintf("there are %d rules, more than %d", len(nodes), maxRules), "")
	default:
		for _, node := range nodes {
			l.readRule(node)
		}
	}
	l.report.rule = ""
}

// compileClauses makes the clause of every shorthand, and says for which triggers one applies without being written.
func (l *loader) compileClauses(root *yaml.Node) {
	event, recipient := relay.WholeEventShape(), relay.RecipientShape()
	spoken, err := newDialect(map[string]*relay.Shape{"event": event, "later": event, "recipient": recipient}, clauseFunctions()...)
	if err != nil {
		l.fail(root, "conditions cannot be compiled: "+err.Error(), "")
		return
	}
	for _, s := range shorthands() {
		clause, err := s.compile(spoken, event, recipient)
		if err != nil {
			l.fail(root, err.Error(), "this is a fault in Beckon")
			return
		}
		l.clauses[s.name] = clause
	}
	l.set.answered = l.clauses["answered"]
	for name := range l.catalogue {
		if s := deleted(); s.appliesTo(name, l.shape(name)) {
			l.set.implied[name] = []*Clause{l.clauses[s.name]}
		}
	}
}

// dialect returns the dialect of `if` for a trigger.
func (l *loader) dialect(trigger relay.Trigger) (*dialect, error) {
	return l.spoken(occasion{event: trigger}, map[string]*relay.Shape{"event": l.shape(trigger)})
}

// spoken returns the dialect that is spoken on an occasion.
func (l *loader) spoken(
	on occasion, variables map[string]*relay.Shape, functions ...cel.EnvOption,
) (*dialect, error) {
	if known, ok := l.dialects[on]; ok {
		return known, nil
	}
	made, err := newDialect(variables, functions...)
	if err == nil {
		l.dialects[on] = made
	}
	return made, err
}

// shape returns the shape of a trigger's events.
func (l *loader) shape(trigger relay.Trigger) *relay.Shape {
	if _, ok := l.shapes[trigger]; !ok {
		l.shapes[trigger] = relay.EventShape(l.catalogue[trigger])
	}
	return l.shapes[trigger]
}
