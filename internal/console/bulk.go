package console

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// bulkView is the question before the same is done to many, and what came of it.
type bulkView struct {
	Order  view.BulkOrder
	Filter filter
	Count  view.BulkCount
	// Affected is how many it is for once those are left out that are not touched.
	Affected int
	Back     string
	// MadeBefore is Order's, as a form carries it.
	MadeBefore string
	Result     *resultView
	// Problem is what stopped it.
	Problem string
}

// resultView is what came of it, in the order in which it is told.
type resultView struct {
	view.BulkResult

	Skips []skipView
}

type skipView struct {
	Why, Meaning string
	N            int
}

// orderFrom reads what is to be done to whom from a form or an address.
func (k *console) orderFrom(c echo.Context) (bulkView, error) {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return bulkView{}, errBadRequest("This form cannot be read, or is too large.")
	}
	of, _, _ := strings.Cut(strings.TrimPrefix(c.Path(), root+"/"), "/")
	v := bulkView{Order: view.BulkOrder{
		Action: view.BulkAction(r.Form.Get("action")), Of: of, By: personOf(c).Name, IDs: pickedIDs(r.Form), Late: r.Form.Get("late") != "",
		MadeBefore: k.Now().Truncate(time.Second).UTC(),
	}}
	allowed := v.Order.Action == view.BulkCancel || v.Order.Action == view.BulkRetry && of == "deliveries"
	if !allowed {
		return v, errBadRequest("These pages retry deliveries, and cancel alerts and deliveries; %.40q is neither.", v.Order.Action)
	}
	if r.Method == http.MethodPost && r.Form.Get("confirmed") == "" && len(v.Order.IDs) == 0 {
		return v, errBadRequest("None was picked. Tick the boxes of those it is for, or use the button for all that match.")
	}
	if len(v.Order.IDs) > view.MaxBulk {
		return v, errBadRequest("These are more than %d at once.", view.MaxBulk)
	}
	var err error
	if v.Filter, err = filterFrom("/"+of, r.Form, k.Now()); err != nil {
		return v, err
	}
	if at, err := time.Parse(time.RFC3339, r.Form.Get("made_before")); err == nil {
		v.Order.MadeBefore = at
	}
	v.Order.Query, v.MadeBefore, v.Back = v.Filter.Query, v.Order.MadeBefore.Format(time.RFC3339), v.Filter.Here()
	v.Order.Query.Limit, v.Order.Query.After = 0, ""
	if len(v.Order.IDs) == 1 {
		v.Back = address(of, v.Order.IDs[0])
	}
	return v, nil
}

func pickedIDs(form url.Values) []string {
	ids := slices.Clone(form["id"])
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
}

// bulkForm counts, and asks.
func (k *console) bulkForm(c echo.Context) error {
	v, err := k.orderFrom(c)
	if err != nil {
		return err
	}
	return k.askBulk(c, v)
}

func (k *console) askBulk(c echo.Context, v bulkView) error {
	var err error
	if v.Count, err = k.Bulk.Count(c.Request().Context(), v.Order); err != nil {
		return err
	}
	v.Affected = v.Count.Found
	if v.Order.Action == view.BulkRetry {
		v.Affected -= v.Count.Blank
		if !v.Order.Late {
			v.Affected -= v.Count.Late
		}
	}
	return k.show(c, http.StatusOK, "bulk.html", page{Title: v.title() + "?", Nav: v.Filter.Path, Data: v})
}

func (v bulkView) title() string {
	verb := "Retry "
	if v.Order.Action == view.BulkCancel {
		verb = "Cancel "
	}
	n := v.Count.Found
	if n == 0 && v.Result != nil {
		n = v.Result.Done
	}
	one, many := "delivery", "deliveries"
	if v.Order.Of == "alerts" {
		one, many = "alert", "alerts"
	}
	return verb + plural(n, one, many)
}

