package twilio

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
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

func validConfig() Config {
	return Config{
		AccountSID: vendortest.TwilioAccountSID, AuthToken: vendortest.TwilioAuthToken, From: vendortest.TwilioFrom,
		PublicURL: "https://beckon.example.com", Now: func() time.Time { return noon },
	}
}

func newClient(t *testing.T, server *vendortest.Twilio) *Client {
	t.Helper()
	config := validConfig()
	config.BaseURL = server.URL
	client, err := New(config)
	require.NoError(t, err)
	t.Cleanup(client.http.CloseIdleConnections)
	return client
}

func delivery(id string) relay.Delivery {
	return relay.Delivery{
		ID: id, Channel: relay.ChannelSMS, Phone: "+14155550123",
		Content: relay.Content{Text: "Ann mentioned you: „see you at 8“ 👋"},
	}
}

func TestAMessageIsTakenAsWritten(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	d := delivery("dl_1")
	got := newClient(t, server).Send(t.Context(), d)

	sent := server.Sent("dl_1")
	require.Len(t, sent, 1)
	require.Equal(t, relay.Outcome{Kind: relay.Accepted, ProviderID: sent[0].SID, Status: 201}, got)
	require.Equal(t, url.Values{
		"To": {"+14155550123"}, "From": {vendortest.TwilioFrom}, "Body": {d.Content.Text.Reveal()}, "SmartEncoded": {"true"},
		"StatusCallback": {"https://beckon.example.com/webhooks/twilio/status?m=dl_1#rc=5&rp=all"},
	}, sent[0].Form)
	require.Empty(t, server.Faults())
}

func TestTheConfigurationDecidesWhatIsSent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change  func(*Config)
		present url.Values
		absent  []string
	}{
		"a messaging service instead of a number": {
			change:  func(c *Config) { c.From, c.MessagingServiceSID = "", vendortest.TwilioServiceSID },
			present: url.Values{"MessagingServiceSid": {vendortest.TwilioServiceSID}},
			absent:  []string{"From"},
		},
		"a key instead of the token": {
			change: func(c *Config) {
				c.AuthToken, c.APIKey, c.APISecret = "", vendortest.TwilioAPIKey, vendortest.TwilioAPISecret
			},
		},
		"the key before the token": {
			change: func(c *Config) {
				c.AuthToken, c.APIKey, c.APISecret = "another", vendortest.TwilioAPIKey, vendortest.TwilioAPISecret
			},
		},
		"no callback without a public address": {
			change: func(c *Config) { c.PublicURL = "" },
			absent: []string{"StatusCallback"},
		},
		"a public address with a path": {
			change:  func(c *Config) { c.PublicURL = "https://example.com/beckon/" },
			present: url.Values{"StatusCallback": {"https://example.com/beckon/webhooks/twilio/status?m=dl_1#rc=5&rp=all"}},
		},
		"a name as the sender": {
			change:  func(c *Config) { c.From = "Beckon" },
			present: url.Values{"From": {"Beckon"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewTwilio(t)
			config := validConfig()
			config.BaseURL = server.URL
			test.change(&config)
			client, err := New(config)
			require.NoError(t, err)
			require.Equal(t, relay.Accepted, client.Send(t.Context(), delivery("dl_1")).Kind)
			form := server.Messages()[0].Form
			for parameter, values := range test.present {
				require.Equal(t, values, form[parameter])
			}
			for _, parameter := range test.absent {
				require.NotContains(t, form, parameter)
			}
			require.Empty(t, server.Faults())
		})
	}
}

func TestAMessageDoesNotOutliveItsAlertAtTwilio(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		expires time.Time
		want    string
	}{
		"never expires":          {time.Time{}, ""},
		"in a day":               {noon.Add(24 * time.Hour), ""},
		"at Twilio's own limit":  {noon.Add(36000 * time.Second), ""},
		"a second before it":     {noon.Add(35999 * time.Second), "35999"},
		"in a minute and a half": {noon.Add(90*time.Second + 700*time.Millisecond), "90"},
		"in a moment":            {noon.Add(time.Second), "6"},
		"a moment ago":           {noon.Add(-time.Hour), "6"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewTwilio(t)
			d := delivery("dl_1")
			d.ExpiresAt = test.expires
			require.Equal(t, relay.Accepted, newClient(t, server).Send(t.Context(), d).Kind)
			require.Equal(t, test.want, server.Messages()[0].Form.Get("ValidityPeriod"))
		})
	}
}

func TestTheNumbersOfTwiliosTestAccountFailAsTheyDoThere(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	tests := map[relay.Phone]relay.Reason{
		"+15005550001": relay.ReasonInvalidNumber, "+15005550002": relay.ReasonUnreachable,
		"+15005550003": relay.ReasonRegionBlocked, "+15005550004": relay.ReasonOptedOut,
		"+15005550009": relay.ReasonInvalidNumber, "not a number": relay.ReasonInvalidNumber, "": relay.ReasonRejected,
	}
	for number, reason := range tests {
		d := delivery("dl_1")
		d.Phone = number
		got := client.Send(t.Context(), d)
		require.Equal(t, relay.Permanent, got.Kind, "%q", number.Reveal())
		require.Equal(t, reason, got.Reason, "%q", number.Reveal())
		if number != "" {
			require.NotContains(t, got.Detail, number.Reveal())
		}
	}
	require.Empty(t, server.Messages())
}

