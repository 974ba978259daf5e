// Package telemetry shows the way of an event as traces (OpenTelemetry), where an operator asks for them.
//
// What a span carries is said here and nowhere else, so that it can be read off one page: constants, the IDs that logs and lists
// show, names of rules and providers. No person, address, text or URL: the collector is somebody else's machine.
//
// A nil *Tracer is one that is off: it makes no spans, and its methods allocate nothing.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope names what made the spans.
const scope = "github.com/beckon-relay/beckon"

// Options are what a Tracer works with.
type Options struct {
	// URL is where spans are posted, by OTLP over HTTP. Compression, timeouts, certificates and the size of batches and of their queue
	// the SDK takes from its own variables (OTEL_EXPORTER_OTLP_*, OTEL_BSP_*).
	URL *url.URL
	// Headers go with each post; none leaves them to the SDK's variables.
	Headers map[string]string
	// Ratio is the share of requests that are traced, 0 to 1. What follows from a request is traced if it was.
	Ratio float64
	// Version and Instance say who made the spans; the SDK's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES add to it.
	Version, Instance string
	Logger            *slog.Logger
}

// Tracer makes spans and has them posted.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	w3c      propagation.TraceContext
}

// New makes a Tracer. A collector that does not answer is no error: spans are dropped then, and that is logged.
func New(ctx context.Context, o Options) (*Tracer, error) {
	options := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(o.URL.String())}
	if len(o.Headers) > 0 {
		options = append(options, otlptracehttp.WithHeaders(o.Headers))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	who, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "beckon"), attribute.String("service.version", o.Version),
			attribute.String("service.instance.id", o.Instance),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(who),
		sdktrace.WithSampler(sdktrace.ParentBased(following{sdktrace.TraceIDRatioBased(o.Ratio)})),
		// Its queue is bounded, and what does not fit is dropped: nobody waits for a collector.
		sdktrace.WithBatcher(&patientExporter{SpanExporter: exporter, logger: o.Logger}),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(o.Version))}, nil
}

// flushTimeout bounds how long the last spans may take to be posted.
const flushTimeout = 3 * time.Second

// Close posts what is left, for at most three seconds even where ctx is over, and stops. Spans begun afterwards go nowhere.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("post the last traces: %w", err)
	}
	return nil
}

// following samples what a queue stands before as that which it follows from was: half of a story helps nobody.
type following struct{ sdktrace.Sampler }

// ShouldSample implements sdktrace.Sampler.
func (f following) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Kind == trace.SpanKindServer || len(p.Links) == 0 { // a stranger's word on a request decides nothing
		return f.Sampler.ShouldSample(p)
	}
	if p.Links[0].SpanContext.IsSampled() {
		return sdktrace.AlwaysSample().ShouldSample(p)
	}
	return sdktrace.NeverSample().ShouldSample(p)
}

// traceparent is W3C's header, which is also how a job names what it follows from.
const traceparent = "traceparent"

// Traceparent is that of the span of ctx, such as "00-<trace>-<span>-01"; empty where there is none.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}

// TraceID is that of the span of ctx where it is sampled, for exemplars; empty otherwise.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		return span.TraceID().String()
	}
	return ""
}

// from is a link to what a traceparent names; none where it names nothing.
func (t *Tracer) from(ctx context.Context, parent string) []trace.Link {
	if parent == "" {
		return nil
	}
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{}) // nonsense must not become a link to what is under way
	ctx = t.w3c.Extract(ctx, propagation.MapCarrier{traceparent: parent})
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		return []trace.Link{{SpanContext: span}}
	}
	return nil
}
