// Package privacy recognises a person in what is kept: by their uid, their numbers and their mail addresses, wherever they stand
// and however they are written.
package privacy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Person is one person: a uid, and every address that is known to be theirs. It may be used from many goroutines.
type Person struct {
	uid       string
	addresses map[relay.Address]bool
	name      *regexp.Regexp // nil without a uid
	kind      kind
	mails     []*regexp.Regexp
	numbers   []number
}

// kind says how much a uid may look like something else.
type kind int

const (
	// distinct uids, such as user-17, are taken for one wherever they stand as a word.
	distinct kind = iota
	// word is one that may be a word of a sentence, such as will. In a text it counts only where it is marked as a uid.
	word
	// numeric is one that may be any number, such as 42.
	numeric
)

// New makes a Person. Addresses that are empty are left out.
func New(uid string, addresses ...relay.Address) *Person {
	p := &Person{uid: uid, addresses: map[relay.Address]bool{}, kind: kindOf(uid)}
	if uid != "" {
		p.name = regexp.MustCompile("(?i)" + regexp.QuoteMeta(uid))
	}
	for _, a := range addresses {
		if a.Reveal() == "" || p.addresses[a] {
			continue
		}
		p.addresses[a] = true
		if a.Channel() == relay.ChannelSMS {
			p.numbers = append(p.numbers, numberOf(a.Reveal()))
			continue
		}
		local, domain, _ := strings.Cut(a.Reveal(), "@")
		p.mails = append(p.mails, regexp.MustCompile("(?i)"+regexp.QuoteMeta(local)+"(?:@|%40)"+regexp.QuoteMeta(domain)))
	}
	return p
}

func kindOf(uid string) kind {
	switch {
	case strings.Trim(uid, "0123456789") == "":
		return numeric
	case strings.ContainsAny(uid, "0123456789-_"):
		return distinct
	}
	return word
}

// Addresses are those that the person is known by.
func (p *Person) Addresses() []relay.Address {
	out := make([]relay.Address, 0, len(p.addresses))
	for a := range p.addresses {
		out = append(out, a)
	}
	return out
}

// UID reports whether it is the person's.
func (p *Person) UID(uid string) bool { return p.uid != "" && strings.EqualFold(uid, p.uid) }

// Address reports whether it is one of the person's.
func (p *Person) Address(a relay.Address) bool { return p.addresses[a] }

// Recipient reports whether the person is meant.
func (p *Person) Recipient(r relay.Recipient) bool {
	return p.UID(r.UID) || p.Address(relay.NewAddress(relay.ChannelEmail, r.Email.Reveal())) ||
		p.Address(relay.NewAddress(relay.ChannelSMS, r.Phone.Reveal()))
}

// maxNested is how often a string in JSON is read as JSON again.
const maxNested = 3

// In reports whether JSON names the person. What is no JSON is taken for text.
func (p *Person) In(raw []byte) bool { return p.in(raw, maxNested) }

func (p *Person) in(raw []byte, nested int) bool {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var at place
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err != nil {
			return p.Text(string(raw))
		}
		isKey := at.step(token)
		switch v := token.(type) {
		case json.Number:
			if p.number(v.String()) {
				return true
			}
		case string:
			if p.names(v, at.key(), isKey) || p.addressed(v) || nested > 0 && looksLikeJSON(v) && p.in([]byte(v), nested-1) {
				return true
			}
		}
	}
}

func looksLikeJSON(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && (s[0] == '{' || s[0] == '[') && json.Valid([]byte(s))
}

// place is where in JSON one is: for each level whether it is an object, whether a key comes next, and the last key.
type place struct{ levels []level }

type level struct {
	object, wantsKey bool
	key              string
}

// step takes a token, and reports whether it is a key.
func (p *place) step(token json.Token) bool {
	if d, ok := token.(json.Delim); ok {
		switch d {
		case '{', '[':
			key := p.key() // of a list's elements it is the list's
			p.valued()
			p.levels = append(p.levels, level{object: d == '{', wantsKey: d == '{', key: key})
		default:
			p.levels = p.levels[:len(p.levels)-1]
		}
		return false
	}
	if n := len(p.levels); n > 0 && p.levels[n-1].wantsKey {
		p.levels[n-1].wantsKey = false
		p.levels[n-1].key, _ = token.(string)
		return true
	}
	p.valued()
	return false
}

// valued says that a value was seen: in an object a key is next.
func (p *place) valued() {
	if n := len(p.levels); n > 0 && p.levels[n-1].object {
		p.levels[n-1].wantsKey = true
	}
}

func (p *place) key() string {
	if n := len(p.levels); n > 0 {
		return p.levels[n-1].key
	}
	return ""
}

// names reports whether a string of JSON holds the uid, as the value of that key or as a key itself. The ids of other things may be
// the same: of groups, and where the uid is a number, of messages.
func (p *Person) names(s, key string, isKey bool) bool {
	if p.name == nil {
		return false
	}
	key = strings.ToLower(key)
	if !isKey && (key == "guid" || p.kind == numeric && strings.HasSuffix(key, "id") && key != "uid") {
		return strings.Contains(key, "conversation") && p.uidIn(s)
	}
	return p.uidIn(s)
}

// Text reports whether a text names the person.
func (p *Person) Text(s string) bool { return p.name != nil && p.uidIn(s) || p.addressed(s) }

func (p *Person) uidIn(s string) bool {
	if p.UID(strings.TrimSpace(s)) {
		return true
	}
	return len(p.places(s, p.kind)) > 0
}

// Redact puts with in the place of the uid wherever it stands in a text as a word, and drops a text that holds an address.
func (p *Person) Redact(s, with string) string {
	if p.addressed(s) {
		return with
	}
	if p.name == nil {
		return s
	}
	var out strings.Builder
	last := 0
	for _, at := range p.places(s, distinct) {
		out.WriteString(s[last:at[0]] + with)
		last = at[1]
	}
	return out.String() + s[last:]
}

// addressed reports whether a text holds one of the addresses.
func (p *Person) addressed(s string) bool {
	for _, mail := range p.mails {
		for _, at := range mail.FindAllStringIndex(s, -1) {
			if mailAlone(s, at) {
				return true
			}
		}
	}
	return p.number(s)
}
