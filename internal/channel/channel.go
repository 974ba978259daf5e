// Package channel holds what every adapter to a provider (packages twilio, sendgrid, outbox) shares: how long an
// attempt may take and how many there are, when the next one is due, an HTTP client that fits sending, and what a call
// without an answer means.
//
// None of the providers' send calls is idempotent, so the question behind most of it is always the same: can this
// message have been taken? Whoever cannot rule that out must not simply send again.
package channel

import (
	"net/http"
	"net/url"
	"time"

	"github.com/beckon-relay/beckon/internal/outbound"
)

const (
	// Deadline is how long one attempt may take, from dialling to the last byte of the answer.
	Deadline = 10 * time.Second
	// MaxAttempts is how often a delivery is tried before it is given up. With Backoff that is between half an hour
	// and an hour after the first attempt, which outlasts a provider's usual bad moments and a wrong credential
	// that somebody is already mending.
	MaxAttempts = 15

	backoffBase = time.Second
	backoffCap  = 10 * time.Minute
	// maxBody bounds an answer, in bytes. The longest one the providers document is under 10 KiB.
	maxBody = 1 << 20
	// maxProviderID is longer than any id that a provider is known to give.
	maxProviderID = 128
)

// Backoff is how long to wait after an attempt that may be repeated; attempt counts from 1, random lies in [0,1).
//
// The step is 1 s, 2 s, 4 s and so on, capped at 10 min. Half of the step is always waited and the other half is
// jittered ("equal jitter"), so that neither do all deliveries of an outage come back at once nor one too early.
// A longer retryAfter (at most outbound.MaxRetryAfter) is waited in full, plus up to a second.
func Backoff(attempt int, retryAfter time.Duration, random float64) time.Duration {
	if !(random >= 0 && random < 1) { // also true for NaN
		random = 0
	}
	step := backoffCap
	if doublings := max(attempt, 1) - 1; doublings < 10 {
		step = min(backoffBase<<doublings, backoffCap)
	}
	half := step / 2
	wait := half + time.Duration(random*float64(half))
	if asked := min(retryAfter, outbound.MaxRetryAfter); asked > wait {
		return asked + time.Duration(random*float64(time.Second))
	}
	return wait
}

// NewHTTPClient makes a client for one provider, to be shared by all attempts. base comes from outbound.ParseBaseURL; nil
// leaves the provider's own host.
func NewHTTPClient(base *url.URL) *http.Client {
	return outbound.NewClient(outbound.Options{Base: base, Patience: Deadline, MaxBody: maxBody})
}

// ProviderID gives back an id that a provider made, or nothing where it is none: longer than 128 bytes, or not
// printable ASCII without spaces.
func ProviderID(id string) string {
	if len(id) > maxProviderID {
		return ""
	}
	for _, c := range id {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return id
}
