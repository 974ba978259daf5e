package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// readyTimeout bounds the readiness check: Kubernetes gives a probe one second by default.
const readyTimeout = 900 * time.Millisecond

// AdminOptions configures the admin listener's handler. All functions must be set.
type AdminOptions struct {
	// Ready says whether webhooks can be taken in. A *Refusal is shown by its code and message; another error is
	// logged and not shown.
	Ready func(ctx context.Context) error
	// Alive says whether this process works; it must not ask a database or a provider.
	Alive func() error
	// Metrics serves /metrics; nil leaves it out.
	Metrics http.Handler
	// Reload reads rules and templates anew, and keeps who asked for it (access.PersonFrom); its error is shown to the operator.
	Reload func(ctx context.Context) error
	// Switches stop messages; nil leaves them out.
	Switches Switches
	// Preferences and Suppressions are what people want and do not want; nil leaves them out.
	Preferences  Preferences
	Suppressions Suppressions
	// Bulk retries and cancels by hand; nil leaves it out.
	Bulk Bulk
	// People shows and forgets what is kept of one person; nil leaves it out.
	People People
	// API shows what is kept; nil leaves it out.
	API *API
	// Level is how much is logged; nil leaves it out.
	Level Level
	// Console serves the pages below /console/, for people whom Guard lets in; nil leaves it out.
	Console http.Handler
	// Dev switches the console on where Guard is open, as in `beckon dev`. Elsewhere it needs somebody who may come in.
	Dev bool
	// Guard knows who may look and who may act.
	Guard *access.Guard
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Stopping ends when this process begins to stop: streams of events end with it. Nil is never.
	Stopping context.Context
	Logger   *slog.Logger
	// Tracer makes a span of each request but probes and scrapes; nil makes none.
	Tracer *telemetry.Tracer
}

// NewAdmin makes the handler of the admin listener: /livez, /readyz, /metrics, POST /-/reload, /-/pause and /-/resume,
// GET /-/pauses and /-/audit, /-/log-level, below /console/api what is kept and what people want (openapi.yaml), and below
// /console the pages.
func NewAdmin(o AdminOptions) http.Handler {
	a := &admin{AdminOptions: o, origins: http.NewCrossOriginProtection()}
	e := newEdge(o.Logger, o.TrustedProxies, o.Tracer)
	e.Use(a.endStreams)
	probes := []string{http.MethodGet, http.MethodHead}
	e.Match(probes, "/livez", a.livez)
	e.Match(probes, "/readyz", a.readyz)
	if o.Metrics != nil {
		e.GET("/metrics", echo.WrapHandler(o.Metrics))
	}
	e.POST("/-/reload", a.reload, a.action)
	if o.Switches != nil {
		a.registerSwitches(e)
	}
	if o.Preferences != nil {
		a.registerPreferences(e)
	}
	if o.Suppressions != nil {
		a.registerSuppressions(e)
	}
	if o.Bulk != nil {
		a.registerBulk(e)
	}
	if o.People != nil {
		a.registerPeople(e)
	}
	if o.API != nil {
		a.registerAPI(e)
	}
	if o.Level != nil {
		a.registerLevel(e)
	}
	if o.Console != nil {
		return a.withConsole(e)
	}
	return e
}

type admin struct {
	AdminOptions

	origins *http.CrossOriginProtection
}

func (a *admin) livez(c echo.Context) error {
	if err := a.Alive(); err != nil {
		return a.unwell(c, err, &Refusal{Code: "not_alive", Message: "this process is stuck; its log says why"})
	}
	return c.String(http.StatusOK, "ok")
}

func (a *admin) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	if err := a.Ready(ctx); err != nil {
		return a.unwell(c, err, &Refusal{Code: "not_ready", Message: "not ready for webhooks; the log says why"})
	}
	return c.String(http.StatusOK, "ok")
}

// unwell answers a failed probe with 503 and the reason, if it is one that may be shown, else with the given words.
func (a *admin) unwell(c echo.Context, err error, hidden *Refusal) error {
	shown, ok := errors.AsType[*Refusal](err)
	if !ok {
		a.Logger.WarnContext(c.Request().Context(), "probe failed", "route", c.Path(), "error", err)
		shown = hidden
	}
	return &Refusal{
		Status: http.StatusServiceUnavailable, Code: shown.Code, Message: shown.Message, RetryAfter: shown.RetryAfter,
	}
}

func (a *admin) reload(c echo.Context) error {
	err := a.Reload(c.Request().Context())
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	if err != nil {
		return &Refusal{Status: http.StatusUnprocessableEntity, Code: "reload_failed", Message: err.Error()}
	}
	return c.JSON(http.StatusOK, map[string]bool{"ok": true})
}
