package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// reach looks for rules that can never matter: whose condition cannot hold, and those that another hides. It warns of what it
// can prove and of nothing else.
type reach struct {
	*loader
	// readers are those of `if`, by trigger.
	readers map[relay.Trigger]*dialect
}

// checkReach warns of the rules of a file that can never matter. It says nothing of a file with errors.
func (l *loader) checkReach(root *yaml.Node) {
	if l.report.errors > 0 {
		return
	}
	r := &reach{loader: l, readers: map[relay.Trigger]*dialect{}}
	listed, _ := find(root, "rules")
	outlines := make([]*outline, len(l.set.rules))
	for i, rule := range l.set.rules {
		l.report.rule = rule.Name
		outlines[i] = &outline{Rule: rule}
		if at, ok := find(listed.value.Content[i], "if"); ok {
			outlines[i].parts = r.checkCondition(rule, at)
		}
	}
	l.checkHidden(outlines)
	l.report.rule = ""
}

// find looks up a key of a map.
func find(node *yaml.Node, key string) (entry, bool) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return entry{node.Content[i], node.Content[i+1]}, true
		}
	}
	return entry{}, false
}

func (r *reach) reader(trigger relay.Trigger) (*dialect, error) {
	if known, ok := r.readers[trigger]; ok {
		return known, nil
	}
	reader, err := newReader(r.shape(trigger))
	r.readers[trigger] = reader
	return reader, err
}

// checkCondition warns of an `if` that is the same whatever the event, and gives the parts that it has, each in CEL's own
// spelling, so that those of two rules can be compared.
func (r *reach) checkCondition(rule *Rule, at entry) []string {
	text := at.value.Value
	reader, err := r.reader(rule.Triggers[0])
	if err != nil {
		return []string{text}
	}
	parsed, issues := reader.env.Parse(text)
	if issues.Err() != nil {
		return []string{text}
	}
	native := parsed.NativeRep()
	if !r.checkLiterals(rule, at, native) {
		r.checkConstant(rule, at, native.Expr())
	}
	var out []string
	flatten(native.Expr(), func(e ast.Expr) {
		spelled, err := unparse(e, native.SourceInfo())
		if err != nil {
			spelled = text
		}
		out = append(out, spelled)
	}, func(int64) {})
	return out
}

// closed are the fields that have one of a few values, or "" where they are absent, by path. What CometChat may add to is not
// among them.
func closed(triggers []relay.Trigger) map[string][]string {
	names := make([]string, len(triggers))
	for i, trigger := range triggers {
		names[i] = string(trigger)
	}
	return map[string][]string{
		"event.trigger":           names,
		"event.conversation.kind": {relay.KindUser, relay.KindGroup},
		"event.call.kind":         {relay.CallKindCall, relay.CallKindMeeting},
		"event.call.type":         {"audio", "video"},
	}
}

// checkLiterals warns of every comparison of a closed field with a text that it never is.
func (r *reach) checkLiterals(rule *Rule, at entry, native *ast.AST) (found bool) {
	sets := closed(rule.Triggers)
	walk := &readings{}
	walk.called = func(call ast.CallExpr) {
		field, texts := walk.comparison(call)
		values, isClosed := sets[field.path]
		for _, e := range texts {
			text, isText := e.AsLiteral().(types.String)
			if !isClosed || !isText || text == "" || slices.Contains(values, string(text)) {
				continue
			}
			found = true
			offset, _ := native.SourceInfo().GetOffsetRange(e.ID())
			r.warn(r.within(at, int(offset.Start)), fmt.Sprintf("%s is never %s here", field.path, quote(string(text))),
				suggest(string(text), values))
		}
	}
	walk.visit(native.Expr())
	return found
}

