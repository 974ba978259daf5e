package rules

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// key is one word of the language: a key of a map, and what reads its value into a T.
type key[T any] struct {
	name     string
	required bool
	read     func(l *loader, into *T, at entry)
}

// readMap reads a map by its table of keys and reports what is unknown, missing or of another kind.
func readMap[T any](l *loader, node *yaml.Node, what string, keys []key[T], into *T) {
	if l.unreadable[node] {
		return
	}
	if node.Kind != yaml.MappingNode {
		l.fail(node, fmt.Sprintf("%s must be a map, this is %s", what, kindOf(node)), "")
		return
	}
	written := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		at := entry{node.Content[i], node.Content[i+1]}
		if l.unreadable[at.key] {
			continue
		}
		written[at.key.Value] = true
		found := slices.IndexFunc(keys, func(k key[T]) bool { return k.name == at.key.Value })
		switch {
		case found < 0:
			l.unknownKey(at, what, keyNames(keys))
		case !l.unreadable[at.value]:
			keys[found].read(l, into, at)
		}
	}
	for _, k := range keys {
		if k.required && !written[k.name] {
			l.fail(node, fmt.Sprintf("%s has no %s", what, quote(k.name)), "")
		}
	}
}

func keyNames[T any](keys []key[T]) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

func (l *loader) unknownKey(at entry, what string, known []string) {
	hint := suggest(at.key.Value, known)
	switch {
	case at.key.Value == "on" && slices.Contains(known, "trigger"):
		hint = "write `trigger:`, because YAML 1.1 tools read `on` as true"
	case at.value.Tag == "!!null" && at.value.Value == "" && didYouMean(at.key.Value, known) == "":
		// So it looks when a text in { } ends at its first comma.
		hint = "quote a text that contains a comma"
	}
	l.fail(at.key, fmt.Sprintf("unknown key %s in %s", quote(at.key.Value), what), hint)
}

// kindOf names a node's kind for a message.
func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	default:
	}
	switch node.Tag {
	case "!!null":
		return "empty"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	}
	return "text"
}

// scalar returns what is written at a node, whatever YAML takes it for: a phone number is a number to YAML.
func (l *loader) scalar(at entry) (string, bool) {
	if at.value.Kind != yaml.ScalarNode || at.value.Tag == "!!null" {
		l.fail(at.value, fmt.Sprintf("%s must be text, this is %s", quote(at.key.Value), kindOf(at.value)), "")
		return "", false
	}
	return at.value.Value, true
}

// text returns what is written at a node that YAML too takes for text.
func (l *loader) text(at entry) (string, bool) {
	if at.value.Kind == yaml.ScalarNode && at.value.Tag != "!!str" && at.value.Tag != "!!null" {
		l.fail(at.value, fmt.Sprintf("%s must be text, this is %s", quote(at.key.Value), kindOf(at.value)), "put it in quotes")
		return "", false
	}
	return l.scalar(at)
}

// boolean reads true or false; it leaves the value alone when it is neither.
func (l *loader) boolean(into *bool, at entry) {
	if at.value.Kind != yaml.ScalarNode || at.value.Tag != "!!bool" {
		l.fail(at.value, fmt.Sprintf("%s must be true or false, this is %s", quote(at.key.Value), kindOf(at.value)), "")
		return
	}
	*into, _ = strconv.ParseBool(at.value.Value)
}

// number reads a whole number from 1 to most.
func (l *loader) number(into *int, at entry, most int) {
	text, ok := l.scalar(at)
	if !ok {
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		l.fail(at.value, fmt.Sprintf("%q must be a number from 1 to %d", at.key.Value, most), "")
		return
	}
	*into = n
}

// maxDuration bounds every duration of the file.
const maxDuration = 30 * 24 * time.Hour

// duration reads a duration of at least least.
func (l *loader) duration(into *time.Duration, at entry, least time.Duration) {
	text, ok := l.scalar(at)
	if !ok {
		return
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		l.fail(at.value, fmt.Sprintf("%s is not a duration: %s", quote(at.key.Value), quote(text)), "write 90s, 5m or 1h30m; a day is 24h")
	case d < least:
		l.fail(at.value, fmt.Sprintf("%s must be at least %s", quote(at.key.Value), span(least)), "")
	case d > maxDuration:
		l.fail(at.value, fmt.Sprintf("%s must be at most %s", quote(at.key.Value), span(maxDuration)), "")
	default:
		*into = d
	}
}

// items returns the entries of a list, or the value itself where it is no list and one is allowed to stand alone.
func (l *loader) items(at entry) []*yaml.Node {
	if at.value.Kind != yaml.SequenceNode {
		return []*yaml.Node{at.value}
	}
	if len(at.value.Content) == 0 {
		l.fail(at.value, quote(at.key.Value)+" is an empty list", "")
	}
	return slices.DeleteFunc(slices.Clone(at.value.Content), func(n *yaml.Node) bool { return l.unreadable[n] })
}
