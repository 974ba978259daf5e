package directory

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// person reads one entry. What is wrong in it is reported and left out.
func (p *parser) person(uid string, n *yaml.Node) relay.Contact {
	c := relay.Contact{UID: uid}
	var w relay.Preferences
	p.mapping(n, "`{ phone: \"+14155550123\", email: ann@example.com }`", append([]field{
		{"name", func(v *yaml.Node) { c.Name, _ = p.scalar(v) }},
		{"email", func(v *yaml.Node) { c.Email = read(p, v, parseEmail) }},
		{"phone", func(v *yaml.Node) { c.Phone = read(p, v, parsePhone) }},
	}, p.wishes(&w)...))
	return c.With(w)
}

// wishes are the keys by which a person says what they want.
func (p *parser) wishes(w *relay.Preferences) []field {
	return []field{
		{"locale", func(v *yaml.Node) { w.Locale = p.locale(v) }},
		{"time_zone", func(v *yaml.Node) { w.TimeZone = p.zone(v) }},
		{"channels", func(v *yaml.Node) { w.Channels = p.channels(v) }},
		{"quiet_hours", func(v *yaml.Node) { w.QuietHours = several(p, v, maxQuietHours, p.quietHours) }},
		{"mute", func(v *yaml.Node) { w.Mutes = several(p, v, maxMutes, p.mute) }},
	}
}

// several reads one value, or a list of some. What is wrong with an item is reported and left out.
func several[T any](p *parser, n *yaml.Node, most int, read func(*yaml.Node) (T, bool)) []T {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) > most {
		p.report(n, "these are %d; there may be %d at the most", len(items), most)
		return nil
	}
	var all []T
	for i, item := range items {
		p.at(place(n, i), func() {
			if value, ok := read(item); ok {
				all = append(all, value)
			}
		})
	}
	return all
}

// place names an item of a list; a value by itself has no place.
func place(n *yaml.Node, i int) string {
	if n.Kind != yaml.SequenceNode {
		return ""
	}
	return fmt.Sprintf("[%d]", i)
}

// read takes a text through a parse function whose error is the problem.
func read[T any](p *parser, n *yaml.Node, parse func(string) (T, error)) T {
	var zero T
	text, ok := p.scalar(n)
	if !ok {
		return zero
	}
	value, err := parse(text)
	if err != nil {
		p.report(n, "%v", err)
		return zero
	}
	return value
}

func (p *parser) locale(n *yaml.Node) string {
	text, ok := p.scalar(n)
	if !ok {
		return ""
	}
	tag, err := language.Parse(text)
	if err != nil {
		p.report(n, "%s is not a locale; write one such as de or pt-BR", p.quote(text))
		return ""
	}
	return tag.String()
}

func (p *parser) zone(n *yaml.Node) string {
	text, ok := p.scalar(n)
	if !ok {
		return ""
	}
	exists, asked := p.zones[text]
	if !asked {
		_, err := time.LoadLocation(text)
		exists = err == nil && text != "Local" // Local would be this machine's
		p.zones[text] = exists
	}
	if !exists {
		p.report(n, "%s is not a time zone of the IANA database; write one such as Europe/Berlin", p.quote(text))
		return ""
	}
	return text
}

// channels refuses an empty list, which reads like "none" and would mean "all" to a Contact.
func (p *parser) channels(n *yaml.Node) []relay.Channel {
	if n.Kind != yaml.SequenceNode {
		p.report(n, "write a list such as [sms, email]")
		return nil
	}
	if len(n.Content) == 0 {
		p.report(n, "no channel is listed; leave the key out for all, or write `mute` to send this person nothing")
		return nil
	}
	var list []relay.Channel
	for i, item := range n.Content {
		p.at(place(n, i), func() {
			channel := relay.Channel(item.Value)
			switch {
			case !slices.Contains(relay.Channels(), channel):
				p.report(item, "unknown channel%s%s", p.named(item.Value), suggest(item.Value, channelNames()))
			case slices.Contains(list, channel):
				p.report(item, "%s is listed twice", channel)
			default:
				list = append(list, channel)
			}
		})
	}
	return list
}