// comparison takes a call of ==, != or `in` apart into the field and the literals that it is compared with.
func (r *readings) comparison(call ast.CallExpr) (field access, literals []ast.Expr) {
	var list []ast.Expr
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		list = call.Args()
	case operators.In:
		list = call.Args()[:1]
		if set := call.Args()[1]; set.Kind() == ast.ListKind {
			list = slices.Concat(list, set.AsList().Elements())
		}
	}
	for _, e := range list {
		if e.Kind() == ast.LiteralKind {
			literals = append(literals, e)
		} else if a, ok := r.chain(e); ok {
			field = a
		}
	}
	return field, literals
}

// checkConstant warns of a condition that cannot be true for some trigger of the rule, or that reads nothing and is true.
func (r *reach) checkConstant(rule *Rule, at entry, e ast.Expr) {
	var never []relay.Trigger
	always := len(accesses(e)) == 0
	for _, trigger := range rule.Triggers {
		hopeless, certain := r.try(trigger, at.value.Value, accesses(e))
		if hopeless {
			never = append(never, trigger)
		}
		always = always && certain
	}
	place := r.within(at, 0)
	switch {
	case len(never) == len(rule.Triggers):
		r.warn(place, "the condition can never be true, so the rule tells nobody", "")
	case len(never) > 0:
		r.warn(place, "the condition can never be true for "+list(never), "leave that out of `trigger`")
	case always:
		r.warn(place, "the condition is always true", "leave `if` out")
	}
}

// try evaluates a condition with nothing known of the event but its trigger and the closed fields, for everything that those may
// be: is it false each time (never), or true (always)?
func (r *reach) try(trigger relay.Trigger, text string, reads []access) (never, always bool) {
	reader, err := r.reader(trigger)
	if err != nil {
		return false, false
	}
	checked, issues := reader.env.Compile(text)
	if issues.Err() != nil {
		return false, false
	}
	program, err := reader.env.Program(checked, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(maxCost))
	if err != nil {
		return false, false
	}
	shape := r.shape(trigger)
	sets := closed([]relay.Trigger{trigger})
	known := slices.DeleteFunc([]string{"event.conversation.kind", "event.call.kind", "event.call.type"}, func(path string) bool {
		return !slices.ContainsFunc(reads, func(a access) bool { return a.path == path })
	})
	hidden := unknown(shape, append([]string{"event.trigger"}, known...))
	never, always = true, true
	for _, values := range combinations(known, sets) {
		vars, err := cel.PartialVars(&vars{event: &object{shape: shape, native: supposed(trigger, values)}}, hidden...)
		if err != nil {
			return false, false
		}
		// What is not known comes back as a value of its own, and a failure as one too; neither proves anything.
		out, _, _ := program.Eval(vars)
		never, always = never && out == types.False, always && out == types.True
	}
	return never, always
}

// combinations are all that the fields can be together.
func combinations(paths []string, sets map[string][]string) []map[string]string {
	out := []map[string]string{{}}
	for _, path := range paths {
		var wider []map[string]string
		for _, values := range out {
			for _, value := range append([]string{""}, sets[path]...) {
				next := maps.Clone(values)
				next[path] = value
				wider = append(wider, next)
			}
		}
		out = wider
	}
	return out
}

// supposed is an event of which no more is true than the closed fields.
func supposed(trigger relay.Trigger, values map[string]string) *relay.Event {
	return &relay.Event{
		Trigger:      trigger,
		Conversation: &relay.Conversation{Kind: values["event.conversation.kind"]},
		Call:         &relay.Call{Kind: values["event.call.kind"], Type: values["event.call.type"]},
	}
}

// unknown are the patterns of all fields but those at the known paths.
func unknown(s *relay.Shape, known []string) []*cel.AttributePatternType {
	var out []*cel.AttributePatternType
	for _, f := range s.Fields {
		path := f.Shape.Path
		switch {
		case slices.Contains(known, path):
		case slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, path+".") }):
			out = append(out, unknown(f.Shape, known)...)
		default:
			names := strings.Split(path, ".")
			pattern := cel.AttributePattern(names[0])
			for _, name := range names[1:] {
				pattern = pattern.QualString(name)
			}
			out = append(out, pattern)
		}
	}
	return out
}
