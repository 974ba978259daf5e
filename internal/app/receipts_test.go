package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/sendgrid"
	"github.com/beckon-relay/beckon/internal/channel/twilio"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// keeper is a store that takes receipts only.
type keeper struct {
	kept []relay.Receipt
	err  error
}

func (k *keeper) Receive(_ context.Context, receipts []relay.Receipt) ([]relay.Delivery, error) {
	if k.err != nil {
		return nil, k.err
	}
	k.kept = append(k.kept, receipts...)
	return []relay.Delivery{
		{Channel: relay.ChannelSMS, State: relay.DeliveryDelivered}, {Channel: relay.ChannelSMS, State: relay.DeliverySent},
	}, nil
}

// scrape is what /metrics shows.
func scrape(t *testing.T, m *metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return answer.Body.String()
}

func TestAReportIsKeptBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	receipt := relay.Receipt{Provider: "twilio", Key: "SM1/delivered", Status: "delivered"}
	tests := map[string]struct {
		read, kept error
		receipts   []relay.Receipt
		want       *server.Refusal
		count      int
	}{
		"news":              {receipts: []relay.Receipt{receipt}, count: 1},
		"nothing to keep":   {},
		"a wrong signature": {read: channel.ErrSignature, want: &server.Refusal{Status: 403, Code: "bad_signature"}},
		"unreadable":        {read: channel.ErrUnreadable, want: &server.Refusal{Status: 400, Code: "unreadable"}},
		"too many":          {read: channel.ErrTooMany, want: &server.Refusal{Status: 413, Code: "too_many"}},
		"a store that is busy": {
			receipts: []relay.Receipt{receipt}, kept: store.ErrOverloaded, want: &server.Refusal{Status: 503, Code: "overloaded"},
		},
		"a full disk": {
			receipts: []relay.Receipt{receipt}, kept: store.ErrDiskFull, want: &server.Refusal{Status: 503, Code: "disk_full"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, m := &keeper{err: test.kept}, newMetrics("test", "abc")
			r := &reports{
				channel: relay.ChannelSMS, store: k, metrics: m, reply: server.Reply{Status: 204},
				read: func(server.Call) (report, error) { return report{receipts: test.receipts}, test.read },
			}
			reply, err := r.Receive(t.Context(), server.Call{})
			if test.want != nil {
				refusal, ok := errors.AsType[*server.Refusal](err)
				require.True(t, ok, err)
				require.Equal(t, test.want.Status, refusal.Status)
				require.Equal(t, test.want.Code, refusal.Code)
				require.NotEmpty(t, refusal.Message)
				require.Empty(t, k.kept)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 204, reply.Status)
			require.Len(t, k.kept, test.count)
			shown := scrape(t, m)
			counted := fmt.Sprintf(`beckon_delivery_receipts_total{channel="sms",status="delivered"} %d`, test.count)
			require.Contains(t, shown, counted)
			require.Contains(t, shown, fmt.Sprintf(`beckon_deliveries_total{channel="sms",outcome="delivered"} %d`, test.count))
			require.Contains(t, shown, `beckon_deliveries_total{channel="sms",outcome="sent"} 0`, "counted when it was sent")
		})
	}
	broken := &reports{
		store: &keeper{err: errors.New("disk")}, metrics: newMetrics("test", "abc"),
		read: func(server.Call) (report, error) { return report{receipts: []relay.Receipt{receipt}}, nil },
	}
	_, err := broken.Receive(t.Context(), server.Call{})
	require.ErrorContains(t, err, "keep receipts: disk")
}

