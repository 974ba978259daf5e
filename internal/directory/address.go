package directory

import (
	"errors"
	"net/mail"
	"strings"

	"github.com/agnivade/levenshtein"
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

// The errors do not quote what was written: it is somebody's number or address.
var (
	errPhone   = errors.New("not a phone number with its country code; write it such as \"+14155550123\"")
	errAddress = errors.New("neither a phone number with its country code, such as +14155550123, nor an email address")
	errEmail   = errors.New("not an email address; write the bare address, such as ann@example.com")
)

// parsePhone takes any format with a country code, after + or 00, and makes E.164 of it. The number need only be
// possible: which ones are assigned changes faster than the library's tables.
func parsePhone(text string) (relay.Phone, error) {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "00"); ok {
		text = "+" + rest
	}
	if len(text) > maxPhone || !strings.HasPrefix(text, "+") {
		return "", errPhone
	}
	number, err := phonenumbers.Parse(text, "")
	if err != nil || number.GetExtension() != "" ||
		phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return "", errPhone
	}
	return relay.Phone(phonenumbers.Format(number, phonenumbers.E164)), nil
}

// parseEmail takes a bare address. A domain in other letters is kept as the ASCII that DNS knows; the part before
// the @ must be ASCII, since not every mail server takes more.
func parseEmail(text string) (relay.Email, error) {
	text = strings.TrimSpace(text)
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Name != "" || parsed.Address != text {
		return "", errEmail
	}
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:at], text[at+1:]
	if len(local) > maxLocal || strings.ContainsFunc(local, notASCII) {
		return "", errEmail
	}
	domain, err = idna.Lookup.ToASCII(domain)
	if err != nil || !strings.Contains(domain, ".") || len(local)+1+len(domain) > maxEmail {
		return "", errEmail
	}
	return relay.Email(local + "@" + domain), nil
}

func notASCII(r rune) bool { return r > '~' }

// suggest ends a message about an unknown word: with the word that was probably meant, else with all there are.
func suggest(word string, words []string) string {
	const longest = 30 // a whole text in the place of a word takes long to compare and resembles none
	best, distance := "", 3
	for _, candidate := range words {
		if len(word) > longest {
			break
		}
		if d := levenshtein.ComputeDistance(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	return "; there are " + strings.Join(words, ", ")
}
