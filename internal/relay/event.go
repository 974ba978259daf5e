package relay

import (
	"encoding/json"
	"time"
)

// Event is one webhook, decoded into the same shape whatever its trigger. What a trigger does not
// carry is nil or zero; which fields a trigger carries stands in its TriggerSpec.
//
// The json tags are the names that rules and templates use (`event.sender.name`): see Vocabulary.
// A field tagged "-" is for Beckon itself and is not part of that vocabulary.
type Event struct {
	// ID is derived from what the event says, so a repeat of the webhook has the same ID. Hexadecimal.
	ID      string  `json:"id"`
	Trigger Trigger `json:"trigger"`
	AppID   string  `json:"app_id"`
	Region  string  `json:"region"`
	// Webhook is the name that the operator gave the webhook in CometChat's dashboard.
	Webhook string `json:"webhook"`
	// OccurredAt is the payload's own time; zero where it has none. It may be years old in a test.
	OccurredAt time.Time `json:"occurred_at"`
	// ReceivedAt is when the first copy arrived here. All waiting counts from it.
	ReceivedAt time.Time `json:"received_at"`

	// Sender is who did it: the author of a message, the reader of a receipt, who acted on a call.
	Sender *User `json:"sender"`
	// Receiver is the other party of a 1:1 conversation.
	Receiver *User `json:"receiver"`
	// Author wrote the message that a receipt or a reaction is about.
	Author       *User         `json:"author"`
	Conversation *Conversation `json:"conversation"`
	Group        *Group        `json:"group"`
	Message      *Message      `json:"message"`
	Call         *Call         `json:"call"`
	Participant  *Participant  `json:"participant"`
	Recording    *Recording    `json:"recording"`
	Reaction     *Reaction     `json:"reaction"`
	// Members are the people a group event is about.
	Members []User `json:"members"`
	// Users are the people blocked or unblocked, or everyone who took part in a call that ended.
	Users []User `json:"users"`
	// Status is "online" or "offline" (presence), or what a moderation decided.
	Status string `json:"status"`
	// Reach is how the event itself says that somebody is reached; nil but for posts of CometChat's notification service.
	Reach *Reach `json:"-"`
	// Parts are the messages that one post of CometChat's notification service is about, oldest first; Count is how many there are
	// in all. None for other events.
	Parts []Part `json:"-"`
	Count int    `json:"-"`
	// Raw is the JSON as it was sent.
	Raw json.RawMessage `json:"raw"`

	// Generation is the hash of the rules and templates that were in force when it was kept; empty before that.
	Generation string `json:"-"`
	// Noise says why no rule is applied to this event (ReasonNone for a real one).
	Noise Reason `json:"-"`
	// Repeat is set where the payload has nothing that tells a repeat from the same thing done again (a block has no
	// time): the event is a repeat if one with that key was received within the window before or after it.
	Repeat Repeat `json:"-"`
}

// Part is one of the messages that an event is about.
type Part struct {
	Sender  *User
	Message *Message
}

// Reach is the addresses of a chat user that an event brings along.
type Reach struct {
	UID   string
	Name  string
	Phone Phone
	Email Email
	// Malformed names the fields that hold no address, though they should.
	Malformed []string
}

// Repeat says when an event counts as a repeat of an earlier one although their IDs differ. The zero value: never.
type Repeat struct {
	Key    Key
	Window time.Duration
}

// User is a chat user as a webhook shows them. Webhooks never carry a phone number or an email address.
type User struct {
	UID    string `json:"uid"`
	Name   string `json:"name"`
	Avatar string `json:"avatar"`
	// Status is "available", "online" or "offline", as CometChat wrote it.
	Status string `json:"status"`
	Role   string `json:"role"`
}

// Kinds of a Conversation.
const (
	KindUser  = "user"
	KindGroup = "group"
)

// Conversation is where something was said. Its ID is made here, from the kind and the sorted uids or
// the guid, because the conversationId that webhooks carry is at times wrong (its own sample of
// group_member_banned names another group).
type Conversation struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

// Group is a chat group.
type Group struct {
	GUID         string `json:"guid"`
	Name         string `json:"name"`
	Type         string `json:"type"`
	Owner        string `json:"owner"`
	MembersCount int64  `json:"members_count"`
}

// Message is a chat message. In message_edited and message_deleted it is the message that was
// edited or deleted, with its own id; in receipts and reactions only the ID is known.
type Message struct {
	ID string `json:"id"`
	// Text is what the person typed; `<@uid:x>` reads `@Name`.
	Text        Text           `json:"text"`
	Category    string         `json:"category"`
	Type        string         `json:"type"`
	ParentID    string         `json:"parent_id"`
	SentAt      time.Time      `json:"sent_at"`
	Mentions    []User         `json:"mentions"`
	Attachments []Attachment   `json:"attachments"`
	Metadata    map[string]any `json:"metadata"`

	// UpdatedAt tells two edits of one message apart; zero where the webhook has none.
	UpdatedAt time.Time `json:"-"`
}

// Attachment is a file sent with a message. Its URL is chosen by a chat user: never fetched, never shown raw.
type Attachment struct {
	URL      string `json:"url"`
	Name     string `json:"name"`
	MIMEType string `json:"mime_type"`
	// Size in bytes.
	Size int64 `json:"size"`
}

// Kinds of a Call.
const (
	CallKindCall    = "call"
	CallKindMeeting = "meeting"
)

// Call is a call or a meeting.
type Call struct {
	// Kind is CallKindCall or CallKindMeeting.
	Kind      string `json:"kind"`
	SessionID string `json:"session_id"`
	// ID is the id of the signalling message; only call_initiated and its outcomes have one.
	ID string `json:"id"`
	// Type is "audio" or "video".
	Type string `json:"type"`
	// Status is CometChat's: initiated, ongoing, unanswered, rejected, busy, cancelled, ended.
	Status    string        `json:"status"`
	Caller    *User         `json:"caller"`
	Callee    *User         `json:"callee"`
	StartedAt time.Time     `json:"started_at"`
	EndedAt   time.Time     `json:"ended_at"`
	Duration  time.Duration `json:"duration"`
}

// Participant is who joined or left a call. The documented webhook has only a name; live ones carry the uid too.
type Participant struct {
	UID      string    `json:"uid"`
	Name     string    `json:"name"`
	JoinedAt time.Time `json:"joined_at"`
	LeftAt   time.Time `json:"left_at"`
}

// Recording is the recording of a call.
type Recording struct {
	URL       string        `json:"url"`
	Duration  time.Duration `json:"duration"`
	StartedAt time.Time     `json:"started_at"`
}

// Reaction is an emoji put on a message.
type Reaction struct {
	Emoji     string `json:"emoji"`
	MessageID string `json:"message_id"`

	// ID is CometChat's id of the reaction, where it has one.
	ID string `json:"-"`
}
