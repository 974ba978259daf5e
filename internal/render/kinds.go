package render

import (
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// typ is what the checker knows of a value: the shapes it may have. None means that it cannot be known (event.raw).
type typ []*relay.Shape

var (
	aString = typ{{Kind: relay.KindString}}
	anInt   = typ{{Kind: relay.KindInt}}
	aBool   = typ{{Kind: relay.KindBool}}
	// nothing is a dot or variable in which no field can be found.
	nothing = typ{{Kind: relay.KindObject}}
)

func ofKind(k relay.Kind) typ { return typ{{Kind: k}} }

// or is the type of a value that is one or the other.
func (t typ) or(other typ) typ {
	if t.unknown() || other.unknown() {
		return nil
	}
	joined := slices.Clone(t)
	for _, s := range other {
		if !slices.Contains(joined, s) {
			joined = append(joined, s)
		}
	}
	return joined
}

func (t typ) unknown() bool {
	return len(t) == 0 || slices.ContainsFunc(t, func(s *relay.Shape) bool { return s.Kind == relay.KindAny })
}

// mayBe reports whether the value may be of one of these kinds, as all do that cannot be known.
func (t typ) mayBe(kinds ...relay.Kind) bool {
	return t.unknown() || !slices.ContainsFunc(t, func(s *relay.Shape) bool { return !slices.Contains(kinds, s.Kind) })
}

// offender is the first shape that is of none of the kinds.
func (t typ) offender(kinds ...relay.Kind) *relay.Shape {
	return t[slices.IndexFunc(t, func(s *relay.Shape) bool { return !slices.Contains(kinds, s.Kind) })]
}

// paths says where the shapes stand.
func (t typ) paths() []string {
	paths := make([]string, len(t))
	for i, s := range t {
		paths[i] = s.Path
	}
	return paths
}

// describe names a shape in a message: "event.sender, an object".
func describe(s *relay.Shape) string {
	if s.Path == "" {
		return kindName(s.Kind)
	}
	return s.Path + ", " + kindName(s.Kind)
}

func kindName(k relay.Kind) string {
	names := map[relay.Kind]string{
		relay.KindString: "a text", relay.KindInt: "a number", relay.KindBool: "true or false", relay.KindTime: "a time",
		relay.KindDuration: "a duration", relay.KindList: "a list", relay.KindObject: "an object", relay.KindAny: "any JSON",
	}
	return names[k]
}

// missing explains why a shape does not have a field.
func missing(s *relay.Shape, name string) string {
	switch {
	case s.Kind != relay.KindObject:
		return describe(s) + ", has no fields; " + quote(name) + " is not there"
	case len(s.Fields) == 0:
		return "there is nothing here to have a field " + quote(name)
	case carriedElsewhere(s.Path, name):
		return strings.TrimPrefix(s.Path+"."+name, ".") + " is not carried by this trigger"
	case s.Path == "":
		return "no field " + quote(name) + didYouMean(name, s.Names())
	}
	return s.Path + " has no field " + quote(name) + didYouMean(name, s.Names())
}

func quote(name string) string { return `"` + name + `"` }

// carriedElsewhere reports whether the field exists, although not for the trigger at hand.
func carriedElsewhere(path, name string) bool {
	at := rootShape(relay.WholeEventShape())
	for step := range strings.SplitSeq(strings.TrimPrefix(path+"."+name, "."), ".") {
		if at.Kind == relay.KindList {
			at = at.Elem
		}
		f, ok := at.Field(step)
		if !ok {
			return false
		}
		at = f.Shape
	}
	return true
}
