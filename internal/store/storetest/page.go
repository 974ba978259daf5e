package storetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func paging() []test {
	return []test{
		{"every combination of filters finds what it says, page by page, and counts it", pagesAll},
		{"a page goes on where the row that it goes on after is gone", goesOnAfterGone},
		{"what cannot be counted or gone on after is refused", refusesMarks},
		{"what was done is listed by who, what and when, page by page", pagesAudit},
	}
}

// mixture keeps deliveries of different kinds, several of the same time, with their alerts.
func mixture(t *testing.T, s store.Store) ([]relay.Alert, []relay.Delivery) {
	t.Helper()
	together(24, func(i int) {
		e := NewEvent(fmt.Sprintf("e%02d", i))
		e.ReceivedAt = after(time.Duration(i/3) * time.Minute)
		if i%4 == 0 {
			e.Trigger = relay.CallInitiated
		}
		a := NewAlert(e, []string{"mention", "call"}[i%2], []string{"lee", "kim", "pat"}[i%3])
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}})
		require.NoError(t, err)
		if i%6 == 5 {
			_, err = decide(t, s, a, relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead})
			require.NoError(t, err)
			return
		}
		made := []func(relay.Alert, string) relay.Delivery{NewDelivery, mail}[i%2](a, "t")
		made.CreatedAt = e.ReceivedAt
		if i%5 == 0 {
			made.State, made.Reason = relay.DeliverySuppressed, relay.ReasonOptedOut
		}
		kept, err := decide(t, s, a, relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{made}})
		require.NoError(t, err)
		if d := kept.Deliveries[0]; d.State == relay.DeliveryQueued && i%3 != 0 {
			finish(t, s, d.ID, []store.Next{
				later(relay.DeliveryQueued, relay.ReasonThrottled, after(time.Hour)), sentAs(d.ID), expired,
			}[i%7%3])
		}
	})
	alerts, err := s.Alerts(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	deliveries, err := s.Deliveries(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, alerts, 24)
	require.Len(t, deliveries, 20)
	return alerts, deliveries
}

// choices are the values that one field of a filter takes, first none.
type choices []func(*store.Filter)

func some[T any](set func(f *store.Filter, v T), all ...T) choices {
	out := choices{func(*store.Filter) {}}
	for _, v := range all {
		out = append(out, func(f *store.Filter) { set(f, v) })
	}
	return out
}

// combined are the filters of all combinations.
func combined(fields ...choices) []store.Filter {
	out := []store.Filter{{}}
	for _, field := range fields {
		var next []store.Filter
		for _, f := range out {
			for _, choose := range field {
				chosen := f
				choose(&chosen)
				next = append(next, chosen)
			}
		}
		out = next
	}
	return out
}

