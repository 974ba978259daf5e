package rules

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// sends reads `send`, or `fallback`, which is written like it.
func (l *loader) sends(into *[]Send, at entry) {
	key := at.key.Value
	if at.value.Kind != yaml.SequenceNode {
		l.fail(at.value, fmt.Sprintf("%q must be a list, this is %s", key, kindOf(at.value)), "write [ { sms: TEMPLATE } ]")
		return
	}
	for _, node := range l.items(at) {
		if node.Kind != yaml.MappingNode || len(node.Content) != 2 {
			l.fail(node, fmt.Sprintf("an entry of %q is one channel with one template", key), "write { sms: TEMPLATE }")
			continue
		}
		l.sendEntry(into, entry{node.Content[0], node.Content[1]})
	}
}

func (l *loader) sendEntry(into *[]Send, at entry) {
	if l.unreadable[at.key] || l.unreadable[at.value] {
		return
	}
	channel := relay.Channel(at.key.Value)
	if !slices.Contains(relay.Channels(), channel) {
		l.fail(at.key, "unknown channel "+quote(at.key.Value), suggest(at.key.Value, relay.Channels()))
		return
	}
	template, ok := l.text(at)
	if !ok {
		return
	}
	send := Send{Channel: channel, Template: template, Line: at.value.Line, Column: at.value.Column}
	switch {
	case !word.MatchString(template):
		l.fail(at.value, quote(template)+" is no name for a template", wordHint)
	case slices.ContainsFunc(*into, send.same):
		l.fail(at.key, fmt.Sprintf("%s with template %s is there twice", channel, quote(template)), "")
	default:
		*into = append(*into, send)
	}
}

// same reports whether both send the same on the same channel.
func (s Send) same(other Send) bool {
	return s.Channel == other.Channel && s.Template == other.Template
}

// checkFallback checks that a fallback is another message than those of `send`, and what it waits for.
func (l *loader) checkFallback(d *draft) {
	for _, send := range d.Fallback {
		if slices.ContainsFunc(d.Send, send.same) {
			l.fail(&yaml.Node{Line: send.Line, Column: send.Column},
				fmt.Sprintf("%s with template %s is in \"send\" already", send.Channel, quote(send.Template)),
				"a fallback is another channel or another template")
		}
	}
	after, waits := d.at["fallback_after"]
	if _, falls := d.at["fallback"]; waits && !falls {
		l.fail(after.key, "\"fallback_after\" without \"fallback\" has nothing to try", "add `fallback: [ { email: TEMPLATE } ]`")
	}
}

// readOnUnknown reads `on_unknown`.
func readOnUnknown(l *loader, d *draft, at entry) {
	text, ok := l.text(at)
	if !ok {
		return
	}
	choices := []OnUnknown{Resend, GiveUp}
	if !slices.Contains(choices, OnUnknown(text)) {
		l.fail(at.value, "\"on_unknown\" cannot be "+quote(text), suggest(text, choices))
		return
	}
	d.OnUnknown = OnUnknown(text)
}
