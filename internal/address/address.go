// Package address reads phone numbers and mail addresses as people and other systems write them: a number becomes E.164, a mail
// address the bare one.
package address

import (
	"errors"
	"net/mail"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Limits of addresses, in bytes: RFC 5321 has 254 for a mailbox and 64 before its @; a number written with all its
// decoration stays well below 40.
const (
	maxEmail = 254
	maxLocal = 64
	maxPhone = 40
)

// ErrPhone and ErrEmail say what would be right. They do not quote what was written: it is somebody's number or address.
var (
	ErrPhone = errors.New("not a phone number with its country code; write it such as \"+14155550123\"")
	ErrEmail = errors.New("not an email address; write the bare address, such as ann@example.com")
)

// ParsePhone takes any format with a country code, after + or 00, and makes E.164 of it. The number need only be
// possible: which ones are assigned changes faster than the library's tables. The error is ErrPhone.
func ParsePhone(text string) (relay.Phone, error) {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "00"); ok {
		text = "+" + rest
	}
	if len(text) > maxPhone || !strings.HasPrefix(text, "+") {
		return "", ErrPhone
	}
	number, err := phonenumbers.Parse(text, "")
	if err != nil || number.GetExtension() != "" ||
		phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return "", ErrPhone
	}
	return relay.Phone(phonenumbers.Format(number, phonenumbers.E164)), nil
}

// ParseEmail takes a bare address. A domain in other letters is kept as the ASCII that DNS knows; the part before
// the @ must be ASCII, since not every mail server takes more. The error is ErrEmail.
func ParseEmail(text string) (relay.Email, error) {
	text = strings.TrimSpace(text)
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Name != "" || parsed.Address != text {
		return "", ErrEmail
	}
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:at], text[at+1:]
	if len(local) > maxLocal || strings.ContainsFunc(local, notASCII) {
		return "", ErrEmail
	}
	domain, err = idna.Lookup.ToASCII(domain)
	if err != nil || !strings.Contains(domain, ".") || len(local)+1+len(domain) > maxEmail {
		return "", ErrEmail
	}
	return relay.Email(local + "@" + domain), nil
}

func notASCII(r rune) bool { return r > '~' }
