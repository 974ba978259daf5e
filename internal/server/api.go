package server

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

// API is what is kept and how the relay does, as JSON. Each refuses with a *view.Refusal what cannot be shown.
type API struct {
	Lists    Lists
	Details  Details
	Overview Overview
	Records  Records
	// Backtester tries other rules on what is kept.
	Backtester Backtester
}

// Lists are what is kept, newest first.
type Lists interface {
	Events(ctx context.Context, query view.Query) (view.Page[view.Event], error)
	Alerts(ctx context.Context, query view.Query) (view.Page[view.Alert], error)
	Deliveries(ctx context.Context, query view.Query) (view.Page[view.Delivery], error)
}

// Details are everything known of one thing, whose ID may be given by its beginning. Where by is not empty that operator sees it in
// clear, and the audit says so.
type Details interface {
	Event(ctx context.Context, id, by string) (view.EventDetail, error)
	Alert(ctx context.Context, id string) (view.AlertDetail, error)
	Delivery(ctx context.Context, id, by string) (view.DeliveryDetail, error)
}

// Overview is how the relay does, and what its rules do.
type Overview interface {
	Overview(ctx context.Context) (view.Overview, error)
	Rules(ctx context.Context) (view.Rules, error)
}

// Records are what operators did, and what the sandbox took instead of a provider; the latter in clear, and kept in the audit, where by
// is not empty.
type Records interface {
	Audit(ctx context.Context, query view.AuditQuery) (view.Page[view.Audit], error)
	Outbox(ctx context.Context, query view.OutboxQuery, by string) (view.Page[view.OutboxMessage], error)
	// OutboxMessage gives the one with that Seq.
	OutboxMessage(ctx context.Context, seq int64, by string) (view.OutboxMessage, error)
}

// apiDocument describes every route of the admin listener that answers JSON.
//
//go:embed openapi.yaml
var apiDocument []byte

func (a *admin) registerAPI(e *echo.Echo) {
	get := func(path string, handler echo.HandlerFunc) { e.GET(consoleAPI+path, handler, a.look) }
	get("openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", apiDocument) })
	get("events", a.events)
	get("events/:id", a.event)
	get("alerts", a.alerts)
	get("alerts/:id", a.alert)
	get("deliveries", a.deliveries)
	get("deliveries/:id", a.delivery)
	get("overview", a.overview)
	get("rules", a.rules)
	get("triggers", a.triggers)
	get("audit", a.auditPage)
	get("outbox", a.outbox)
	get("outbox/:seq", a.outboxMessage)
	e.POST(consoleAPI+"backtest", a.backtest, a.look)
}

// shown answers a request that asks.
func shown[T any](a *admin, c echo.Context, value T, err error) error {
	if err != nil {
		return a.unseen(c, err)
	}
	return answerJSON(c, value)
}

// answerJSON writes JSON as it is, without the escapes for HTML: webhooks are shown in it as they came.
func answerJSON(c echo.Context, value any) error {
	c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	c.Response().WriteHeader(http.StatusOK)
	encoder := json.NewEncoder(c.Response())
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // fails only when the client is gone
	return nil
}

// unseen passes on why something is not shown, and hides any other error.
func (a *admin) unseen(c echo.Context, err error) error {
	if refusal, ok := errors.AsType[*view.Refusal](err); ok {
		status := map[string]int{view.NotFound: http.StatusNotFound, view.Ambiguous: http.StatusConflict}[refusal.Code]
		if status == 0 {
			status = http.StatusBadRequest
		}
		return &Refusal{Status: status, Code: refusal.Code, Message: refusal.Message}
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	if c.Request().Context().Err() != nil {
		return errGone() // nobody waits for it
	}
	a.Logger.ErrorContext(c.Request().Context(), "what is kept could not be read", "route", c.Path(), "error", err)
	return errGone()
}

func errGone() *Refusal {
	return &Refusal{
		Status: http.StatusServiceUnavailable, Code: "store_unavailable", Message: "the store does not answer; try again",
		RetryAfter: busyRetry,
	}
}

// asked reads the query of a request. Parameters that are none of these are refused: a misspelt one would show everything. An address
// may stand in a header instead.
func asked(c echo.Context, allowed ...string) (url.Values, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, badQuery("the query is not one: escape its values")
	}
	for name := range values {
		if !slices.Contains(allowed, name) {
			return nil, badQuery(fmt.Sprintf("there is no parameter %.60q here; there are: %s", name, strings.Join(allowed, ", ")))
		}
	}
	if given := c.Request().Header.Values(AddressHeader); len(given) > 0 && slices.Contains(allowed, "address") {
		values["address"] = append(values["address"], given...) // twice is refused where it is read
	}
	return values, nil
}

// listQuery reads the query of a list.
func listQuery(c echo.Context, of string, also ...string) (view.Query, url.Values, error) {
	values, err := asked(c, append(view.Fields(of), also...)...)
	if err != nil {
		return view.Query{}, nil, err
	}
	query, err := view.ParseQuery(values, time.Now())
	return query, values, err
}

// revealer is the operator who asks to see something in clear; empty where nobody does. A viewer may not.
func revealer(c echo.Context, values url.Values) (by string, err error) {
	switch values.Get("reveal") {
	case "", "false":
		return "", nil
	case "true":
	default:
		return "", badQuery("reveal is true or false")
	}
	if personOf(c).Viewer {
		return "", errViewer()
	}
	return operatorOf(c), nil
}

func (a *admin) events(c echo.Context) error {
	query, _, err := listQuery(c, view.OfEvents)
	if err != nil {
		return a.unseen(c, err)
	}
	page, err := a.API.Lists.Events(c.Request().Context(), query)
	return shown(a, c, page, err)
}

func (a *admin) alerts(c echo.Context) error {
	query, values, err := listQuery(c, view.OfAlerts, "format")
	if err != nil {
		return a.unseen(c, err)
	}
	if values.Has("format") {
		return table(a, c, values, sheet[view.Alert]{of: view.OfAlerts, query: query, page: a.API.Lists.Alerts, header: alertColumns(), row: alertCells})
	}
	page, err := a.API.Lists.Alerts(c.Request().Context(), query)
	return shown(a, c, page, err)
}

func (a *admin) deliveries(c echo.Context) error {
	query, values, err := listQuery(c, view.OfDeliveries, "format")
	if err != nil {
		return a.unseen(c, err)
	}
	if values.Has("format") {
		return table(a, c, values, sheet[view.Delivery]{
			of: view.OfDeliveries, query: query, page: a.API.Lists.Deliveries, header: deliveryColumns(), row: deliveryCells,
		})
	}
	page, err := a.API.Lists.Deliveries(c.Request().Context(), query)
	return shown(a, c, page, err)
}

func (a *admin) event(c echo.Context) error {
	values, err := asked(c, "reveal")
	if err != nil {
		return err
	}
	by, err := revealer(c, values)
	if err != nil {
		return err
	}
	detail, err := a.API.Details.Event(c.Request().Context(), param(c, "id"), by)
	return shown(a, c, detail, err)
}

func (a *admin) alert(c echo.Context) error {
	if _, err := asked(c); err != nil {
		return err
	}
	detail, err := a.API.Details.Alert(c.Request().Context(), param(c, "id"))
	return shown(a, c, detail, err)
}

func (a *admin) delivery(c echo.Context) error {
	values, err := asked(c, "reveal")
	if err != nil {
		return err
	}
	by, err := revealer(c, values)
	if err != nil {
		return err
	}
	detail, err := a.API.Details.Delivery(c.Request().Context(), param(c, "id"), by)
	return shown(a, c, detail, err)
}
