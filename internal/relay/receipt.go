package relay

import "time"

// Receipt is what a provider says of a message afterwards, or of an address: that it arrived or did not, that somebody
// answered STOP. Receipts come late, twice and out of order.
type Receipt struct {
	Provider string
	// Key tells a repeat from news: of one provider each is taken once. Twilio's is the message's SID with its status, SendGrid's
	// the sg_event_id.
	Key string
	// DeliveryID is ours, as it was sent along with the message; empty where there is none, as with an inbound message.
	DeliveryID string
	// ProviderID is the provider's id of the message.
	ProviderID string
	// State is what it says of the delivery: DeliverySent (the provider has taken it), DeliveryDelivered or DeliveryUndelivered;
	// empty where it says nothing of one. Reason and Code (the provider's own) say why it was not delivered.
	State  DeliveryState
	Reason Reason
	Code   string
	// Status is the provider's own word, such as "delivered" or "bounce".
	Status string
	// Detail is a short explanation for operators. It carries no secret, address, number or text.
	Detail string
	// Address must not be written to from now on, for the Reason in Suppress; or may be again where Lift is set, if it was
	// suppressed for that Reason. Empty where the receipt says nothing of one.
	Address  Address
	Suppress Reason
	Lift     Reason
	Source   SuppressionSource
	// At is when it came in.
	At time.Time
}

// Rank orders the states that receipts lead through, so that a late one never takes a delivery back: 0 for those without a
// receipt. A mail can come back after the receiving server had taken it, so undelivered is the last.
func (s DeliveryState) Rank() int {
	switch s {
	case DeliverySent:
		return 1
	case DeliveryDelivered:
		return 2
	case DeliveryUndelivered:
		return 3
	case DeliveryQueued, DeliverySending, DeliveryUnknown, DeliverySuppressed, DeliveryDead:
	}
	return 0
}

// Found is a message in a provider's list that may be the one whose answer was lost: it went to the same address, from the same
// sender, with the same text, and was made after the attempt began.
type Found struct {
	ProviderID string
	// State is what the list says of it: DeliverySent, DeliveryDelivered or DeliveryUndelivered, with the Reason of the last.
	State  DeliveryState
	Reason Reason
	At     time.Time
}
