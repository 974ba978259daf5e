package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func accepting() []test {
	return []test{
		{"an accepted event and its alerts come back as they were", keepsAll},
		{"a plan that says nothing sensible keeps nothing", refusesPlans},
		{"an alert planned twice is kept once", keepsAlertOnce},
		{"events accepted at once are all kept", keepsConcurrent},
		{"an event whose sender has gone is not kept", skipsGone},
		{"what is not there is not found", notFound},
	}
}

func keepsAll(t *testing.T, s store.Store) {
	t.Helper()
	e := NewEvent("e1")
	known := NewAlert(e, "mention", "lee")
	known.Trace = []relay.Step{{At: noon, Check: "if", Result: "true", Seen: "e1"}}
	fixed := known
	fixed.ID, fixed.Recipient, fixed.Trace = "al_fixed", relay.Recipient{Email: "ops@example.net"}, nil
	phone := fixed
	phone.ID, phone.Recipient = "al_phone", relay.Recipient{Phone: "+14155550177"}
	open := fixed
	open.ID, open.Recipient = "al_open", relay.Recipient{}

	got, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{known, fixed, phone, open}})
	require.NoError(t, err)
	require.Equal(t, store.Accepted{ID: "e1", Alerts: 4}, got)

	event, err := s.Event(t.Context(), "e1")
	require.NoError(t, err)
	require.Equal(t, relay.Event{ID: "e1", Trigger: e.Trigger, ReceivedAt: noon, Raw: e.Raw}, event)
	for _, want := range []relay.Alert{known, fixed, phone, open} {
		alert, err := s.Alert(t.Context(), want.ID)
		require.NoError(t, err)
		require.Empty(t, alert.Trace[len(want.Trace):])
		alert.Trace = want.Trace // empty or nil
		require.Equal(t, want, alert)
	}
}

func refusesPlans(t *testing.T, s store.Store) {
	t.Helper()
	for name, spoil := range map[string]func(*relay.Plan){
		"no ID":               func(p *relay.Plan) { p.Event.ID, p.Alerts = "", nil },
		"no trigger":          func(p *relay.Plan) { p.Event.Trigger = "" },
		"no time":             func(p *relay.Plan) { p.Event.ReceivedAt = time.Time{} },
		"negative window":     func(p *relay.Plan) { p.Event.Repeat = relay.Repeat{Key: "k", Window: -1} },
		"too many keys":       func(p *relay.Plan) { p.Keys = make([]relay.Key, 5000) },
		"alert without ID":    func(p *relay.Plan) { p.Alerts[0].ID = "" },
		"alert without event": func(p *relay.Plan) { p.Alerts[0].EventID = "another" },
		"alert without state": func(p *relay.Plan) { p.Alerts[0].State = "" },
		"alert without due":   func(p *relay.Plan) { p.Alerts[0].DueAt = time.Time{} },
	} {
		e := NewEvent("e1")
		plan := relay.Plan{Event: e, Alerts: []relay.Alert{NewAlert(e, "mention", "lee")}}
		spoil(&plan)
		_, err := s.Accept(t.Context(), plan)
		require.Error(t, err, name)
	}
	events, err := s.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Empty(t, events)
}

func keepsAlertOnce(t *testing.T, s store.Store) {
	t.Helper()
	e := NewEvent("e1")
	a := NewAlert(e, "mention", "lee")
	got, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a, a}})
	require.NoError(t, err)
	require.Equal(t, 1, got.Alerts)
}

func keepsConcurrent(t *testing.T, s store.Store) {
	t.Helper()
	const n = 300
	together(n, func(i int) {
		e := NewEvent(fmt.Sprintf("e%d", i))
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{NewAlert(e, "mention", "lee")}})
		if err != nil {
			t.Error(err)
		}
	})
	events, err := s.Events(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, events, n)
	alerts, err := s.Alerts(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, alerts, n)
}

