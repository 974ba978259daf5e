package storetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func deciding() []test {
	return []test{
		{"a decision to send keeps the deliveries as they were rendered", sends},
		{"a decision to send nobody anything suppresses the alert", sendsNobody},
		{"an alert held anew falls due at the new time", holds},
		{"an alert that is cancelled or suppressed keeps the reason", ends},
		{"an unresolved alert is replaced by one for each person", resolves},
		{"of many that decide one alert at once one does", decidesOnce},
		{"a decision that cannot be kept leaves the alert held", refusesDecisions},
		{"a decision that panics is an error and leaves the alert held", survivesPanic},
		{"the trace of an alert that is held for long keeps its newest steps", boundsTrace},
	}
}

func sends(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	text, letter := NewDelivery(alert, "mention"), mail(alert, "mention")
	step := relay.Step{At: after(time.Minute), Check: "unless read", Result: "false"}
	got, err := decide(t, s, alert, relay.Decision{
		Action: relay.ActSend, Deliveries: []relay.Delivery{text, letter}, Trace: []relay.Step{step},
	})
	require.NoError(t, err)
	require.Equal(t, []relay.Delivery{text, letter}, got.Deliveries)
	for _, want := range []relay.Delivery{text, letter} {
		got, err := s.Delivery(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, kept(want), got)
		require.Equal(t, want.Address(), got.Address())
		require.Equal(t, want.Content.Text.Reveal(), got.Content.Text.Reveal())
	}
	kept, err := s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.Equal(t, relay.AlertDue, kept.State)
	require.Equal(t, relay.ReasonNone, kept.Reason)
	require.Equal(t, []relay.Step{step}, kept.Trace)
	require.Equal(t, after(time.Minute), kept.UpdatedAt)
}

func sendsNobody(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	_, err := decide(t, s, alert, relay.Decision{Action: relay.ActSend, Again: after(time.Hour), Fallback: true})
	require.NoError(t, err)
	require.Zero(t, alertOf(t, s, alert.ID).AgainAt, "it has ended")
	state, reason := stateOf(t, s, alert.ID)
	require.Equal(t, relay.AlertSuppressed, state)
	require.Equal(t, relay.ReasonNobody, reason)
}

func holds(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	_, err := s.Decide(t.Context(), alert.ID, relay.Query{}, alert.DueAt.Add(-time.Microsecond),
		func(relay.Alert, relay.Facts) relay.Decision {
			t.Error("an alert that is not due was decided")
			return relay.Decision{}
		})
	require.ErrorIs(t, err, store.ErrConflict)
	for _, until := range []time.Time{after(time.Hour), after(2 * time.Hour)} {
		_, err := decide(t, s, alert, relay.Decision{
			Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: until, Trace: []relay.Step{{Check: "quiet"}},
		})
		require.NoError(t, err)
		kept, err := s.Alert(t.Context(), alert.ID)
		require.NoError(t, err)
		require.Equal(t, relay.AlertHeld, kept.State)
		require.Equal(t, relay.ReasonQuietHours, kept.Reason)
		require.Equal(t, until, kept.DueAt)
	}
	kept, err := s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.Len(t, kept.Trace, 2)
}

func ends(t *testing.T, s store.Store) {
	t.Helper()
	alerts := accept(t, s, "e1", "lee", "kim")
	for i, tt := range []struct {
		action relay.Action
		reason relay.Reason
		want   relay.AlertState
	}{
		{relay.ActCancel, relay.ReasonRead, relay.AlertCancelled},
		{relay.ActSuppress, relay.ReasonMuted, relay.AlertSuppressed},
	} {
		_, err := decide(t, s, alerts[i], relay.Decision{Action: tt.action, Reason: tt.reason})
		require.NoError(t, err)
		state, reason := stateOf(t, s, alerts[i].ID)
		require.Equal(t, tt.want, state)
		require.Equal(t, tt.reason, reason)
		_, err = decide(t, s, alerts[i], relay.Decision{Action: tt.action, Reason: tt.reason})
		require.ErrorIs(t, err, store.ErrConflict)
	}
}

func resolves(t *testing.T, s store.Store) {
	t.Helper()
	e := NewEvent("e1")
	open := NewAlert(e, "group", "")
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{open}})
	require.NoError(t, err)
	lee, kim := NewAlert(e, "group", "lee"), NewAlert(e, "group", "kim")
	_, err = decide(t, s, open, relay.Decision{Action: relay.ActResolve, Resolved: []relay.Alert{lee, kim, lee}})
	require.NoError(t, err)
	_, err = s.Alert(t.Context(), open.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	alerts, err := s.Alerts(t.Context(), store.Filter{State: string(relay.AlertHeld)})
	require.NoError(t, err)
	require.Len(t, alerts, 2)
	for i, want := range []relay.Alert{kim, lee} {
		require.Equal(t, want.ID, alerts[i].ID)
		require.Equal(t, want.DueAt, alerts[i].DueAt)
	}
}

func decidesOnce(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	var won atomic.Int32
	together(20, func(int) {
		_, err := decide(t, s, alert, relay.Decision{
			Action: relay.ActSend, Deliveries: []relay.Delivery{NewDelivery(alert, "mention")},
		})
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, store.ErrConflict) {
			t.Error(err)
		}
	})
	require.EqualValues(t, 1, won.Load())
	deliveries, err := s.Deliveries(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, deliveries, 1)
}

func refusesDecisions(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	good, bad := NewDelivery(alert, "good"), NewDelivery(alert, "bad")
	bad.State = relay.DeliverySent
	for name, d := range map[string]relay.Decision{
		"no action":              {},
		"held into the past":     {Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: noon},
		"held for no reason":     {Action: relay.ActHold, Until: after(time.Hour)},
		"cancelled for none":     {Action: relay.ActCancel},
		"a delivery sent before": {Action: relay.ActSend, Deliveries: []relay.Delivery{good, bad}},
		"resolved to nobody":     {Action: relay.ActResolve},
		"resolved though known":  {Action: relay.ActResolve, Resolved: []relay.Alert{NewAlert(NewEvent("e1"), "x", "kim")}},
	} {
		_, err := decide(t, s, alert, d)
		require.Error(t, err, name)
		kept, err := s.Alert(t.Context(), alert.ID)
		require.NoError(t, err)
		require.Equal(t, relay.AlertHeld, kept.State, name)
		require.Equal(t, alert.DueAt, kept.DueAt, name)
	}
	deliveries, err := s.Deliveries(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Empty(t, deliveries, "half a decision was kept")
}

func survivesPanic(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	_, err := s.Decide(t.Context(), alert.ID, relay.Query{}, noon,
		func(relay.Alert, relay.Facts) relay.Decision { panic("no such rule") })
	require.ErrorContains(t, err, "no such rule")
	state, _ := stateOf(t, s, alert.ID)
	require.Equal(t, relay.AlertHeld, state)
}

func boundsTrace(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	steps := make([]relay.Step, 5000)
	steps[len(steps)-1].Check = "last"
	_, err := decide(t, s, alert, relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead, Trace: steps})
	require.NoError(t, err)
	kept, err := s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.Less(t, len(kept.Trace), 1000)
	require.Equal(t, "last", kept.Trace[len(kept.Trace)-1].Check)
}
