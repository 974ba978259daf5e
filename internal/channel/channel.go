// Package channel holds what every adapter to a provider (packages twilio, sendgrid, outbox) shares: how long an
// attempt may take and how many there are, when the next one is due, an HTTP client that fits sending, what a call
// without an answer means, and how foreign text is made fit to be shown.
//
// None of the providers' send calls is idempotent, so the question behind most of it is always the same: can this
// message have been taken? Whoever cannot rule that out must not simply send again.
package channel

import (
	"math"
	"net/http"
	"strings"
	"time"
)

const (
	// Deadline is how long one attempt may take, from dialling to the last byte of the answer.
	Deadline = 10 * time.Second
	// MaxAttempts is how often a delivery is tried before it is given up. With Backoff that is between half an hour
	// and an hour after the first attempt, which outlasts a provider's usual bad moments and a wrong credential
	// that somebody is already mending.
	MaxAttempts = 15
	// MaxRetryAfter bounds what a provider may ask us to wait.
	MaxRetryAfter = time.Hour

	backoffBase = time.Second
	backoffCap  = 10 * time.Minute
	// maxProviderID is longer than any id that a provider is known to give.
	maxProviderID = 128
)

// Backoff is how long to wait after an attempt that may be repeated; attempt counts from 1, random lies in [0,1).
//
// The step is 1 s, 2 s, 4 s and so on, capped at 10 min. Half of the step is always waited and the other half is
// jittered ("equal jitter"), so that neither do all deliveries of an outage come back at once nor one too early.
// A longer retryAfter (at most MaxRetryAfter) is waited in full, plus up to a second.
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
	if asked := min(retryAfter, MaxRetryAfter); asked > wait {
		return asked + time.Duration(random*float64(time.Second))
	}
	return wait
}

// RetryAfter reads the header of that name, which is a number of seconds or an HTTP date (RFC 9110, 10.2.3). It is 0
// where there is none, it cannot be read or it has passed, and at most MaxRetryAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, ok := digits(value); ok {
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter)
}

// digits reads a whole number. One too long for us is as good as the largest: it is bounded anyway.
func digits(s string) (int64, bool) {
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), math.MaxInt32)
	}
	return n, true
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
