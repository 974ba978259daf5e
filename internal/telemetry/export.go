package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/beckon-relay/beckon/internal/outbound"
)

// patientExporter says once that spans cannot be posted, and once that they can again. The SDK by itself would tell a global handler
// of each batch.
type patientExporter struct {
	sdktrace.SpanExporter

	logger *slog.Logger
	away   atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter. It never fails: what could not be posted is dropped.
func (e *patientExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if e.away.Swap(err != nil) == (err != nil) {
		return nil
	}
	if err != nil {
		e.logger.WarnContext(ctx, "traces cannot be posted and are dropped until they can; everything else goes on",
			"error", outbound.Explain(err))
		return nil
	}
	e.logger.InfoContext(ctx, "traces are posted again")
	return nil
}
