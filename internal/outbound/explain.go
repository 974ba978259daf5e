package outbound

import (
	"context"
	"errors"
	"net"
	"net/url"
)

// Explain names the cause of a transport error in a few words. The error itself begins with the whole address, which may hold
// an account, a person, or a number that is searched for.
func Explain(err error) string {
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &lookup):
		return "name lookup failed: " + Scrub(lookup.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return Scrub(err.Error())
}
