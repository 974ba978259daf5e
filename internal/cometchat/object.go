package cometchat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what is read from one body, which the server has already cut at 1 MiB.
const (
	// maxDepth of nesting. Real webhooks need about 15 levels; a sender's own metadata may add some.
	maxDepth = 64
	// maxValues bounds what a body of the allowed size can grow to in memory.
	maxValues = 100_000
	// maxList is how many people or attachments are taken from one list. CometChat adds at most 25 people at once.
	maxList = 1000
	// maxID is how long an id may be, in bytes. CometChat's own limit is 100 characters.
	maxID = 255
)

// object is a JSON object. Its methods give the zero value for what is missing or of the wrong type, so they can be
// chained. Of several fields of one name the last counts.
type object value

// parse reads one JSON object and nothing after it. The error is a *DecodeError.
func parse(body []byte) (object, error) {
	values, err := withinLimits(body)
	if err != nil {
		return object{}, err
	}
	if !json.Valid(body) {
		return object{}, invalid(body)
	}
	top := value{tree: plant(string(body), values)}.object()
	if top.tree == nil {
		return object{}, &DecodeError{CodeNotJSON, `body is JSON but not an object; expected {"trigger": ..., "data": {...}}`}
	}
	return top, nil
}

// invalid says why a body is not JSON.
func invalid(body []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var first json.RawMessage
	if err := decoder.Decode(&first); err != nil {
		return notJSON(err, len(body))
	}
	return &DecodeError{CodeNotJSON, "body goes on after the JSON object; expected one object and nothing else"}
}

// notJSON says where the body stops being JSON. The decoder's own words would quote the body.
func notJSON(err error, size int) error {
	at := int64(size)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	return &DecodeError{
		CodeNotJSON,
		fmt.Sprintf(`body is not valid JSON at byte %d of %d; expected {"trigger": ..., "data": {...}}`, at, size),
	}
}

// withinLimits looks at a body before anything is built from it, and tells how many values are in it at most.
func withinLimits(body []byte) (most int, err error) {
	var depth, values int
	most = 1
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = closingQuote(body, i)
		case '{', '[':
			depth++
			most++
		case '}', ']':
			depth--
		case ',':
			values++
			most++
		case ':':
			values++
		}
		if depth > maxDepth {
			return 0, &DecodeError{CodeNotJSON, fmt.Sprintf("body is nested too deep; at most %d levels are read", maxDepth)}
		}
		if values > maxValues {
			return 0, &DecodeError{CodeNotJSON, fmt.Sprintf("body has too many values; at most %d are read", maxValues)}
		}
	}
	return most, nil
}

// closingQuote gives the index of the quote that ends the string beginning at start.
func closingQuote[T string | []byte](body T, start int) int {
	for i := start + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(body)
}

// get gives a field.
func (o object) get(key string) value {
	var found value
	for field := range value(o).children() {
		if field.under(key) {
			found = field
		}
	}
	return found
}

// empty reports whether there are no fields.
func (o object) empty() bool {
	for range value(o).children() {
		return false
	}
	return true
}

// sorted gives the fields by their names.
func (o object) sorted() []value {
	var fields []value
	for field := range value(o).children() {
		fields = append(fields, field)
	}
	slices.Reverse(fields) // so that the last of a name is the first, and stays
	slices.SortStableFunc(fields, func(a, b value) int { return strings.Compare(a.key(), b.key()) })
	return slices.CompactFunc(fields, func(a, b value) bool { return a.key() == b.key() })
}

// fields gives the object as encoding/json makes it; nil for none.
func (o object) fields() map[string]any {
	fields, _ := value(o).built().(map[string]any)
	return fields
}

// at walks down to an object.
func (o object) at(path ...string) object {
	for _, key := range path {
		o = o.get(key).object()
	}
	return o
}

// text gives a string field as it is.
func (o object) text(key string) string {
	s, _ := o.get(key).string()
	return s
}

// id gives the first of the keys that holds an id, as a string or a number.
func (o object) id(keys ...string) string {
	for _, key := range keys {
		if s := idOf(o.get(key)); s != "" {
			return s
		}
	}
	return ""
}

// uid gives the first of the keys that holds a uid or a guid, in lower case, which CometChat forces on both.
func (o object) uid(keys ...string) string { return strings.ToLower(o.id(keys...)) }

// idOf reads a string or a number that is short enough for an id.
func idOf(v value) string {
	switch kind := v.kind(); {
	case kind == '"':
		s, _ := v.string()
		return short(s)
	case kind == '-', kind >= '0' && kind <= '9':
		return short(v.written())
	}
	return ""
}

// short gives a text that is short enough for an id, and of a longer one nothing.
func short(s string) string {
	if len(s) > maxID {
		return ""
	}
	return s
}

// flag reads a boolean, which CometChat also writes as a string; known is false where there is none.
func (o object) flag(key string) (on, known bool) {
	v := o.get(key)
	switch v.kind() {
	case 't', 'f':
		return v.kind() == 't', true
	case '"':
		s, _ := v.string()
		on, err := strconv.ParseBool(strings.ToLower(s))
		return on, err == nil
	default:
		return false, false
	}
}

// number reads a number, also one in a string. Only finite ones count.
func (o object) number(key string) (float64, bool) {
	f, err := strconv.ParseFloat(idOf(o.get(key)), 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// count reads a number that cannot be negative, such as a size, as a whole one.
func (o object) count(key string) int64 {
	f, ok := o.number(key)
	if !ok || f < 0 || f > 1<<53 {
		return 0
	}
	return int64(f)
}

// Bounds of a time: what is later than secondsEnd seconds is meant as milliseconds (a time after 1973), what is later
// than millisEnd milliseconds (the year 9999) is no time.
const (
	secondsEnd = 1e11
	millisEnd  = 253402300799999
)

// time gives the first of the keys that holds a unix time, in seconds or milliseconds. Zero and less mean none.
func (o object) time(keys ...string) time.Time {
	for _, key := range keys {
		f, ok := o.number(key)
		if !ok || f <= 0 {
			continue
		}
		if f < secondsEnd {
			f *= 1000
		}
		if f <= millisEnd {
			return time.UnixMilli(int64(math.Round(f))).UTC()
		}
	}
	return time.Time{}
}

// maxDuration in seconds: a year is longer than any call.
const maxDuration = 366 * 24 * 60 * 60

// duration reads a number of seconds.
func (o object) duration(key string) time.Duration {
	f, ok := o.number(key)
	if !ok || f < 0 || f > maxDuration {
		return 0
	}
	return time.Duration(math.Round(f * float64(time.Second)))
}

// first gives the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
