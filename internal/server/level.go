package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Level is how much is logged.
type Level interface {
	Level() slog.Level
	// SetLevel changes it until the next start, and keeps who did (access.PersonFrom).
	SetLevel(ctx context.Context, level slog.Level) error
}

// LevelView is a level as JSON: debug, info, warn or error.
type LevelView struct {
	Level string `json:"level"`
}

// maxLevel is the largest body of a level, in bytes.
const maxLevel = 1 << 10

func (a *admin) registerLevel(e *echo.Echo) {
	const route = "/-/log-level"
	e.GET(route, a.level, a.look)
	e.POST(route, a.setLevel, a.action)
}

func (a *admin) level(c echo.Context) error {
	return c.JSON(http.StatusOK, LevelView{strings.ToLower(a.Level.Level().String())})
}

func (a *admin) setLevel(c echo.Context) error {
	var wanted LevelView
	if err := readOrder(c, maxLevel, &wanted, `{"level":"debug"}`); err != nil {
		return err
	}
	level, ok := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[wanted.Level]
	if !ok {
		return &Refusal{
			Status: http.StatusUnprocessableEntity, Code: "unknown_level", Message: "a level is debug, info, warn or error",
		}
	}
	if err := a.Level.SetLevel(c.Request().Context(), level); err != nil {
		return a.unable(c, err)
	}
	a.Logger.WarnContext(c.Request().Context(), "log level changed", "level", wanted.Level, "by", operatorOf(c))
	return a.level(c)
}
