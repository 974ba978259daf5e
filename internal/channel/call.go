package channel

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Call watches one request, to be able to say of a failed one whether it can have reached the provider. Make one for
// each request, with Watch.
type Call struct {
	connected atomic.Bool
}

// Watch returns a context to make the request with.
func Watch(ctx context.Context) (context.Context, *Call) {
	c := &Call{}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// net/http asks for a second connection only when nothing was written on the first (an idle one that
		// the other side had closed), or HTTP/2 was told that the request was not looked at.
		GetConn: func(string) { c.connected.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { c.connected.Store(true) },
	}), c
}

// Failed says what a request means that ended without an answer. Before it had a connection (name lookup, dialling,
// TLS, the proxy, or a context that ended while it waited for one) it surely was not sent: retry. After that, whatever
// the error is, the provider may have taken the message: unknown.
func (c *Call) Failed(err error) relay.Outcome {
	if c.connected.Load() {
		return relay.Outcome{
			Kind: relay.Unknown, Blame: relay.BlameProvider, Reason: relay.ReasonNoAnswer,
			Detail: "no answer to the request: " + Explain(err),
		}
	}
	return relay.Outcome{
		Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonProviderTrouble,
		Detail: "not sent, no connection: " + Explain(err),
	}
}

// Explain names the cause of a transport error in a few words. The error itself begins with the whole address, which holds the
// account's SID, and of a search the number that is searched for.
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
