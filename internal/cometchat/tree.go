package cometchat

import (
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// tree is a JSON text with the places of its values. Nothing is built of a value that nobody asks for: a webhook has a hundred, and
// an event is made of twenty of them.
type tree struct {
	text  string
	nodes []node // as they come in the text, so what is in one follows it
}

// node is where a value stands in the text.
type node struct {
	from, to int32
	// key and keyTo are where its key stands, with the quotes; both are 0 for what is not in an object.
	key, keyTo int32
	// next is the index of the node that follows it and all that is in it.
	next int32
}

// plant makes the tree of a text that is valid JSON and has at most so many values.
func plant(text string, values int) *tree {
	t := &tree{text: text, nodes: make([]node, 0, values)}
	t.grow(0, node{})
	return t
}

// grow adds the value that begins at or after an offset, with all that is in it, to n, which knows its key. It gives the offset
// behind it.
func (t *tree) grow(at int, n node) int {
	at = t.skip(at)
	index := len(t.nodes)
	n.from = int32(at) //nolint:gosec // a body has at most 1 MiB
	t.nodes = append(t.nodes, n)
	switch t.text[at] {
	case '{', '[':
		at = t.inside(at)
	case '"':
		at = closingQuote(t.text, at) + 1
	default:
		for at < len(t.text) && !strings.ContainsRune(",]} \t\r\n", rune(t.text[at])) {
			at++
		}
	}
	t.nodes[index].to, t.nodes[index].next = int32(at), int32(len(t.nodes)) //nolint:gosec // as above
	return at
}

// inside adds what is in the object or array that begins at an offset, and gives the offset behind it.
func (t *tree) inside(at int) int {
	members := t.text[at] == '{'
	for {
		at = t.skip(at + 1) // behind the bracket or a comma
		if t.text[at] == '}' || t.text[at] == ']' {
			return at + 1
		}
		var n node
		if members {
			end := closingQuote(t.text, at) + 1
			n.key, n.keyTo = int32(at), int32(end) //nolint:gosec // as above
			at = t.skip(end) + 1                   // behind the colon
		}
		at = t.skip(t.grow(at, n))
		if t.text[at] != ',' {
			return at + 1
		}
	}
}

// skip gives the offset of what is not white space.
func (t *tree) skip(at int) int {
	for at < len(t.text) && (t.text[at] == ' ' || t.text[at] == '\t' || t.text[at] == '\r' || t.text[at] == '\n') {
		at++
	}
	return at
}

// unquote reads a string of JSON. Only what is not simply written costs memory.
func unquote(quoted string) string {
	if inner := quoted[1 : len(quoted)-1]; strings.IndexByte(inner, '\\') < 0 && utf8.ValidString(inner) {
		return inner
	}
	var s string
	_ = json.Unmarshal([]byte(quoted), &s) // it was found valid
	return s
}

// value is a value of JSON; the zero value is none.
type value struct {
	tree *tree
	node int32
}

// written is the value as it stands in the text, empty for none.
func (v value) written() string {
	if v.tree == nil {
		return ""
	}
	n := &v.tree.nodes[v.node]
	return v.tree.text[n.from:n.to]
}

// kind is the first character of a value, 0 for none.
func (v value) kind() byte {
	if v.tree == nil {
		return 0
	}
	return v.tree.text[v.tree.nodes[v.node].from]
}

// object is the value where it is an object, and none otherwise.
func (v value) object() object {
	if v.kind() != '{' {
		return object{}
	}
	return object(v)
}

// children are the values in an object or array.
func (v value) children() iter.Seq[value] {
	return func(yield func(value) bool) {
		if v.tree == nil {
			return
		}
		for i, end := v.node+1, v.tree.nodes[v.node].next; i < end; i = v.tree.nodes[i].next {
			if !yield(value{v.tree, i}) {
				return
			}
		}
	}
}

// list gives the values of an array; of anything else none.
func (v value) list() []value {
	if v.kind() != '[' {
		return nil
	}
	var out []value
	for item := range v.children() {
		out = append(out, item)
	}
	return out
}

// key is what a value in an object stands under.
func (v value) key() string {
	n := &v.tree.nodes[v.node]
	return unquote(v.tree.text[n.key:n.keyTo])
}

// under reports whether that is what it stands under.
func (v value) under(key string) bool {
	n := &v.tree.nodes[v.node]
	quoted := v.tree.text[n.key:n.keyTo]
	if quoted[1:len(quoted)-1] == key {
		return true
	}
	return strings.IndexByte(quoted, '\\') >= 0 && unquote(quoted) == key
}

// string gives a string's text; false for what is none.
func (v value) string() (string, bool) {
	if v.kind() != '"' {
		return "", false
	}
	return unquote(v.written()), true
}

// built is the value as encoding/json makes it, numbers as json.Number.
func (v value) built() any {
	switch v.kind() {
	case '{':
		out := map[string]any{}
		for child := range v.children() {
			out[child.key()] = child.built()
		}
		return out
	case '[':
		out := []any{}
		for child := range v.children() {
			out = append(out, child.built())
		}
		return out
	case '"':
		return unquote(v.written())
	case 't', 'f':
		return v.kind() == 't'
	case 'n', 0:
		return nil
	default:
		return json.Number(v.written())
	}
}
