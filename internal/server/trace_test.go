package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// traces gives a Tracer, and what makes of its spans "name status error" lines.
func traces(t *testing.T) (*telemetry.Tracer, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var batches []*collector.ExportTraceServiceRequest
	to := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		batch := &collector.ExportTraceServiceRequest{}
		if body, err := io.ReadAll(r.Body); err == nil && proto.Unmarshal(body, batch) == nil {
			batches = append(batches, batch)
		}
	}))
	t.Cleanup(to.Close)
	address, err := url.Parse(to.URL)
	require.NoError(t, err)
	tracer, err := telemetry.New(t.Context(), telemetry.Options{URL: address, Ratio: 1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return tracer, func() []string {
		require.NoError(t, tracer.Close(t.Context()))
		mu.Lock()
		defer mu.Unlock()
		var lines []string
		for _, b := range batches {
			for _, span := range b.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans() {
				line := []string{span.GetName()}
				for _, a := range span.GetAttributes() {
					if a.GetKey() == "http.response.status_code" {
						line = append(line, http.StatusText(int(a.GetValue().GetIntValue())))
					}
				}
				if span.GetStatus().GetCode() != 0 {
					line = append(line, "error")
				}
				lines = append(lines, strings.Join(line, " "))
			}
		}
		return lines
	}
}

// TestASpanHasTheStatusOfTheAnswer, also where a handler gave an error, and the route and not the address.
func TestASpanHasTheStatusOfTheAnswer(t *testing.T) {
	t.Parallel()
	tracer, spans := traces(t)
	calls := 0
	public := server.NewPublic(server.PublicOptions{
		Users: users, Logger: slog.New(slog.DiscardHandler), Tracer: tracer,
		Intake: intake(func(context.Context, []byte) (server.Receipt, error) {
			calls++
			switch calls {
			case 1:
				return server.Receipt{ID: "e1"}, nil
			case 2:
				return server.Receipt{}, errors.New("disk")
			}
			panic("x")
		}),
	})
	for range 3 {
		public.ServeHTTP(httptest.NewRecorder(), post(t, strings.NewReader("{}")))
	}
	ask(t, public, http.MethodGet, "/wp-login.php")
	ask(t, public, http.MethodGet, "/webhooks/cometchat?x=private")
	o := healthy()
	o.Tracer = tracer
	admin := server.NewAdmin(o)
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		ask(t, admin, http.MethodGet, path)
	}
	ask(t, admin, http.MethodPost, "/-/reload")
	require.Equal(t, []string{
		"POST /webhooks/cometchat OK", "POST /webhooks/cometchat Service Unavailable error",
		"POST /webhooks/cometchat Internal Server Error error", "GET /webhooks/cometchat Method Not Allowed", "POST /-/reload OK",
	}, spans())
}
