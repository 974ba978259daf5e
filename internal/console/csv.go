package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

const (
	// csvPage is how many rows are read at once, and csvMost how many a file has at the most; its last line says so where there are more.
	csvPage = 1000
	csvMost = 100_000
)

// table is what a kind of row is written as. No message and no address in clear is among it.
type table[T any] struct {
	of   string
	head []string
	row  func(T) []string
	page func(context.Context, view.Query) (view.Page[T], error)
}

func (k *console) deliveriesCSV(c echo.Context) error {
	return writeCSV(c, k, table[view.Delivery]{
		of:   "deliveries",
		head: []string{"id", "created_at", "rule", "channel", "person", "to", "state", "reason", "attempts", "next_at", "event", "alert", "provider"},
		row: func(d view.Delivery) []string {
			return []string{
				d.ID, csvTime(d.CreatedAt), d.Rule, string(d.Channel), d.Person, d.To, d.State, string(d.Reason), strconv.Itoa(d.Attempts),
				csvTime(d.NextAt), d.EventID, d.AlertID, d.Provider,
			}
		},
		page: k.Lists.Deliveries,
	})
}

func (k *console) alertsCSV(c echo.Context) error {
	return writeCSV(c, k, table[view.Alert]{
		of:   "alerts",
		head: []string{"id", "received_at", "trigger", "rule", "to", "state", "reason", "due_at", "updated_at", "event", "lead"},
		row: func(a view.Alert) []string {
			return []string{
				a.ID, csvTime(a.ReceivedAt), string(a.Trigger), a.Rule, a.To, string(a.State), string(a.Reason), csvTime(a.DueAt),
				csvTime(a.UpdatedAt), a.EventID, a.Lead,
			}
		},
		page: k.Lists.Alerts,
	})
}

func (k *console) eventsCSV(c echo.Context) error {
	return writeCSV(c, k, table[view.Event]{
		of: "events", head: []string{"id", "received_at", "trigger", "sender", "conversation", "noise"},
		row: func(e view.Event) []string {
			return []string{e.ID, csvTime(e.ReceivedAt), string(e.Trigger), e.Sender, e.Conversation, string(e.Noise)}
		},
		page: k.Lists.Events,
	})
}

// writeCSV writes all that a filter finds. The first rows are read before anything is written, so that a store that is away is said as
// such; where it goes away later, the download breaks off and cannot be taken for whole.
func writeCSV[T any](c echo.Context, k *console, t table[T]) error {
	f, err := filterFrom("/"+t.of, c.QueryParams(), k.Now())
	if err != nil {
		return err
	}
	ctx, query := c.Request().Context(), f.Query
	query.Limit, query.After = csvPage, ""
	rows, err := t.page(ctx, query)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="beckon-`+t.of+"-"+k.Now().UTC().Format("20060102-150405")+`.csv"`)
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{}) // where that cannot be, the file is cut, and seen to be
	out := csv.NewWriter(c.Response())
	_ = out.Write(t.head)
	for n := 0; ; {
		for _, row := range rows.Items {
			_ = out.Write(plainCells(t.row(row)))
		}
		n += len(rows.Items)
		if rows.Next == "" || n >= csvMost {
			if rows.Next != "" {
				_ = out.Write([]string{"more than " + strconv.Itoa(csvMost) + " rows: narrow the filter"})
			}
			out.Flush()
			return nil
		}
		query.After = rows.Next
		if out.Flush(); out.Error() != nil {
			return nil //nolint:nilerr // whoever asked is gone
		}
		if rows, err = t.page(ctx, query); err != nil {
			k.Logger.ErrorContext(ctx, "a CSV file broke off", "of", t.of, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// plainCells keeps spreadsheets from taking a cell for a formula: a uid may begin with whatever its owner chose.
func plainCells(cells []string) []string {
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	return cells
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
