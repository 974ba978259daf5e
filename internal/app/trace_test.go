package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
)

// running is the whole relay on SQLite, with vendors that behave like the real ones, in this process.
type running struct {
	*App

	t      *testing.T
	twilio *vendortest.Twilio
	log    *syncBuffer
	stop   func() error
}

// syncBuffer is written by many goroutines.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

const runningRules = `version: 1
rules:
  - { name: ring, trigger: call_initiated, to: callee, urgent: true, send: [ { sms: missed-call } ] }
`

// run starts it with more settings; it is stopped at the test's end, if not before.
func run(t *testing.T, more map[string]string) *running {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	r := &running{t: t, twilio: vendortest.NewTwilio(t), log: &syncBuffer{}}
	env := map[string]string{
		"BECKON_LISTEN": "127.0.0.1:0", "BECKON_ADMIN_LISTEN": "127.0.0.1:0", "BECKON_TEMPLATES": "../../templates",
		"BECKON_RULES": write("rules.yaml", runningRules), "BECKON_WEBHOOK_USERS": "cometchat:secret",
		"BECKON_DIRECTORY":    "file:" + write("people.yaml", `cometchat-uid-2: { name: George Alan, phone: "+14155550102" }`),
		"BECKON_DATABASE_URL": "sqlite:" + sqlitetest.New(t), "BECKON_LOG_LEVEL": "debug",
		"TWILIO_ACCOUNT_SID": vendortest.TwilioAccountSID, "TWILIO_AUTH_TOKEN": vendortest.TwilioAuthToken,
		"TWILIO_FROM": vendortest.TwilioFrom, "BECKON_TWILIO_BASE_URL": r.twilio.URL,
	}
	maps.Copy(env, more)
	c, err := config.Load(func(name string) (string, bool) { value, ok := env[name]; return value, ok }, os.ReadFile)
	require.NoError(t, err)
	logger, level := NewLogger(c, r.log)
	r.App, err = New(t.Context(), Options{Config: c, Version: "v0.0.0-test", Revision: "abc", Logger: logger, Level: level})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// post posts the call that rings George, and gives the status.
func (r *running) post(change ...func(*http.Request)) int {
	r.t.Helper()
	body, ok := cometchat.Sample(relay.CallInitiated)
	require.True(r.t, ok)
	body = bytes.ReplaceAll(body, []byte("cometchat-uid-5"), []byte("cometchat-uid-2"))
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.PublicAddr()+"/webhooks/cometchat", bytes.NewReader(body))
	require.NoError(r.t, err)
	req.SetBasicAuth("cometchat", "secret")
	req.Header.Set("Content-Type", "application/json")
	for _, c := range change {
		c(req)
	}
	answer, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	require.NoError(r.t, answer.Body.Close())
	return answer.StatusCode
}

// metricsText is what /metrics shows in the format of OpenMetrics.
func (r *running) metricsText() string {
	return r.metricsIn("application/openmetrics-text; version=1.0.0")
}

func (r *running) metricsIn(format string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.AdminAddr()+"/metrics", http.NoBody)
	require.NoError(r.t, err)
	req.Header.Set("Accept", format)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer answer.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	return string(text)
}

// collected is a collector of traces that keeps what is posted to it.
type collected struct {
	url string

	mu      sync.Mutex
	raw     bytes.Buffer
	headers []http.Header
	spans   []*otlp.Span
	who     string
}

