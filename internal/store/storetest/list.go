package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func listing() []test {
	return []test{
		{"events are listed newest first, narrowed by the filter", listsEvents},
		{"alerts are listed newest first, narrowed by the filter", listsAlerts},
		{"deliveries are listed newest first, narrowed by the filter", listsDeliveries},
		{"a list is never longer than its limit", limits},
		{"a filter that a list cannot follow is refused", refusesFilters},
	}
}

func listsEvents(t *testing.T, s store.Store) {
	t.Helper()
	keep(t, s, "sent", relay.MessageSent, time.Minute)
	keep(t, s, "mention", relay.UserMentioned, 2*time.Minute)
	keep(t, s, "same time", relay.UserMentioned, 2*time.Minute)
	noise := NewEvent("noise")
	noise.Noise = relay.ReasonToSelf
	_, err := s.Accept(t.Context(), relay.Plan{Event: noise})
	require.NoError(t, err)
	for _, tt := range []struct {
		filter store.Filter
		want   string
	}{
		{store.Filter{}, "same time mention sent noise"},
		{store.Filter{Trigger: relay.MessageSent}, "sent"},
		{store.Filter{EventID: "mention"}, "mention"},
		{store.Filter{Reason: relay.ReasonToSelf}, "noise"},
		{store.Filter{Since: after(time.Minute)}, "same time mention sent"},
		{store.Filter{Since: noon, Until: after(2 * time.Minute)}, "sent noise"},
		{store.Filter{Trigger: relay.UserMentioned, Until: after(time.Minute)}, "noise"},
		{store.Filter{Limit: 1}, "same time"},
		{store.Filter{Trigger: "never_heard_of"}, ""},
	} {
		events, err := s.Events(t.Context(), tt.filter)
		require.NoError(t, err)
		require.Equal(t, tt.want, ids(events), "%+v", tt.filter)
	}
}

func listsAlerts(t *testing.T, s store.Store) {
	t.Helper()
	e := NewEvent("e1")
	lee, fixed := NewAlert(e, "mention", "lee"), NewAlert(e, "ops", "")
	fixed.Recipient = relay.Recipient{Email: "ops@example.net"}
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{lee, fixed}})
	require.NoError(t, err)
	call := NewEvent("e2")
	call.Trigger, call.ReceivedAt = relay.CallInitiated, after(time.Minute)
	kim := NewAlert(call, "missed-call", "kim")
	_, err = s.Accept(t.Context(), relay.Plan{Event: call, Alerts: []relay.Alert{kim}})
	require.NoError(t, err)
	_, err = decide(t, s, kim, relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonAnswered})
	require.NoError(t, err)

	for _, tt := range []struct {
		filter store.Filter
		want   []relay.Alert
	}{
		{store.Filter{}, []relay.Alert{kim, fixed, lee}},
		{store.Filter{Trigger: relay.CallInitiated}, []relay.Alert{kim}},
		{store.Filter{EventID: "e1"}, []relay.Alert{fixed, lee}},
		{store.Filter{AlertID: lee.ID}, []relay.Alert{lee}},
		{store.Filter{Rule: "ops"}, []relay.Alert{fixed}},
		{store.Filter{State: "held"}, []relay.Alert{fixed, lee}},
		{store.Filter{Reason: relay.ReasonAnswered}, []relay.Alert{kim}},
		{store.Filter{Recipient: "kim"}, []relay.Alert{kim}},
		{store.Filter{Recipient: "uid:lee"}, []relay.Alert{lee}},
		{store.Filter{Recipient: fixed.Recipient.Key()}, []relay.Alert{fixed}},
		{store.Filter{Since: after(time.Second)}, []relay.Alert{kim}},
		{store.Filter{Until: after(time.Second), Limit: 1}, []relay.Alert{fixed}},
		{store.Filter{State: "held", Rule: "missed-call"}, nil},
	} {
		alerts, err := s.Alerts(t.Context(), tt.filter)
		require.NoError(t, err)
		require.Len(t, alerts, len(tt.want), "%+v", tt.filter)
		for i := range tt.want {
			require.Equal(t, tt.want[i].ID, alerts[i].ID, "%+v", tt.filter)
		}
	}
}

func listsDeliveries(t *testing.T, s store.Store) {
	t.Helper()
	pair := send(t, s, "e1", NewDelivery, mail)
	text, letter := pair[0], pair[1]
	young := send(t, s, "e2", func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.CreatedAt = after(time.Hour)
		return d
	})[0]
	require.NoError(t, s.Settle(t.Context(), young.ID, expired, noon))
	for _, tt := range []struct {
		filter store.Filter
		want   []relay.Delivery
	}{
		{store.Filter{}, []relay.Delivery{young, letter, text}},
		{store.Filter{EventID: "e1"}, []relay.Delivery{letter, text}},
		{store.Filter{AlertID: young.AlertID}, []relay.Delivery{young}},
		{store.Filter{Rule: "mention", Channel: relay.ChannelEmail}, []relay.Delivery{letter}},
		{store.Filter{State: "dead"}, []relay.Delivery{young}},
		{store.Filter{Reason: relay.ReasonExpired}, []relay.Delivery{young}},
		{store.Filter{Recipient: "lee", Channel: relay.ChannelSMS}, []relay.Delivery{young, text}},
		{store.Filter{Since: after(time.Minute), Until: after(time.Hour)}, []relay.Delivery{letter, text}},
	} {
		deliveries, err := s.Deliveries(t.Context(), tt.filter)
		require.NoError(t, err)
		require.Len(t, deliveries, len(tt.want), "%+v", tt.filter)
		for i := range tt.want {
			require.Equal(t, tt.want[i].ID, deliveries[i].ID, "%+v", tt.filter)
		}
	}
}

func limits(t *testing.T, s store.Store) {
	t.Helper()
	together(60, func(i int) { keep(t, s, fmt.Sprintf("e%d", i), relay.MessageSent, time.Duration(i)) })
	for limit, want := range map[int]int{0: 50, 7: 7, store.MaxList: 60} {
		events, err := s.Events(t.Context(), store.Filter{Limit: limit})
		require.NoError(t, err)
		require.Len(t, events, want)
	}
}

func refusesFilters(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	for _, f := range []store.Filter{
		{Limit: -1},
		{Limit: store.MaxList + 1},
		{State: "held"},
		{Rule: "mention"},
		{AlertID: "al_1"},
		{Lead: "al_1"},
		{Recipient: "lee"},
		{Channel: relay.ChannelSMS},
	} {
		_, err := s.Events(ctx, f)
		require.Error(t, err, "%+v", f)
	}
	_, err := s.Alerts(ctx, store.Filter{State: "hold"})
	require.ErrorContains(t, err, "cancelled", "it names the states there are")
	_, err = s.Alerts(ctx, store.Filter{Channel: relay.ChannelSMS})
	require.Error(t, err)
	for _, f := range []store.Filter{{State: "held"}, {Lead: "al_1"}, {Trigger: relay.UserMentioned}, {Tried: "twice"}} {
		_, err = s.Deliveries(ctx, f)
		require.Error(t, err, "%+v", f)
	}
}
