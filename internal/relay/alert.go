package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// AlertState is where an alert stands. See docs/states.md for the drawing.
type AlertState string

// Alert states: held → due → sent | cancelled | suppressed | failed; due → held is allowed. By hand only, an end without a message
// becomes due again when a delivery is retried.
const (
	// AlertHeld waits for its DueAt.
	AlertHeld AlertState = "held"
	// AlertDue was decided "send"; its deliveries are on their way.
	AlertDue AlertState = "due"
	// AlertSent had one delivery accepted. It never moves back.
	AlertSent AlertState = "sent"
	// AlertCancelled is no longer true, too late, or cancelled by hand.
	AlertCancelled AlertState = "cancelled"
	// AlertSuppressed: the person or a limit forbids it, for every delivery.
	AlertSuppressed AlertState = "suppressed"
	// AlertFailed: no delivery was accepted and one is dead.
	AlertFailed AlertState = "failed"
)

// AlertStates lists all states in the order of a life.
func AlertStates() []AlertState {
	return []AlertState{AlertHeld, AlertDue, AlertSent, AlertCancelled, AlertSuppressed, AlertFailed}
}

// DeliveryState is where a delivery stands. See docs/states.md for the drawing.
type DeliveryState string

// Delivery states: queued → sending → sent → delivered | undelivered; and unknown, suppressed, dead. By hand only, one that is over
// and did not arrive becomes queued again (Retriable), and one that waits becomes dead.
const (
	DeliveryQueued      DeliveryState = "queued"
	DeliverySending     DeliveryState = "sending"
	DeliverySent        DeliveryState = "sent"
	DeliveryDelivered   DeliveryState = "delivered"
	DeliveryUndelivered DeliveryState = "undelivered"
	// DeliveryUnknown: the request went out and no answer came back.
	DeliveryUnknown    DeliveryState = "unknown"
	DeliverySuppressed DeliveryState = "suppressed"
	DeliveryDead       DeliveryState = "dead"
)

// DeliveryStates lists all states in the order of a life.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{
		DeliveryQueued, DeliverySending, DeliverySent, DeliveryDelivered, DeliveryUndelivered, DeliveryUnknown,
		DeliverySuppressed, DeliveryDead,
	}
}

// Alert is one rule's decision to tell one recipient about one event, alone or in a digest with others.
type Alert struct {
	ID      string
	EventID string
	Trigger Trigger
	Rule    string
	// Role is why this person is told.
	Role Role
	// Recipient is empty in an unresolved alert, whose people become known when it is due.
	Recipient  Recipient
	State      AlertState
	Reason     Reason
	ReceivedAt time.Time
	DueAt      time.Time
	ExpiresAt  time.Time
	// Digest names the alerts that go out in one message with it; empty where the rule has no digest or the recipient is not
	// known yet.
	Digest string
	// Lead is the ID of the alert whose deliveries carry this one too, once a digest took it along; empty otherwise.
	Lead string
	// AgainAt is when an alert that was decided "send" is decided again, for its fallback; or when the chat app is asked next who
	// an unresolved one is for, which may be long before it is due. Zero where neither is to come.
	AgainAt time.Time
	// Fallback says that its rule has channels left to try where none of its deliveries arrives.
	Fallback bool
	// Generation is the hash of the rules and templates that planned it.
	Generation string
	UpdatedAt  time.Time
	// Trace says how it was decided, oldest first.
	Trace []Step
}

// LookAt is when it is looked at next: when it falls due, or again for its fallback, or for its people. Zero where nothing is left to
// decide.
func (a Alert) LookAt() time.Time {
	if a.State == AlertHeld && (a.AgainAt.IsZero() || a.Recipient.Key() != "") {
		return a.DueAt
	}
	return a.AgainAt
}

// Step is one line of a decision's trace: which check was made, what came of it and what was seen.
type Step struct {
	At     time.Time `json:"at"`
	Check  string    `json:"check"`
	Result string    `json:"result"`
	// Seen is the evidence, such as the ID of the event that cancelled. Never a text, a number or an address.
	Seen string `json:"seen,omitempty"`
}

// AlertID derives the ID of the alert that a rule makes of an event for a recipient, so that planning twice gives the
// same one.
func AlertID(eventID, rule string, role Role, recipient Recipient) string {
	key := recipient.Key()
	if key == "" {
		key = "role:" + string(role)
	}
	return "al_" + digest(eventID, rule, key)
}

// DeliveryID derives the ID of an alert's delivery from its place among the alert's deliveries.
func DeliveryID(alertID string, channel Channel, template string) string {
	return "dl_" + digest(alertID, string(channel), template)
}

