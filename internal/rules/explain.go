package rules

import (
	"fmt"
	"reflect"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Explanation says how a rule's condition came out for an event.
type Explanation struct {
	// Matched and Err are as in Rule.Matches.
	Matched bool
	Err     error
	// Parts are the conditions that && joins at the top, in the order written. Empty without `if`, and for an event of a trigger
	// that the rule does not name.
	Parts []Part
}

// Part is one of the conditions that all have to hold. It was tried by itself, also where a part before it decided already.
type Part struct {
	// Text is the part as written in the file, on one line.
	Text  string
	Holds bool
	// Err says why it could not be tried; it carries nothing of the event.
	Err error
	// Seen are the fields of the event that occur in it, each once, in the order written.
	Seen []Seen
}

// Seen is a field and the value that it had.
type Seen struct {
	// Path is as in the expression, such as event.conversation.kind. Of an object it is has(event.group), and of a list or a
	// map event.message.mentions.size(): those are shown by that alone.
	Path string
	// Value is a string, int64, float64, bool, time.Time or time.Duration. What a person may have written is a relay.Text, and so
	// is every text in event.raw and in metadata. A time is in UTC. Nil is null, or nothing at that place.
	Value any
}

// Explain says which parts of the rule's `if` hold for the event, and what they saw. It compiles each part, so it is slow beside
// Matches.
func (r *Rule) Explain(event *relay.Event) Explanation {
	var out Explanation
	out.Matched, out.Err = r.Matches(event)
	c, ok := r.conditions[event.Trigger]
	if !ok {
		return out
	}
	reader, err := newReader(map[string]*relay.Shape{"event": c.event})
	if err != nil {
		out.Err = fmt.Errorf("explain condition: %w", err)
		return out
	}
	parts, err := reader.parts(c.text)
	if err != nil {
		out.Err = fmt.Errorf("explain condition: %w", err)
		return out
	}
	for _, p := range parts {
		out.Parts = append(out.Parts, reader.explain(p, c.event, event))
	}
	return out
}

func (l *dialect) explain(p part, shape *relay.Shape, event *relay.Event) Part {
	out := Part{Text: p.text}
	program, flaws := l.compile(p.text)
	if len(flaws) > 0 {
		out.Err = fmt.Errorf("compile condition: %s", flaws[0].message)
		return out
	}
	c := &condition{program: program, text: p.text, event: shape}
	out.Holds, out.Err = c.holds(event, nil, nil)
	for _, a := range accesses(p.expr) {
		out.Seen = append(out.Seen, l.look(a, shape, event))
	}
	return out
}

// look reads one field of the event in the way an expression does.
func (l *dialect) look(a access, shape *relay.Shape, event *relay.Event) Seen {
	out := Seen{Path: a.path}
	checked, issues := l.env.Compile(a.path)
	if issues.Err() != nil {
		return out
	}
	program, err := l.program(checked)
	if err != nil {
		return out
	}
	value, _, err := program.Eval(&vars{event: &object{shape: shape, native: event}})
	if checked.OutputType().Kind() == cel.StructKind {
		return Seen{Path: "has(" + a.path + ")", Value: err == nil && value != types.NullValue}
	}
	if err != nil {
		return out
	}
	if list, ok := value.(traits.Sizer); ok && value.Type() != types.StringType && value.Type() != types.BytesType {
		return Seen{Path: a.path + ".size()", Value: list.Size().Value()}
	}
	out.Value = shown(value, checked.OutputType() == cel.DynType || masked(reflect.TypeFor[relay.Event](), a.names))
	return out
}

// shown is the Go value of a plain CEL value.
func shown(value ref.Val, personal bool) any {
	switch value := value.(type) {
	case types.Null:
		return nil
	case types.String:
		if personal {
			return relay.Text(value)
		}
	case types.Timestamp:
		// Without the reading of this machine's own clock, which a time that was just taken has beside.
		return value.Time.Round(0).UTC()
	}
	return value.Value()
}

// masked reports whether the field of that name below a Go type masks itself.
func masked(t reflect.Type, names []string) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if len(names) == 0 {
		return t.Implements(reflect.TypeFor[interface{ Reveal() string }]())
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	fields := reflect.VisibleFields(t)
	i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("json") == names[0] })
	return i >= 0 && masked(fields[i].Type, names[1:])
}
