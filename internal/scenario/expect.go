package scenario

import (
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// The lists of expectations.
const (
	keyExpect     = "expect"
	keyCancelled  = "cancelled"
	keySuppressed = "suppressed"
)

// maxWants bounds a list of expectations, repeats counted.
const maxWants = 2000

// want is one expectation. Only what is written is compared: the others are nil or empty.
type want struct {
	line     int
	at       *time.Duration
	rule     string
	to       string
	channel  relay.Channel
	reason   *relay.Reason
	text     *string
	subject  *string
	contains []string
	locale   *string
	segments *int
	// lists is how many events the message tells of, whether it names them or only counts them.
	lists *int
}

// list reads one list of expectations; an entry with `times` stands for that many.
func (b *builder) list(t *Test, key string, n *yaml.Node) list {
	out := list{key: key, line: n.Line}
	for _, item := range b.items(n, "`"+key+"`") {
		w, times := b.want(t, key, item)
		if len(out.wants)+times > maxWants {
			b.fail(item, fmt.Sprintf("a list of expectations has at most %d entries", maxWants), "")
			return out
		}
		out.wants = append(out.wants, slices.Repeat([]want{w}, times)...)
	}
	return out
}

func (b *builder) want(t *Test, key string, n *yaml.Node) (want, int) {
	w, times := want{line: n.Line}, 1
	fields := []field{
		{"at", false, func(n *yaml.Node) {
			at := b.moment(n, t.Start).Sub(t.Start)
			w.at = &at
		}},
		{"rule", false, func(n *yaml.Node) { w.rule, _ = b.text(n, "`rule`") }},
		{"to", false, func(n *yaml.Node) { w.to = b.to(n) }},
		{"times", false, func(n *yaml.Node) { times = b.number(n, "`times`", 1, maxWants) }},
	}
	if key != keyCancelled {
		fields = append(fields, field{"channel", false, func(n *yaml.Node) { w.channel = b.channel(n) }})
	}
	if key == keyExpect {
		fields = append(fields, b.message(&w)...)
	} else {
		fields = append(fields, field{"reason", false, func(n *yaml.Node) {
			reason := b.reason(n)
			w.reason = &reason
		}})
	}
	b.mapping(n, "an entry of `"+key+"`", fields)
	return w, times
}

// message are the fields that only a message that was sent has.
func (b *builder) message(w *want) []field {
	text := func(name string, into **string) field {
		return field{name, false, func(n *yaml.Node) {
			if value, ok := b.text(n, "`"+name+"`"); ok {
				*into = &value
			}
		}}
	}
	number := func(name string, least int, into **int) field {
		return field{name, false, func(n *yaml.Node) {
			value := b.number(n, "`"+name+"`", least, maxEvents)
			*into = &value
		}}
	}
	return []field{
		text("text", &w.text), text("subject", &w.subject), text("locale", &w.locale),
		{"contains", false, func(n *yaml.Node) { w.contains = b.contains(n) }},
		number("segments", 1, &w.segments), number("lists", 1, &w.lists),
	}
}

func (b *builder) contains(n *yaml.Node) []string {
	parts := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		parts = n.Content
	}
	out := make([]string, 0, len(parts))
	for _, part := range parts {
		if text, ok := b.text(part, "`contains`"); ok && text == "" {
			b.fail(part, "`contains` is empty, which every message does", "")
		} else if ok {
			out = append(out, text)
		}
	}
	return out
}
