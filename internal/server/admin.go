package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

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
	// Reload reads rules and templates anew; its error is shown to the operator.
	Reload func(ctx context.Context) error
	// Switches stop messages; nil leaves them out.
	Switches Switches
	// Preferences and Suppressions are what people want and do not want; nil leaves them out.
	Preferences  Preferences
	Suppressions Suppressions
	// People shows and forgets what is kept of one person; nil leaves it out.
	People People
	// Operators may call actions.
	Operators []Operator
	// Open lets anybody who reaches the listener call actions: for loopback only.
	Open   bool
	Logger *slog.Logger
	// Tracer makes a span of each request but probes and scrapes; nil makes none.
	Tracer *telemetry.Tracer
}

// NewAdmin makes the handler of the admin listener: /livez, /readyz, /metrics, POST /-/reload, /-/pause and /-/resume,
// GET /-/pauses and /-/audit, and below /console/api what people want and do not want, and what is kept of one.
func NewAdmin(o AdminOptions) http.Handler {
	a := &admin{AdminOptions: o, gate: newGate(o.Operators), origins: http.NewCrossOriginProtection()}
	e := newEdge(o.Logger, nil, o.Tracer)
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
	if o.People != nil {
		a.registerPeople(e)
	}
	return e
}

type admin struct {
	AdminOptions
	gate    *gate
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
	if err := a.Reload(c.Request().Context()); err != nil {
		return &Refusal{Status: http.StatusUnprocessableEntity, Code: "reload_failed", Message: err.Error()}
	}
	return c.JSON(http.StatusOK, map[string]bool{"ok": true})
}

// action lets a request through that may change something: from no foreign web page, by an operator who may act.
func (a *admin) action(next echo.HandlerFunc) echo.HandlerFunc { return a.admit(next, false) }

// look lets a request through that only asks, by a viewer, too.
func (a *admin) look(next echo.HandlerFunc) echo.HandlerFunc { return a.admit(next, true) }

func (a *admin) admit(next echo.HandlerFunc, viewers bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := a.origins.Check(c.Request()); err != nil {
			return &Refusal{
				Status: http.StatusForbidden, Code: "cross_origin", Message: "another site's page may not do this",
			}
		}
		if err := a.authorize(c, viewers); err != nil {
			return err
		}
		return next(c)
	}
}

func (a *admin) authorize(c echo.Context, viewers bool) error {
	if a.Open {
		c.Set(operatorKey, local)
		return checkLocalHost(c.Request().Host)
	}
	if len(a.gate.operators) == 0 {
		return &Refusal{
			Status: http.StatusForbidden, Code: "no_operators",
			Message: "actions need an operator, and none is configured (BECKON_CONSOLE_USERS)",
		}
	}
	operator, err := a.gate.enter(c.Request(), c.RealIP())
	switch {
	case errors.Is(err, errTooMany):
		return &Refusal{
			Status: http.StatusTooManyRequests, Code: "too_many_attempts",
			Message: "too many failed attempts; wait a little", RetryAfter: failureEvery,
		}
	case err != nil:
		return unauthorized(c)
	case operator.Viewer && !viewers:
		return errViewer()
	}
	c.Set(operatorKey, operator.Name)
	c.Set(viewerKey, operator.Viewer)
	return nil
}

func errViewer() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "viewer", Message: "a viewer may look but not act"}
}

// checkLocalHost refuses names but localhost where no credentials protect: a page whose name was made to resolve to
// this machine counts as the same origin, but cannot send another Host than its own.
func checkLocalHost(hostport string) error {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); err == nil || strings.EqualFold(host, "localhost") {
		return nil
	}
	return &Refusal{
		Status: http.StatusForbidden, Code: "foreign_host",
		Message: "without credentials this listener answers to localhost or an IP address only",
	}
}
