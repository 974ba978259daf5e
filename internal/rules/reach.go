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

// reach looks for what can never matter: rules whose condition cannot hold, or that another hides, and the same of entries of
// `unless`. It warns of what it can prove and of nothing else; only of spelling does it guess.
type reach struct {
	*loader
	// scenes are made when first needed.
	scenes map[occasion]*scene
}

// scene is what a condition is about: the dialect that reads it, and the shapes of its variables.
type scene struct {
	*dialect
	variables map[string]*relay.Shape
}

// checkReach warns of what can never matter in a file. It says nothing of a file with errors.
func (l *loader) checkReach(root *yaml.Node) {
	if l.report.errors > 0 {
		return
	}
	r := &reach{loader: l, scenes: map[occasion]*scene{}}
	listed, _ := find(root, "rules")
	outlines := make([]*outline, len(l.set.rules))
	for i, rule := range l.set.rules {
		l.report.rule = rule.Name
		outlines[i] = &outline{Rule: rule}
		if at, ok := find(listed.value.Content[i], "if"); ok {
			outlines[i].parts = r.checkCondition(rule, at)
		}
		if at, ok := find(listed.value.Content[i], "unless"); ok {
			r.checkForms(rule, at.value.Content)
		}
		r.checkFlood(rule, root)
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

func (r *reach) scene(on occasion) (*scene, error) {
	if known, ok := r.scenes[on]; ok {
		return known, nil
	}
	made := &scene{variables: map[string]*relay.Shape{"event": r.shape(on.event)}}
	var functions []cel.EnvOption
	if on.later != "" {
		made.variables["later"], made.variables["recipient"] = renamed(r.shape(on.later), "event", "later"), relay.RecipientShape()
		functions = clauseFunctions()
	}
	var err error
	if made.dialect, err = newReader(made.variables, functions...); err != nil {
		return nil, err
	}
	r.scenes[on] = made
	return made, nil
}

// parse reads a condition that compiles. It is nil where that fails all the same, and then there is nothing to say.
func (r *reach) parse(on occasion, text string) *ast.AST {
	scene, err := r.scene(on)
	if err != nil {
		return nil
	}
	parsed, issues := scene.env.Parse(text)
	if issues.Err() != nil {
		return nil
	}
	return parsed.NativeRep()
}

// checkCondition warns of an `if` that is the same whatever the event, and gives the parts that it has, each in CEL's own
// spelling, so that those of two rules can be compared.
func (r *reach) checkCondition(rule *Rule, at entry) []string {
	text := at.value.Value
	native := r.parse(occasion{event: rule.Triggers[0]}, text)
	if native == nil {
		return []string{text}
	}
	r.checkRinging(rule, text, accesses(native.Expr()))
	if !r.checkLiterals(at, native, map[string][]relay.Trigger{"event": rule.Triggers}) && !r.checkConstant(rule, at, native.Expr()) {
		r.checkRoles(rule, text, accesses(native.Expr()))
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

// checkLiterals warns of every comparison with a text that a field never is, or that is a slip of the pen. What is found is what
// can be proven. about are the triggers that the variables may be of.
func (r *reach) checkLiterals(at entry, native *ast.AST, about map[string][]relay.Trigger) (found bool) {
	sets := closed(about)
	walk := &readings{roots: slices.Collect(maps.Keys(about))}
	walk.called = func(call ast.CallExpr) {
		field, literals := walk.comparison(call)
		values := sets[field.path]
		for _, e := range literals {
			text, isText := e.AsLiteral().(types.String)
			if !isText || text == "" {
				continue
			}
			offset, _ := native.SourceInfo().GetOffsetRange(e.ID())
			place := r.within(at, int(offset.Start))
			if meant := near(string(text), documented(field, about[field.root])); meant != "" {
				r.warn(place, fmt.Sprintf("CometChat documents no %s %s", field.path, quote(string(text))), `did you mean "`+meant+`"?`)
			}
			if len(values) > 0 && !slices.Contains(values, string(text)) {
				found = true
				r.warn(place, fmt.Sprintf("%s is never %s here", field.path, quote(string(text))), suggest(string(text), slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })))
			}
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
func (r *reach) checkConstant(rule *Rule, at entry, e ast.Expr) (found bool) {
	var never []relay.Trigger
	reads := accesses(e)
	always := len(reads) == 0
	for _, trigger := range rule.Triggers {
		hopeless, certain := r.try(occasion{event: trigger}, at.value.Value, reads, nil)
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
	return always || len(never) > 0
}

// maxKnown is how many fields a condition is tried with, all that each may be with all that the others may be.
const maxKnown = 4

// try evaluates a condition with nothing known of its variables but their triggers and the closed fields, for everything that
// those may be: is it false each time (never), or true (always)? only narrows what a field may be, by path.
func (r *reach) try(on occasion, text string, reads []access, only map[string][]string) (never, always bool) {
	scene, err := r.scene(on)
	if err != nil {
		return false, false
	}
	checked, issues := scene.env.Compile(text)
	if issues.Err() != nil {
		return false, false
	}
	program, err := scene.env.Program(checked, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(maxCost))
	if err != nil {
		return false, false
	}
	sets := closed(map[string][]relay.Trigger{"event": {on.event}, "later": {on.later}})
	maps.Copy(sets, only)
	known := slices.DeleteFunc(slices.Sorted(maps.Keys(sets)), func(path string) bool {
		return strings.HasSuffix(path, ".trigger") || !slices.ContainsFunc(reads, func(a access) bool { return a.path == path })
	})
	known = known[:min(len(known), maxKnown)]
	var hidden []*cel.AttributePatternType
	for name, shape := range scene.variables {
		hidden = append(hidden, unknown(name, shape, append([]string{"event.trigger", "later.trigger"}, known...))...)
	}
	never, always = true, true
	for _, values := range combinations(known, sets) {
		vars, err := cel.PartialVars(scene.supposed(on, values), hidden...)
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
			for _, value := range sets[path] {
				next := maps.Clone(values)
				next[path] = value
				wider = append(wider, next)
			}
		}
		out = wider
	}
	return out
}

// supposed are variables of which no more is true than the closed fields.
func (s *scene) supposed(on occasion, values map[string]string) *vars {
	event := func(name string, trigger relay.Trigger) *object {
		return &object{shape: s.variables[name], native: &relay.Event{
			Trigger:      trigger,
			Conversation: &relay.Conversation{Kind: values[name+".conversation.kind"]},
			Call:         &relay.Call{Kind: values[name+".call.kind"], Type: values[name+".call.type"]},
		}}
	}
	out := &vars{event: event("event", on.event)}
	if on.later != "" {
		out.later, out.recipient = event("later", on.later), &object{shape: s.variables["recipient"], native: &relay.Contact{}}
	}
	return out
}

// unknown are the patterns of all fields of a variable but those at the known paths.
func unknown(variable string, s *relay.Shape, known []string) []*cel.AttributePatternType {
	var out []*cel.AttributePatternType
	for _, f := range s.Fields {
		path := f.Shape.Path
		switch {
		case slices.Contains(known, path):
		case slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, path+".") }):
			out = append(out, unknown(variable, f.Shape, known)...)
		default:
			pattern := cel.AttributePattern(variable)
			for name := range strings.SplitSeq(strings.TrimPrefix(path, variable+"."), ".") {
				pattern = pattern.QualString(name)
			}
			out = append(out, pattern)
		}
	}
	return out
}
