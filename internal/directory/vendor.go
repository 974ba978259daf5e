package directory

import (
	"context"
	"errors"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Profiles are the people of a vendor's own service, as it keeps them: numbers and addresses in any form.
type Profiles interface {
	Contact(ctx context.Context, uid string) (relay.Contact, error)
}

// Vendor is a source that takes people from a vendor's profiles.
type Vendor struct {
	Profiles Profiles
	// Unknown is the error that means that there is no such person.
	Unknown error
	// Odd is told of a field ("phone", "email") that cannot be used. The contact goes without it: unlike an entry of a directory of
	// our own it can hide no wish, and whom no text reaches a mail may.
	Odd func(field string)
}

// Lookup implements Source.
func (v Vendor) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	contact, err := v.Profiles.Contact(ctx, uid)
	if errors.Is(err, v.Unknown) {
		return relay.Contact{}, ErrUnknown
	}
	if err != nil {
		return relay.Contact{}, err
	}
	contact.Phone = usable(contact.Phone.Reveal(), parsePhone, func() { v.Odd("phone") })
	contact.Email = usable(contact.Email.Reveal(), parseEmail, func() { v.Odd("email") })
	return contact, nil
}

func usable[T ~string](text string, parse func(string) (T, error), odd func()) T {
	if text == "" {
		return ""
	}
	value, err := parse(text)
	if err != nil {
		odd()
	}
	return value
}
