package view

import (
	"errors"
	"fmt"

	"github.com/beckon-relay/beckon/internal/store"
)

// Refusal is why something is not shown, in words for whoever asked. Any other error means that the store is in trouble.
type Refusal struct { //nolint:errname // it is what is said, not what went wrong
	// Code is one of the constants below.
	Code    string
	Message string
}

// Codes of refusals.
const (
	// BadQuery: a list is narrowed by what it cannot be; the message names the field and what would be right.
	BadQuery = "bad_query"
	// BadID: too little of an ID was given to look for.
	BadID = "bad_id"
	// NotFound: nothing is kept under that ID, or none that begins so.
	NotFound = "not_found"
	// Ambiguous: several IDs begin so.
	Ambiguous = "ambiguous"
)

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

func badQuery(format string, args ...any) *Refusal {
	return &Refusal{Code: BadQuery, Message: fmt.Sprintf(format, args...)}
}

// gone tells of something that is not kept; any other error is passed on with what was being read.
func gone(err error, what, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return &Refusal{Code: NotFound, Message: fmt.Sprintf("no %s %s is kept", what, id)}
	}
	return fmt.Errorf("read %s %s: %w", what, id, err)
}
