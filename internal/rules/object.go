package rules

import (
	"errors"
	"fmt"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/beckon-relay/beckon/internal/relay"
)

// object is an event, a recipient or a part of one as CEL sees it: the Go struct and the shape that says which fields it
// has. Nothing is copied or built before it is asked for.
type object struct {
	shape  *relay.Shape
	native any
	// decoded keeps JSON that was decoded once, so that a loop over event.raw does not decode it in each round.
	decoded map[string]any
}

// field reads a field: a Go value that the adapter knows, or a ref.Val. An absent object is null, whose fields read as
// their zero values (see provider.FindStructFieldType).
func (o *object) field(f relay.Field) any {
	switch f.Shape.Kind {
	case relay.KindObject:
		if !f.IsSet(o.native) {
			return types.NullValue
		}
		return &object{shape: f.Shape, native: f.Get(o.native)}
	case relay.KindList:
		return types.NewDynamicList(elements{f.Shape.Elem}, f.Get(o.native))
	case relay.KindAny:
		value, ok := o.decoded[f.Name]
		if !ok {
			value = f.Get(o.native)
			if o.decoded == nil {
				o.decoded = map[string]any{}
			}
			o.decoded[f.Name] = value
		}
		return value
	default:
		return f.Get(o.native)
	}
}

// Get implements traits.Indexer: a field by a name that is known at run time only.
func (o *object) Get(index ref.Val) ref.Val {
	f, err := o.named(index)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.DefaultTypeAdapter.NativeToValue(o.field(f))
}

// IsSet implements traits.FieldTester.
func (o *object) IsSet(field ref.Val) ref.Val {
	f, err := o.named(field)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(f.IsSet(o.native))
}

func (o *object) named(index ref.Val) (relay.Field, error) {
	name, _ := index.Value().(string)
	f, ok := o.shape.Field(name)
	if !ok {
		return f, fmt.Errorf("no such key: %s", name)
	}
	return f, nil
}

// ConvertToNative implements ref.Val; nothing that this package evaluates asks for it.
func (o *object) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s is not to be converted to %s", o.shape.Path, to)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(to ref.Type) ref.Val {
	if to == types.TypeType {
		return typeOf(o.shape)
	}
	return types.WrapErr(errors.New("type conversion error"))
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	that, ok := other.(*object)
	return types.Bool(ok && reflect.DeepEqual(o.native, that.native))
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return typeOf(o.shape) }

// Value implements ref.Val. The object itself, because field access needs the shape and what was decoded already.
func (o *object) Value() any { return o }

// elements adapts what a list holds.
type elements struct{ shape *relay.Shape }

// NativeToValue implements types.Adapter.
func (e elements) NativeToValue(value any) ref.Val {
	if _, done := value.(ref.Val); !done && e.shape.Kind == relay.KindObject {
		return &object{shape: e.shape, native: value}
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// provider tells CEL which fields the objects of one environment have: just those that the trigger carries.
type provider struct {
	*types.Registry
	shapes map[string]*relay.Shape
	// missed is told of every field that was asked for and does not exist, while expressions are compiled.
	missed func(object *relay.Shape, field string)
}

// typeName cannot be written in an expression, so that `event.sender` is never taken for the name of a type; in CEL's error
// messages it reads well.
func typeName(s *relay.Shape) string { return "object(" + s.Path + ")" }

// typeOf is the CEL type of a value of the shape.
func typeOf(s *relay.Shape) *cel.Type {
	switch s.Kind {
	case relay.KindString:
		return cel.StringType
	case relay.KindInt:
		return cel.IntType
	case relay.KindBool:
		return cel.BoolType
	case relay.KindTime:
		return cel.TimestampType
	case relay.KindDuration:
		return cel.DurationType
	case relay.KindList:
		return cel.ListType(typeOf(s.Elem))
	case relay.KindObject:
		return cel.ObjectType(typeName(s))
	default:
		return cel.DynType
	}
}

// collect notes the shape and every object below it by type name.
func (p *provider) collect(s *relay.Shape) {
	if s.Elem != nil {
		p.collect(s.Elem)
	}
	if s.Kind != relay.KindObject {
		return
	}
	p.shapes[typeName(s)] = s
	for _, f := range s.Fields {
		p.collect(f.Shape)
	}
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if s, ok := p.shapes[name]; ok {
		return types.NewTypeTypeWithParam(typeOf(s)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if s, ok := p.shapes[name]; ok {
		return s.Names(), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	s, ok := p.shapes[name]
	if !ok {
		return p.Registry.FindStructFieldType(name, field)
	}
	f, ok := s.Field(field)
	if !ok {
		p.missed(s, field)
		return nil, false
	}
	return &types.FieldType{
		Type: typeOf(f.Shape),
		IsSet: func(target any) bool {
			o, ok := target.(*object)
			return ok && f.IsSet(o.native)
		},
		GetFrom: func(target any) (any, error) {
			o, ok := target.(*object)
			if !ok { // null: the parent is absent
				o = &object{}
			}
			return o.field(f), nil
		},
	}, true
}
