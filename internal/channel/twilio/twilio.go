// Package twilio sends text messages through Twilio's Messages resource, with Twilio's own SDK behind a client of ours:
// the SDK knows the parameters, we know contexts, connections and what an answer means.
//
// What the SDK would do otherwise, and why it may not (twilio-go v1.31): it takes no context; it loses the status of an
// error whose body is not JSON, and the headers of every error, Retry-After with them; it leaves error bodies open; and
// TWILIO_EDGE and TWILIO_REGION in the environment silently change the host.
package twilio

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Name is how deliveries and attempts name this provider.
const Name = "twilio"

const (
	// StatusPath is where Twilio reports what became of a message; `m` is the delivery's ID. Twilio's signature
	// covers the query, so the ID can be believed, and it links a report to the delivery even when the answer to
	// the send call, and the SID with it, was lost.
	StatusPath = "/webhooks/twilio/status"
	// InboundPath is where Twilio posts what people answer, such as STOP.
	InboundPath = "/webhooks/twilio/inbound"

	deliveryArg = "m"
	// callbackOverrides asks Twilio to repeat a callback that failed: left alone, it never does after a 5xx or a
	// timeout. Overrides stand in the fragment, which is neither sent nor signed.
	callbackOverrides = "rc=5&rp=all"

	// Twilio drops a message that waited in its queue for longer than ValidityPeriod, in seconds. The longest is
	// the default; below the shortest Twilio may drop one that never had a chance.
	longestValidity  = 36000
	shortestValidity = 6
)

// Client sends through one account. It may be used from many goroutines.
type Client struct {
	config   Config
	http     *http.Client
	user     string
	password string
	now      func() time.Time
}

// New checks the configuration and makes a client. The error names every setting that is wrong, and no value.
func New(config Config) (*Client, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("configure twilio: %w", err)
	}
	base, err := outbound.ParseBaseURL(config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("configure twilio: BECKON_TWILIO_BASE_URL: %w", err)
	}
	c := &Client{
		config: config, http: channel.NewHTTPClient(base), user: config.AccountSID, password: config.AuthToken, now: config.Now,
	}
	if config.APIKey != "" {
		c.user, c.password = config.APIKey, config.APISecret
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Name is "twilio".
func (c *Client) Name() string { return Name }

// Send makes one attempt, of at most channel.Deadline, and says what came of it.
func (c *Client) Send(ctx context.Context, d relay.Delivery) relay.Outcome {
	ctx, cancel := context.WithTimeout(ctx, channel.Deadline)
	defer cancel()
	ctx, watch := channel.Watch(ctx)
	call := &call{ctx: ctx, client: c}
	message, err := call.service().CreateMessage(c.params(d))
	if call.status == 0 {
		return watch.Failed(err)
	}
	outcome := judge(call.answer(message))
	if outcome.Kind == relay.Retry {
		outcome.RetryAfter = outbound.RetryAfter(call.header, c.now())
	}
	return outcome
}

// service is the SDK with this call behind it.
func (c *call) service() *api.ApiService {
	handler := client.NewRequestHandler(c)
	handler.Edge, handler.Region = "", "" // read from the environment; see the package comment
	return api.NewApiService(handler)
}

func (c *Client) params(d relay.Delivery) *api.CreateMessageParams {
	p := &api.CreateMessageParams{}
	p.SetTo(d.Phone.Reveal())
	p.SetBody(d.Content.Text.Reveal())
	// Typographic quotes and dashes would make a message cost twice as much.
	p.SetSmartEncoded(true)
	if c.config.MessagingServiceSID != "" {
		p.SetMessagingServiceSid(c.config.MessagingServiceSID)
	} else {
		p.SetFrom(c.config.From)
	}
	// Reports are signed with the token: one that cannot be verified is not asked for.
	if c.config.PublicURL != "" && c.config.AuthToken != "" {
		p.SetStatusCallback(c.callback(d.ID))
	}
	if seconds, ok := c.validity(d.ExpiresAt); ok {
		p.SetValidityPeriod(seconds)
	}
	return p
}

func (c *Client) callback(deliveryID string) string {
	return strings.TrimRight(c.config.PublicURL, "/") + StatusPath + "?" + deliveryArg + "=" + url.QueryEscape(deliveryID) + "#" + callbackOverrides
}

// validity is how many seconds the message may wait at Twilio, so that one which is stuck there does not go out after
// it expired here. It is left out where Twilio's own limit comes first.
func (c *Client) validity(expires time.Time) (int, bool) {
	if expires.IsZero() {
		return 0, false
	}
	seconds := math.Floor(expires.Sub(c.now()).Seconds())
	if seconds >= longestValidity {
		return 0, false
	}
	return int(max(seconds, shortestValidity)), true
}
