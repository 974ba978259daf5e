package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// lost is a Tracer of that ratio, whose spans nobody collects.
func lost(t *testing.T, ratio float64) *telemetry.Tracer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	require.NoError(t, err)
	tracer, err := telemetry.New(t.Context(), telemetry.Options{URL: to, Ratio: ratio, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tracer.Close(context.WithoutCancel(t.Context())) })
	return tracer
}

const (
	sampled   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

func TestWhatFollowsFromATraceIsSampledAsItWas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ratio  float64
		parent string
		want   bool
	}{
		"one that was, where few are":  {0, sampled, true},
		"one that was not, of all":     {1, unsampled, false},
		"from before traces were made": {1, "", true},
		"nonsense in a job":            {1, "00-zz", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracer := lost(t, c.ratio)
			decide, span := tracer.Decide(t.Context(), c.parent, relay.Alert{})
			require.Equal(t, c.want, telemetry.TraceID(decide) != "")
			attempt, last := tracer.Attempt(t.Context(), telemetry.Traceparent(decide), relay.Delivery{}, relay.Attempt{})
			require.Equal(t, c.want, telemetry.TraceID(attempt) != "")
			require.NotEqual(t, trace.SpanContextFromContext(decide).TraceID(), trace.SpanContextFromContext(attempt).TraceID())
			span.End(errors.New("x"))
			last.Attempted(relay.Outcome{})
		})
	}
}

func TestAStrangerDoesNotDecideWhetherIsTraced(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	r.Header.Set("traceparent", sampled)
	r, span := lost(t, 0).Request(r, "/")
	require.Empty(t, telemetry.TraceID(r.Context()))
	require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", telemetry.Traceparent(r.Context()))
	span.Answered(http.StatusOK)
}

func TestLinesWithinASpanNameIt(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := slog.New(telemetry.Logs(slog.NewTextHandler(&out, nil))).With("a", 1)
	ctx, span := lost(t, 1).Accept(t.Context(), "message_sent", "e1")
	logger.InfoContext(ctx, "within")
	span.Accepted(false, 1, nil)
	require.Regexp(t, `msg=within a=1 trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16}\n$`, out.String())
	out.Reset()
	logger.InfoContext(t.Context(), "without")
	require.NotContains(t, out.String(), "trace_id")
}

// way is what one event and its message ask of a Tracer.
func way(ctx context.Context, tracer *telemetry.Tracer, r *http.Request) {
	_, request := tracer.Request(r, "/")
	request.Answered(http.StatusOK)
	_, accept := tracer.Accept(ctx, "message_sent", "e1")
	accept.Accepted(false, 1, nil)
	ctx, decide := tracer.Decide(ctx, sampled, relay.Alert{})
	tracer.Decided(ctx, relay.Decision{})
	decide.End(nil)
	_ = telemetry.Traceparent(ctx)
	ctx, attempt := tracer.Attempt(ctx, sampled, relay.Delivery{}, relay.Attempt{})
	attempt.Attempted(relay.Outcome{})
	_ = telemetry.TraceID(ctx)
}

func TestATracerThatIsOffAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all goroutines
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	require.Zero(t, testing.AllocsPerRun(100, func() { way(t.Context(), nil, r) }))
	var off *telemetry.Tracer
	require.NoError(t, off.Close(t.Context()))
}

func BenchmarkOff(b *testing.B) {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", http.NoBody)
	for b.Loop() {
		way(b.Context(), nil, r)
	}
}

func BenchmarkOn(b *testing.B) {
	to, err := url.Parse("http://127.0.0.1:1")
	require.NoError(b, err)
	tracer, err := telemetry.New(b.Context(), telemetry.Options{URL: to, Ratio: 1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.ReportAllocs()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", http.NoBody)
	for b.Loop() {
		way(b.Context(), tracer, r)
	}
}
