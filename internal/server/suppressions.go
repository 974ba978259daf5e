package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Suppressions are the addresses that must not be written to. Each method refuses with a *Refusal what it does not know.
type Suppressions interface {
	// Suppressions lists the newest first.
	Suppressions(ctx context.Context, query SuppressionsQuery) (SuppressionsView, error)
	// Suppress keeps all of some, or none where one is wrong.
	Suppress(ctx context.Context, order SuppressOrder) (SuppressedView, error)
	// Lift lets one address be written to again.
	Lift(ctx context.Context, order LiftOrder) (LiftedView, error)
}

// SuppressionView is a suppression as JSON. An address is masked unless it was asked for in clear.
type SuppressionView struct {
	Channel relay.Channel           `json:"channel,omitempty"`
	Address string                  `json:"address"`
	Reason  relay.Reason            `json:"reason,omitempty"`
	Source  relay.SuppressionSource `json:"source,omitempty"`
	At      time.Time               `json:"at,omitzero"`
}

// SuppressionsQuery narrows a list of suppressions; zero fields do not.
type SuppressionsQuery struct {
	Channel relay.Channel
	Reason  relay.Reason
	// Limit is 1 to 1000; After is the Next of the page before.
	Limit int
	After int64
	// Reveal gives addresses in clear, which the audit notes with By.
	Reveal bool
	By     string
}

// SuppressionsView is a page of suppressions.
type SuppressionsView struct {
	Suppressions []SuppressionView `json:"suppressions"`
	// Next is where the next page begins; empty on the last.
	Next string `json:"next,omitempty"`
}

// SuppressOrder asks for addresses to be suppressed. Without a channel it is told by the address, without a reason it is opted_out,
// without a time it is now.
type SuppressOrder struct {
	Suppressions []SuppressionView `json:"suppressions"`
	// Source is operator, or import for a list of many.
	Source relay.SuppressionSource `json:"source"`
	// DryRun only counts.
	DryRun bool   `json:"dry_run"`
	By     string `json:"-"`
}

// SuppressedView says what came of it.
type SuppressedView struct {
	// Added are new, or have another reason now; Known were suppressed already.
	Added  int  `json:"added"`
	Known  int  `json:"known"`
	DryRun bool `json:"dry_run,omitempty"`
}

// LiftOrder asks for one address to be written to again. It stands in the body, since addresses of pages are written into logs.
type LiftOrder struct {
	Channel relay.Channel `json:"channel"`
	Address string        `json:"address"`
	// Force lifts a complaint, too.
	Force bool `json:"force"`
	// DryRun only shows it.
	DryRun bool   `json:"dry_run"`
	By     string `json:"-"`
}

// LiftedView is what was lifted, with its address masked.
type LiftedView struct {
	Lifted SuppressionView `json:"lifted"`
	DryRun bool            `json:"dry_run,omitempty"`
}

const (
	// maxSuppressions is the largest body with addresses to suppress, and maxLift with one to lift, in bytes.
	maxSuppressions = 1 << 20
	maxLift         = 4 << 10
	// listedSuppressions is how many are listed where nobody says.
	listedSuppressions = 50
)

func (a *admin) registerSuppressions(e *echo.Echo) {
	const route = "/console/api/suppressions"
	e.GET(route, a.suppressions, a.look)
	e.POST(route, a.suppress, a.action)
	e.DELETE(route, a.lift, a.action)
}

func (a *admin) suppressions(c echo.Context) error {
	query := SuppressionsQuery{
		Channel: relay.Channel(c.QueryParam("channel")), Reason: relay.Reason(c.QueryParam("reason")), Limit: listedSuppressions,
	}
	query.By = operatorOf(c)
	if c.QueryParam("reveal") != "" {
		if personOf(c).Viewer {
			return errViewer()
		}
		query.Reveal = c.QueryParam("reveal") == "true"
		if !query.Reveal && c.QueryParam("reveal") != "false" {
			return badQuery("reveal is true or false")
		}
	}
	if limit := c.QueryParam("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > 1000 {
			return badQuery("limit is a number from 1 to 1000")
		}
		query.Limit = n
	}
	if after := c.QueryParam("after"); after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil || n < 1 {
			return badQuery("after is what the page before gave as next")
		}
		query.After = n
	}
	view, err := a.Suppressions.Suppressions(c.Request().Context(), query)
	if err != nil {
		return a.unable(c, err)
	}
	return c.JSON(http.StatusOK, view)
}

func badQuery(message string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "bad_query", Message: message}
}

func (a *admin) suppress(c echo.Context) error {
	var order SuppressOrder
	if err := readOrder(c, maxSuppressions, &order, `{"suppressions":[{"address":"+14155550123","reason":"opted_out"}]}`); err != nil {
		return err
	}
	order.By = operatorOf(c)
	view, err := a.Suppressions.Suppress(c.Request().Context(), order)
	if err != nil {
		return a.unable(c, err)
	}
	if !order.DryRun {
		a.Logger.InfoContext(c.Request().Context(), "addresses suppressed", "added", view.Added, "known", view.Known, "by", order.By)
	}
	return c.JSON(http.StatusOK, view)
}

func (a *admin) lift(c echo.Context) error {
	var order LiftOrder
	if err := readOrder(c, maxLift, &order, `{"address":"+14155550123"}`); err != nil {
		return err
	}
	order.By = operatorOf(c)
	view, err := a.Suppressions.Lift(c.Request().Context(), order)
	if err != nil {
		return a.unable(c, err)
	}
	if !order.DryRun {
		a.Logger.WarnContext(c.Request().Context(), "a suppression was lifted", "channel", view.Lifted.Channel,
			"reason", view.Lifted.Reason, "by", order.By)
	}
	return c.JSON(http.StatusOK, view)
}
