package console

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// countMost is how far a list is counted: past it, exact numbers cost more than they tell.
const countMost = 1000

// tab is one of the quick filters.
type tab struct {
	Name, Address string
	// Count is in words, such as "1,000+".
	Count   string
	Current bool
}

// listView is a list with its filter.
type listView[T any] struct {
	Filter filter
	Tabs   []tab
	Page   view.Page[T]
	// Matches is how many there are in all, in words, and Total as a number, no more than countMost+1.
	Matches string
	Total   int
	// Older is the address of what is older, and Newest leads back to the beginning; empty where there is none.
	Older, Newest string
	// Retry and Cancel say whether that can be done to what the filter finds.
	Retry, Cancel bool

	States, Channels, Reasons []option
}

// quick is a quick filter: a state and its name.
type quick struct{ state, name string }

func deliveryTabs() []quick {
	return []quick{
		{"dead", "Dead"},
		{view.Retrying, "Retrying"},
		{"queued", "Waiting"},
		{"sent", "Sent"},
		{"delivered", "Delivered"},
		{"undelivered", "Undelivered"},
		{"unknown", "Answer awaited"},
		{"suppressed", "Suppressed"},
		{stateAll, "All"},
	}
}

func alertTabs() []quick {
	return []quick{
		{"failed", "Failed"},
		{"held", "Held"},
		{"due", "Due"},
		{"sent", "Sent"},
		{"cancelled", "Cancelled"},
		{"suppressed", "Suppressed"},
		{stateAll, "All"},
	}
}

// landing is what is shown where the address asks for nothing: what failed. A list that came by a link with another filter shows
// every state.
func landing(f filter, state string) (filter, string) {
	current := f.Get("state")
	if current == "" {
		current = stateAll
		if !f.Any() && f.Query.After == "" {
			current = state
			f.values.Set("state", state)
			f.Query.State = state
		}
	}
	return f, current
}

// tabsOf counts what each of the quick filters would find together with the rest of the filter.
func (k *console) tabsOf(ctx context.Context, of string, f filter, current string, quicks []quick) ([]tab, error) {
	tabs := make([]tab, 0, len(quicks))
	for _, q := range quicks {
		query := f.Query
		query.After, query.State = "", q.state
		if q.state == stateAll {
			query.State = ""
		}
		n, err := k.Counter.Count(ctx, of, query, countMost+1)
		if err != nil {
			return nil, err
		}
		tabs = append(tabs, tab{Name: q.name, Address: f.With("state", q.state), Count: atMost(n, countMost), Current: q.state == current})
	}
	return tabs, nil
}

// listOf gathers what all lists have in common. page fetches the rows.
func listOf[T any](ctx context.Context, k *console, of string, f filter, page func(context.Context, view.Query) (view.Page[T], error)) (listView[T], error) {
	v := listView[T]{Filter: f}
	var err error
	if v.Page, err = page(ctx, f.Query); err != nil {
		return v, err
	}
	query := f.Query
	query.After = ""
	if v.Total, err = k.Counter.Count(ctx, of, query, countMost+1); err != nil {
		return v, err
	}
	v.Matches = atMost(v.Total, countMost)
	if v.Page.Next != "" {
		v.Older = f.At(v.Page.Next)
	}
	if f.Query.After != "" {
		v.Newest = f.Here()
	}
	return v, nil
}

func (k *console) deliveries(c echo.Context) error {
	if done, err := tidy(c); done {
		return err
	}
	f, err := filterFrom("/deliveries", c.QueryParams(), k.Now())
	if err != nil {
		return err
	}
	f, current := landing(f, string(relay.DeliveryDead))
	ctx := c.Request().Context()
	v, err := listOf(ctx, k, "deliveries", f, k.Lists.Deliveries)
	if err != nil {
		return err
	}
	if v.Tabs, err = k.tabsOf(ctx, "deliveries", f, current, deliveryTabs()); err != nil {
		return err
	}
	v.States = options(f.Get("state"), "any", append(names(relay.DeliveryStates()), view.Retrying)...)
	v.Channels = options(f.Get("channel"), "any", names(relay.Channels())...)
	v.Reasons = reasonOptions(f.Get("reason"), "delivery")
	v.Retry, v.Cancel = mayRetry(f.Query.State), mayCancel(f.Query.State)
	return k.show(c, http.StatusOK, "deliveries.html", page{Title: "Deliveries", Nav: "/deliveries", Live: true, Data: v})
}

func (k *console) alerts(c echo.Context) error {
	if done, err := tidy(c); done {
		return err
	}
	f, err := filterFrom("/alerts", c.QueryParams(), k.Now())
	if err != nil {
		return err
	}
	f, current := landing(f, string(relay.AlertFailed))
	ctx := c.Request().Context()
	v, err := listOf(ctx, k, "alerts", f, k.Lists.Alerts)
	if err != nil {
		return err
	}
	if v.Tabs, err = k.tabsOf(ctx, "alerts", f, current, alertTabs()); err != nil {
		return err
	}
	v.States = options(f.Get("state"), "any", names(relay.AlertStates())...)
	v.Reasons = reasonOptions(f.Get("reason"), "alert")
	v.Cancel = f.Query.State == string(relay.AlertHeld)
	return k.show(c, http.StatusOK, "alerts.html", page{Title: "Alerts", Nav: "/alerts", Live: true, Data: v})
}

func (k *console) events(c echo.Context) error {
	if done, err := tidy(c); done {
		return err
	}
	f, err := filterFrom("/events", c.QueryParams(), k.Now())
	if err != nil {
		return err
	}
	v, err := listOf(c.Request().Context(), k, "events", f, k.Lists.Events)
	if err != nil {
		return err
	}
	return k.show(c, http.StatusOK, "events.html", page{Title: "Events", Nav: "/events", Live: true, Data: v})
}

// mayRetry says whether deliveries of a state can be retried, and mayCancel whether they can be cancelled. Where a list shows every state
// neither is offered for all of it: it would mostly be for what cannot be.
func mayRetry(state string) bool {
	return state == string(relay.DeliveryDead) || state == string(relay.DeliveryUndelivered) || state == string(relay.DeliverySuppressed)
}

func mayCancel(state string) bool { return isWaiting(state) }

func names[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return out
}

// find leads to whatever an ID names.
func (k *console) find(c echo.Context) error {
	id := c.QueryParam("id")
	if id == "" || len(id) > maxFilter {
		return errBadRequest("Write the ID of an event, an alert or a delivery, or its beginning.")
	}
	of, whole, err := k.Finder.Find(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, address(of, whole))
}

// address of the page of one thing.
func address(of, id string) string { return root + "/" + of + "/" + url.PathEscape(id) }
