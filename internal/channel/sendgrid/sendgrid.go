// Package sendgrid sends mails through SendGrid's v3 API: the SDK's structs for the message and its REST client for the
// call, with an HTTP client of ours.
//
// What is not used of the SDK, and why (sendgrid-go v3.16): its default client is one global without a timeout,
// sendgrid.Client stores the body of the message being sent in itself and so is a data race, mail.GetRequestBody sends
// an empty body where it cannot encode, and its retry helper sleeps through a cancelled context.
package sendgrid

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/sendgrid/rest"
	sg "github.com/sendgrid/sendgrid-go/helpers/mail"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// Name is how deliveries and attempts name this provider.
	Name = "sendgrid"
	// DeliveryArg is the custom argument that carries our delivery's ID; every event SendGrid reports has it.
	DeliveryArg = "beckon_delivery"

	endpoint = "https://api.sendgrid.com/v3/mail/send"
)

// Client sends through one account. It may be used from many goroutines.
type Client struct {
	rest *rest.Client
	key  string
	from *mail.Address
	now  func() time.Time
	// activity says that the account has a list of its mails, which is behind by lag.
	activity bool
	lag      time.Duration
}

// New checks the configuration and makes a client. The error names every setting that is wrong, and no value.
func New(config Config) (*Client, error) {
	from, base, err := config.parse()
	if err != nil {
		return nil, fmt.Errorf("configure sendgrid: %w", err)
	}
	c := &Client{
		rest: &rest.Client{HTTPClient: channel.NewHTTPClient(base)}, key: config.APIKey, from: from, now: config.Now,
		activity: config.Activity, lag: cmp.Or(config.ActivityLag, activityLag),
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Name is "sendgrid".
func (c *Client) Name() string { return Name }

// Send makes one attempt, of at most channel.Deadline, and says what came of it.
func (c *Client) Send(ctx context.Context, d relay.Delivery) relay.Outcome {
	body, err := c.body(d)
	if err != nil {
		return relay.Outcome{
			Kind: relay.Permanent, Blame: relay.BlameRequest, Reason: relay.ReasonRejected, Detail: outbound.Scrub(err.Error()),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, channel.Deadline)
	defer cancel()
	ctx, watch := channel.Watch(ctx)
	res, err := c.rest.SendWithContext(ctx, rest.Request{
		Method: rest.Post, BaseURL: endpoint, Body: body, Headers: c.headers(),
	})
	if res == nil {
		return watch.Failed(err)
	}
	// With an answer, an error says only that its body was cut off; the status stands.
	header := http.Header(res.Headers)
	outcome := judge(answer{
		status: res.StatusCode, id: channel.ProviderID(header.Get("X-Message-Id")), errors: decodeErrors([]byte(res.Body)),
		empty: res.Body == "" && err == nil,
	})
	if outcome.Kind == relay.Retry {
		outcome.RetryAfter = outbound.RetryAfter(header, c.now())
	}
	return outcome
}

// headers are those of every request.
func (c *Client) headers() map[string]string {
	return map[string]string{
		"Authorization": "Bearer " + c.key, "Content-Type": "application/json", "User-Agent": "beckon sendgrid-rest/" + rest.Version,
	}
}

// body is the request. Everything a person wrote stands in values of the JSON; nothing of it becomes a header.
func (c *Client) body(d relay.Delivery) ([]byte, error) {
	m := sg.NewV3Mail()
	m.SetFrom(sg.NewEmail(c.from.Name, c.from.Address))
	m.Subject = d.Content.Subject.Reveal()
	person := sg.NewPersonalization()
	// No name: a delivery has none, and one with a comma or a semicolon in it would be refused.
	person.AddTos(sg.NewEmail("", d.Email.Reveal()))
	// Here and not in the message's own custom_args: those are text by SendGrid's document, an object by its prose. The
	// ID says nothing about a person; SendGrid keeps custom arguments for good.
	person.SetCustomArg(DeliveryArg, d.ID)
	m.AddPersonalizations(person)
	// SendGrid wants plain text first, and no part that is empty.
	if text := d.Content.Text.Reveal(); text != "" {
		m.AddContent(sg.NewContent("text/plain", text))
	}
	if html := d.Content.HTML.Reveal(); html != "" {
		m.AddContent(sg.NewContent("text/html", html))
	}
	m.SetTrackingSettings(tracking(d.Content))
	if err := unsubscribable(m, d.Content.Unsubscribe); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the mail: %w", err)
	}
	return raw, nil
}

// tracking switches off, whatever the account's default, that links are led through SendGrid and a picture counts who
// opens the mail: media and unsubscribe links hold tokens that are nobody else's business, and nothing here uses the
// numbers. SendGrid's own unsubscribe footer goes only where the mail has ours; without a public URL the account's is the
// only one there is.
func tracking(content relay.Content) *sg.TrackingSettings {
	off := new(bool)
	settings := &sg.TrackingSettings{
		ClickTracking: &sg.ClickTrackingSetting{Enable: off, EnableText: off},
		OpenTracking:  &sg.OpenTrackingSetting{Enable: off},
	}
	if content.Unsubscribe != "" {
		settings.SubscriptionTracking = &sg.SubscriptionTrackingSetting{Enable: off}
	}
	return settings
}

// unsubscribable adds the headers of RFC 8058, which mail programs turn into a button.
func unsubscribable(m *sg.SGMailV3, link string) error {
	if link == "" {
		return nil
	}
	if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") || strings.ContainsAny(link, "<>, \t\r\n") {
		return errors.New("the unsubscribe link is not an address that fits into a header")
	}
	m.SetHeader("List-Unsubscribe", "<"+link+">")
	m.SetHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	return nil
}
