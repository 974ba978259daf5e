package store

import "context"

type traceKey struct{}

// WithTrace has the wake-ups that are made with ctx carry a traceparent; an empty one has them carry none.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	if traceparent == TraceOf(ctx) {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// TraceOf gives the traceparent that wake-ups made with ctx carry; empty for none.
func TraceOf(ctx context.Context) string {
	traceparent, _ := ctx.Value(traceKey{}).(string)
	return traceparent
}
