package directory

import (
	"context"
	"errors"

	"github.com/beckon-relay/beckon/internal/relay"
)

// ErrUnknown means that the source works and does not know that uid.
var ErrUnknown = errors.New("unknown person")

// Source looks up contacts. It may be called from many goroutines.
type Source interface {
	// Lookup returns the contact of a uid, in whatever case it is written. ErrUnknown means that nobody has it; any
	// other error that the source could not be asked. The contact's lists are shared and must not be changed.
	Lookup(ctx context.Context, uid string) (relay.Contact, error)
}

// Chain asks its sources in order and takes the first that knows the person. A source in trouble ends the search: a
// later one might know less, such as not that the person is muted.
type Chain []Source

// Lookup implements Source.
func (c Chain) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	for _, source := range c {
		contact, err := source.Lookup(ctx, uid)
		if errors.Is(err, ErrUnknown) {
			continue
		}
		return contact, err
	}
	return relay.Contact{}, ErrUnknown
}
