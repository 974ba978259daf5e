package directory

import (
	"slices"
	"time"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/relay"
)

// person reads one entry. What is wrong in it is reported and left out.
func (p *parser) person(uid string, n *yaml.Node) relay.Contact {
	c := relay.Contact{UID: uid}
	p.mapping(n, "`{ phone: \"+14155550123\", email: ann@example.com }`", []field{
		{"name", func(v *yaml.Node) { c.Name, _ = p.scalar(v) }},
		{"email", func(v *yaml.Node) { c.Email = read(p, v, parseEmail) }},
		{"phone", func(v *yaml.Node) { c.Phone = read(p, v, parsePhone) }},
		{"locale", func(v *yaml.Node) { c.Locale = p.locale(v) }},
		{"time_zone", func(v *yaml.Node) { c.TimeZone = p.zone(v) }},
		{"channels", func(v *yaml.Node) { c.Channels = p.channels(v) }},
		{"quiet_hours", func(v *yaml.Node) { c.QuietHours = p.quietHours(v) }},
		{"mute", func(v *yaml.Node) { c.Mute = p.mute(v) }},
	})
	return c
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
	for _, item := range n.Content {
		channel := relay.Channel(item.Value)
		switch {
		case !slices.Contains(relay.Channels(), channel):
			p.report(item, "unknown channel%s%s", p.named(item.Value), suggest(item.Value, channelNames()))
		case slices.Contains(list, channel):
			p.report(item, "%s is listed twice", channel)
		default:
			list = append(list, channel)
		}
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

func (p *parser) quietHours(n *yaml.Node) relay.QuietHours {
	before := len(p.problems)
	hours := relay.QuietHours{From: -1, To: -1, Set: true}
	p.mapping(n, "`{ from: \"21:00\", to: \"08:00\" }`", []field{
		{"from", func(v *yaml.Node) { hours.From = p.minutes(v) }},
		{"to", func(v *yaml.Node) { hours.To = p.minutes(v) }},
	})
	if len(p.problems) > before {
		return relay.QuietHours{}
	}
	switch {
	case hours.From < 0 || hours.To < 0:
		p.report(n, "quiet hours need both `from` and `to`, such as `{ from: \"21:00\", to: \"08:00\" }`")
	case hours.From == hours.To:
		p.report(n, "quiet hours that end when they begin are none; `mute` sends this person nothing")
	}
	return hours
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

func (p *parser) mute(n *yaml.Node) relay.Mute {
	before := len(p.problems)
	var m relay.Mute
	p.mapping(n, "`{ until: 2030-01-31T08:00:00Z }`", []field{
		{"until", func(v *yaml.Node) { m.Until = p.instant(v) }},
		{"conversations", func(v *yaml.Node) { m.Conversations = p.conversations(v) }},
	})
	if len(p.problems) == before && m.Until.IsZero() && len(m.Conversations) == 0 {
		p.report(n, "this mutes nothing; write `until`, `conversations` or both")
	}
	return m
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

func (p *parser) conversations(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode {
		p.report(n, "write a list of conversation ids, such as [group_hiking]")
		return nil
	}
	var list []string
	for _, item := range n.Content {
		id, ok := p.scalar(item)
		if !ok {
			if item.Kind == yaml.ScalarNode {
				p.report(item, "an empty conversation id")
			}
			continue
		}
		list = append(list, id)
	}
	return list
}
