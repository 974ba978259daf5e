package outbound

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// scrubInput bounds how much foreign text is looked at, DetailMax how much of it is kept, in bytes.
	scrubInput = 4096
	// DetailMax is how long a text from Scrub is at most, in bytes.
	DetailMax = 200

	minPhoneDigits = 7
)

var (
	// authScheme is a credential as an Authorization header has it.
	authScheme = regexp.MustCompile(`(?i)\b(basic|bearer)\s+\S+`)
	// sendgridKey is "SG." and two parts. longToken is any run that looks made by a machine: SIDs, keys, auth tokens,
	// signatures, hashes.
	sendgridKey = regexp.MustCompile(`\bSG\.[\w.-]+`)
	longToken   = regexp.MustCompile(`[A-Za-z0-9_=+-]{20,}`)
	// mailbox is anything around an @, percent-encoded or not, with a quoted local part or without.
	mailbox = regexp.MustCompile(`(?i)(?:"[^"]*"|[^\s"]*)(?:@|%40)\S+`)
	// number is any run that can be read as a phone number; see phone.
	number = regexp.MustCompile(`\+?\(?\d[\d\s().\x{2010}-\x{2015}/-]*\d`)
)

// Scrub makes foreign text fit for logs, the console and the store: keys, tokens, SIDs, addresses and phone numbers are
// replaced by what they were, control characters by spaces, and no more than DetailMax bytes are left. Short codes,
// error codes and IP addresses stay, because operators need them.
func Scrub(s string) string {
	if len(s) > scrubInput {
		// The last word may be half a secret that is no longer recognised as one.
		s = s[:scrubInput]
		s = s[:strings.LastIndexFunc(s, unicode.IsSpace)+1]
	}
	s = strings.ToValidUTF8(s, " ")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = authScheme.ReplaceAllString(s, "[token]")
	s = sendgridKey.ReplaceAllString(s, "[token]")
	// Before numbers, which would be cut out of the middle of a token and leave the rest unrecognised.
	s = longToken.ReplaceAllString(s, "[token]")
	s = mailbox.ReplaceAllString(s, "[address]")
	s = number.ReplaceAllStringFunc(s, phone)
	return clip(strings.Join(strings.Fields(s), " "))
}

// phone masks a match of number that has as many digits as a phone number, and is not an IP address.
func phone(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return s
	}
	digits := 0
	for _, c := range s {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits < minPhoneDigits {
		return s
	}
	return "[number]"
}

// clip cuts to DetailMax bytes, never inside a character.
func clip(s string) string {
	const ellipsis = "..."
	if len(s) <= DetailMax {
		return s
	}
	end := DetailMax - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
