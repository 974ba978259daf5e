package relay

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is the kind of value a Shape describes.
type Kind int

// Kinds of value in the vocabulary.
const (
	KindString Kind = iota
	KindInt
	KindBool
	KindTime
	KindDuration
	KindList
	KindObject
	// KindAny is JSON of unknown shape: event.raw and a message's metadata.
	KindAny
)

// Shape describes one value that expressions and templates see: one vocabulary for both. Shapes are read off the Go types
// and their json tags, so they cannot drift from them.
type Shape struct {
	// Path is where the value stands, such as "event.message.mentions".
	Path string
	Kind Kind
	// Elem is the shape of a list's elements.
	Elem *Shape
	// Fields of an object, in the order of the Go type.
	Fields []Field
}

// Field is one named part of an object.
type Field struct {
	Name  string
	Shape *Shape
	index int
}

// envelope is what every event carries.
var envelope = []string{"id", "trigger", "app_id", "region", "webhook", "occurred_at", "received_at", "raw"}

// EventShape is the shape of `event` for a trigger: the envelope and what the trigger carries, nothing else.
func EventShape(spec TriggerSpec) *Shape {
	return shapeOf("event", reflect.TypeFor[Event](), append(slices.Clone(envelope), spec.Carries...))
}

// WholeEventShape is the shape of `event` with every field that any trigger carries.
func WholeEventShape() *Shape { return shapeOf("event", reflect.TypeFor[Event](), nil) }

// RecipientShape is the shape of `recipient`, the same one each time: each message is rendered with it.
func RecipientShape() *Shape { return recipientShape() }

var recipientShape = sync.OnceValue(func() *Shape { return shapeOf("recipient", reflect.TypeFor[Contact](), nil) })

// Field finds a field of an object by name.
func (s *Shape) Field(name string) (Field, bool) {
	for _, f := range s.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Names lists the names of an object's fields.
func (s *Shape) Names() []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

// Get reads the field from its parent, the Go struct the shape was made from or a pointer to it. Objects come as
// pointers, masked strings in clear, JSON decoded; what is absent comes as the zero value of its kind.
func (f Field) Get(parent any) any {
	v := reflect.Indirect(reflect.ValueOf(parent))
	if !v.IsValid() {
		return f.Shape.zero()
	}
	return f.Shape.read(v.Field(f.index))
}

// IsSet reports whether the field of that parent has another value than zero.
func (f Field) IsSet(parent any) bool {
	v := reflect.Indirect(reflect.ValueOf(parent))
	return v.IsValid() && !v.Field(f.index).IsZero()
}

// View turns a value of the shape into maps and slices for templates. Every field of the shape is there, absent ones as
// zero values, so that a template fails only on a name that the shape does not have.
func (s *Shape) View(value any) any {
	switch s.Kind {
	case KindObject:
		out := make(map[string]any, len(s.Fields))
		for _, f := range s.Fields {
			out[f.Name] = f.Shape.View(f.Get(value))
		}
		return out
	case KindList:
		v := reflect.ValueOf(value)
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, s.Elem.View(s.Elem.read(v.Index(i))))
		}
		return out
	default:
		return value
	}
}

func (s *Shape) read(v reflect.Value) any {
	switch s.Kind {
	case KindString:
		return v.String()
	case KindInt:
		return v.Int()
	case KindBool:
		return v.Bool()
	case KindObject:
		if v.Kind() != reflect.Pointer && v.CanAddr() {
			return v.Addr().Interface()
		}
	case KindAny:
		if raw, ok := reflect.TypeAssert[json.RawMessage](v); ok {
			return decodeAny(raw)
		}
	case KindTime, KindDuration, KindList:
	}
	return v.Interface()
}

func (s *Shape) zero() any {
	switch s.Kind {
	case KindString:
		return ""
	case KindInt:
		return int64(0)
	case KindBool:
		return false
	case KindTime:
		return time.Time{}
	case KindDuration:
		return time.Duration(0)
	case KindList:
		return []any{}
	case KindObject, KindAny:
	}
	return nil
}

func decodeAny(raw json.RawMessage) any {
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil
	}
	return out
}

// shapeOf reads a shape off a Go type. keep lists the paths below it to keep; nil keeps all, and so does a path that
// ends here.
func shapeOf(path string, t reflect.Type, keep []string) *Shape {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Shape{Path: path, Kind: KindTime}
	case t == reflect.TypeFor[time.Duration]():
		return &Shape{Path: path, Kind: KindDuration}
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Map:
		return &Shape{Path: path, Kind: KindAny}
	}
	switch t.Kind() {
	case reflect.String:
		return &Shape{Path: path, Kind: KindString}
	case reflect.Bool:
		return &Shape{Path: path, Kind: KindBool}
	case reflect.Slice:
		return &Shape{Path: path, Kind: KindList, Elem: shapeOf(path, t.Elem(), keep)}
	case reflect.Struct:
		return objectOf(path, t, keep)
	default:
		return &Shape{Path: path, Kind: KindInt}
	}
}

func objectOf(path string, t reflect.Type, keep []string) *Shape {
	s := &Shape{Path: path, Kind: KindObject}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("json")
		below, kept := narrow(keep, name)
		if name == "" || name == "-" || !kept {
			continue
		}
		s.Fields = append(s.Fields, Field{Name: name, Shape: shapeOf(path+"."+name, t.Field(i).Type, below), index: i})
	}
	return s
}

// narrow gives what of keep lies below name, and whether name is kept at all.
func narrow(keep []string, name string) (below []string, kept bool) {
	if keep == nil {
		return nil, true
	}
	for _, path := range keep {
		head, rest, deeper := strings.Cut(path, ".")
		if head != name {
			continue
		}
		if !deeper {
			return nil, true
		}
		below, kept = append(below, rest), true
	}
	return below, kept
}
