package view

import (
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Query narrows a list. Zero fields do not narrow. It stands in the addresses of the console's pages and of the API under the same
// names.
type Query struct {
	// State is a relay.AlertState or relay.DeliveryState, or Retrying.
	State   string
	Rule    string
	Reason  relay.Reason
	Channel relay.Channel
	Trigger relay.Trigger
	// To is a uid, Address a number or a mail address, exactly; they never stand in an address that is logged.
	To, Address string
	// Event is the ID of an event, Alert that of an alert.
	Event, Alert string
	// Since and Until bound the time: Since <= t < Until.
	Since, Until time.Time
	// After is the Next of the page before.
	After string
	// Limit is 1 to 1000; 0 means 50.
	Limit int
}

// Retrying is shown in the place of queued for a delivery that was tried before.
const Retrying = "retrying"