func pagesAll(t *testing.T, s store.Store) {
	t.Helper()
	alerts, deliveries := mixture(t, s)
	listed := pager[relay.Alert]{s, store.KindAlert, s.Alerts, func(a relay.Alert) store.Mark { return store.Mark{At: a.ReceivedAt, ID: a.ID} }}
	sent := pager[relay.Delivery]{s, store.KindDelivery, s.Deliveries, func(d relay.Delivery) store.Mark { return store.Mark{At: d.CreatedAt, ID: d.ID} }}
	rule := some(func(f *store.Filter, v string) { f.Rule = v }, "mention", "none")
	uid := some(func(f *store.Filter, v string) { f.Recipient = v }, "kim")
	since := some(func(f *store.Filter, v time.Duration) { f.Since, f.Until = after(v), after(v+5*time.Minute) }, time.Minute)
	event := some(func(f *store.Filter, v string) { f.EventID = v }, "e07")
	// An ID leaves so little that it is combined with less, or the suite would take minutes.
	id := some(func(f *store.Filter, v string) { f.AlertID = v }, alerts[3].ID)
	for _, f := range append(combined(event, id, rule, uid), combined(
		rule, uid, since, some(func(f *store.Filter, v relay.AlertState) { f.State = string(v) }, relay.AlertSent, relay.AlertCancelled, relay.AlertHeld),
		some(func(f *store.Filter, v relay.Reason) { f.Reason = v }, relay.ReasonRead, relay.ReasonWaiting),
		some(func(f *store.Filter, v relay.Trigger) { f.Trigger = v }, relay.CallInitiated),
	)...) {
		listed.pages(t, f, only(alerts, func(a relay.Alert) bool { return fits(f, a) }))
	}
	for _, f := range append(combined(event, rule, uid), combined(
		rule, uid, since,
		some(func(f *store.Filter, v relay.DeliveryState) { f.State = string(v) }, relay.DeliveryQueued, relay.DeliverySent, relay.DeliverySending),
		some(func(f *store.Filter, v relay.Reason) { f.Reason = v }, relay.ReasonOptedOut, relay.ReasonThrottled),
		some(func(f *store.Filter, v relay.Channel) { f.Channel = v }, relay.ChannelSMS),
		some(func(f *store.Filter, v relay.Address) { f.Address = v }, relay.NewAddress(relay.ChannelEmail, "Lee@Example.net")),
		some(func(f *store.Filter, v store.Tried) { f.Tried = v }, store.TriedBefore, store.TriedNever),
	)...) {
		sent.pages(t, f, only(deliveries, func(d relay.Delivery) bool { return meets(f, d) }))
	}
}

func only[T any](all []T, ok func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !ok(v) })
}

func is[T comparable](want, got T) bool {
	var any T
	return want == any || want == got
}

func within(f store.Filter, at time.Time) bool {
	return (f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until))
}

func fits(f store.Filter, a relay.Alert) bool {
	return is(f.Rule, a.Rule) && is(f.Recipient, a.Recipient.UID) && within(f, a.ReceivedAt) && is(f.EventID, a.EventID) && is(f.State, string(a.State)) &&
		is(f.Reason, a.Reason) && is(f.Trigger, a.Trigger) && is(f.AlertID, a.ID)
}

func meets(f store.Filter, d relay.Delivery) bool {
	tried := f.Tried == store.TriedAny || (f.Tried == store.TriedBefore) == (d.Attempts > 0)
	return is(f.Rule, d.Rule) && is(f.Recipient, d.Recipient.UID) && within(f, d.CreatedAt) && is(f.EventID, d.EventID) && is(f.State, string(d.State)) &&
		is(f.Reason, d.Reason) && is(f.Channel, d.Channel) && is(f.Address, relay.NewAddress(d.Channel, d.Address())) && tried
}

// pager reads the lists of one kind.
type pager[T any] struct {
	store store.Store
	kind  store.Kind
	read  func(context.Context, store.Filter) ([]T, error)
	mark  func(T) store.Mark
}

// pages reads a list three at a time and holds it against what is wanted.
func (p pager[T]) pages(t *testing.T, f store.Filter, want []T) {
	t.Helper()
	f.Limit = 3
	var got []T
	for {
		page, err := p.read(t.Context(), f)
		require.NoError(t, err, "%+v", f)
		got = append(got, page...)
		if len(page) < f.Limit {
			break
		}
		f.After = p.mark(page[len(page)-1])
	}
	require.Len(t, got, len(want), "%+v", f)
	for i := range want {
		require.Equal(t, p.mark(want[i]), p.mark(got[i]), "%+v", f)
	}
	for _, most := range []int{2, 100} {
		n, err := p.store.Count(t.Context(), p.kind, f, most)
		require.NoError(t, err)
		require.Equal(t, min(most, len(want)), n, "%+v", f)
	}
}

