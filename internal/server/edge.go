package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/telemetry"
)

// newEdge makes what both listeners share: errors as JSON, security headers, the access log and a net under panics.
func newEdge(logger *slog.Logger, proxies []netip.Prefix, tracer *telemetry.Tracer) *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = answerError
	e.IPExtractor = clientAddress(proxies)
	if tracer != nil {
		e.Use(traced(tracer))
	}
	e.Use(securityHeaders, accessLog(logger), catchPanics(logger))
	return e
}

// clientAddress believes X-Forwarded-For from the given networks only; without any, the peer is the client.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	// Echo by itself trusts every private network, where other tenants may sit.
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		network := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		trust = append(trust, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// untraced are routes that are asked every few seconds and say nothing of an event, and what is at none.
func untraced(route string) bool {
	return route == "" || route == "/livez" || route == "/readyz" || route == "/metrics"
}

// traced makes a span of each request to a route. It stands outside of what turns an error into its answer, so the status is that
// of the answer.
func traced(tracer *telemetry.Tracer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if untraced(c.Path()) || isStream(c.Request()) { // a stream lasts for as long as somebody looks
				return next(c)
			}
			r, span := tracer.Request(c.Request(), c.Path())
			c.SetRequest(r)
			defer func() { span.Answered(c.Response().Status) }() // also of one that is aborted
			return next(c)
		}
	}
}

func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
		h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
		h.Set(echo.HeaderCacheControl, "no-store")
		return next(c)
	}
}

// accessLog writes one debug line for each request. It names the route and not the address, which may carry a token,
// and never a query.
func accessLog(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			if err := next(c); err != nil {
				c.Error(err) // writes the answer, so that the status is known below
			}
			r := c.Request()
			if !logger.Enabled(r.Context(), slog.LevelDebug) {
				return nil // what the line would say costs something to find out
			}
			logger.DebugContext(r.Context(), "request",
				"method", r.Method, "route", c.Path(), "status", c.Response().Status,
				"took", time.Since(start), "bytes", c.Response().Size, "client", c.RealIP())
			return nil
		}
	}
}

// catchPanics answers 500 and logs where it happened. The value is logged only where the runtime made it: another may
// quote what was in the request.
func catchPanics(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				value := recover()
				if value == nil {
					return
				}
				if value == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this, too
					panic(value)
				}
				what := fmt.Sprintf("%T", value)
				if fault, ok := value.(runtime.Error); ok {
					what = fault.Error()
				}
				logger.ErrorContext(c.Request().Context(), "panic in a handler",
					"route", c.Path(), "panic", what, "stack", string(debug.Stack()))
				err = fmt.Errorf("panic: %s", what)
			}()
			return next(c)
		}
	}
}
