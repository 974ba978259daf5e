package rules

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// maxExpression is how long a condition may be, in bytes.
	maxExpression = 4 << 10
	// maxCost is what one evaluation may cost, in CEL's units: about one for a step or ten characters looked at.
	maxCost = 100_000
	// maxRegex bounds the program that a regular expression is compiled to, which may come from an event.
	maxRegex = 10_000
)

// dialect is CEL as it is spoken about one trigger: which variables there are and which fields they have.
type dialect struct {
	env *cel.Env
	// missed are the objects in which a field was looked for in vain since the last parse, by the field's name.
	missed map[string]*relay.Shape
}

// newDialect makes the dialect with the variables given by name, and with further functions.
func newDialect(variables map[string]*relay.Shape, functions ...cel.EnvOption) (*dialect, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	l := &dialect{missed: map[string]*relay.Shape{}}
	p := &provider{Registry: registry, shapes: map[string]*relay.Shape{}, missed: func(s *relay.Shape, field string) {
		l.missed[field] = s
	}}
	options := append([]cel.EnvOption{
		cel.CustomTypeProvider(p),
		cel.CustomTypeAdapter(types.DefaultTypeAdapter),
		ext.Strings(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.RegexProgramSizeLimit(maxRegex),
	}, functions...)
	for name, shape := range variables {
		p.collect(shape)
		options = append(options, cel.Variable(name, typeOf(shape)))
	}
	l.env, err = cel.NewEnv(options...)
	return l, err
}

// flaw is one thing that is wrong with an expression, at an offset in characters.
type flaw struct {
	offset        int
	message, hint string
}

// condition is a compiled expression. All its methods may be called from many goroutines.
type condition struct {
	program cel.Program
	text    string
	// shapes of the variables, by name.
	event, later, recipient *relay.Shape
}

// compile turns an expression into a program, or says what is wrong with it.
func (l *dialect) compile(text string) (cel.Program, []flaw) {
	clear(l.missed)
	parsed, issues := l.env.Parse(text)
	if issues.Err() != nil {
		// One slip makes the parser stumble many times; the first place is where it is.
		return nil, l.flaws(text, issues)[:1]
	}
	checked, issues := l.env.Check(parsed)
	if issues.Err() != nil {
		return nil, l.flaws(text, issues)
	}
	if flaws := doomed(checked); len(flaws) > 0 {
		return nil, flaws
	}
	if out := checked.OutputType(); !out.IsExactType(cel.BoolType) {
		message := "a condition must be true or false, this is " + inWords(out.String())
		if out == cel.DynType {
			message = "a condition must be true or false, and this may be anything"
		}
		return nil, []flaw{{message: message, hint: "compare it with something"}}
	}
	program, err := l.program(checked)
	if err != nil {
		return nil, []flaw{{message: "the condition cannot be run: " + err.Error()}}
	}
	return program, nil
}

// program plans a checked expression. Only what could cost too much has its cost counted at run time, which takes longer
// than most conditions do.
func (l *dialect) program(checked *cel.Ast) (cel.Program, error) {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	estimate, err := l.env.EstimateCost(checked, unknownSizes{})
	if err != nil || estimate.Max > maxCost {
		options = append(options, cel.CostLimit(maxCost))
	}
	return l.env.Program(checked, options...)
}

// unknownSizes is a cost.Estimator that knows nothing of the sizes of values, so that none is taken to be small.
type unknownSizes struct{}

// EstimateSize implements cost.Estimator.
func (unknownSizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

// EstimateCallCost implements cost.Estimator.
func (unknownSizes) EstimateCallCost(_, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	return nil
}

// flaws words CEL's errors in the way of this package. There is at least one.
func (l *dialect) flaws(text string, issues *cel.Issues) []flaw {
	lines := strings.Split(text, "\n")
	var out []flaw
	for _, e := range issues.Errors() {
		message := strings.ReplaceAll(e.Message, " (in container '')", "")
		f := flaw{}
		for _, line := range lines[:min(max(e.Location.Line()-1, 0), len(lines))] {
			f.offset += len([]rune(line)) + 1
		}
		f.offset = onWord(text, message, f.offset+max(e.Location.Column(), 0))
		if field, ok := strings.CutPrefix(message, "undefined field '"); ok {
			f.message, f.hint = l.noField(strings.TrimSuffix(field, "'"))
		} else {
			f = plainly(text, message, f.offset)
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		out = []flaw{{message: issues.Err().Error()}}
	}
	return out
}

// named finds the word that an error of CEL is about.
var named = regexp.MustCompile(`^(?:undefined field|undeclared reference to) '([^']*)'`)

// onWord moves an offset onto the word that the error is about: CEL points at the dot before a field, or at the bracket behind
// a function's name.
func onWord(text, message string, offset int) int {
	m := named.FindStringSubmatch(message)
	runes := []rune(text)
	if m == nil || offset > len(runes) {
		return offset
	}
	size := len([]rune(m[1]))
	for _, from := range []int{offset, offset + 1, offset - size} {
		if from >= 0 && from+size <= len(runes) && string(runes[from:from+size]) == m[1] {
			return from
		}
	}
	return offset
}

// noField words that an object has no such field, and which it has.
func (l *dialect) noField(field string) (message, hint string) {
	object, ok := l.missed[field]
	if !ok {
		return "no field " + quote(field), ""
	}
	names := object.Names()
	hint = didYouMean(field, names)
	if hint == "" {
		hint = object.Path + " has " + list(names)
	}
	return fmt.Sprintf("%s has no field %s", object.Path, quote(field)), hint
}

// vars are the variables of one evaluation. It implements cel.Activation and is not to be shared.
type vars struct{ event, later, recipient *object }

// ResolveName implements cel.Activation.
func (v *vars) ResolveName(name string) (any, bool) {
	switch name {
	case "event":
		return v.event, true
	case "later":
		return v.later, true
	case "recipient":
		return v.recipient, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (v *vars) Parent() cel.Activation { return nil }

// holds evaluates the condition. An error says what went wrong without saying anything of the event.
func (c *condition) holds(event, later *relay.Event, recipient *relay.Contact) (bool, error) {
	v := &vars{event: &object{shape: c.event, native: event}}
	if later != nil {
		v.later, v.recipient = &object{shape: c.later, native: later}, &object{shape: c.recipient, native: recipient}
	}
	out, _, err := c.program.Eval(v)
	if err != nil {
		return false, fmt.Errorf("evaluate condition: %w", c.harmless(err))
	}
	return out == types.True, nil
}

// failures are what can go wrong in an evaluation: what CEL writes, and how it is called here where that is plainer. What CEL
// writes behind these words may be a part of the event.
var failures = []struct{ text, called string }{
	{"no such key", ""},
	{"no such overload", ""},
	{"index out of bounds", ""},
	{"index out of range", ""},
	{"division by zero", ""},
	{"modulus by zero", ""},
	{"overflow", ""},
	{"conversion error", ""},
	{"cost limit exceeded", ""},
	{"unknown time zone ", "no such time zone"},
	{"timezone offset", "no such time zone"},
	{"time: invalid location name", "no such time zone"},
	{"invalid RFC 3339 timestamp", "no such time"},
	{"invalid syntax", "a number was expected"},
	{"error parsing regexp", "no such regular expression"},
}

// harmless words a run-time error so that it may be logged: CEL repeats values of the event in its errors.
func (c *condition) harmless(err error) error {
	text := err.Error()
	for _, failure := range failures {
		_, key, found := strings.Cut(text, failure.text)
		if !found {
			continue
		}
		called := cmp.Or(failure.called, failure.text)
		// What stands in the expression was written by the author of the rule.
		key = strings.TrimPrefix(key, ": ")
		if named := failure.called == "" || strings.HasSuffix(failure.text, " "); named && key != "" && strings.Contains(c.text, key) {
			return fmt.Errorf("%s: %s", called, quote(key))
		}
		return errors.New(called)
	}
	return errors.New("it failed")
}
