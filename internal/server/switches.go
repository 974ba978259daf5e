package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Switches stop messages and let them go again.
type Switches interface {
	// Pause and Resume refuse with a *Refusal what they do not know. Pause gives the pause that stands now: an earlier one of
	// the same stays, and again is true.
	Pause(ctx context.Context, pause relay.Pause) (standing relay.Pause, again bool, err error)
	// Resume tells which pauses it ended, and how many alerts and deliveries it woke up.
	Resume(ctx context.Context, pause relay.Pause) (ended []relay.Pause, woken int, err error)
	Pauses(ctx context.Context) ([]relay.Pause, error)
	// Audit gives the newest things that operators did, newest first.
	Audit(ctx context.Context) ([]relay.Audit, error)
}

// maxSwitch is the largest body of a pause, in bytes.
const maxSwitch = 4 << 10

// PauseView is a pause as JSON. In a request only Channel and Rule count; both empty is everything.
type PauseView struct {
	Channel relay.Channel `json:"channel"`
	Rule    string        `json:"rule"`
	By      string        `json:"by,omitempty"`
	At      time.Time     `json:"at,omitzero"`
}

// AuditView is a thing that an operator did, as JSON.
type AuditView struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Action  string    `json:"action"`
	Subject string    `json:"subject"`
}

// PausedView answers a pause: what stands, and whether it stood before.
type PausedView struct {
	PauseView

	Already bool `json:"already"`
}

// ResumedView answers a resume.
type ResumedView struct {
	Ended []PauseView `json:"ended"`
	Woken int         `json:"woken"`
}

// PausesView lists pauses.
type PausesView struct {
	Pauses []PauseView `json:"pauses"`
}

// AuditsView lists what operators did.
type AuditsView struct {
	Audit []AuditView `json:"audit"`
}

func (a *admin) registerSwitches(e *echo.Echo) {
	e.GET("/-/pauses", a.pauses, a.action)
	e.GET("/-/audit", a.audit, a.action)
	e.POST("/-/pause", a.pause, a.action)
	e.POST("/-/resume", a.resume, a.action)
}

func (a *admin) pauses(c echo.Context) error {
	found, err := a.Switches.Pauses(c.Request().Context())
	if err != nil {
		return a.unable(c, err)
	}
	return c.JSON(http.StatusOK, PausesView{pauseViews(found)})
}

func pauseViews(pauses []relay.Pause) []PauseView {
	views := make([]PauseView, 0, len(pauses))
	for _, p := range pauses {
		views = append(views, PauseView(p))
	}
	return views
}

func (a *admin) audit(c echo.Context) error {
	found, err := a.Switches.Audit(c.Request().Context())
	if err != nil {
		return a.unable(c, err)
	}
	views := make([]AuditView, 0, len(found))
	for _, f := range found {
		views = append(views, AuditView(f))
	}
	return c.JSON(http.StatusOK, AuditsView{views})
}

func (a *admin) pause(c echo.Context) error {
	pause, err := a.switched(c)
	if err != nil {
		return err
	}
	standing, again, err := a.Switches.Pause(c.Request().Context(), pause)
	if err != nil {
		return a.unable(c, err)
	}
	a.Logger.WarnContext(c.Request().Context(), "paused", "what", pause.Subject(), "by", pause.By, "already", again)
	return c.JSON(http.StatusOK, PausedView{PauseView: PauseView(standing), Already: again})
}

func (a *admin) resume(c echo.Context) error {
	pause, err := a.switched(c)
	if err != nil {
		return err
	}
	ended, woken, err := a.Switches.Resume(c.Request().Context(), pause)
	if err != nil {
		return a.unable(c, err)
	}
	a.Logger.WarnContext(c.Request().Context(), "resumed", "what", pause.Subject(), "by", pause.By, "woken", woken)
	return c.JSON(http.StatusOK, ResumedView{Ended: pauseViews(ended), Woken: woken})
}

// switched reads what is to be paused or resumed.
func (a *admin) switched(c echo.Context) (relay.Pause, error) {
	var view PauseView
	err := mayReadOrder(c, maxSwitch, &view, `{"channel":"sms","rule":"missed-call"}`)
	if err != nil {
		return relay.Pause{}, err
	}
	return relay.Pause{Channel: view.Channel, Rule: view.Rule, By: operatorOf(c), At: time.Now()}, nil
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