func goesOnAfterGone(t *testing.T, s store.Store) {
	t.Helper()
	keep(t, s, "gone", relay.MessageSent, -time.Hour)
	keep(t, s, "first", relay.MessageSent, -2*time.Hour)
	accept(t, s, "last", "lee")
	mark := store.Mark{At: after(-time.Hour), ID: "gone"}
	for range 2 {
		events, err := s.Events(t.Context(), store.Filter{After: mark})
		require.NoError(t, err)
		require.Equal(t, "first", ids(events))
		n, err := s.Prune(t.Context(), after(-90*time.Minute), 1)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		keep(t, s, "first", relay.MessageSent, -2*time.Hour)
	}
	n, err := s.Prune(t.Context(), after(-time.Minute), 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	keep(t, s, "first", relay.MessageSent, -2*time.Hour)
	events, err := s.Events(t.Context(), store.Filter{After: mark})
	require.NoError(t, err)
	require.Equal(t, "first", ids(events))
	n, err = s.Count(t.Context(), store.KindEvent, store.Filter{After: mark, Limit: 1}, 10)
	require.NoError(t, err)
	require.Equal(t, 2, n, "a count is of the whole list")
}

func refusesMarks(t *testing.T, s store.Store) {
	t.Helper()
	for _, mark := range []store.Mark{{At: noon}, {ID: "e1"}} {
		_, err := s.Events(t.Context(), store.Filter{After: mark})
		require.ErrorContains(t, err, "a time and an ID")
	}
	for _, tt := range []struct {
		kind   store.Kind
		filter store.Filter
		most   int
		says   string
	}{
		{"thing", store.Filter{}, 1, `no kind "thing"`},
		{store.KindEvent, store.Filter{Rule: "mention"}, 1, "narrowed by Rule"},
		{store.KindEvent, store.Filter{Address: relay.NewAddress(relay.ChannelSMS, "+14155550177")}, 1, "narrowed by Address"},
		{store.KindAlert, store.Filter{Tried: store.TriedBefore}, 1, "narrowed by Tried"},
		{store.KindDelivery, store.Filter{Trigger: relay.CallInitiated}, 1, "narrowed by Trigger"},
		{store.KindDelivery, store.Filter{State: "held"}, 1, "no state"},
		{store.KindDelivery, store.Filter{Tried: "twice"}, 1, "twice"},
		{store.KindAlert, store.Filter{}, 0, "want 1 to 100000"},
		{store.KindAlert, store.Filter{}, store.MaxCount + 1, "want 1 to 100000"},
	} {
		_, err := s.Count(t.Context(), tt.kind, tt.filter, tt.most)
		require.ErrorContains(t, err, tt.says)
	}
}

func pagesAudit(t *testing.T, s store.Store) {
	t.Helper()
	for i, who := range []string{"kim", "lee", "kim", "kim"} {
		require.NoError(t, s.Note(t.Context(), relay.Audit{
			At: after(time.Duration(i) * time.Minute), Who: who, Action: []string{"export", "reveal"}[i/2], Subject: strconv.Itoa(i),
		}))
	}
	all, err := s.Audit(t.Context(), store.AuditFilter{})
	require.NoError(t, err)
	for _, tt := range []struct {
		filter store.AuditFilter
		want   string
	}{
		{store.AuditFilter{}, "3 2 1 0"},
		{store.AuditFilter{Limit: 2}, "3 2"},
		{store.AuditFilter{Before: all[1].Seq, Limit: 1}, "1"},
		{store.AuditFilter{Who: "kim", Before: all[1].Seq}, "0"},
		{store.AuditFilter{Action: "export"}, "1 0"},
		{store.AuditFilter{Who: "kim", Action: "reveal"}, "3 2"},
		{store.AuditFilter{Since: after(time.Minute), Until: after(3 * time.Minute)}, "2 1"},
		{store.AuditFilter{Who: "nobody"}, ""},
	} {
		found, err := s.Audit(t.Context(), tt.filter)
		require.NoError(t, err)
		var got []string
		for _, a := range found {
			got = append(got, a.Subject)
		}
		require.Equal(t, tt.want, strings.Join(got, " "), "%+v", tt.filter)
	}
	for _, f := range []store.AuditFilter{{Limit: -1}, {Limit: store.MaxList + 1}, {Before: -1}} {
		_, err := s.Audit(t.Context(), f)
		require.Error(t, err)
	}
}
