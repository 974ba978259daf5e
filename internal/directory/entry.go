package directory

import (
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
)

// EntryError is an entry that cannot be used: its source works, but what it says of this person is wrong. It names the fields and
// what would be right, and never what was given.
type EntryError struct{ Problems []string }

// Error implements error.
func (e *EntryError) Error() string { return "the entry is wrong: " + strings.Join(e.Problems, "; ") }

// ParseEntry reads what a source that is asked for one person answers: an entry of a recipients file, written as JSON. The
// error is an *EntryError.
func ParseEntry(uid string, raw []byte) (relay.Contact, error) {
	node, err := nodeOf(raw)
	if err != nil {
		return relay.Contact{}, &EntryError{[]string{err.Error()}}
	}
	p := &parser{zones: map[string]bool{}, remote: true}
	contact := p.person(strings.ToLower(uid), node)
	if len(p.problems) > 0 {
		e := &EntryError{}
		for _, problem := range p.problems {
			e.Problems = append(e.Problems, problem.Message)
		}
		return relay.Contact{}, e
	}
	return contact, nil
}
