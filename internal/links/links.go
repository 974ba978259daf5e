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
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// kind is the first byte of a token. It is signed, too, so that a link for one thing is never good for another.
type kind byte

// unsubscribe is the first version of a link by which its address wants no more mail. Links of the kind live as long as
// the mails that carry them: the number is never given another meaning.
const unsubscribe kind = 1

// Limits, in bytes: RFC 5321 has 254 for a mailbox.
const (
	maxAddress = 254
	header     = 1 + sha256.Size
)

// maxToken is the longest token, in characters.
var maxToken = encoding().EncodedLen(header + maxAddress)

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

// Unsubscribe gives the token by which the address unsubscribes. It never expires. It is empty where there is no address,
// or one longer than a mailbox can be.
func (s *Signer) Unsubscribe(address relay.Email) string {
	value := address.Reveal()
	if value == "" || len(value) > maxAddress {
		return ""
	}
	raw := append([]byte{byte(unsubscribe)}, sign(s.keys[0], unsubscribe, value)...)
	return encoding().EncodeToString(append(raw, value...))
}

// Unsubscriber gives the address that a token of Unsubscribe is for, with whichever key it was signed. The error says
// what is wrong with another token.
func (s *Signer) Unsubscriber(token string) (relay.Email, error) {
	value, err := s.open(token, unsubscribe)
	if err != nil {
		return "", fmt.Errorf("unsubscribe link: %w", err)
	}
	return relay.Email(value), nil
}

func (s *Signer) open(token string, want kind) (string, error) {
	if len(token) > maxToken {
		return "", errLength
	}
	raw, err := encoding().DecodeString(token)
	switch {
	case err != nil, strings.ContainsAny(token, "\r\n"): // which the decoder skips
		return "", errEncoding
	case len(raw) <= header:
		return "", errLength
	case kind(raw[0]) != want:
		return "", errKind
	}
	value := string(raw[header:])
	for _, key := range s.keys {
		if hmac.Equal(raw[1:header], sign(key, want, value)) {
			return value, nil
		}
	}
	return "", errSignature
}

// sign begins with words of its own, because the same keys may one day sign something else than links.
func sign(key []byte, k kind, value string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("beckon link\x00"))
	h.Write([]byte{byte(k)})
	h.Write([]byte(value))
	return h.Sum(nil)
}
