package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"gopkg.in/yaml.v3"
)

// maxDepth of nesting in what one person's JSON says; it needs four levels.
const maxDepth = 8

// nodeOf reads JSON as the YAML that it is, without its lines; a member that is null is as good as none. The YAML library would read most of it, but not the escapes of what is beyond 16
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
		return node, fill(node, decoder, depth)
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

// fill reads what is in a list or an object.
func fill(node *yaml.Node, decoder *json.Decoder, depth int) error {
	for decoder.More() {
		child, err := valueOf(decoder, depth+1) // of an object first the key
		if err != nil {
			return err
		}
		node.Content = append(node.Content, child)
		last := len(node.Content) - 1
		if node.Kind == yaml.MappingNode && last%2 == 1 && isNull(child) {
			node.Content = node.Content[:last-1]
		}
	}
	if _, err := decoder.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
