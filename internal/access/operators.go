package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Operator comes in by name and secret.
type Operator struct {
	Name string
	// Secret is the password, or its bcrypt hash when it begins with "$2".
	Secret string
	Viewer bool
}

// operators are those who come in by name and secret.
type operators struct {
	list []Operator
	// decoy is compared with when the name is not known, so that the time does not tell; nil without bcrypt secrets.
	decoy []byte
}

// newOperators leaves out those with an empty half: they would let in whoever sends an empty header.
func newOperators(given []Operator) operators {
	var known operators
	for _, o := range given {
		if o.Name == "" || o.Secret == "" {
			continue
		}
		known.list = append(known.list, o)
		if hashed(o.Secret) {
			known.decoy = []byte(o.Secret)
		}
	}
	return known
}

// find compares with every plain secret and with exactly one hash, if there are any.
func (k operators) find(name, secret string) (Operator, bool) {
	sum := hashPair(name, secret)
	hash, named := k.decoy, -1
	found := -1
	for i, o := range k.list {
		known := hashPair(o.Name, o.Secret)
		switch {
		case hashed(o.Secret) && o.Name == name:
			hash, named = []byte(o.Secret), i
		case !hashed(o.Secret) && subtle.ConstantTimeCompare(sum[:], known[:]) == 1:
			found = i
		}
	}
	if hash != nil && bcrypt.CompareHashAndPassword(hash, []byte(secret)) == nil && named >= 0 {
		found = named
	}
	if found < 0 {
		return Operator{}, false
	}
	return k.list[found], true
}

// named finds somebody by the name alone.
func (k operators) named(name string) (Operator, bool) {
	for _, o := range k.list {
		if o.Name == name {
			return o, true
		}
	}
	return Operator{}, false
}

func hashed(secret string) bool { return strings.HasPrefix(secret, "$2") }

// hashPair hashes the pair as Basic writes it, where a name has no colon.
func hashPair(name, secret string) [sha256.Size]byte {
	return sha256.Sum256([]byte(name + ":" + secret))
}

// Token lets a program in.
type Token struct {
	Name string
	// SHA256 is the hash of the token, in hexadecimal digits.
	SHA256 string
	Viewer bool
}

// tokens are those of programs, by the hashes of what they send.
type tokens []knownToken

type knownToken struct {
	sum    [sha256.Size]byte
	person Person
}

// newTokens leaves out what is no hash.
func newTokens(given []Token) tokens {
	var known tokens
	for _, t := range given {
		sum, err := hex.DecodeString(t.SHA256)
		if err != nil || len(sum) != sha256.Size || t.Name == "" {
			continue
		}
		known = append(known, knownToken{sum: [sha256.Size]byte(sum), person: Person{Name: t.Name, Viewer: t.Viewer}})
	}
	return known
}

// find compares with every token, without stopping at the right one.
func (k tokens) find(token string) (Person, bool) {
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i, t := range k {
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Person{}, false
	}
	return k[found].person, true
}
