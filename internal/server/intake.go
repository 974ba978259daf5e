package server

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Intake takes in a webhook's body: decodes it, plans its alerts and keeps both.
type Intake interface {
	// Accept returns when the event is on disk. It refuses with a *Refusal; any other error is answered as 503
	// without its text. The context ends at the webhook's deadline, not when the sender hangs up.
	Accept(ctx context.Context, body []byte) (Receipt, error)
}

// Receipt is what became of an accepted webhook.
type Receipt struct {
	// ID of the event; of the first copy where it is a repeat.
	ID        string
	Duplicate bool
	// Trigger is for the Observer: one of a bounded set of names.
	Trigger string
	// Alerts is how many alerts were planned with it.
	Alerts int
	// Empty asks for an empty answer: CometChat writes the answer to a legacy before_message into the chat.
	Empty bool
}

// Refusal is an error that the client is told of. Anything else is answered without its text.
type Refusal struct { //nolint:errname // a refusal is an answer first; callers write &server.Refusal{...}
	// Status is an HTTP status from 400 to 599.
	Status int
	// Code is a short constant for machines, such as not_json; Message is for people. Neither may carry internals.
	Code, Message string
	// Findings are what is wrong in a body, each in its place; Message says all of it, too.
	Findings []Finding
	// RetryAfter goes out with 429 and 503, in whole seconds rounded up, at least one.
	RetryAfter time.Duration
}

// Finding is one thing that is wrong in a body.
type Finding struct {
	// Field is the path of keys to it, such as "mute[0].until"; empty where it is the whole.
	Field string `json:"field"`
	// Message says what is wrong and what would be right.
	Message string `json:"message"`
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("refused with %d %s: %s", r.Status, r.Code, r.Message)
}

// Observer is told of every webhook and callback; metrics implement it.
type Observer interface {
	// Webhook gets the Receipt's Trigger, empty for a request that was refused, one of the Outcome constants and how long
	// the request took. ctx is the request's, which may be over.
	Webhook(ctx context.Context, trigger, outcome string, took time.Duration)
	// Callback gets the Callback's Source, and outcome and time as above.
	Callback(source, outcome string, took time.Duration)
}

// Outcomes of a request that brings a webhook or a callback.
const (
	OutcomeAccepted  = "accepted"
	OutcomeDuplicate = "duplicate"
	// OutcomeUnauthorized had no credentials that we know, or, as a callback, no valid signature.
	OutcomeUnauthorized = "unauthorized"
	// OutcomeInvalid is any other fault of the request: media type, size, JSON, another app.
	OutcomeInvalid = "invalid"
	// OutcomeOverloaded was turned away with 429 or 503 to be sent again.
	OutcomeOverloaded = "overloaded"
	// OutcomeFailed could not be kept, or is a fault of ours.
	OutcomeFailed = "failed"
)

// Outcomes lists every outcome, so that metrics can start at zero.
func Outcomes() []string {
	return []string{
		OutcomeAccepted, OutcomeDuplicate, OutcomeUnauthorized, OutcomeInvalid, OutcomeOverloaded, OutcomeFailed,
	}
}

// outcomeOf tells the outcome of a request that was refused.
func outcomeOf(refusal *Refusal) string {
	switch {
	case refusal.Status == http.StatusUnauthorized:
		return OutcomeUnauthorized
	case refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable:
		return OutcomeOverloaded
	case refusal.Status >= http.StatusBadRequest && refusal.Status < http.StatusInternalServerError:
		return OutcomeInvalid
	}
	return OutcomeFailed
}