func channelNames() []string {
	var names []string
	for _, c := range relay.Channels() {
		names = append(names, string(c))
	}
	return names
}

func (p *parser) quietHours(n *yaml.Node) (relay.QuietHours, bool) {
	before := len(p.problems)
	hours := relay.QuietHours{From: -1, To: -1, Set: true}
	p.mapping(n, "`{ from: \"21:00\", to: \"08:00\" }`", []field{
		{"from", func(v *yaml.Node) { hours.From = p.minutes(v) }},
		{"to", func(v *yaml.Node) { hours.To = p.minutes(v) }},
	})
	if len(p.problems) > before {
		return hours, false
	}
	switch {
	case hours.From < 0 || hours.To < 0:
		p.report(n, "quiet hours need both `from` and `to`, such as `{ from: \"21:00\", to: \"08:00\" }`")
	case hours.From == hours.To:
		p.report(n, "quiet hours that end when they begin are none; `mute` sends this person nothing")
	}
	return hours, len(p.problems) == before
}

// minutes reads HH:MM as minutes after midnight; -1 where there is none.
func (p *parser) minutes(n *yaml.Node) int {
	text, ok := p.scalar(n)
	if !ok {
		return -1
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		p.report(n, "%s is not a time of day; write it as \"HH:MM\", from 00:00 to 23:59", p.quote(text))
		return -1
	}
	return at.Hour()*60 + at.Minute()
}

func (p *parser) mute(n *yaml.Node) (relay.Mute, bool) {
	before := len(p.problems)
	var m relay.Mute
	p.mapping(n, "`{ until: 2030-01-31T08:00:00Z }`", []field{
		{"until", func(v *yaml.Node) { m.Until = p.instant(v) }},
		{"everything", func(v *yaml.Node) { m.Everything = p.yes(v) }},
		{"conversations", func(v *yaml.Node) { m.Conversations = p.names(v, "conversation id", "[group_hiking]") }},
		{"rules", func(v *yaml.Node) { m.Rules = p.names(v, "rule", "[missed-call]") }},
	})
	lists := len(m.Conversations) + len(m.Rules)
	switch {
	case len(p.problems) > before:
	case m.Everything && lists > 0:
		p.report(n, "everything is muted; leave out `conversations` and `rules`, or write them in a mute of their own")
	case !m.Everything && m.Until.IsZero() && lists == 0:
		p.report(n, "this mutes nothing; write `conversations` or `rules`, or `everything: true`, or `until` for everything until then")
	}
	return m, len(p.problems) == before
}

func (p *parser) yes(n *yaml.Node) bool {
	text, _ := p.scalar(n)
	switch text {
	case "true":
		return true
	case "false", "":
		return false
	}
	p.report(n, "%s is neither true nor false", p.quote(text))
	return false
}

func (p *parser) instant(n *yaml.Node) time.Time {
	text, ok := p.scalar(n)
	if !ok {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.report(n, "%s is not a time with its zone; write it as 2030-01-31T08:00:00Z or 2030-01-31T08:00:00+01:00", p.quote(text))
	}
	return at
}

// names reads a list of what is called by the name.
func (p *parser) names(n *yaml.Node, what, example string) []string {
	if n.Kind != yaml.SequenceNode {
		p.report(n, "write a list of %ss, such as %s", what, example)
		return nil
	}
	var list []string
	for i, item := range n.Content {
		p.at(place(n, i), func() {
			name, ok := p.scalar(item)
			switch {
			case ok:
				list = append(list, name)
			case item.Kind == yaml.ScalarNode:
				p.report(item, "an empty %s", what)
			}
		})
	}
	return list
}