func TestARouteIsThereForWhatCanBeVerified(t *testing.T) {
	t.Parallel()
	key := vendortest.NewSendGrid(t).PublicKey(t)
	public, err := url.Parse("https://beckon.example.com")
	require.NoError(t, err)
	tests := map[string]struct {
		config config.Config
		paths  []string
		from   []relay.Channel
	}{
		"nothing":         {config.Config{}, nil, nil},
		"a token alone":   {config.Config{Twilio: config.Twilio{AuthTokens: []config.Secret{"a"}}}, nil, nil},
		"an address only": {config.Config{PublicURL: public, Twilio: config.Twilio{APIKey: "SK"}}, nil, nil},
		"Twilio": {
			config.Config{PublicURL: public, Twilio: config.Twilio{AuthTokens: []config.Secret{"a", "b"}}},
			[]string{twilio.StatusPath, twilio.InboundPath},
			[]relay.Channel{relay.ChannelSMS},
		},
		"SendGrid": {
			config.Config{PublicURL: public, SendGrid: config.SendGrid{EventPublicKeys: []string{key}}},
			[]string{sendgrid.EventsPath},
			[]relay.Channel{relay.ChannelEmail},
		},
		"SendGrid without an address of ours": {
			config.Config{SendGrid: config.SendGrid{EventPublicKeys: []string{key}}}, []string{sendgrid.EventsPath}, nil,
		},
		"the outbox, about what was sent before": {
			config.Config{
				Providers: config.ProvidersOutbox, PublicURL: public, SendGrid: config.SendGrid{EventPublicKeys: []string{key}},
			}, []string{sendgrid.EventsPath}, nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &App{metrics: newMetrics("test", "abc")}
			routes, err := a.callbacks(test.config)
			require.NoError(t, err)
			require.Len(t, routes, len(test.paths))
			for _, path := range test.paths {
				require.Contains(t, routes, path)
				require.Contains(t, callbackSources(), routes[path].Source)
				require.Positive(t, routes[path].MaxBody)
			}
			a.live.Store(&live{reporting: reporting(test.config)})
			var from []relay.Channel
			for _, ch := range relay.Channels() {
				if a.receiptsFrom(ch) {
					from = append(from, ch)
				}
			}
			require.Equal(t, test.from, from)
		})
	}
	_, err = (&App{}).callbacks(config.Config{SendGrid: config.SendGrid{EventPublicKeys: []string{"AAAA"}}})
	require.ErrorContains(t, err, "SENDGRID_EVENT_PUBLIC_KEY")
}

func TestARotatedKeyTakesEffect(t *testing.T) {
	t.Parallel()
	before := config.Config{Twilio: config.Twilio{AuthTokens: []config.Secret{"a"}}}
	after := []config.Config{
		{Twilio: config.Twilio{AuthTokens: []config.Secret{"b", "a"}}},
		{Twilio: config.Twilio{AuthTokens: []config.Secret{"a"}}, SendGrid: config.SendGrid{EventPublicKeys: []string{"k"}}},
	}
	for _, c := range after {
		require.NotEqual(t, secretsOf(before), secretsOf(c))
	}
}

func TestMetricsOfCallbacksStartAtZero(t *testing.T) {
	t.Parallel()
	m := newMetrics("test", "abc")
	m.Callback(sourceStatus, server.OutcomeAccepted, 0)
	shown := scrape(t, m)
	require.Contains(t, shown, `beckon_webhook_requests_total{outcome="accepted",source="twilio_status",trigger=""} 1`)
	for _, source := range []string{"twilio_inbound", "sendgrid"} {
		require.Contains(t, shown, `beckon_webhook_requests_total{outcome="unauthorized",source="`+source+`",trigger=""} 0`)
	}
}

func TestOnlyAHelpWordOfOursIsAnsweredAndOnlyWhereMessagesGoOut(t *testing.T) {
	t.Parallel()
	from := relay.NewAddress(relay.ChannelSMS, "+14155550123")
	live := config.Config{Providers: config.ProvidersLive, HelpReply: "Write to help@example.com"}
	outbox, others, named := live, live, live
	outbox.Providers = config.ProvidersOutbox
	others.OnlyTo = config.Addresses{"+4930*"}
	named.OnlyTo = config.Addresses{"+1415*"}
	for name, tt := range map[string]struct {
		config config.Config
		in     twilio.Inbound
		want   string
	}{
		"our word":               {live, twilio.Inbound{From: from, Help: true}, live.HelpReply},
		"Twilio's, or no word":   {live, twilio.Inbound{From: from}, ""},
		"nothing to say":         {config.Config{}, twilio.Inbound{From: from, Help: true}, ""},
		"the sandbox":            {outbox, twilio.Inbound{From: from, Help: true}, ""},
		"a number not allowed":   {others, twilio.Inbound{From: from, Help: true}, ""},
		"a number that is named": {named, twilio.Inbound{From: from, Help: true}, live.HelpReply},
	} {
		require.Equal(t, tt.want, help(tt.config, tt.in), name)
	}
}
