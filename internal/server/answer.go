package server

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// problem is the body of every answer that is not a success.
type problem struct {
	Error problemDetail `json:"error"`
}

type problemDetail struct {
	Code     string    `json:"code"`
	Message  string    `json:"message"`
	Findings []Finding `json:"findings,omitempty"`
}

// answerError is the one place that writes errors. Nothing but a Refusal's own words gets out.
func answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	refusal := refusalFrom(err)
	if refusal.Status == http.StatusTooManyRequests || refusal.Status == http.StatusServiceUnavailable {
		c.Response().Header().Set(echo.HeaderRetryAfter, retrySeconds(refusal.RetryAfter))
	}
	body := problem{problemDetail{Code: refusal.Code, Message: refusal.Message, Findings: refusal.Findings}}
	_ = c.JSON(refusal.Status, body) // fails only when the client is gone
}

// refusalFrom finds what the client may be told of an error: a Refusal, a status of the router, or "internal".
func refusalFrom(err error) *Refusal {
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Status >= 400 && refusal.Status <= 599 {
		return refusal
	}
	routing, ok := errors.AsType[*echo.HTTPError](err)
	switch {
	case ok && routing.Code == http.StatusNotFound:
		return &Refusal{Status: http.StatusNotFound, Code: "not_found", Message: "there is nothing at this address"}
	case ok && routing.Code == http.StatusMethodNotAllowed:
		return &Refusal{
			Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Message: "this address takes another method; the Allow header names it",
		}
	}
	return &Refusal{Status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong here"}
}

// retrySeconds writes a Retry-After header: whole seconds, at least one.
func retrySeconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