// DigestKey names the alerts of a rule that go out to a recipient in one message; scope is the conversation where the rule has
// one digest for each, otherwise empty. Two apps may use the same ids.
func DigestKey(appID, rule string, recipient Recipient, scope string) string {
	return "dg_" + digest(appID, rule, recipient.Key(), scope)
}

// NewCounter names what deliveries are counted under, given by parts: the recipient and the channel, say.
func NewCounter(parts ...string) Counter { return Counter(digest(parts...)) }

// digest joins parts unambiguously and shortens their hash to 128 bits, in hexadecimal.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Content is a rendered message. It is kept with its delivery, so that a retry is byte-identical.
type Content struct {
	// Text is the whole SMS, or the text part of a mail.
	Text Text
	// Subject and HTML are set for mails only.
	Subject Text
	HTML    Text
	// Locale is the template's variant that was used.
	Locale string
	// Encoding and Segments are set for SMS only: "GSM-7" or "UCS-2", and how many parts it is billed as.
	Encoding string
	Segments int
	// Unsubscribe is the one-click address for List-Unsubscribe; empty without a public URL.
	Unsubscribe string
}

// Delivery is one rendered message to one address on one channel.
type Delivery struct {
	ID       string
	AlertID  string
	EventID  string
	Rule     string
	Channel  Channel
	Template string
	// Recipient is whom the alert was for; Address is where the message goes, in the channel's form.
	Recipient Recipient
	Phone     Phone
	Email     Email
	State     DeliveryState
	Reason    Reason
	Content   Content
	// Claims are the collapse keys this delivery holds until it ReleasesClaims, one for each alert that it carries. Counters are what it counts against for limits, until it ReleasesCounters. Both are handed in with the decision that makes the delivery; a delivery that is read back has none.
	Claims   []string
	Counters []Counter
	// Provider and ProviderID say who took it and under which id, once sent.
	Provider   string
	ProviderID string
	// Attempts counts the calls begun. RetriedAt is when an operator had it retried last, and Before how many of the Attempts were
	// made until then; both are zero where none did.
	Attempts  int
	RetriedAt time.Time
	Before    int
	NextAt    time.Time
	ExpiresAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
	// BlankedAt is when Content and address were taken out, because they were past their retention or told of somebody who was
	// forgotten; zero while they are there.
	BlankedAt time.Time
}

// Since is when its attempts began to be counted: when it was made, or retried by hand.
func (d Delivery) Since() time.Time {
	if d.RetriedAt.IsZero() {
		return d.CreatedAt
	}
	return d.RetriedAt
}

// Address is the phone number or the email address in clear, by channel: for providers and the store, never for a log.
func (d Delivery) Address() string {
	if d.Channel == ChannelSMS {
		return d.Phone.Reveal()
	}
	return d.Email.Reveal()
}

// Masked is the address as it may be shown.
func (d Delivery) Masked() string {
	if d.Channel == ChannelSMS {
		return d.Phone.String()
	}
	return d.Email.String()
}

// Attempt is one call to a provider for a delivery. It is written down before the call, without an Outcome.
type Attempt struct {
	DeliveryID string
	// N counts from 1.
	N         int
	Provider  string
	StartedAt time.Time
	// EndedAt is zero while the call is under way, and stays zero when the process died in it.
	EndedAt time.Time
	Outcome Outcome
}

// OutcomeKind is what an attempt came to.
type OutcomeKind string

// Outcome kinds.
const (
	// Accepted: the provider has taken the message.
	Accepted OutcomeKind = "accepted"
	// Retry: surely or probably not taken, and a later attempt may succeed.
	Retry OutcomeKind = "retry"
	// Permanent: it will never be taken like this.
	Permanent OutcomeKind = "permanent"
	// Unknown: the request went out and no readable answer came back.
	Unknown OutcomeKind = "unknown"
)

// Blame says whose fault an outcome is that was not accepted.
type Blame string

// Blames.
const (
	BlameNone      Blame = ""
	BlameRecipient Blame = "recipient"
	BlameRequest   Blame = "request"
	BlameConfig    Blame = "config"
	BlameProvider  Blame = "provider"
)

// Outcome is what a provider's answer (or its absence) means.
type Outcome struct {
	Kind   OutcomeKind
	Blame  Blame
	Reason Reason
	// ProviderID is the provider's id of the accepted message (Twilio's SID, SendGrid's X-Message-Id).
	ProviderID string
	// Status is the HTTP status, 0 where none came.
	Status int
	// Code is the provider's own error code, if any.
	Code string
	// RetryAfter is how long the provider asked to wait; 0 where it did not.
	RetryAfter time.Duration
	// Detail is a short explanation for operators. It carries no secret, address, number or text.
	Detail string
}
