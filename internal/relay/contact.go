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
	// Channels this person wants; empty means all.
	Channels   []Channel  `json:"-"`
	QuietHours QuietHours `json:"-"`
	Mute       Mute       `json:"-"`
}

// Wants reports whether the person wants messages on that channel.
func (c Contact) Wants(ch Channel) bool {
	if len(c.Channels) == 0 {
		return true
	}
	return slices.Contains(c.Channels, ch)
}

// Mute is what a person does not want to hear of for now.
type Mute struct {
	// Until ends muting everything, or the Conversations if there are any. Zero together with no Conversations means
	// nothing is muted; zero with Conversations means they are muted for good.
	Until time.Time
	// Conversations are ids as event.conversation.id has them ("group_<guid>", "<uid>_user_<uid>").
	Conversations []string
}

// Covers reports whether the conversation is muted at that time.
func (m Mute) Covers(conversation string, at time.Time) bool {
	if !m.Until.IsZero() && !at.Before(m.Until) {
		return false
	}
	if len(m.Conversations) == 0 {
		return !m.Until.IsZero()
	}
	return slices.Contains(m.Conversations, conversation)
}

// QuietHours is a daily window in which nothing but urgent alerts goes out, in minutes after local midnight.
// It runs over midnight when From is later than To. The zero value is no window.
type QuietHours struct {
	From, To int
	Set      bool
}
