package directory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// MaxPreferences is the largest text of one person's preferences, in bytes.
const MaxPreferences = 64 << 10

// maxDepth is how deep the JSON of preferences may be nested; they themselves need three.
const maxDepth = 16

// ParsePreferences checks one person's preferences as JSON: an object with the keys by which an entry of a recipients file says
// what its person wants (locale, time_zone, channels, quiet_hours, mute). null is as good as leaving a key out. With problems,
// each of which names its field, the preferences are of no use.
func ParsePreferences(src []byte) (relay.Preferences, []Problem) {
	if len(src) > MaxPreferences {
		return relay.Preferences{}, []Problem{{Message: fmt.Sprintf("is larger than %d KiB", MaxPreferences>>10)}}
	}
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.UseNumber()
	root, err := jsonNode(decoder, 0)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("there is something behind it")
		}
	}
	if err != nil {
		return relay.Preferences{}, []Problem{{Message: "not one JSON object: " + err.Error()}}
	}
	p := &parser{zones: map[string]bool{}}
	var w relay.Preferences
	p.mapping(root, `an object such as {"channels":["email"]}`, p.wishes(&w))
	return w, p.problems
}

// jsonNode reads the next JSON value as the node that the same text in YAML would be, but for its lines. Members that are null
// are left out.
func jsonNode(decoder *json.Decoder, depth int) (*yaml.Node, error) {
	token, err := decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case depth > maxDepth:
		return nil, fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	switch token := token.(type) {
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: token}, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: token.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(token)}, nil
	case json.Delim:
		if token == '[' {
			return jsonItems(decoder, depth)
		}
		return jsonMembers(decoder, depth)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}, nil
}

func jsonItems(decoder *json.Decoder, depth int) (*yaml.Node, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for decoder.More() {
		item, err := jsonNode(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		list.Content = append(list.Content, item)
	}
	_, err := decoder.Token()
	return list, err
}

func jsonMembers(decoder *json.Decoder, depth int) (*yaml.Node, error) {
	object := &yaml.Node{Kind: yaml.MappingNode}
	for decoder.More() {
		key, err := jsonNode(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		value, err := jsonNode(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		if !isNull(value) {
			object.Content = append(object.Content, key, value)
		}
	}
	_, err := decoder.Token()
	return object, err
}