func TestTheEnvironmentDoesNotChangeTheHost(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "dublin")
	t.Setenv("TWILIO_REGION", "ie1")
	config := validConfig()
	client, err := New(config)
	require.NoError(t, err)
	var host string
	client.http = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		host = r.URL.Host
		return nil, context.Canceled
	})}
	client.Send(t.Context(), delivery("dl_1"))
	require.Equal(t, "api.twilio.com", host)
}

func TestRetryAfterIsHandedOn(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	later := noon.Add(40 * time.Second).Format(http.TimeFormat)
	server.Next(
		vendortest.Answer{Status: 429, Header: map[string]string{"Retry-After": "17"}, Body: `{"code":20429}`},
		vendortest.Answer{Status: 503, Header: map[string]string{"Retry-After": later}},
		vendortest.Answer{Status: 400, Header: map[string]string{"Retry-After": "17"}},
	)
	require.Equal(t, 17*time.Second, client.Send(t.Context(), delivery("dl_1")).RetryAfter)
	require.Equal(t, 40*time.Second, client.Send(t.Context(), delivery("dl_1")).RetryAfter)
	require.Zero(t, client.Send(t.Context(), delivery("dl_1")).RetryAfter, "what is not retried waits for nothing")
}

func TestALostAnswerIsUnknownAndAMissingConnectionIsNot(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)

	server.Next(vendortest.Answer{Reset: true})
	got := client.Send(t.Context(), delivery("dl_reset"))
	require.Equal(t, relay.Unknown, got.Kind)
	require.Equal(t, relay.ReasonNoAnswer, got.Reason)
	require.Len(t, server.Sent("dl_reset"), 1, "the vendor had taken it")

	server.Next(vendortest.Answer{CutOff: true})
	got = client.Send(t.Context(), delivery("dl_cut"))
	require.Equal(t, relay.Outcome{Kind: relay.Accepted, Status: 201}, got, "a 201 without its body has no id")
	require.Len(t, server.Sent("dl_cut"), 1)

	server.Next(vendortest.Answer{Delay: time.Minute})
	hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	got = client.Send(hurried, delivery("dl_slow"))
	require.Equal(t, relay.Unknown, got.Kind)
	require.Equal(t, "no answer to the request: timed out", got.Detail)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	before := server.Requests()
	got = client.Send(cancelled, delivery("dl_never"))
	require.Equal(t, relay.Retry, got.Kind, "nothing was sent")
	require.Equal(t, before, server.Requests())
}

func TestARefusedConnectionIsRetried(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	config := validConfig()
	config.BaseURL = gone.URL
	client, err := New(config)
	require.NoError(t, err)
	got := client.Send(t.Context(), delivery("dl_1"))
	require.Equal(t, relay.Retry, got.Kind)
	require.Equal(t, relay.ReasonProviderTrouble, got.Reason)
	require.Contains(t, got.Detail, "refused")
	require.NotContains(t, got.Detail, vendortest.TwilioAccountSID)
}

// It replaces the connection, because synctest's clock stands still while a real one is waited for.
func TestAnAttemptEndsByItsOwnDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := New(validConfig())
		require.NoError(t, err)
		client.http = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		started := time.Now()
		got := client.Send(t.Context(), delivery("dl_1"))
		require.Equal(t, relay.Unknown, got.Kind)
		require.Equal(t, channel.Deadline, time.Since(started))
	})
}

func TestManySendsShareTheClientAndItsConnections(t *testing.T) {
	t.Parallel()
	const workers, each = 32, 10
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	// Errors too, with bodies that are no JSON: each must leave its connection fit for the next.
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
	require.Len(t, server.Messages(), workers*(each-1))
	require.LessOrEqual(t, server.Connections(), 2*workers, "connections are used again")
	for _, m := range server.Messages() {
		require.Len(t, server.Sent(m.DeliveryID), 1, "each message has its own parameters")
	}
	require.Empty(t, server.Faults())
}

func TestEveryBodyIsClosed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 302, 400, 503} {
		client, err := New(validConfig())
		require.NoError(t, err)
		body := &closable{Reader: strings.NewReader("{")}
		client.http = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: body}, nil
		})}
		require.Equal(t, status, client.Send(t.Context(), delivery("dl_1")).Status)
		require.True(t, body.closed, "the SDK closes none of an error; a connection would be lost each time")
	}
}

type closable struct {
	io.Reader

	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func TestRequestsFitTwiliosDocument(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t, vendortest.Specs(vendortest.SpecsDir(t)))
	d := delivery("dl_1")
	d.ExpiresAt = noon.Add(time.Hour)
	require.Equal(t, relay.Accepted, newClient(t, server).Send(t.Context(), d).Kind)
	require.Empty(t, server.Faults())
}

func TestTheClientIsNamed(t *testing.T) {
	t.Parallel()
	require.Equal(t, "twilio", (&Client{}).Name())
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
