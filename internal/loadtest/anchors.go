package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/labstack/echo/v4"
)

// WebhookPath is where a relay takes webhooks.
const WebhookPath = "/webhooks/cometchat"

// Decoder is what a relay would be that only decodes: Echo, and the JSON of the body in full. It answers as a relay does.
func Decoder() http.Handler {
	e := echo.New()
	e.POST(WebhookPath, func(c echo.Context) error {
		var body map[string]any
		if err := c.Bind(&body); err != nil {
			return err
		}
		trigger, _ := body["trigger"].(string)
		return c.JSON(http.StatusOK, struct {
			ID        string `json:"id"`
			Duplicate bool   `json:"duplicate"`
			Alerts    int    `json:"alerts"`
		}{trigger, false, 1})
	})
	return e
}

// Nothing reads the body and answers 200: what HTTP itself costs.
func Nothing() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	})
}

// ListenAndServe serves on a port of its own of this machine until ctx ends, and says Listens first.
func ListenAndServe(ctx context.Context, out io.Writer, handler http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: callTimeout, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	if _, err := fmt.Fprintf(out, "%s%s\n", Listens, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
