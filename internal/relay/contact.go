package relay

import (
	"slices"
	"time"
)

// Channel is the kind of message a delivery is.
type Channel string

// Channels.
const (
	ChannelSMS   Channel = "sms"
	ChannelEmail Channel = "email"
)

// Channels lists every channel.
func Channels() []Channel { return []Channel{ChannelSMS, ChannelEmail} }

// Recipient names who an alert is for: a chat user, or a fixed address written in the rule. Exactly one field is set;
// all are empty in an alert whose people are not known yet.
type Recipient struct {
	UID   string
	Email Email
	Phone Phone
}

// Key is the recipient as one string ("uid:x", "email:a@b.c", "phone:+1..."), empty for none. It holds the address in
// clear: for the store and for comparing, never for a log.
func (r Recipient) Key() string {
	switch {
	case r.UID != "":
		return "uid:" + r.UID
	case r.Email != "":
		return "email:" + r.Email.Reveal()
	case r.Phone != "":
		return "phone:" + r.Phone.Reveal()
	}
	return ""
}

// Fixed reports whether the recipient is an address written in a rule and not a chat user.
func (r Recipient) Fixed() bool { return r.UID == "" && (r.Email != "" || r.Phone != "") }

// Contact is where and how to reach a chat user. It is looked up when an alert falls due and never kept with it.
//
// The json tags are the names that rules and templates use (`recipient.name`): see RecipientShape.
type Contact struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Email    Email  `json:"email"`
	Phone    Phone  `json:"phone"`
	Locale   string `json:"locale"`
	TimeZone string `json:"time_zone"`
	// Zone is TimeZone looked up; nil where it is empty or unknown.
	Zone *time.Location `json:"-"`
	// Channels this person wants: nil means all, an empty list none.
	Channels []Channel `json:"-"`
	// QuietHours are all obeyed: it is quiet while it is by any of them.
	QuietHours []QuietHours `json:"-"`
	// Mutes all count.
	Mutes []Mute `json:"-"`
}

// Wants reports whether the person wants messages on that channel.
func (c Contact) Wants(ch Channel) bool {
	return c.Channels == nil || slices.Contains(c.Channels, ch)
}

// Muted gives the first of the mutes that covers a rule's alert about a conversation at that time; false where none does.
func (c Contact) Muted(rule, conversation string, at time.Time) (Mute, bool) {
	for _, m := range c.Mutes {
		if m.Covers(rule, conversation, at) {
			return m, true
		}
	}
	return Mute{}, false
}

// Mute is what a person does not want to hear of for now, or for good.
type Mute struct {
	// Until is when it ends; zero is never.
	Until time.Time
	// Everything is muted whatever the lists say. So it is where they are empty and Until is not zero.
	Everything bool
	// Conversations are ids as event.conversation.id has them ("group_<guid>", "<uid>_user_<uid>").
	Conversations []string
	// Rules are names.
	Rules []string
}

// Of says what of a rule's alert about a conversation is muted, as an operator reads it: "everything", "this conversation" or
// "this rule"; empty where it is not, whenever that would be.
func (m Mute) Of(rule, conversation string) string {
	switch {
	case m.Everything, len(m.Conversations) == 0 && len(m.Rules) == 0 && !m.Until.IsZero():
		return "everything"
	case slices.Contains(m.Conversations, conversation):
		return "this conversation"
	case slices.Contains(m.Rules, rule):
		return "this rule"
	}
	return ""
}

// Covers reports whether the rule's alert about the conversation is muted at that time.
func (m Mute) Covers(rule, conversation string, at time.Time) bool {
	return (m.Until.IsZero() || at.Before(m.Until)) && m.Of(rule, conversation) != ""
}

// QuietHours is a daily window in which nothing but urgent alerts goes out, in minutes after local midnight.
// It runs over midnight when From is later than To. The zero value is no window.
type QuietHours struct {
	From, To int
	Set      bool
}
