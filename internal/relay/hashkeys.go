package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// HashKeys make keyed hashes of what has to be recognised and must not be read: the addresses that people who were forgotten
// had said no with, and who was forgotten. Without the key nobody can try all numbers. The zero value has no key.
type HashKeys struct{ keys []hashKey }

type hashKey struct {
	id     string
	secret []byte
}

// Hashed is a keyed hash, and the short ID of the key that made it.
type Hashed struct{ Key, Hash string }

// hashMark begins what is kept in the place of an address: neither a number nor an email begins so.
const hashMark = "hmac:"

// NewHashKeys makes keys of secrets. The first hashes, all recognise, so a secret is rotated by putting the new one in front. An
// empty one is left out.
func NewHashKeys(secrets []string) HashKeys {
	var k HashKeys
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		// Neither the ID nor the hashes tell anything of the secret, which signs links, too.
		id := keyed([]byte(secret), "beckon hash key id")
		k.keys = append(k.keys, hashKey{id: hex.EncodeToString(id[:4]), secret: keyed([]byte(secret), "beckon hash key")})
	}
	return k
}

// Empty reports whether there is no key to hash with.
func (k HashKeys) Empty() bool { return len(k.keys) == 0 }

// IDs are those of the keys, in their order.
func (k HashKeys) IDs() []string {
	ids := make([]string, 0, len(k.keys))
	for _, key := range k.keys {
		ids = append(ids, key.id)
	}
	return ids
}

// Address gives the hash of an address by the first key; the zero value without one.
func (k HashKeys) Address(a Address) Hashed {
	if k.Empty() {
		return Hashed{}
	}
	return k.keys[0].address(a)
}

// Spellings are all the ways in which an address may be kept: in clear, and hashed by each of the keys.
func (k HashKeys) Spellings(a Address) []string {
	out := []string{a.Reveal()}
	for _, key := range k.keys {
		out = append(out, key.address(a).Hash)
	}
	return out
}

func (k hashKey) address(a Address) Hashed {
	sum := keyed(k.secret, "address", string(a.Channel()), a.Reveal())
	return Hashed{Key: k.id, Hash: hashMark + hex.EncodeToString(sum)}
}

// Person gives what stands for a uid in the audit, by the first key; "a person" without one.
func (k HashKeys) Person(uid string) string {
	if k.Empty() {
		return "a person"
	}
	return k.keys[0].person(uid)
}

// Persons are all the names that Person has given a uid, by whichever key.
func (k HashKeys) Persons(uid string) []string {
	var out []string
	for _, key := range k.keys {
		out = append(out, key.person(uid))
	}
	return out
}

func (k hashKey) person(uid string) string {
	sum := keyed(k.secret, "person", strings.ToLower(uid))
	return "person " + k.id + "-" + hex.EncodeToString(sum[:8])
}

func keyed(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}
