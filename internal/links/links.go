// Package links signs the links that Beckon puts into messages and verifies those that come back: whoever holds one may
// do that one thing for that one address, and nobody can make one without a key (BECKON_SECRET_KEY).
//
// A token is base64url, without padding, of a byte that says what it is for and in which version, an HMAC-SHA256, and what it
// is about: an address, or a file of an event. It hides nothing: an address stands in it, which only its owner receives.
package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// kind is the first byte of a token. It is signed, too, so that a link for one thing is never good for another.
type kind byte

// Links by which a person says what they want no more of. They live as long as the mails that carry them: the numbers are never
// given another meaning.
const (
	// unsubscribe is the first version, an address and nothing else; so is one from now on that knows no more.
	unsubscribe kind = 1
	// subscription is the second: address, uid, rule and locale, each behind a byte with its length.
	subscription kind = 3
)

// Limits, in bytes. RFC 5321 has 254 for a mailbox; with the rest a token stays short enough for the header of a mail, whose lines
// have 998 characters at the most (RFC 5322).
const (
	maxAddress = 254
	maxValue   = 480
	header     = 1 + sha256.Size
)

// maxToken is the longest token, in characters.
var maxToken = encoding().EncodedLen(header + maxValue)

// encoding is strict: for each token there is one spelling.
func encoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// What is wrong with a token. The errors do not quote it.
var (
	errLength    = errors.New("the token has the wrong length")
	errEncoding  = errors.New("the token is not base64url")
	errKind      = errors.New("the token is of another kind or version")
	errSignature = errors.New("none of our keys has signed the token")
)

// Signer makes and verifies tokens. It may be used from many goroutines.
type Signer struct{ keys [][]byte }

// New makes a Signer. The first key signs and all verify, so a key is rotated by putting the new one in front; links
// signed by a key that is taken away are dead. It fails without a key, or with an empty one.
func New(keys []string) (*Signer, error) {
	s := &Signer{}
	for i, key := range keys {
		if key == "" {
			return nil, fmt.Errorf("key %d for links is empty", i+1)
		}
		s.keys = append(s.keys, []byte(key))
	}
	if len(s.keys) == 0 {
		return nil, errors.New("there is no key to sign links with")
	}
	return s, nil
}

// Subscription is whom a mail went to, and why: what its link is about.
type Subscription struct {
	Address relay.Email
	// UID is the chat user, and Rule the rule that told them; both are empty where the mail went to an address that stands in a rule,
	// and in links of the first version.
	UID, Rule string
	// Locale is the person's; empty where it was not known.
	Locale string
}

// Unsubscribe gives the token by which a person says that they want no more of a mail's kind, or of any. It never expires. It is
// empty where there is no address, or one longer than a mailbox can be. What does not fit beside the address is left out.
func (s *Signer) Unsubscribe(of Subscription) string {
	address := of.Address.Reveal()
	if address == "" || len(address) > maxAddress {
		return ""
	}
	if of.UID == "" || of.Rule == "" {
		of.UID, of.Rule = "", ""
	}
	if of == (Subscription{Address: of.Address}) {
		return s.seal(unsubscribe, address)
	}
	var value []byte
	for _, field := range []string{address, of.UID, of.Rule, of.Locale} {
		if len(field) > maxAddress {
			return s.seal(unsubscribe, address)
		}
		value = append(append(value, byte(len(field))), field...) //nolint:gosec // it is not longer than maxAddress
	}
	if len(value) > maxValue {
		return s.seal(unsubscribe, address)
	}
	return s.seal(subscription, string(value))
}

func (s *Signer) seal(k kind, value string) string {
	raw := append([]byte{byte(k)}, sign(s.keys[0], k, value)...)
	return encoding().EncodeToString(append(raw, value...))
}

// Subscription gives what a token of Unsubscribe is about, of whichever version and with whichever key it was signed. The error
// says what is wrong with another token.
func (s *Signer) Subscription(token string) (Subscription, error) {
	k, value, err := s.open(token, unsubscribe, subscription)
	if err == nil && k == unsubscribe {
		return Subscription{Address: relay.Email(value)}, nil
	}
	var fields [4]string
	for i := range fields {
		if err == nil {
			fields[i], value, err = cutField(value)
		}
	}
	if err == nil && value != "" {
		err = errLength
	}
	if err != nil {
		return Subscription{}, fmt.Errorf("unsubscribe link: %w", err)
	}
	return Subscription{Address: relay.Email(fields[0]), UID: fields[1], Rule: fields[2], Locale: fields[3]}, nil
}

// cutField takes the first of several fields.
func cutField(value string) (field, rest string, err error) {
	if value == "" || len(value) < 1+int(value[0]) {
		return "", "", errLength
	}
	return value[1 : 1+int(value[0])], value[1+int(value[0]):], nil
}

// open verifies a token that is of one of the kinds.
func (s *Signer) open(token string, want ...kind) (kind, string, error) {
	if len(token) > maxToken {
		return 0, "", errLength
	}
	raw, err := encoding().DecodeString(token)
	switch {
	case err != nil, strings.ContainsAny(token, "\r\n"): // which the decoder skips
		return 0, "", errEncoding
	case len(raw) <= header:
		return 0, "", errLength
	case !slices.Contains(want, kind(raw[0])):
		return 0, "", errKind
	}
	k, value := kind(raw[0]), string(raw[header:])
	for _, key := range s.keys {
		if hmac.Equal(raw[1:header], sign(key, k, value)) {
			return k, value, nil
		}
	}
	return 0, "", errSignature
}

// sign begins with words of its own, because the same keys may one day sign something else than links.
func sign(key []byte, k kind, value string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("beckon link\x00"))
	h.Write([]byte{byte(k)})
	h.Write([]byte(value))
	return h.Sum(nil)
}
