package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/backtest"
)

// Backtester replays kept events through other rules and compares them with those in force. It refuses with a *Refusal what cannot be
// replayed. What people wrote is not in the report.
type Backtester interface {
	Backtest(ctx context.Context, order BacktestOrder) (backtest.Report, error)
}

// BacktestOrder says what is compared with what is in force.
type BacktestOrder struct {
	// Rules are the text of a rules file, Templates the files of a templates folder by their path in it.
	Rules     string
	Templates map[string]string
	// Since is how young the events are that are replayed.
	Since time.Duration
	// Examples is how many of each kind of change are shown of a rule and channel.
	Examples int
}

// BacktestRequest is an order as JSON.
type BacktestRequest struct {
	Rules     string            `json:"rules"`
	Templates map[string]string `json:"templates"`
	Since     string            `json:"since"`
	Examples  int               `json:"examples,omitempty"`
}

// maxBacktest is the largest body of an order, in bytes: rules and templates that fill a ConfigMap, in JSON.
const maxBacktest = 3 << 20

func (a *admin) backtest(c echo.Context) error {
	var request BacktestRequest
	if err := readOrder(c, maxBacktest, &request, `{"rules":"...","templates":{"mention/sms.txt":"..."},"since":"72h"}`); err != nil {
		return err
	}
	since, err := time.ParseDuration(request.Since)
	if err != nil || since <= 0 {
		return &Refusal{Status: http.StatusUnprocessableEntity, Code: "bad_backtest", Message: "since is a duration of more than 0, such as 72h"}
	}
	if request.Examples < 0 || request.Examples > backtest.MaxExamples {
		return &Refusal{
			Status: http.StatusUnprocessableEntity, Code: "bad_backtest", Message: fmt.Sprintf("examples is a number from 0 to %d", backtest.MaxExamples),
		}
	}
	_ = endless(c) // where that cannot be, an answer that takes long is cut
	report, err := a.API.Backtester.Backtest(c.Request().Context(), BacktestOrder{
		Rules: request.Rules, Templates: request.Templates, Since: since, Examples: request.Examples,
	})
	return shown(a, c, report, err)
}
