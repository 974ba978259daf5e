package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Preferences are what is kept here of people's wishes.
type Preferences interface {
	// Preferences gives those of a person. It refuses with a *Refusal what is no uid.
	Preferences(ctx context.Context, uid string) (PreferencesView, error)
	// KeepPreferences replaces them, and refuses with a *Refusal what cannot be read, or has been changed meanwhile.
	KeepPreferences(ctx context.Context, change PreferencesChange) (PreferencesView, error)
}

// PreferencesView is a person's wishes as JSON, under the keys that an entry of a recipients file has. What is empty is left out, so
// that what was asked for can be sent back.
type PreferencesView struct {
	Locale     string      `json:"locale,omitempty"`
	TimeZone   string      `json:"time_zone,omitempty"`
	Channels   []string    `json:"channels,omitempty"`
	QuietHours []HoursView `json:"quiet_hours,omitempty"`
	Mute       []MuteView  `json:"mute,omitempty"`
	// Warnings say what is doubtful, in the answer to a change.
	Warnings []string `json:"warnings,omitempty"`
	// Version changes with each change; it goes into the ETag.
	Version string `json:"-"`
}

// HoursView are quiet hours, "HH:MM" each.
type HoursView struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// MuteView is one mute.
type MuteView struct {
	Until         time.Time `json:"until,omitzero"`
	Everything    bool      `json:"everything,omitempty"`
	Conversations []string  `json:"conversations,omitempty"`
	Rules         []string  `json:"rules,omitempty"`
}

// PreferencesChange is what is to be kept from now on.
type PreferencesChange struct {
	UID string
	// Body is as it came, no longer than 64 KiB.
	Body []byte
	// Version is the one that is to be replaced; empty is any.
	Version string
	By      string
}

// maxPreferences is the largest body of preferences, in bytes.
const maxPreferences = 64 << 10

func (a *admin) registerPreferences(e *echo.Echo) {
	const route = "/console/api/preferences/:uid"
	e.GET(route, a.preferences, a.look)
	e.PUT(route, a.keepPreferences, a.action)
}

func (a *admin) preferences(c echo.Context) error {
	view, err := a.Preferences.Preferences(c.Request().Context(), uidOf(c))
	if err != nil {
		return a.unable(c, err)
	}
	return answerPreferences(c, view)
}

func (a *admin) keepPreferences(c echo.Context) error {
	body, err := readSmall(c, maxPreferences)
	if err != nil {
		return err
	}
	by := operatorOf(c)
	view, err := a.Preferences.KeepPreferences(c.Request().Context(), PreferencesChange{
		UID: uidOf(c), Body: body, Version: strings.Trim(c.Request().Header.Get("If-Match"), `"*`), By: by,
	})
	if err != nil {
		return a.unable(c, err)
	}
	a.Logger.InfoContext(c.Request().Context(), "preferences kept", "by", by)
	return answerPreferences(c, view)
}

func answerPreferences(c echo.Context, view PreferencesView) error {
	c.Response().Header().Set("ETag", `"`+view.Version+`"`)
	return c.JSON(http.StatusOK, view)
}
