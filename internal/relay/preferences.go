package relay

import (
	"cmp"
	"slices"
	"time"
)

// Preferences is what Beckon itself keeps of a person's wishes, beside what a directory says of them: set by the person on the
// page behind the link in a mail, or for them by an operator or their app.
type Preferences struct {
	// UID is in lower case.
	UID string
	// Channels, QuietHours and Mutes mean what they do in a Contact.
	Channels         []Channel
	QuietHours       []QuietHours
	Mutes            []Mute
	Locale, TimeZone string
	// UpdatedAt is when they were last changed, and grows with each change; zero where nothing is kept.
	UpdatedAt time.Time
}

// Empty reports whether they say nothing, so that they need not be kept.
func (p Preferences) Empty() bool {
	return p.Channels == nil && len(p.QuietHours) == 0 && len(p.Mutes) == 0 && p.Locale == "" && p.TimeZone == ""
}

// MutesRule reports whether exactly that rule is muted for good.
func (p Preferences) MutesRule(rule string) bool {
	return slices.ContainsFunc(p.Mutes, func(m Mute) bool {
		return m.Until.IsZero() && !m.Everything && slices.Contains(m.Rules, rule)
	})
}

// MuteRule gives them with a rule muted for good.
func (p Preferences) MuteRule(rule string) Preferences {
	if !p.MutesRule(rule) {
		p.Mutes = append(slices.Clone(p.Mutes), Mute{Rules: []string{rule}})
	}
	return p
}

// UnmuteRule gives them with a rule no longer muted by its name, neither for good nor for a time. What is muted besides stays.
func (p Preferences) UnmuteRule(rule string) Preferences {
	var left []Mute
	for _, m := range p.Mutes {
		if slices.Contains(m.Rules, rule) {
			m.Rules = slices.DeleteFunc(slices.Clone(m.Rules), func(r string) bool { return r == rule })
			if len(m.Rules) == 0 && len(m.Conversations) == 0 && !m.Everything {
				continue // without its lists it would mute everything until its time
			}
		}
		left = append(left, m)
	}
	p.Mutes = left
	return p
}

// With gives the contact as it is to be treated by what Beckon keeps besides: of both the stricter. A channel must be wanted by
// both; it is quiet where either says so; what either mutes is muted. Locale and time zone are the directory's, and the kept
// ones only where it has none.
func (c Contact) With(p Preferences) Contact {
	c.Channels = both(c.Channels, p.Channels)
	c.QuietHours = slices.Concat(c.QuietHours, p.QuietHours)
	c.Mutes = slices.Concat(c.Mutes, p.Mutes)
	c.Locale = cmp.Or(c.Locale, p.Locale)
	c.TimeZone = cmp.Or(c.TimeZone, p.TimeZone)
	return c
}

// both are the channels in both lists, nil being the list of all; an empty list stays one.
func both(a, b []Channel) []Channel {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	common := []Channel{}
	for _, ch := range a {
		if slices.Contains(b, ch) {
			common = append(common, ch)
		}
	}
	return common
}
