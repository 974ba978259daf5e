package store

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// MaxList is how many rows a list returns at most, and MaxCount how far is counted.
const (
	MaxList  = 1000
	MaxCount = 100_000
)

// Filter narrows a list. Zero fields do not narrow.
type Filter struct {
	// Trigger is for events and alerts.
	Trigger relay.Trigger
	EventID string
	AlertID string
	Rule    string
	State   string
	Reason  relay.Reason
	Channel relay.Channel
	// Recipient is a relay.Recipient.Key, or a bare uid.
	Recipient string
	// Address is where deliveries went, exactly but for upper and lower case. Of those whose message was blanked it is not known any
	// more.
	Address relay.Address
	// Tried is for deliveries: StateQueued and TriedBefore are those that are being retried.
	Tried Tried
	// Lead is the ID of an alert: only those that go along with it.
	Lead string
	// Since and Until bound ReceivedAt (events, alerts) or CreatedAt (deliveries): Since <= t < Until.
	Since, Until time.Time
	// After is the last row of the page before: only what comes after it, newest first.
	After Mark
	// Limit is at most MaxList; 0 means 50.
	Limit int
}

// Tried says whether attempts were made of a delivery.
type Tried string

// What Tried may be.
const (
	TriedAny    Tried = ""
	TriedBefore Tried = "before"
	TriedNever  Tried = "never"
)

// Mark is a row's place in a list that is newest first. Where the row is gone meanwhile, others of the very same microsecond may be
// left out.
type Mark struct {
	// At is the row's ReceivedAt (events, alerts) or CreatedAt (deliveries), and ID its ID. Zero is no place; with At there must be an
	// ID.
	At time.Time
	ID string
}

// SuppressionFilter narrows a list of suppressions. Zero fields do not narrow.
type SuppressionFilter struct {
	Channel relay.Channel
	Reason  relay.Reason
	Address relay.Address
	// Before is the Seq of the last one of the page before.
	Before int64
	// Limit is at most MaxList; 0 means 50.
	Limit int
}

// Audit is one thing that somebody did.
type Audit struct {
	relay.Audit

	// Seq grows with each that is kept.
	Seq int64
}

// AuditFilter narrows a list of what was done. Zero fields do not narrow.
type AuditFilter struct {
	// Who and Action are those of relay.Audit, exactly.
	Who, Action string
	// Since <= At < Until.
	Since, Until time.Time
	// Before is the Seq of the last one of the page before.
	Before int64
	// Limit is at most MaxList; 0 means 50.
	Limit int
}

// OutboxMessage is one that the sandbox took.
type OutboxMessage struct {
	relay.OutboxMessage

	// Seq grows with each that is kept.
	Seq int64
}

// OutboxFilter narrows a list of what the sandbox took. Zero fields do not narrow.
type OutboxFilter struct {
	Channel relay.Channel
	Address relay.Address
	// Before is the Seq of the last one of the page before.
	Before int64
	// Limit is at most MaxList; 0 means 50.
	Limit int
}
