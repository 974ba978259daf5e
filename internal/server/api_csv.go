package server

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/view"
)

const (
	// maxSheet is how many rows a table has at most; sheetPage how many are read at once.
	maxSheet  = 100_000
	sheetPage = view.MaxLimit
	// NextTrailer comes after a table that ends before the list does: where the next one begins (after).
	NextTrailer = "Beckon-Next"
	// sheetPatience is how long a client may take for one page of a table.
	sheetPatience = 30 * time.Second
)

// sheet is a list as a table for a spreadsheet.
type sheet[R any] struct {
	of     string
	query  view.Query
	page   func(ctx context.Context, query view.Query) (view.Page[R], error)
	header []string
	row    func(R) []string
}

// table writes a list as CSV, page by page.
func table[R any](a *admin, c echo.Context, values url.Values, s sheet[R]) error {
	if values.Get("format") != "csv" || values.Has("limit") {
		return badQuery("format is csv, and then there is no limit")
	}
	s.query.Limit = sheetPage
	ctx := c.Request().Context()
	first, err := s.page(ctx, s.query)
	if err != nil {
		return a.unseen(c, err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="beckon-`+s.of+`.csv"`)
	h.Set("Trailer", NextTrailer)
	c.Response().WriteHeader(http.StatusOK)
	control, out := http.NewResponseController(c.Response().Writer), csv.NewWriter(c.Response())
	_ = control.SetReadDeadline(time.Time{}) // when it passes, the client is taken for gone
	_ = out.Write(s.header)
	var next string
	rows := 0
	for page := first; ; {
		_ = control.SetWriteDeadline(time.Now().Add(sheetPatience))
		for _, r := range page.Items {
			_ = out.Write(harmless(s.row(r)))
		}
		rows += len(page.Items)
		if out.Flush(); out.Error() != nil {
			return nil //nolint:nilerr // the client is gone
		}
		next = page.Next
		if next == "" || rows >= maxSheet {
			break
		}
		s.query.After = next
		if page, err = s.page(ctx, s.query); err != nil {
			_ = a.unseen(c, err)
			panic(http.ErrAbortHandler) // a table that ends early must not look whole
		}
	}
	if next != "" {
		h.Set(NextTrailer, next)
	}
	return nil
}

// harmless keeps cells from being taken for formulas by a spreadsheet.
func harmless(cells []string) []string {
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	return cells
}