// bulk does it, once that was confirmed, and asks first where it was not.
func (k *console) bulk(c echo.Context) error {
	v, err := k.orderFrom(c)
	if err != nil {
		return err
	}
	if c.FormValue("confirmed") != "yes" {
		return k.askBulk(c, v)
	}
	v.Count.Found = countFrom(c.FormValue("found"))
	return k.doBulk(c, v)
}

// cut is where a page is cut in two, to stand what comes by and by in between.
const cut = "<!-- cut -->"

// doBulk does it, and tells how far it is while it does: the page begins, grows by a line now and then, and ends with the result.
// What was begun is done, also where whoever asked for it does not wait.
func (k *console) doBulk(c echo.Context, v bulkView) error {
	title := "Retrying"
	if v.Order.Action == view.BulkCancel {
		title = "Cancelling"
	}
	whole, err := k.render(c, "progress.html", page{Title: title, Nav: v.Filter.Path, Data: v})
	if err != nil {
		return err
	}
	head, tail, found := bytes.Cut(whole, []byte(cut))
	if !found {
		return fmt.Errorf("the template of progress has no %s", cut)
	}
	out := &stream{c: c, head: head}
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{}) // where that cannot be, the page is cut, and the work goes on
	result, err := k.Bulk.Bulk(context.WithoutCancel(c.Request().Context()), v.Order, out.progress(k.Now))
	if err != nil && !out.begun {
		return err
	}
	if err != nil {
		refusal, hidden := refusalOf(err)
		if hidden {
			k.Logger.ErrorContext(c.Request().Context(), "a bulk action broke off", "action", v.Order.Action, "error", err)
		}
		v.Problem = refusal.Message
	} else {
		v.Result = resultOf(result)
	}
	end, err := k.fragment("progress.html", "result", v)
	if err != nil {
		return err
	}
	out.write(string(end) + string(tail))
	return nil
}

// fragment makes a part of a page.
func (k *console) fragment(name, part string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := k.pages().byName[name].ExecuteTemplate(&out, part, data); err != nil {
		return nil, fmt.Errorf("make %s of the page %s: %w", part, name, err)
	}
	return out.Bytes(), nil
}

// stream is a page that is written by and by. That the browser is gone is no error.
type stream struct {
	c     echo.Context
	head  []byte
	begun bool
	last  time.Time
}

func (s *stream) write(text string) {
	if !s.begun {
		s.begun = true
		h := s.c.Response().Header()
		h.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
		h.Set("X-Accel-Buffering", "no")
		s.c.Response().WriteHeader(http.StatusOK)
		_, _ = s.c.Response().Write(s.head)
	}
	_, _ = s.c.Response().Write([]byte(text))
	_ = http.NewResponseController(s.c.Response()).Flush()
}

// progressEvery bounds how often progress is told.
const progressEvery = 250 * time.Millisecond

func (s *stream) progress(now func() time.Time) func(done, of int) {
	return func(done, of int) {
		if at := now(); at.Sub(s.last) >= progressEvery || at.Before(s.last) {
			s.last = at
			s.write(fmt.Sprintf("<p>%s of %s done</p>\n", humanize.Comma(int64(done)), humanize.Comma(int64(of))))
		}
	}
}

func resultOf(r view.BulkResult) *resultView {
	out := &resultView{BulkResult: r}
	for _, why := range slices.Sorted(maps.Keys(r.Skipped)) {
		out.Skips = append(out.Skips, skipView{Why: why, N: r.Skipped[why], Meaning: skipMeaning(why)})
	}
	return out
}

// skipMeaning says why one was left as it was.
func skipMeaning(why string) string {
	switch why {
	case "late":
		return "It is past the rule's `expires`."
	case "blank":
		return "Its text or its address is past its retention."
	case "gone":
		return "It is not kept any more."
	case "alert_cancelled":
		return "Its alert is not true any more."
	}
	if doc, ok := docOf(why); ok {
		return sentence(doc.Meaning)
	}
	if stateOf(why).Tone != "plain" || why == string(relay.DeliveryQueued) || why == string(relay.DeliverySending) {
		return "It is " + why + " by now."
	}
	return ""
}
