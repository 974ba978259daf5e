package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxDepth of nesting in one entry; it needs three levels.
const maxDepth = 8

// EntryError is an entry that cannot be used: its source works, but what it says of this person is wrong. It names the fields and
// what would be right, and never what was given.
type EntryError struct{ Problems []string }

// Error implements error.
func (e *EntryError) Error() string { return "the entry is wrong: " + strings.Join(e.Problems, "; ") }

// ParseEntry reads what a source that is asked for one person answers: an entry of a recipients file, written as JSON. The
// error is an *EntryError.
func ParseEntry(uid string, raw []byte) (relay.Contact, error) {
	node, err := nodeOf(raw)
	if err != nil {
		return relay.Contact{}, &EntryError{[]string{err.Error()}}
	}
	p := &parser{zones: map[string]bool{}, remote: true}
	contact := p.person(strings.ToLower(uid), node)
	if len(p.problems) > 0 {
		e := &EntryError{}
		for _, problem := range p.problems {
			e.Problems = append(e.Problems, problem.Message)
		}
		return relay.Contact{}, e
	}
	return contact, nil
}

// nodeOf reads JSON as the YAML that it is. The YAML library would read most of it, but not the escapes of what is beyond 16
// bits, such as an emoji in a name.
func nodeOf(raw []byte) (*yaml.Node, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	node, err := valueOf(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows after the JSON object")
	}
	return node, nil
}

var errNotJSON = errors.New("not JSON; one object is expected, such as {\"phone\": \"+14155550123\"}")

func valueOf(decoder *json.Decoder, depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, errNotJSON // the decoder's own words quote the text
	}
	switch v := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if v == '[' {
			node.Kind, node.Tag = yaml.SequenceNode, "!!seq"
		}
		for decoder.More() {
			child, err := valueOf(decoder, depth+1) // of an object first the key
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err := decoder.Token()
		if err != nil {
			return nil, errNotJSON
		}
		return node, nil
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
	}
}
