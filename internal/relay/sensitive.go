package relay

import (
	"fmt"
	"log/slog"
	"strings"
)

// Phone is a phone number in E.164 ("+14155550123"). Formatted, logged or marshalled it masks itself;
// Reveal is the only way to the value.
type Phone string

// Email is an email address. Formatted, logged or marshalled it masks itself; Reveal is the only way to the value.
type Email string

// Text is something a person wrote, or a message made from it. Formatted, logged or marshalled it shows only its
// length; Reveal is the only way to the value.
type Text string

// Reveal returns the number in clear. Every caller is a place that sends or stores it.
func (p Phone) Reveal() string { return string(p) }

// String masks all but the country's first digits and the last two.
func (p Phone) String() string {
	s := string(p)
	if len(s) < 8 {
		return mask(s)
	}
	return s[:3] + strings.Repeat("*", len(s)-5) + s[len(s)-2:]
}

// Reveal returns the address in clear. Every caller is a place that sends or stores it.
func (e Email) Reveal() string { return string(e) }

// String masks the local part but its first letter, and keeps the domain, which operators need.
func (e Email) String() string {
	local, domain, found := strings.Cut(string(e), "@")
	if !found || local == "" {
		return mask(string(e))
	}
	return string([]rune(local)[:1]) + "***@" + domain
}

// Reveal returns the text in clear. Every caller is a place that sends or stores it.
func (t Text) Reveal() string { return string(t) }

// String says how long the text is and nothing else.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return fmt.Sprintf("[%d bytes]", len(t))
}

// The methods below close the other ways out: fmt verbs such as %q and %x, slog, and every encoder
// that honours encoding.TextMarshaler.

// LogValue implements slog.LogValuer.
func (p Phone) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue implements slog.LogValuer.
func (e Email) LogValue() slog.Value { return slog.StringValue(e.String()) }

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText implements encoding.TextMarshaler.
func (p Phone) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (e Email) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Format implements fmt.Formatter, whatever the verb.
func (p Phone) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(p.String())) }

// Format implements fmt.Formatter, whatever the verb.
func (e Email) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(e.String())) }

// Format implements fmt.Formatter, whatever the verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(t.String())) }

func mask(s string) string {
	if s == "" {
		return ""
	}
	return "***"
}
