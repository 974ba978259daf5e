package app

import (
	"context"
	"log/slog"

	"github.com/beckon-relay/beckon/internal/telemetry"
)

// traced opens the tracer that the settings ask for, if they do, and has the log name the traces.
func (a *App) traced(ctx context.Context) error {
	url := a.Config.Tracing.URL()
	if url == nil {
		return nil
	}
	headers := map[string]string{}
	for name, value := range a.Config.Tracing.Headers {
		headers[name] = value.Reveal()
	}
	tracer, err := telemetry.New(ctx, telemetry.Options{
		URL: url, Headers: headers, Ratio: a.Config.Tracing.Ratio(), Version: a.Version, Instance: a.replica, Logger: a.Logger,
	})
	if err != nil {
		return err
	}
	a.tracer = tracer
	a.Logger = slog.New(telemetry.Logs(a.Logger.Handler()))
	a.Logger.InfoContext(ctx, "traces are posted", "to", url.Host, "share", a.Config.Tracing.Ratio())
	return nil
}

// untraced has the last spans posted. A collector that is away is no fault of the relay.
func (a *App) untraced(ctx context.Context) {
	if err := a.tracer.Close(ctx); err != nil {
		a.Logger.WarnContext(ctx, "the last traces are lost", "error", err)
	}
}
