package rest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// answer is what every success looks like.
type answer struct {
	Data json.RawMessage `json:"data"`
	Meta struct {
		Pagination struct {
			Total       number `json:"total"`
			PerPage     number `json:"per_page"`
			CurrentPage number `json:"current_page"`
			TotalPages  number `json:"total_pages"`
		} `json:"pagination"`
	} `json:"meta"`
}

// read takes an answer apart. Its meta is loose; without data it is no answer.
func read(what string, body []byte) (answer, error) {
	var a answer
	var only struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &only); err != nil || len(only.Data) == 0 {
		return answer{}, &Error{What: what, Detail: "the answer is not JSON with data in it"}
	}
	_ = json.Unmarshal(body, &a) // an odd meta is as good as none
	a.Data = only.Data
	return a, nil
}

// list gives the elements of a list; an object alone is a list of one, null none.
func list(raw json.RawMessage) ([]json.RawMessage, bool) {
	raw = bytes.TrimSpace(raw)
	switch {
	case bytes.Equal(raw, []byte("null")):
		return nil, true
	case bytes.HasPrefix(raw, []byte("{")):
		return []json.RawMessage{raw}, true
	}
	var all []json.RawMessage
	return all, json.Unmarshal(raw, &all) == nil
}

// The types below take what CometChat writes in one way here and in another there. What they cannot read is zero, never an
// error: it must not cost the rest of the answer.

// text is a string, or a number as it is written.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(strings.TrimSpace(s))
		return nil
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		*t = text(n.String())
	}
	return nil
}

// number is a whole number, or one in a string; known tells 0 from none.
type number struct {
	value int64
	known bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(raw []byte) error {
	var t text
	_ = t.UnmarshalJSON(raw)
	value, err := strconv.ParseInt(string(t), 10, 64)
	*n = number{value: value, known: err == nil}
	return nil
}

// flag is a boolean, or one in a string, or 1 and 0.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(raw []byte) error {
	value, err := strconv.ParseBool(strings.Trim(string(raw), `"`))
	*f = flag(err == nil && value)
	return nil
}

// object is a JSON object, or one written into a string; anything else, such as the empty list that stands for an empty
// object, has nothing in it.
type object map[string]json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (o *object) UnmarshalJSON(raw []byte) error {
	var inside string
	if json.Unmarshal(raw, &inside) == nil {
		raw = []byte(inside)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) == nil {
		*o = fields
	}
	return nil
}

// text gives a field that is a text; empty where there is none.
func (o object) text(key string) string {
	var t text
	if raw, ok := o[key]; ok {
		_ = t.UnmarshalJSON(raw)
	}
	return string(t)
}

// object gives a field that is an object.
func (o object) object(key string) object {
	var inner object
	if raw, ok := o[key]; ok {
		_ = inner.UnmarshalJSON(raw)
	}
	return inner
}
