package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// filterKeys are the parts of an address that narrow a list, in the order in which they are told. "last" is a time that goes along,
// such as 24h.
func filterKeys() []string {
	return []string{"state", "rule", "reason", "channel", "trigger", "to", "address", "event", "alert", "last", "since", "until"}
}

const (
	// stateAll is the address's word for no state; without any, deliveries show those that failed.
	stateAll = "all"
	// maxFilter is the longest value of a filter, in bytes.
	maxFilter = 500
	// pageSize is how many rows a page shows.
	pageSize = 50
	// localTime is how browsers send a field for a time; we read it as UTC, as the field says.
	localTime = "2006-01-02T15:04"
)

// filter is what a list is narrowed to, as an address and as a query.
type filter struct {
	Path   string
	values url.Values
	Query  view.Query
}

// filterFrom reads the filter of an address, without where in the list one is.
func filterFrom(path string, q url.Values, now time.Time) (filter, error) {
	f := filter{Path: path, values: url.Values{}}
	for _, key := range filterKeys() {
		value := strings.TrimSpace(q.Get(key))
		if len(value) > maxFilter {
			return f, errBadRequest("The filter %q is too long.", key)
		}
		if value != "" {
			f.values.Set(key, value)
		}
	}
	var err error
	f.Query, err = queryOf(f.values, now)
	f.Query.After, f.Query.Limit = q.Get("after"), pageSize
	return f, err
}

// queryOf makes a query of the values of a filter.
func queryOf(v url.Values, now time.Time) (view.Query, error) {
	q := view.Query{
		State: v.Get("state"), Rule: v.Get("rule"), Reason: relay.Reason(v.Get("reason")), Channel: relay.Channel(v.Get("channel")),
		Trigger: relay.Trigger(v.Get("trigger")), To: v.Get("to"), Address: v.Get("address"), Event: v.Get("event"), Alert: v.Get("alert"),
	}
	if q.State == stateAll {
		q.State = ""
	}
	if q.Channel != "" && !slices.Contains(relay.Channels(), q.Channel) {
		return q, errBadRequest("There is no channel %.60q.", q.Channel)
	}
	if last := v.Get("last"); last != "" {
		d, err := time.ParseDuration(last)
		if err != nil || d <= 0 {
			return q, errBadRequest("%.60q is no time to look back on; write it like 24h.", last)
		}
		q.Since = now.Add(-d).Truncate(time.Second)
	}
	for key, to := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		text := v.Get(key)
		if text == "" {
			continue
		}
		at, err := timeFrom(text)
		if err != nil {
			return q, errBadRequest("%.60q is no time; write it like 2026-03-02T12:00 (UTC).", text)
		}
		*to = at
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return q, errBadRequest("The time range is empty: it ends before it begins.")
	}
	return q, nil
}

func timeFrom(text string) (time.Time, error) {
	for _, layout := range []string{localTime, "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return at, nil
		}
	}
	return time.Parse(time.RFC3339, text)
}

// Get is a value of the filter, for the fields of its form.
func (f filter) Get(key string) string { return f.values.Get(key) }

// Local is a time of the filter as its field wants it.
func (f filter) Local(key string) string {
	at, err := timeFrom(f.Get(key))
	if err != nil {
		return ""
	}
	return at.UTC().Format(localTime)
}

// Any says whether something is narrowed besides the state.
func (f filter) Any() bool {
	return len(f.values) > 1 || len(f.values) == 1 && !f.values.Has("state")
}

// Chips are the parts of the filter in words.
func (f filter) Chips() []string {
	names := map[string]string{"to": "uid", "event": "event", "last": "the last"}
	var out []string
	for _, key := range filterKeys() {
		if value := f.Get(key); value != "" && value != stateAll {
			name := key
			if other, ok := names[key]; ok {
				name = other
			}
			out = append(out, name+": "+value)
		}
	}
	return out
}

// address of the list with some values changed: pairs of a key and a value, of which an empty one takes the key out.
func (f filter) address(path string, pairs ...string) string {
	q := url.Values{}
	maps.Copy(q, f.values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return root + path
	}
	return root + path + "?" + q.Encode()
}

// With is the address of the same list with one value changed, from its beginning.
func (f filter) With(key, value string) string { return f.address(f.Path, key, value) }

// At is the address of the list from a place on.
func (f filter) At(after string) string { return f.address(f.Path, "after", after) }

// Here is the address of the list's beginning, CSV that of all of it as a file, and Act that of what is done to all of it.
func (f filter) Here() string             { return f.address(f.Path) }
func (f filter) CSV() string              { return f.address(f.Path + ".csv") }
func (f filter) Act(action string) string { return f.address(f.Path+"/bulk", "action", action) }

// Hidden are the fields that carry the filter through a form.
func (f filter) Hidden() []hidden {
	var out []hidden
	for _, key := range filterKeys() {
		if value := f.Get(key); value != "" {
			out = append(out, hidden{key, value})
		}
	}
	return out
}

type hidden struct{ Name, Value string }

// tidy leads from the address that a form makes, in which most values are empty, to the one that is worth keeping. It says whether it did.
func tidy(c echo.Context) (bool, error) {
	q := c.QueryParams()
	out := url.Values{}
	for key, values := range q {
		if len(values) > 0 && strings.TrimSpace(values[0]) != "" {
			out[key] = values
		}
	}
	if len(out) == len(q) {
		return false, nil
	}
	address := c.Request().URL.Path
	if len(out) == 0 && q.Has("state") {
		out.Set("state", stateAll) // somebody emptied the form, and wants all
	}
	if len(out) > 0 {
		address += "?" + out.Encode()
	}
	return true, c.Redirect(http.StatusSeeOther, address)
}

// option is one of a field to choose from.
type option struct {
	Value, Text string
	Chosen      bool
}

// options of a field; the first is for none.
func options(chosen, none string, values ...string) []option {
	out := []option{{Text: none, Chosen: chosen == ""}}
	for _, v := range values {
		out = append(out, option{Value: v, Text: v, Chosen: v == chosen})
	}
	return out
}

// reasonOptions are those of alerts, deliveries or events, each with its meaning.
func reasonOptions(chosen, of string) []option {
	out := []option{{Text: "any", Chosen: chosen == ""}}
	for _, doc := range relay.Reasons() {
		if strings.Contains(doc.Of, of) {
			out = append(out, option{Value: string(doc.Reason), Text: string(doc.Reason) + " — " + doc.Meaning, Chosen: string(doc.Reason) == chosen})
		}
	}
	return out
}

// countFrom reads a number from a form.
func countFrom(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
