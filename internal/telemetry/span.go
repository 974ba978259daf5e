package telemetry

import (
	"context"
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Span is something that is under way. A nil one is not traced; its methods do nothing.
type Span struct{ span trace.Span }

func (t *Tracer) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, *Span) {
	ctx, span := t.tracer.Start(ctx, name, options...)
	return ctx, &Span{span}
}

// Request begins the span of a request to a route, and gives the request with it. Where the sender names a trace the span links to
// it and does not join it: anybody may post.
func (t *Tracer) Request(r *http.Request, route string) (*http.Request, *Span) {
	if t == nil {
		return r, nil
	}
	method := r.Method
	if !slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}, method) {
		method = "_OTHER"
	}
	ctx, span := t.start(r.Context(), method+" "+route,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithNewRoot(), trace.WithLinks(t.from(r.Context(), r.Header.Get(traceparent))...),
		trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route)))
	return r.WithContext(ctx), span
}

// Answered ends the span of a request with the status of its answer.
func (s *Span) Answered(status int) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// Accept begins the span in which an event is kept. The trigger is one of a bounded set of names.
func (t *Tracer) Accept(ctx context.Context, trigger, eventID string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, "accept", trace.WithAttributes(
		attribute.String("beckon.trigger", trigger), attribute.String("beckon.event", eventID)))
}

// Accepted ends it with what was kept.
func (s *Span) Accepted(duplicate bool, alerts int, err error) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attribute.Bool("beckon.duplicate", duplicate), attribute.Int("beckon.alerts", alerts))
	s.End(err)
}

// Decide begins the span in which an alert is decided. It links to what the traceparent names, in whose wake it is.
func (t *Tracer) Decide(ctx context.Context, parent string, alert relay.Alert) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, "decide", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithNewRoot(), trace.WithLinks(t.from(ctx, parent)...),
		trace.WithAttributes(
			attribute.String("beckon.alert", alert.ID), attribute.String("beckon.event", alert.EventID),
			attribute.String("beckon.rule", alert.Rule),
		))
}

// Decided notes on the span of ctx what was decided.
func (t *Tracer) Decided(ctx context.Context, decision relay.Decision) {
	if t == nil {
		return
	}
	trace.SpanFromContext(ctx).SetAttributes(
		attribute.String("beckon.action", string(decision.Action)), attribute.String("beckon.reason", string(decision.Reason)),
		attribute.Int("beckon.deliveries", len(decision.Deliveries)))
}

// Attempt begins the span of a call to a provider. It belongs to the span of ctx, or else links to what the traceparent names.
func (t *Tracer) Attempt(ctx context.Context, parent string, delivery relay.Delivery, attempt relay.Attempt) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			attribute.String("beckon.channel", string(delivery.Channel)), attribute.String("beckon.provider", attempt.Provider),
			attribute.String("beckon.delivery", delivery.ID), attribute.String("beckon.alert", delivery.AlertID),
			attribute.String("beckon.rule", delivery.Rule), attribute.Int("beckon.attempt", attempt.N),
		),
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		options = append(options, trace.WithLinks(t.from(ctx, parent)...))
	}
	return t.start(ctx, "attempt "+string(delivery.Channel), options...)
}

// Attempted ends it with what it came to. What the provider says in words is left out: it may quote the message.
func (s *Span) Attempted(outcome relay.Outcome) {
	if s == nil {
		return
	}
	s.span.SetAttributes(
		attribute.String("beckon.outcome", string(outcome.Kind)), attribute.String("beckon.reason", string(outcome.Reason)))
	if outcome.Status != 0 {
		s.span.SetAttributes(attribute.Int("http.response.status_code", outcome.Status))
	}
	if outcome.Kind != relay.Accepted {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// End ends a span; one with an error says no more than that there was one. The log has it, under the same trace.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}
