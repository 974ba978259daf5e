package sendgrid

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

// event is what is read of an event; its custom arguments stand among its own fields.
type event struct {
	Event     text `json:"event"`
	EventID   text `json:"sg_event_id"`
	MessageID text `json:"sg_message_id"`
	Email     text `json:"email"`
	// Type tells a bounce for good ("bounce") from one for now ("blocked").
	Type     text `json:"type"`
	Reason   text `json:"reason"`
	Response text `json:"response"`
	// Status is the code of RFC 3463, such as 5.1.1.
	Status   text `json:"status"`
	Delivery text `json:"beckon_delivery"` // DeliveryArg
}

// meaning is one row of the table: what an event says of a delivery and of its address.
type meaning struct {
	event string
	// kind, where it is set, is the type that a bounce must have; reason what the reason of a dropped mail begins with, in
	// lower case.
	kind, reason string

	state  relay.DeliveryState
	why    relay.Reason
	closes bool // the address is suppressed for why
	opens  bool // the address is no longer suppressed for why
}

// meanings is read from top to bottom; the first row that fits counts. Events without a row say nothing: an open or a click is
// made by programs that look at mails as well as by people, and we ask SendGrid for neither.
var meanings = []meaning{
	{event: "processed", state: relay.DeliverySent},
	{event: "deferred", state: relay.DeliverySent},
	{event: "delivered", state: relay.DeliveryDelivered},

	{event: "bounce", kind: "bounce", state: relay.DeliveryUndelivered, why: relay.ReasonBounced, closes: true},
	{event: "bounce", state: relay.DeliveryUndelivered, why: relay.ReasonRejected},

	// Never tried, because SendGrid knows the address from earlier mails.
	{event: "dropped", reason: "bounced", state: relay.DeliveryUndelivered, why: relay.ReasonBounced, closes: true},
	{event: "dropped", reason: "unsubscribed", state: relay.DeliveryUndelivered, why: relay.ReasonOptedOut, closes: true},
	{event: "dropped", reason: "spam reporting", state: relay.DeliveryUndelivered, why: relay.ReasonComplained, closes: true},
	// Or because of the mail.
	{event: "dropped", reason: "invalid smtpapi", state: relay.DeliveryUndelivered, why: relay.ReasonRejected},
	{event: "dropped", reason: "invalid", state: relay.DeliveryUndelivered, why: relay.ReasonInvalidAddress, closes: true},
	{event: "dropped", state: relay.DeliveryUndelivered, why: relay.ReasonRejected},

	// Whoever says these has the mail.
	{event: "spamreport", state: relay.DeliveryDelivered, why: relay.ReasonComplained, closes: true},
	{event: "unsubscribe", state: relay.DeliveryDelivered, why: relay.ReasonOptedOut, closes: true},
	{event: "group_unsubscribe", state: relay.DeliveryDelivered, why: relay.ReasonOptedOut, closes: true},
	{event: "group_resubscribe", why: relay.ReasonOptedOut, opens: true},
}

// Statuses are the words of Status in receipts.
func Statuses() []string {
	var words []string
	for _, m := range meanings {
		if !slices.Contains(words, m.event) {
			words = append(words, m.event)
		}
	}
	return words
}

func (m meaning) fits(e event) bool {
	return m.event == string(e.Event) && (m.kind == "" || m.kind == string(e.Type)) &&
		strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(e.Reason))), m.reason)
}

// receipt is what an event says; false where it says nothing, or not of a delivery of ours.
func (e event) receipt() (relay.Receipt, bool) {
	key, delivery := channel.ProviderID(string(e.EventID)), channel.ProviderID(string(e.Delivery))
	if key == "" || delivery == "" {
		return relay.Receipt{}, false
	}
	for _, m := range meanings {
		if m.fits(e) {
			return e.as(m, relay.Receipt{
				Provider: Name, Key: key, DeliveryID: delivery, ProviderID: messageID(string(e.MessageID)), Status: m.event,
			}), true
		}
	}
	return relay.Receipt{}, false
}

// as completes a receipt by the row that fits.
func (e event) as(m meaning, r relay.Receipt) relay.Receipt {
	r.State = m.state
	if m.state == relay.DeliveryUndelivered {
		r.Reason, r.Code = m.why, code(string(e.Status))
	}
	r.Detail = e.detail(m)
	address, ok := mailbox(string(e.Email))
	if !ok || !m.closes && !m.opens {
		return r
	}
	r.Address, r.Source = address, relay.SuppressedByProvider
	if m.closes {
		r.Suppress = m.why
	} else {
		r.Lift = m.why
	}
	return r
}

// detail quotes what the receiving server said where that explains something. It is foreign text.
func (e event) detail(m meaning) string {
	said := string(e.Reason)
	if said == "" && m.event == "deferred" {
		said = string(e.Response)
	}
	if said == "" {
		return ""
	}
	return fmt.Sprintf("sendgrid reports %s: %s", m.event, outbound.Scrub(said))
}

var enhancedCode = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}$`)

func code(status string) string {
	if enhancedCode.MatchString(status) {
		return status
	}
	return ""
}

// filterPart is where the name of the server begins that took the mail in.
var filterPart = regexp.MustCompile(`\.(filter|recvd|ismtpd)`)

// messageID is the part of an event's sg_message_id that was the X-Message-Id of the answer; which may have dots in it.
func messageID(id string) string {
	id = channel.ProviderID(id)
	if at := filterPart.FindStringIndex(id); at != nil {
		return id[:at[0]]
	}
	before, _, _ := strings.Cut(id, ".")
	return before
}

// maxMailbox is the longest address in bytes, RFC 5321.
const maxMailbox = 254

func mailbox(s string) (relay.Address, bool) {
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > maxMailbox {
		return relay.Address{}, false
	}
	return relay.NewAddress(relay.ChannelEmail, s), true
}
