package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/access"
)

// action lets a request through that may change something: from no foreign web page, by an operator who may act.
func (a *admin) action(next echo.HandlerFunc) echo.HandlerFunc { return a.admit(next, false) }

// look lets a request through that only asks, by a viewer, too.
func (a *admin) look(next echo.HandlerFunc) echo.HandlerFunc { return a.admit(next, true) }

func (a *admin) admit(next echo.HandlerFunc, viewers bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		if a.origins.Check(c.Request()) != nil || isForeign(c.Request()) {
			return errCrossOrigin()
		}
		person, err := a.identify(c)
		if err != nil {
			return err
		}
		if person.Viewer && !viewers {
			return errViewer()
		}
		a.enter(c, person)
		return next(c)
	}
}

// isForeign says whether a page of another site sends a request, also one that only asks: an export or a reveal stands in the audit,
// and must not get there by a link.
func isForeign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

func errCrossOrigin() *Refusal {
	return &Refusal{
		Status: http.StatusForbidden, Code: "cross_origin", Message: "another site's page may not do this",
	}
}

// identify finds who makes a request. The error is a Refusal.
func (a *admin) identify(c echo.Context) (access.Person, error) {
	person, err := a.Guard.Identify(c.Request(), c.RealIP())
	switch {
	case err == nil:
		return person, nil
	case errors.Is(err, access.ErrTooMany):
		err = &Refusal{
			Status: http.StatusTooManyRequests, Code: "too_many_attempts",
			Message: "too many failed attempts; wait a little", RetryAfter: access.FailureEvery,
		}
	case errors.Is(err, access.ErrNobody):
		err = &Refusal{
			Status: http.StatusForbidden, Code: "no_operators",
			Message: "actions need an operator, and none is configured (BECKON_CONSOLE_USERS, BECKON_CONSOLE_TOKENS or BECKON_CONSOLE_PROXY_HEADER)",
		}
	case errors.Is(err, access.ErrForeignHost):
		err = &Refusal{
			Status: http.StatusForbidden, Code: "foreign_host",
			Message: "without credentials this listener answers to localhost or an IP address only",
		}
	default:
		err = unknownPerson(c)
	}
	return person, err
}

// unknownPerson asks for credentials, but not by the dialog of a browser whose page sent the request: that has a log-in of its own.
func unknownPerson(c echo.Context) *Refusal {
	refusal := unauthorized(c)
	refusal.Message = "the operator, the secret or the token is missing or wrong"
	if c.Request().Header.Get("Sec-Fetch-Mode") != "" {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="beckon"`)
	}
	return refusal
}

// enter takes in somebody who may: handlers find them in the context of the request.
func (a *admin) enter(c echo.Context, person access.Person) {
	r := c.Request()
	if isStream(r) {
		_ = endless(c) // where that cannot be, the stream is cut, and the browser asks again
	} else {
		a.Guard.Renew(c.Response(), r) // a stream is no sign that somebody is there
	}
	c.SetRequest(r.WithContext(access.WithPerson(access.WithClient(r.Context(), c.RealIP()), person)))
}

// personOf is who makes a request that was let in.
func personOf(c echo.Context) access.Person {
	person, _ := access.PersonFrom(c.Request().Context())
	return person
}

// operatorOf is their name, as the audit has it.
func operatorOf(c echo.Context) string { return personOf(c).Name }

func errViewer() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "viewer", Message: "a viewer may look but not act"}
}

// isStream says whether a request asks for events as they happen, which has no end of its own.
func isStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get(echo.HeaderAccept), "text/event-stream")
}

// endStreams ends the context of streams when this process begins to stop: a shutdown waits for what is under way.
func (a *admin) endStreams(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if a.Stopping == nil || !isStream(c.Request()) {
			return next(c)
		}
		ctx, cancel := context.WithCancel(c.Request().Context())
		defer cancel()
		defer context.AfterFunc(a.Stopping, cancel)()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// endless lets an answer take as long as it takes. The deadline for reading has to go as well: when it passes, net/http takes the
// client for gone and ends the context of the request.
func endless(c echo.Context) error {
	control := http.NewResponseController(c.Response().Writer)
	return errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{}))
}
