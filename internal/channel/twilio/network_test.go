package twilio

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestEveryFaultOfTheNetworkTellsWhetherTheMessageMayBeOut(t *testing.T) {
	t.Parallel()
	for _, fault := range vendortest.NetworkFaults(t) {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			config := validConfig()
			config.BaseURL = fault.URL
			client, err := New(config)
			require.NoError(t, err)
			t.Cleanup(client.http.CloseIdleConnections)
			hurried, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			requireFault(t, fault.Sent, client.Send(hurried, delivery("dl_1")))
			hurried, cancel = context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			found, err := client.Find(hurried, delivery("dl_1"), noon)
			require.Error(t, err, "it could not be asked")
			require.Empty(t, found)
		})
	}
}

func TestANameThatNobodyKnowsIsNotAMessage(t *testing.T) {
	t.Parallel()
	client, err := New(validConfig())
	require.NoError(t, err)
	client.http = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.twilio.com", IsNotFound: true}}
		},
	}}
	got := client.Send(t.Context(), delivery("dl_1"))
	requireFault(t, false, got)
	require.Equal(t, "not sent, no connection: name lookup failed: no such host", got.Detail)
}

// requireFault holds an outcome against the two rows of the table that are about the network.
func requireFault(t *testing.T, sent bool, got relay.Outcome) {
	t.Helper()
	want := relay.Outcome{Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonProviderTrouble, Detail: got.Detail}
	if sent {
		want.Kind, want.Reason = relay.Unknown, relay.ReasonNoAnswer
	}
	require.Equal(t, want, got)
	require.NotEmpty(t, got.Detail)
	require.NotContains(t, got.Detail, vendortest.TwilioAccountSID)
}
