package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

// TriggersView lists when each trigger was seen last.
type TriggersView struct {
	Triggers []view.TriggerSeen `json:"triggers"`
}

func (a *admin) overview(c echo.Context) error {
	if _, err := asked(c); err != nil {
		return err
	}
	overview, err := a.API.Overview.Overview(c.Request().Context())
	return shown(a, c, overview, err)
}

func (a *admin) triggers(c echo.Context) error {
	if _, err := asked(c); err != nil {
		return err
	}
	overview, err := a.API.Overview.Overview(c.Request().Context())
	return shown(a, c, TriggersView{overview.Triggers}, err)
}

func (a *admin) rules(c echo.Context) error {
	if _, err := asked(c); err != nil {
		return err
	}
	rules, err := a.API.Overview.Rules(c.Request().Context())
	return shown(a, c, rules, err)
}

func (a *admin) auditPage(c echo.Context) error {
	values, err := asked(c, "who", "action", "since", "until", "after", "limit")
	if err != nil {
		return err
	}
	// What it has in common with a list is read as there.
	common, err := view.ParseQuery(values, time.Now())
	if err != nil {
		return a.unseen(c, err)
	}
	page, err := a.API.Records.Audit(c.Request().Context(), view.AuditQuery{
		Who: values.Get("who"), Action: values.Get("action"), Since: common.Since, Until: common.Until, After: common.After, Limit: common.Limit,
	})
	return shown(a, c, page, err)
}

func (a *admin) outbox(c echo.Context) error {
	values, err := asked(c, "channel", "address", "after", "limit", "reveal")
	if err != nil {
		return err
	}
	common, err := view.ParseQuery(values, time.Now())
	if err != nil {
		return a.unseen(c, err)
	}
	by, err := revealer(c, values)
	if err != nil {
		return err
	}
	page, err := a.API.Records.Outbox(c.Request().Context(), view.OutboxQuery{
		Channel: common.Channel, Address: common.Address, After: common.After, Limit: common.Limit,
	}, by)
	return shown(a, c, page, err)
}

func (a *admin) outboxMessage(c echo.Context) error {
	values, err := asked(c, "reveal")
	if err != nil {
		return err
	}
	by, err := revealer(c, values)
	if err != nil {
		return err
	}
	seq, err := strconv.ParseInt(c.Param("seq"), 10, 64)
	if err != nil || seq < 1 {
		return &Refusal{Status: http.StatusBadRequest, Code: view.BadID, Message: "a message of the outbox is named by its seq, a number"}
	}
	message, err := a.API.Records.OutboxMessage(c.Request().Context(), seq, by)
	return shown(a, c, message, err)
}

func alertColumns() []string {
	return []string{"received_at", "state", "reason", "trigger", "to", "rule", "due_at", "updated_at", "event", "id"}
}

func alertCells(r view.Alert) []string {
	return []string{
		cellTime(r.ReceivedAt), string(r.State), string(r.Reason), string(r.Trigger), r.To, r.Rule, cellTime(r.DueAt), cellTime(r.UpdatedAt),
		r.EventID, r.ID,
	}
}

func deliveryColumns() []string {
	return []string{"created_at", "state", "reason", "channel", "to", "person", "rule", "attempts", "provider", "event", "alert", "id"}
}

func deliveryCells(r view.Delivery) []string {
	return []string{
		cellTime(r.CreatedAt), r.State, string(r.Reason), string(r.Channel), r.To, r.Person, r.Rule, strconv.Itoa(r.Attempts), r.Provider,
		r.EventID, r.AlertID, r.ID,
	}
}

func cellTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
