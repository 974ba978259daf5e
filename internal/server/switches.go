package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Switches stop messages and let them go again.
type Switches interface {
	// Pause and Resume refuse with a *Refusal what they do not know. Resume tells how many alerts and deliveries it woke up.
	Pause(ctx context.Context, pause relay.Pause) error
	Resume(ctx context.Context, pause relay.Pause) (woken int, err error)
	Pauses(ctx context.Context) ([]relay.Pause, error)
}

const (
	// maxSwitch is the largest body of a pause, in bytes.
	maxSwitch = 4 << 10
	// local is whom the audit names where the listener asks for no credentials.
	local = "local"
	// operatorKey is where the name of the operator stands in the context of a request.
	operatorKey = "operator"
)

// PauseView is a pause as JSON. In a request only Channel and Rule count; both empty is everything.
type PauseView struct {
	Channel relay.Channel `json:"channel"`
	Rule    string        `json:"rule"`
	By      string        `json:"by,omitempty"`
	At      time.Time     `json:"at,omitzero"`
}

func (a *admin) registerSwitches(e *echo.Echo) {
	e.GET("/-/pauses", a.pauses, a.action)
	e.POST("/-/pause", a.pause, a.action)
	e.POST("/-/resume", a.resume, a.action)
}

func (a *admin) pauses(c echo.Context) error {
	found, err := a.Switches.Pauses(c.Request().Context())
	if err != nil {
		return a.unable(c, err)
	}
	views := make([]PauseView, 0, len(found))
	for _, p := range found {
		views = append(views, PauseView{Channel: p.Channel, Rule: p.Rule, By: p.By, At: p.At})
	}
	return c.JSON(http.StatusOK, map[string]any{"pauses": views})
}

func (a *admin) pause(c echo.Context) error {
	pause, err := a.switched(c)
	if err != nil {
		return err
	}
	if err := a.Switches.Pause(c.Request().Context(), pause); err != nil {
		return a.unable(c, err)
	}
	a.Logger.WarnContext(c.Request().Context(), "paused", "what", pause.Subject(), "by", pause.By)
	return c.JSON(http.StatusOK, map[string]any{"paused": pause.Subject()})
}

func (a *admin) resume(c echo.Context) error {
	pause, err := a.switched(c)
	if err != nil {
		return err
	}
	woken, err := a.Switches.Resume(c.Request().Context(), pause)
	if err != nil {
		return a.unable(c, err)
	}
	a.Logger.WarnContext(c.Request().Context(), "resumed", "what", pause.Subject(), "by", pause.By, "woken", woken)
	return c.JSON(http.StatusOK, map[string]any{"resumed": pause.Subject(), "woken": woken})
}

// switched reads what is to be paused or resumed.
func (a *admin) switched(c echo.Context) (relay.Pause, error) {
	var view PauseView
	decoder := json.NewDecoder(http.MaxBytesReader(c.Response().Writer, c.Request().Body, maxSwitch))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&view); err != nil && !errors.Is(err, io.EOF) {
		return relay.Pause{}, &Refusal{
			Status: http.StatusBadRequest, Code: "bad_pause",
			Message: `the body must be JSON such as {"channel":"sms","rule":"missed-call"}; without both it is everything`,
		}
	}
	by, _ := c.Get(operatorKey).(string)
	return relay.Pause{Channel: view.Channel, Rule: view.Rule, By: by, At: time.Now()}, nil
}

// unable passes on a refusal, and hides any other error.
func (a *admin) unable(c echo.Context, err error) error {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	a.Logger.ErrorContext(c.Request().Context(), "an operator's action failed", "route", c.Path(), "error", err)
	return &Refusal{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable", Message: "it could not be kept; try again",
		RetryAfter: busyRetry,
	}
}
