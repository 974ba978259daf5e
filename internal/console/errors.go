package console

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

// Refusal is an answer that is not what was asked for, in words that may be shown.
type Refusal struct { //nolint:errname // what it is says more than how Go sees it
	// Status is 400 to 599.
	Status  int
	Message string
	// RetryAfter is told with 429 and 503; 0 means a few seconds.
	RetryAfter time.Duration
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

func errNothingHere() *Refusal {
	return &Refusal{Status: http.StatusNotFound, Message: "There is nothing at this address. What was here may be past its retention, or the address is not whole."}
}

func errViewer() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Message: "A viewer may look, but not act or see in clear. Ask an operator."}
}

func errBadRequest(format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// awayFor is when a page that could not be made tries again.
const awayFor = 5 * time.Second

// errAway is what is shown for an error that is nobody's business.
func errAway() *Refusal {
	return &Refusal{
		Status: http.StatusServiceUnavailable, RetryAfter: awayFor,
		Message: "The store does not answer, so this page cannot be shown. Webhooks are refused meanwhile, and their senders try again. " +
			"The relay's log says what is wrong.",
	}
}

// refusalOf finds what may be said of an error; hidden says that it is one for the log.
func refusalOf(err error) (refusal *Refusal, hidden bool) {
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Status >= 400 && refusal.Status <= 599 {
		return refusal, false
	}
	if unseen, ok := errors.AsType[*view.Refusal](err); ok {
		return refusalOfView(unseen), false
	}
	routing, ok := errors.AsType[*echo.HTTPError](err)
	switch {
	case ok && routing.Code == http.StatusNotFound:
		return errNothingHere(), false
	case ok && routing.Code == http.StatusMethodNotAllowed:
		return &Refusal{Status: http.StatusMethodNotAllowed, Message: "This address is for a form of these pages, not to be opened by itself."}, false
	case ok && routing.Code < 500:
		return &Refusal{Status: routing.Code, Message: "This request cannot be read."}, false
	}
	return errAway(), true
}

func refusalOfView(r *view.Refusal) *Refusal {
	out := &Refusal{Status: http.StatusBadRequest, Message: sentence(r.Message)}
	switch r.Code {
	case view.NotFound:
		out.Status = http.StatusNotFound
		out.Message += " It may be past its retention."
	case view.Ambiguous:
		out.Status = http.StatusConflict
	}
	return out
}

// answerError is the one place that shows errors.
func (k *console) answerError(err error, c echo.Context) {
	ctx := c.Request().Context()
	if c.Response().Committed {
		k.Logger.WarnContext(ctx, "a page of the console broke off", "route", c.Path(), "error", err)
		return
	}
	refusal, hidden := refusalOf(err)
	if hidden && ctx.Err() == nil {
		k.Logger.ErrorContext(ctx, "a page of the console could not be made", "route", c.Path(), "error", err)
	}
	if refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable {
		wait := refusal.RetryAfter
		if wait <= 0 {
			wait = awayFor
		}
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
	}
	p := page{Title: titleOf(refusal.Status), Data: errorView{
		Status: refusal.Status, Message: refusal.Message, Retry: refusal.Status == http.StatusServiceUnavailable && c.Request().Method == http.MethodGet,
	}}
	if err := k.show(c, refusal.Status, "error.html", p); err != nil {
		_ = c.String(http.StatusInternalServerError, "this page could not be made\n")
	}
}

type errorView struct {
	Status  int
	Message string
	Retry   bool
}

func titleOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Nothing here"
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusConflict:
		return "That does not fit"
	case http.StatusTooManyRequests:
		return "Too many attempts"
	case http.StatusServiceUnavailable:
		return "The store does not answer"
	case http.StatusInternalServerError:
		return "Something went wrong here"
	}
	return "That cannot be done"
}

// catchPanics shows a page, and logs where it happened. The value is logged only where the runtime made it: another may quote what
// was in the request.
func (k *console) catchPanics(next echo.HandlerFunc) echo.HandlerFunc {
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
			k.Logger.ErrorContext(c.Request().Context(), "panic in a page of the console",
				"route", c.Path(), "panic", what, "stack", string(debug.Stack()))
			err = &Refusal{Status: http.StatusInternalServerError, Message: "This page could not be made. The relay's log says why."}
		}()
		return next(c)
	}
}
