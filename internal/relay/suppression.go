package relay

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Address is one phone number or mailbox on its channel, in the form in which two spellings of it are equal; so it can
// be the key of a map. Formatted, logged or marshalled it masks itself; Reveal is the only way to the value.
type Address struct {
	channel Channel
	value   string
}

// NewAddress makes an Address of a phone number in E.164 or an email address, in clear. An email is put in lower case:
// no mail service in use tells mailboxes apart by case, and whoever said no means every spelling.
func NewAddress(channel Channel, value string) Address {
	if channel == ChannelEmail {
		value = strings.ToLower(value)
	}
	return Address{channel: channel, value: value}
}

// Channel is the channel that the address is for.
func (a Address) Channel() Channel { return a.channel }

// Reveal returns the address in clear, an email in lower case. Every caller is a place that stores it.
func (a Address) Reveal() string { return a.value }

// String masks the address as Phone and Email do.
func (a Address) String() string {
	if a.channel == ChannelSMS {
		return Phone(a.value).String()
	}
	return Email(a.value).String()
}

// LogValue implements slog.LogValuer.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText implements encoding.TextMarshaler.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Format implements fmt.Formatter, whatever the verb.
func (a Address) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.String())) }

// Suppression is an address that must not be written to. It is kept until it is lifted, longer than any event.
type Suppression struct {
	Address Address
	// Reason is what deliveries to the address are suppressed with.
	Reason Reason
	Source SuppressionSource
	// At is when the person said so.
	At time.Time
}

// SuppressionSource says how it became known that an address must not be written to.
type SuppressionSource string

// Sources of suppressions.
const (
	// SuppressedByLink: somebody used the unsubscribe link of a mail, by hand or by the button of a mail program (RFC 8058).
	SuppressedByLink SuppressionSource = "unsubscribe_link"
	// SuppressedByReply: somebody answered a text with STOP.
	SuppressedByReply SuppressionSource = "reply"
	// SuppressedByProvider: the provider refused the address, or reported later that it cannot or must not be written to.
	SuppressedByProvider SuppressionSource = "provider"
	// SuppressedByOperator: an operator noted it, one address at a time; SuppressedByImport: it came in a list of many.
	SuppressedByOperator SuppressionSource = "operator"
	SuppressedByImport   SuppressionSource = "import"
)

// SuppressionReasons are those that an address can be suppressed for.
func SuppressionReasons() []Reason {
	return []Reason{
		ReasonOptedOut, ReasonComplained, ReasonBounced, ReasonInvalidNumber, ReasonInvalidAddress, ReasonUnreachable,
	}
}
