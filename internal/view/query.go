package view

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/address"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Query narrows a list. Zero fields do not narrow. It stands in the addresses of the console's pages and of the API under the same
// names; no part of Beckon logs those.
type Query struct {
	// State is a relay.AlertState or relay.DeliveryState, or Retrying.
	State   string        `json:"state,omitempty"`
	Rule    string        `json:"rule,omitempty"`
	Reason  relay.Reason  `json:"reason,omitempty"`
	Channel relay.Channel `json:"channel,omitempty"`
	Trigger relay.Trigger `json:"trigger,omitempty"`
	// To is a uid, Address a number or a mail address, exactly.
	To      string `json:"to,omitempty"`
	Address string `json:"address,omitempty"`
	// Event is the ID of an event, Alert that of an alert.
	Event string `json:"event,omitempty"`
	Alert string `json:"alert,omitempty"`
	// Since and Until bound the time: Since <= t < Until.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// After is the Next of the page before.
	After string `json:"after,omitempty"`
	// Limit is 1 to MaxLimit; 0 means DefaultLimit.
	Limit int `json:"limit,omitempty"`
}

// Retrying is shown in the place of queued for a delivery that was tried before.
const Retrying = "retrying"

// How many rows a page has at most, and where nobody says.
const (
	MaxLimit     = store.MaxList
	DefaultLimit = 50
)

// maxField is the longest value of a field of a query, in bytes: longer than any name or ID.
const maxField = 500

// What lists are of.
const (
	OfEvents     = "events"
	OfAlerts     = "alerts"
	OfDeliveries = "deliveries"
)

// Fields are the names that narrow a list of a kind (OfEvents, OfAlerts, OfDeliveries).
func Fields(of string) []string {
	own := map[string][]string{
		OfEvents:     {"trigger"},
		OfAlerts:     {"state", "rule", "reason", "trigger", "to", "event"},
		OfDeliveries: {"state", "rule", "reason", "channel", "to", "address", "event", "alert"},
	}
	return slices.Concat(own[of], []string{"since", "until", "after", "limit"})
}

// States are what the state of a kind may be in a Query.
func States(of string) []string {
	var out []string
	switch of {
	case OfAlerts:
		for _, s := range relay.AlertStates() {
			out = append(out, string(s))
		}
	case OfDeliveries:
		for _, s := range relay.DeliveryStates() {
			out = append(out, string(s))
		}
		out = slices.Insert(out, slices.Index(out, string(relay.DeliveryQueued))+1, Retrying)
	}
	return out
}

// texts are the fields that are taken as they stand, by name.
func (q *Query) texts() map[string]*string {
	return map[string]*string{
		"state": &q.State, "rule": &q.Rule, "reason": (*string)(&q.Reason), "channel": (*string)(&q.Channel),
		"trigger": (*string)(&q.Trigger), "to": &q.To, "address": &q.Address, "event": &q.Event, "alert": &q.Alert, "after": &q.After,
	}
}

