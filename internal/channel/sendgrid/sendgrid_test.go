package sendgrid

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newClient(t *testing.T, server *vendortest.SendGrid) *Client {
	t.Helper()
	client, err := New(Config{
		APIKey: vendortest.SendGridAPIKey, From: vendortest.SendGridFrom, BaseURL: server.URL,
		Now: func() time.Time { return noon },
	})
	require.NoError(t, err)
	t.Cleanup(client.rest.HTTPClient.CloseIdleConnections)
	return client
}

func delivery(id string) relay.Delivery {
	return relay.Delivery{
		ID: id, Channel: relay.ChannelEmail, Email: "ann@example.org",
		Content: relay.Content{
			Subject: "Bob mentioned you: «see you at 8»", Text: "Bob: see you at 8 👋",
			HTML: `<p>Bob: <b>see you</b> at 8 👋</p>`, Unsubscribe: "https://beckon.example.com/u/token",
		},
	}
}

func TestAMailIsTakenAsWritten(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	d := delivery("dl_1")
	got := newClient(t, server).Send(t.Context(), d)

	sent := server.Sent("dl_1")
	require.Len(t, sent, 1)
	require.Equal(t, relay.Outcome{Kind: relay.Accepted, ProviderID: sent[0].MessageID, Status: 202}, got)
	require.Equal(t, "ann@example.org", sent[0].To)
	require.Equal(t, vendortest.Mailbox{Name: "Beckon", Email: "alerts@example.com"}, sent[0].From)
	require.Equal(t, d.Content.Subject.Reveal(), sent[0].Subject)
	require.Equal(t, d.Content.Text.Reveal(), sent[0].Text)
	require.Equal(t, d.Content.HTML.Reveal(), sent[0].HTML)
	require.Equal(t, map[string]string{
		"List-Unsubscribe":      "<https://beckon.example.com/u/token>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
	}, sent[0].Headers)
	require.Empty(t, server.Faults())
}

func TestNobodyIsTracked(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	client := newClient(t, server)
	with, without := delivery("dl_with"), delivery("dl_without")
	without.Content.Unsubscribe = ""
	client.Send(t.Context(), with)
	client.Send(t.Context(), without)

	const tracking = `"click_tracking":{"enable":false,"enable_text":false},"open_tracking":{"enable":false}`
	require.JSONEq(t, `{`+tracking+`,"subscription_tracking":{"enable":false}}`, trackingOf(t, server.Sent("dl_with")[0]))
	require.JSONEq(t, `{`+tracking+`}`, trackingOf(t, server.Sent("dl_without")[0]),
		"without a link of ours the account's own unsubscribe footer stays")
	require.Empty(t, server.Sent("dl_without")[0].Headers)
}

func trackingOf(t *testing.T, m vendortest.Mail) string {
	t.Helper()
	var body struct {
		Tracking json.RawMessage `json:"tracking_settings"`
	}
	require.NoError(t, json.Unmarshal(m.Raw, &body))
	return string(body.Tracking)
}

func TestAPartThatIsEmptyIsLeftOut(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	client := newClient(t, server)
	text, html := delivery("dl_text"), delivery("dl_html")
	text.Content.HTML, html.Content.Text = "", ""
	require.Equal(t, relay.Accepted, client.Send(t.Context(), text).Kind)
	require.Equal(t, relay.Accepted, client.Send(t.Context(), html).Kind)
	require.Empty(t, server.Sent("dl_text")[0].HTML)
	require.Empty(t, server.Sent("dl_html")[0].Text)
}

func TestAMailThatCannotGoOutIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*relay.Delivery)
		reason relay.Reason
		calls  int
	}{
		"no address":              {func(d *relay.Delivery) { d.Email = "" }, relay.ReasonInvalidAddress, 1},
		"not an address":          {func(d *relay.Delivery) { d.Email = "ann" }, relay.ReasonInvalidAddress, 1},
		"two addresses":           {func(d *relay.Delivery) { d.Email = "a@b.org, c@d.org" }, relay.ReasonInvalidAddress, 1},
		"no content":              {func(d *relay.Delivery) { d.Content.Text, d.Content.HTML = "", "" }, relay.ReasonRejected, 1},
		"no subject":              {func(d *relay.Delivery) { d.Content.Subject = "" }, relay.ReasonRejected, 1},
		"a header in the link":    {func(d *relay.Delivery) { d.Content.Unsubscribe += ">\r\nBcc: x" }, relay.ReasonRejected, 0},
		"a link that is a script": {func(d *relay.Delivery) { d.Content.Unsubscribe = "javascript:x" }, relay.ReasonRejected, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewSendGrid(t)
			d := delivery("dl_1")
			test.change(&d)
			got := newClient(t, server).Send(t.Context(), d)
			require.Equal(t, relay.Permanent, got.Kind)
			require.Equal(t, test.reason, got.Reason)
			require.NotEmpty(t, got.Detail)
			require.Equal(t, test.calls, server.Requests())
			require.Empty(t, server.Mails())
		})
	}
}