func collect(t *testing.T, answer func(http.ResponseWriter, *http.Request) (over bool)) *collected {
	t.Helper()
	c := &collected{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer != nil && answer(w, r) {
			return
		}
		c.keep(t, r)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collected) keep(t *testing.T, r *http.Request) {
	t.Helper()
	var reader io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		reader = unzipped
	}
	body, err := io.ReadAll(reader)
	var batch collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &batch)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		t.Errorf("%s: %v", r.URL.Path, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(body)
	c.headers = append(c.headers, r.Header)
	for _, from := range batch.GetResourceSpans() {
		c.who = from.GetResource().String()
		for _, scope := range from.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

// named gives the only span of a name that has these attributes, and all of its attributes.
func (c *collected) named(t *testing.T, name string, want map[string]string) (*otlp.Span, map[string]string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*otlp.Span
	var of map[string]string
	for _, span := range c.spans {
		attributes := map[string]string{}
		for _, a := range span.GetAttributes() {
			text := a.GetValue().GetStringValue()
			if number, ok := a.GetValue().GetValue().(*common.AnyValue_IntValue); ok {
				text = strconv.FormatInt(number.IntValue, 10)
			}
			attributes[a.GetKey()] = text
		}
		fits := span.GetName() == name
		for key, value := range want {
			fits = fits && attributes[key] == value
		}
		if fits {
			found, of = append(found, span), attributes
		}
	}
	require.Len(t, found, 1, "%s %v", name, want)
	return found[0], of
}

func linked(t *testing.T, from, to *otlp.Span) {
	t.Helper()
	require.Len(t, from.GetLinks(), 1)
	require.Equal(t, hex.EncodeToString(to.GetTraceId()), hex.EncodeToString(from.GetLinks()[0].GetTraceId()))
	require.Equal(t, hex.EncodeToString(to.GetSpanId()), hex.EncodeToString(from.GetLinks()[0].GetSpanId()))
}

// TestAWebhookIsTracedToTheProviderAcrossTheQueue: the first text is refused for now, so that the second goes by the channel's queue.
func TestAWebhookIsTracedToTheProviderAcrossTheQueue(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	r := run(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b",
	})
	r.twilio.Next(vendortest.Answer{Status: 429, Header: map[string]string{"Retry-After": "1"}, Body: `{"code":20429,"status":429}`})
	const foreign = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	require.Equal(t, http.StatusOK, r.post(func(r *http.Request) { r.Header.Set("traceparent", foreign) }))
	require.Equal(t, http.StatusUnauthorized, r.post(func(r *http.Request) { r.SetBasicAuth("cometchat", "wrong") }))
	require.Eventually(t, func() bool {
		return strings.Contains(r.metricsText(), `beckon_deliveries_total{channel="sms",outcome="sent"} 1.0`)
	}, 20*time.Second, 50*time.Millisecond)
	shown := r.metricsText()
	require.NoError(t, r.stop())

	const route = "/webhooks/cometchat"
	webhook, attributes := c.named(t, "POST "+route, map[string]string{"http.response.status_code": "200"})
	require.Equal(t, route, attributes["http.route"])
	require.Equal(t, otlp.Span_SPAN_KIND_SERVER, webhook.GetKind())
	require.Empty(t, webhook.GetParentSpanId(), "a stranger's trace is linked to, and not joined")
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", hex.EncodeToString(webhook.GetLinks()[0].GetTraceId()))
	_, _ = c.named(t, "POST "+route, map[string]string{"http.response.status_code": "401"})

	accept, attributes := c.named(t, "accept", nil)
	require.Equal(t, webhook.GetSpanId(), accept.GetParentSpanId())
	require.Equal(t, "call_initiated", attributes["beckon.trigger"])
	require.Equal(t, "1", attributes["beckon.alerts"])

	decide, attributes := c.named(t, "decide", nil)
	linked(t, decide, webhook)
	require.NotEqual(t, webhook.GetTraceId(), decide.GetTraceId())
	require.Equal(t, otlp.Span_SPAN_KIND_CONSUMER, decide.GetKind())
	require.Equal(t, "ring", attributes["beckon.rule"])
	require.Equal(t, "send", attributes["beckon.action"])

	first, attributes := c.named(t, "attempt sms", map[string]string{"beckon.attempt": "1"})
	require.Equal(t, decide.GetSpanId(), first.GetParentSpanId(), "the job that decides makes the first attempt itself")
	require.Equal(t, "retry", attributes["beckon.outcome"])
	require.Equal(t, "429", attributes["http.response.status_code"])
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, first.GetStatus().GetCode())
	second, attributes := c.named(t, "attempt sms", map[string]string{"beckon.attempt": "2"})
	linked(t, second, decide)
	require.Equal(t, otlp.Span_SPAN_KIND_CLIENT, second.GetKind())
	require.Equal(t, "twilio", attributes["beckon.provider"])
	require.Equal(t, "accepted", attributes["beckon.outcome"])

	c.discreet(t, r)
	trace := hex.EncodeToString(second.GetTraceId())
	require.Regexp(t, fmt.Sprintf(`beckon_delivery_latency_seconds_bucket\{channel="sms",le="[^"]+"\} \S+ # \{trace_id="%s"\}`, trace), shown)
	require.Regexp(t, fmt.Sprintf(`"msg":"alert decided".*"trace_id":"%x","span_id":"%x"`, decide.GetTraceId(), decide.GetSpanId()), r.log.String())
}

// discreet looks for what must not leave the house in all that was posted.
func (c *collected) discreet(t *testing.T, r *running) {
	t.Helper()
	require.Equal(t, "a b", c.headers[0].Get("X-Key"))
	require.Contains(t, c.who, "v0.0.0-test")
	for _, name := range []string{"/metrics", "/livez", "/readyz"} {
		require.NotContains(t, c.raw.String(), name, "probes are not traced")
	}
	sent := r.twilio.Messages()
	require.Len(t, sent, 1)
	for _, private := range []string{
		"4155550102", "cometchat-uid", "George", "Andrew", "missed", "127.0.0.1", vendortest.TwilioAccountSID, "secret", strings.TrimPrefix(r.twilio.URL, "http://"),
	} {
		require.NotContains(t, strings.ReplaceAll(c.raw.String(), "https://opentelemetry.io", ""), private)
	}
}

func TestWhatIsNotSampledIsNotTracedAnywhere(t *testing.T) {
	t.Parallel()
	c := collect(t, nil)
	r := run(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.url, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"})
	require.Equal(t, http.StatusOK, r.post())
	require.Eventually(t, func() bool { return len(r.twilio.Messages()) == 1 }, time.Minute, 20*time.Millisecond)
	require.NoError(t, r.stop())
	require.Empty(t, c.spans)
}

func TestACollectorInTroubleDoesNotDisturbTheRelay(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"it refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"it hangs": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the server notices when the client goes
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := collect(t, func(w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true })
			r := run(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.url})
			require.Equal(t, http.StatusOK, r.post())
			require.Eventually(t, func() bool { return len(r.twilio.Messages()) == 1 }, time.Minute, 20*time.Millisecond)
			require.NoError(t, r.stop())
			told := strings.Count(r.log.String(), `"msg":"traces cannot be posted`) + strings.Count(r.log.String(), `"msg":"the last traces are lost`)
			require.Positive(t, told)
			require.LessOrEqual(t, told, 2)
		})
	}
}

func TestNothingIsTracedUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"nothing set": nil,
		"disabled":    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		"none":        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &App{Options: Options{Logger: slog.New(slog.DiscardHandler)}}
			c, err := config.Load(func(name string) (string, bool) { value, ok := env[name]; return value, ok }, os.ReadFile)
			require.NoError(t, err)
			a.Config = c
			require.NoError(t, a.traced(t.Context()))
			require.Nil(t, a.tracer)
			require.NoError(t, a.tracer.Close(t.Context()))
		})
	}
}