// ParseQuery reads a Query; other names in values are left alone. A time is in RFC 3339, or a duration back from now, such as 2h. The
// error is a *Refusal; whether a list can be narrowed so is told by Query.Check.
func ParseQuery(values url.Values, now time.Time) (Query, error) {
	var q Query
	one := func(name string) (string, error) {
		given := values[name]
		switch {
		case len(given) == 0:
			return "", nil
		case len(given) > 1:
			return "", badQuery("%s is given %d times; give it once", name, len(given))
		case len(given[0]) > maxField:
			return "", badQuery("%s has more than %d characters", name, maxField)
		}
		return strings.TrimSpace(given[0]), nil
	}
	texts, times := q.texts(), map[string]*time.Time{"since": &q.Since, "until": &q.Until}
	for _, name := range slices.Sorted(maps.Keys(texts)) { // the first error is always the same one
		var err error
		if *texts[name], err = one(name); err != nil {
			return Query{}, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		text, err := one(name)
		if err == nil && text != "" {
			*times[name], err = ParseTime(name, text, now)
		}
		if err != nil {
			return Query{}, err
		}
	}
	text, err := one("limit")
	if err == nil && text != "" {
		q.Limit, err = strconv.Atoi(text)
		if err != nil || q.Limit == 0 {
			err = badLimit()
		}
	}
	if err != nil {
		return Query{}, err
	}
	return q, q.valid()
}

// ParseTime reads the time of a field.
func ParseTime(name, text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if back, err := time.ParseDuration(text); err == nil && back > 0 {
		return now.Add(-back).UTC(), nil
	}
	return time.Time{}, badQuery("%s is neither a time such as 2026-03-02T23:30:00Z nor a duration back from now such as 2h", name)
}

func badLimit() *Refusal { return badQuery("limit is a number from 1 to %d", MaxLimit) }

// valid checks what does not depend on the list.
func (q Query) valid() error {
	states := append(States(OfAlerts), States(OfDeliveries)...)
	switch {
	case q.State != "" && !slices.Contains(states, q.State):
		return badQuery("state %.60q: there is no such state", q.State)
	case q.Reason != "" && !slices.ContainsFunc(relay.Reasons(), func(r relay.ReasonDoc) bool { return r.Reason == q.Reason }):
		return badQuery("reason %.60q: there is no such Reason; docs/reasons.md lists them", q.Reason)
	case q.Channel != "" && !slices.Contains(relay.Channels(), q.Channel):
		return badQuery("channel %.60q: must be one of %v", q.Channel, relay.Channels())
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until):
		return badQuery("since must be before until")
	case q.Limit < 0 || q.Limit > MaxLimit:
		return badLimit()
	}
	_, err := q.place()
	return err
}

// place is the address as it is kept.
func (q Query) place() (relay.Address, error) {
	if q.Address == "" {
		return relay.Address{}, nil
	}
	if strings.Contains(q.Address, "@") {
		email, err := address.ParseEmail(q.Address)
		if err != nil || q.Channel == relay.ChannelSMS {
			return relay.Address{}, badQuery("address: %v", address.ErrEmail)
		}
		return relay.NewAddress(relay.ChannelEmail, email.Reveal()), nil
	}
	phone, err := address.ParsePhone(q.Address)
	if err != nil || q.Channel == relay.ChannelEmail {
		return relay.Address{}, badQuery("address: %v", address.ErrPhone)
	}
	return relay.NewAddress(relay.ChannelSMS, phone.Reveal()), nil
}

// Values are the query as it stands in an address: ParseQuery gives it back.
func (q Query) Values() url.Values {
	values := url.Values{}
	for name, field := range q.texts() {
		if *field != "" {
			values.Set(name, *field)
		}
	}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			values.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values
}

// Check says whether a list of a kind can be narrowed so. The error is a *Refusal.
func (q Query) Check(of string) error {
	_, err := q.Filter(of)
	return err
}

// Filter is what the store is asked, also by those who do something to all that a query finds. The error is a *Refusal.
func (q Query) Filter(of string) (store.Filter, error) {
	if err := q.valid(); err != nil {
		return store.Filter{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(q.Values())) {
		if !slices.Contains(Fields(of), name) {
			return store.Filter{}, badQuery("%s are not narrowed by %s, but by %s", of, name, strings.Join(Fields(of), ", "))
		}
	}
	if states := States(of); q.State != "" && !slices.Contains(states, q.State) {
		return store.Filter{}, badQuery("state %.60q: %s are one of %s", q.State, of, strings.Join(states, ", "))
	}
	f := store.Filter{
		Trigger: q.Trigger, EventID: q.Event, AlertID: q.Alert, Rule: q.Rule, State: q.State, Reason: q.Reason, Channel: q.Channel,
		Recipient: q.To, Since: q.Since, Until: q.Until, Limit: q.Limit,
	}
	if q.State == Retrying {
		f.State, f.Tried = string(relay.DeliveryQueued), store.TriedBefore
	}
	if f.Limit == 0 {
		f.Limit = DefaultLimit
	}
	var err error
	if f.Address, err = q.place(); err != nil {
		return store.Filter{}, err
	}
	if q.After != "" {
		f.After, err = parseMark(of, q.After)
	}
	return f, err
}

func kindOf(of string) (store.Kind, error) {
	kinds := map[string]store.Kind{OfEvents: store.KindEvent, OfAlerts: store.KindAlert, OfDeliveries: store.KindDelivery}
	kind, ok := kinds[of]
	if !ok {
		return "", fmt.Errorf("there is no list of %q", of)
	}
	return kind, nil
}
