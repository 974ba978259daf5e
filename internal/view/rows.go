package view

import (
	"encoding/json"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Page is a part of a list, newest first.
type Page[T any] struct {
	Items []T `json:"items"`
	// Next is where the next page begins; empty on the last.
	Next string `json:"next,omitempty"`
}

// Event is one as a list shows it.
type Event struct {
	ID           string        `json:"id"`
	Trigger      relay.Trigger `json:"trigger"`
	ReceivedAt   time.Time     `json:"received_at"`
	Sender       string        `json:"sender,omitempty"`
	Conversation string        `json:"conversation,omitempty"`
	Noise        relay.Reason  `json:"noise,omitempty"`
}

// EventDetail is everything known of one event.
type EventDetail struct {
	Event

	Generation string `json:"generation,omitempty"`
	// Rules says what each rule that was in force made of it; where that cannot be known any more, RulesUnknown says why.
	Rules        []RuleAccount `json:"rules"`
	RulesUnknown string        `json:"rules_unknown,omitempty"`
	Alerts       []AlertDetail `json:"alerts"`
	// Raw is the webhook as it was sent. It holds what people wrote, so it is there only where it was asked for in clear.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// Alert is one as a list shows it.
type Alert struct {
	ID         string           `json:"id"`
	ReceivedAt time.Time        `json:"received_at"`
	Trigger    relay.Trigger    `json:"trigger"`
	Rule       string           `json:"rule"`
	To         string           `json:"to"`
	State      relay.AlertState `json:"state"`
	Reason     relay.Reason     `json:"reason,omitempty"`
	DueAt      time.Time        `json:"due_at"`
	UpdatedAt  time.Time        `json:"updated_at"`
	EventID    string           `json:"event"`
	// Lead is the alert that it went out with, in a digest.
	Lead string `json:"lead,omitempty"`
}

// AlertDetail is everything known of one alert.
type AlertDetail struct {
	Alert

	// Meaning explains the Reason.
	Meaning    string       `json:"meaning,omitempty"`
	Generation string       `json:"generation"`
	ExpiresAt  time.Time    `json:"expires_at"`
	Trace      []relay.Step `json:"trace"`
	Deliveries []Delivery   `json:"deliveries"`
	// With are the alerts that went out with it, in a digest.
	With []Alert `json:"with,omitempty"`
}

// Delivery is one as a list shows it.
type Delivery struct {
	ID        string        `json:"id"`
	CreatedAt time.Time     `json:"created_at"`
	Rule      string        `json:"rule"`
	Channel   relay.Channel `json:"channel"`
	Person    string        `json:"person"`
	// To is the address, masked unless it was asked for in clear.
	To string `json:"to"`
	// State is a relay.DeliveryState, or Retrying.
	State    string       `json:"state"`
	Reason   relay.Reason `json:"reason,omitempty"`
	Attempts int          `json:"attempts"`
	// NextAt is when it is looked at next; zero where it is done.
	NextAt   time.Time `json:"next_at,omitzero"`
	EventID  string    `json:"event"`
	AlertID  string    `json:"alert"`
	Provider string    `json:"provider,omitempty"`
}

// DeliveryDetail is everything known of one delivery.
type DeliveryDetail struct {
	Delivery

	// Meaning explains the Reason.
	Meaning    string    `json:"meaning,omitempty"`
	ProviderID string    `json:"provider_id,omitempty"`
	ExpiresAt  time.Time `json:"expires_at"`
	Template   string    `json:"template"`
	Locale     string    `json:"locale,omitempty"`
	Encoding   string    `json:"encoding,omitempty"`
	Segments   int       `json:"segments,omitempty"`
	// Subject, Text and HTML are masked, and HTML is left out, unless they were asked for in clear.
	Subject      string    `json:"subject,omitempty"`
	Text         string    `json:"text,omitempty"`
	HTML         string    `json:"html,omitempty"`
	Revealed     bool      `json:"revealed"`
	BlankedAt    time.Time `json:"blanked_at,omitzero"`
	AttemptsMade []Attempt `json:"attempts_made"`
	Receipts     []Receipt `json:"receipts"`
}

// Attempt is one call to a provider.
type Attempt struct {
	N         int               `json:"n"`
	Provider  string            `json:"provider"`
	StartedAt time.Time         `json:"started_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"`
	Outcome   relay.OutcomeKind `json:"outcome,omitempty"`
	Reason    relay.Reason      `json:"reason,omitempty"`
	Status    int               `json:"status,omitempty"`
	Code      string            `json:"code,omitempty"`
	Detail    string            `json:"detail,omitempty"`
	Explained
}

// Receipt is what the provider said afterwards.
type Receipt struct {
	At     time.Time           `json:"at"`
	Status string              `json:"status"`
	State  relay.DeliveryState `json:"state,omitempty"`
	Reason relay.Reason        `json:"reason,omitempty"`
	Code   string              `json:"code,omitempty"`
	Detail string              `json:"detail,omitempty"`
	// ProviderID tells two messages of one delivery apart.
	ProviderID string `json:"provider_id,omitempty"`
	Explained
}

// Explained is what a provider's code means, in our words, and the provider's own page about it; empty for a code we know nothing of.
type Explained struct {
	Means string `json:"means,omitempty"`
	Link  string `json:"link,omitempty"`
}

// RuleAccount is what one rule made of an event.
type RuleAccount struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	// Why says why it did not match, and Error what went wrong with it.
	Why   string     `json:"why,omitempty"`
	Error string     `json:"error,omitempty"`
	Parts []RulePart `json:"parts,omitempty"`
	// To is whom the rule makes alerts for, Actors who is not told because they did it, and Empty the roles that nobody has.
	To     []string     `json:"tells"`
	Actors []string     `json:"actors,omitempty"`
	Empty  []relay.Role `json:"empty,omitempty"`
	// Besides says who is left out, and why.
	Besides []string `json:"besides,omitempty"`
}

// RulePart is one condition of a rule's `if`, with what it saw.
type RulePart struct {
	Text  string `json:"text"`
	Holds bool   `json:"holds"`
	Error string `json:"error,omitempty"`
	// Saw is what Seen says, in words.
	Saw  string `json:"saw,omitempty"`
	Seen []Seen `json:"seen,omitempty"`
}

// Seen is a field of the event and the value that it had. Of what people wrote there is only the length.
type Seen struct {
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// OutboxMessage is what the built-in sandbox took instead of a provider.
type OutboxMessage struct {
	ID string `json:"id"`
	// Seq grows with each that is kept: the place of a message in the list.
	Seq        int64         `json:"seq,omitempty"`
	DeliveryID string        `json:"delivery,omitempty"`
	Channel    relay.Channel `json:"channel"`
	// To is masked, and Subject, Text and HTML are, unless they were asked for in clear.
	To         string    `json:"to"`
	ReceivedAt time.Time `json:"received_at"`
	Subject    string    `json:"subject,omitempty"`
	Text       string    `json:"text"`
	HTML       string    `json:"html,omitempty"`
	Locale     string    `json:"locale,omitempty"`
	Encoding   string    `json:"encoding,omitempty"`
	Segments   int       `json:"segments,omitempty"`
	// From is the sender that is set for mails; empty where none is.
	From string `json:"from,omitempty"`
	// Mail says that it has an HTML part, also where that is not shown.
	Mail bool `json:"has_html,omitempty"`
	// Clear says that nothing in it is masked.
	Clear bool `json:"clear,omitempty"`
}

// Audit is one thing that an operator did.
type Audit struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
}