func skipsGone(t *testing.T, s store.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Accept(ctx, relay.Plan{Event: NewEvent("e1")})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Event(t.Context(), "e1")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func notFound(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	_, err := s.Event(ctx, "e1")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Alert(ctx, "al_1")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Delivery(ctx, "dl_1")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = decide(t, s, relay.Alert{ID: "al_1"}, relay.Decision{})
	require.ErrorIs(t, err, store.ErrNotFound)
	_, _, err = s.BeginAttempt(ctx, store.Start{DeliveryID: "dl_1", Provider: "twilio", Now: noon})
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, s.FinishAttempt(ctx, accepted(relay.Attempt{DeliveryID: "dl_1", N: 1}), sent), store.ErrNotFound)
	require.ErrorIs(t, s.Settle(ctx, "dl_1", expired, noon), store.ErrNotFound)
	attempts, err := s.Attempts(ctx, "dl_1")
	require.NoError(t, err)
	require.Empty(t, attempts)
}

func repeating() []test {
	return []test{
		{"an event with a kept ID is a duplicate and leaves the first copy as it was", sameID},
		{"a hundred identical events at once are one", hundredAtOnce},
		{"the same key and trigger within the window, before or after, is a repeat of the nearest", repeats},
		{"a hundred repeats at once, received at slightly different times, are one event", repeatsAtOnce},
	}
}

func sameID(t *testing.T, s store.Store) {
	t.Helper()
	accept(t, s, "e1", "lee")
	again := NewEvent("e1")
	again.ReceivedAt = after(time.Hour)
	got, err := s.Accept(t.Context(), relay.Plan{Event: again, Alerts: []relay.Alert{NewAlert(again, "other", "kim")}})
	require.NoError(t, err)
	require.Equal(t, store.Accepted{ID: "e1", Duplicate: true}, got)
	event, err := s.Event(t.Context(), "e1")
	require.NoError(t, err)
	require.Equal(t, noon, event.ReceivedAt)
	alerts, err := s.Alerts(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, alerts, 1)
}

func hundredAtOnce(t *testing.T, s store.Store) {
	t.Helper()
	var fresh atomic.Int32
	together(100, func(int) {
		e := NewEvent("e1")
		got, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{NewAlert(e, "mention", "lee")}})
		if err != nil || got.ID != "e1" {
			t.Errorf("got %+v, %v", got, err)
		}
		if !got.Duplicate {
			fresh.Add(1)
		}
	})
	require.EqualValues(t, 1, fresh.Load())
}

func block(id string, at time.Duration) relay.Event {
	e := NewEvent(id)
	e.ReceivedAt = after(at)
	e.Repeat = relay.Repeat{Key: "block:lee:kim", Window: 15 * time.Minute}
	return e
}

func repeats(t *testing.T, s store.Store) {
	t.Helper()
	other := block("other trigger", time.Minute)
	other.Trigger = relay.MessageSent
	elsewhere := block("other key", time.Minute)
	elsewhere.Repeat.Key = "block:lee:jo"
	for _, tt := range []struct {
		event relay.Event
		want  store.Accepted
	}{
		{block("first", 0), store.Accepted{ID: "first"}},
		{block("within", 10*time.Minute), store.Accepted{ID: "first", Duplicate: true}},
		{block("received before, kept after", -time.Second), store.Accepted{ID: "first", Duplicate: true}},
		{block("as far as the window", -15*time.Minute), store.Accepted{ID: "first", Duplicate: true}},
		{other, store.Accepted{ID: "other trigger"}},
		{elsewhere, store.Accepted{ID: "other key"}},
		{block("after", 16*time.Minute), store.Accepted{ID: "after"}},
		{block("before", -16*time.Minute), store.Accepted{ID: "before"}},
		{block("between, nearer to the second", 9*time.Minute), store.Accepted{ID: "after", Duplicate: true}},
		{block("between, nearer to the first", 7*time.Minute), store.Accepted{ID: "first", Duplicate: true}},
		{block("within that", 20*time.Minute), store.Accepted{ID: "after", Duplicate: true}},
	} {
		got, err := s.Accept(t.Context(), relay.Plan{Event: tt.event, Keys: []relay.Key{"sent:lee"}})
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
}

func repeatsAtOnce(t *testing.T, s store.Store) {
	t.Helper()
	var fresh atomic.Int32
	together(100, func(i int) {
		received := time.Duration(i*37%100) * time.Millisecond // in no order
		got, err := s.Accept(t.Context(), relay.Plan{Event: block(fmt.Sprintf("e%d", i), received)})
		if err != nil {
			t.Error(err)
		}
		if !got.Duplicate {
			fresh.Add(1)
		}
	})
	require.EqualValues(t, 1, fresh.Load())
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}
