package channel_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

func clientFor(t *testing.T, base string) *http.Client {
	t.Helper()
	u, err := outbound.ParseBaseURL(base)
	require.NoError(t, err)
	client := channel.NewHTTPClient(u)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// post makes a request as an adapter does, and reads the answer.
func post(ctx context.Context, client *http.Client, address string) (status int, body string, outcome relay.Outcome, err error) {
	ctx, call := channel.Watch(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader("message"))
	if err != nil {
		return 0, "", relay.Outcome{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", call.Failed(err), err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, string(raw), relay.Outcome{}, err
}

func TestTheBaseTakesTheProvidersPlace(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", r.Host+r.URL.RequestURI())
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for base, want := range map[string]string{
		server.URL: "/v1/x?y=z", server.URL + "/": "/v1/x?y=z", server.URL + "/proxy/": "/proxy/v1/x?y=z",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.vendor.example:444/v1/x?y=z", http.NoBody)
		require.NoError(t, err)
		res, err := clientFor(t, base).Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, host+want, res.Header.Get("X-Asked"))
	}
}

func TestABaseThatIsNoAddressIsRefusedWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"secret", "ftp://secret", "//secret", "https://", "https://a:secret@h", "https://h?secret", "https://h#secret", "http://:80", ":",
	} {
		_, err := outbound.ParseBaseURL(base)
		require.ErrorContains(t, err, "must", base)
		require.NotContains(t, err.Error(), "secret")
	}
	u, err := outbound.ParseBaseURL("")
	require.NoError(t, err)
	require.Nil(t, u)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if r.URL.Path != "/elsewhere" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(server.Close)
	status, _, _, err := post(t.Context(), clientFor(t, ""), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusTemporaryRedirect, status)
	require.Equal(t, 1, requests)
}

func TestAnAnswerWithoutEndIsCutOff(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	for size, fits := range map[int]bool{limit - 1: true, limit: true, limit + 1: false, 3 * limit: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		}))
		t.Cleanup(server.Close)
		_, body, _, err := post(t.Context(), clientFor(t, ""), server.URL)
		require.Len(t, body, min(size, limit))
		require.Equal(t, fits, err == nil, "%d bytes: %v", size, err)
	}
}

func TestAFailureBeforeTheConnectionIsRetriedAndOneAfterIsUnknown(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // it would tell of the handshake
	secure.StartTLS()
	t.Cleanup(secure.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(broken.Close)

	tests := map[string]struct {
		address string
		kind    relay.OutcomeKind
		detail  string
	}{
		"refused":     {gone.URL, relay.Retry, "refused"},
		"no name":     {"http://nowhere.invalid", relay.Retry, "name lookup failed"},
		"certificate": {secure.URL, relay.Retry, "unknown authority"},
		"no answer":   {silent.URL, relay.Unknown, "timed out"},
		"closed":      {broken.URL, relay.Unknown, "EOF"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, _, got, err := post(ctx, clientFor(t, ""), test.address+"/AC0123456789abcdef0123456789abcdef")
			require.Error(t, err)
			require.Equal(t, test.kind, got.Kind, err)
			require.Equal(t, relay.BlameProvider, got.Blame)
			require.Contains(t, got.Detail, test.detail)
			require.NotContains(t, got.Detail, "AC0123")
		})
	}
}

func TestACancelledContextSendsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, got, err := post(ctx, clientFor(t, ""), "http://127.0.0.1:1")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, relay.Retry, got.Kind)
	require.Equal(t, "not sent, no connection: cancelled", got.Detail)
}

// net/http sends again by itself only what it has not written; then the second connection counts.
func TestASecondConnectionThatFailsMeansThatNothingWasSent(t *testing.T) {
	t.Parallel()
	ctx, call := channel.Watch(t.Context())
	trace := httptrace.ContextClientTrace(ctx)
	trace.GetConn("host:443")
	trace.GotConn(httptrace.GotConnInfo{})
	require.Equal(t, relay.Unknown, call.Failed(errors.New("x")).Kind)
	trace.GetConn("host:443")
	require.Equal(t, relay.Retry, call.Failed(&url.Error{Op: "Post", URL: "https://secret", Err: errors.New("x")}).Kind)
}