func TestRetryAfterIsHandedOn(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	client := newClient(t, server)
	server.Next(
		vendortest.Answer{Status: 429, Header: map[string]string{"Retry-After": "17"}},
		vendortest.Answer{Status: 503, Header: map[string]string{"retry-after": noon.Add(time.Minute).Format(http.TimeFormat)}},
		vendortest.Answer{Status: 400, Header: map[string]string{"Retry-After": "17"}},
	)
	require.Equal(t, 17*time.Second, client.Send(t.Context(), delivery("dl_1")).RetryAfter)
	require.Equal(t, time.Minute, client.Send(t.Context(), delivery("dl_1")).RetryAfter)
	require.Zero(t, client.Send(t.Context(), delivery("dl_1")).RetryAfter, "what is not retried waits for nothing")
}

func TestALostAnswerIsUnknownAndAMissingConnectionIsNot(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	client := newClient(t, server)

	server.Next(vendortest.Answer{Reset: true})
	got := client.Send(t.Context(), delivery("dl_reset"))
	require.Equal(t, relay.Unknown, got.Kind)
	require.Equal(t, relay.ReasonNoAnswer, got.Reason)
	require.Len(t, server.Sent("dl_reset"), 1, "the vendor had taken it")

	server.Next(vendortest.Answer{CutOff: true})
	got = client.Send(t.Context(), delivery("dl_cut"))
	require.Equal(t, relay.Accepted, got.Kind)
	require.Equal(t, server.Sent("dl_cut")[0].MessageID, got.ProviderID)

	server.Next(vendortest.Answer{Delay: time.Minute})
	hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Equal(t, relay.Unknown, client.Send(hurried, delivery("dl_slow")).Kind)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	before := server.Requests()
	require.Equal(t, relay.Retry, client.Send(cancelled, delivery("dl_never")).Kind, "nothing was sent")
	require.Equal(t, before, server.Requests())
}

func TestARefusedConnectionIsRetried(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	client, err := New(Config{APIKey: vendortest.SendGridAPIKey, From: vendortest.SendGridFrom, BaseURL: gone.URL})
	require.NoError(t, err)
	got := client.Send(t.Context(), delivery("dl_1"))
	require.Equal(t, relay.Retry, got.Kind)
	require.Contains(t, got.Detail, "refused")
}

// It replaces the connection, because synctest's clock stands still while a real one is waited for.
func TestAnAttemptEndsByItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := New(Config{APIKey: vendortest.SendGridAPIKey, From: vendortest.SendGridFrom})
		require.NoError(t, err)
		client.rest.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		started := time.Now()
		require.Equal(t, relay.Unknown, client.Send(t.Context(), delivery("dl_1")).Kind)
		require.Equal(t, channel.Deadline, time.Since(started))
	})
}

func TestManySendsShareTheClientAndItsConnections(t *testing.T) {
	t.Parallel()
	const workers, each = 32, 10
	server := vendortest.NewSendGrid(t)
	client := newClient(t, server)
	for range workers {
		server.Next(vendortest.Answer{Status: 503, Body: strings.Repeat("<p>busy</p>", 1000)})
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range each {
				client.Send(t.Context(), delivery(fmt.Sprintf("dl_%d_%d", w, n)))
			}
		})
	}
	wg.Wait()
	require.Equal(t, workers*each, server.Requests())
	require.Len(t, server.Mails(), workers*(each-1))
	require.LessOrEqual(t, server.Connections(), 2*workers, "connections are used again")
	for _, m := range server.Mails() {
		require.Len(t, server.Sent(m.DeliveryID), 1, "each mail has its own body")
	}
	require.Empty(t, server.Faults())
}

func TestRequestsFitSendGridsDocument(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t, vendortest.Specs(vendortest.SpecsDir(t)))
	require.Equal(t, relay.Accepted, newClient(t, server).Send(t.Context(), delivery("dl_1")).Kind)
	require.Empty(t, server.Faults())
}

func TestTheClientIsNamed(t *testing.T) {
	t.Parallel()
	require.Equal(t, "sendgrid", (&Client{}).Name())
}

func TestAWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	good := Config{APIKey: vendortest.SendGridAPIKey, From: vendortest.SendGridFrom}
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"no key":                {func(c *Config) { c.APIKey = "" }, "SENDGRID_API_KEY: must begin with SG."},
		"another's key":         {func(c *Config) { c.APIKey = "secret" }, "SENDGRID_API_KEY: must begin with SG."},
		"a line break in it":    {func(c *Config) { c.APIKey = "SG.secret\n" }, "SENDGRID_API_KEY: must begin with SG."},
		"no sender":             {func(c *Config) { c.From = "" }, "SENDGRID_FROM: must be an address"},
		"no address":            {func(c *Config) { c.From = "secret" }, "SENDGRID_FROM: must be an address"},
		"two senders":           {func(c *Config) { c.From = "a@example.com, b@example.com" }, "SENDGRID_FROM: must be an address"},
		"a sender beyond ASCII": {func(c *Config) { c.From = "Grüße <secret@example.com>" }, "SENDGRID_FROM: must be ASCII"},
		"a list in the name":    {func(c *Config) { c.From = `"A, secret" <a@example.com>` }, "SENDGRID_FROM: must have no comma"},
		"a base with a query":   {func(c *Config) { c.BaseURL = "https://p?secret" }, "BECKON_SENDGRID_BASE_URL: must not have"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := good
			test.change(&config)
			_, err := New(config)
			require.ErrorContains(t, err, "configure sendgrid: ")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	_, err := New(Config{BaseURL: "nowhere"})
	for _, setting := range []string{"SENDGRID_API_KEY", "SENDGRID_FROM", "BECKON_SENDGRID_BASE_URL"} {
		require.ErrorContains(t, err, setting, "all at once")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
