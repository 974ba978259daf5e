package channel

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/beckon-relay/beckon/internal/outbound"
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
			Detail: "no answer to the request: " + outbound.Explain(err),
		}
	}
	return relay.Outcome{
		Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonProviderTrouble,
		Detail: "not sent, no connection: " + outbound.Explain(err),
	}
}
