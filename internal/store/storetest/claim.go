package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func claiming() []test {
	return []test{
		{"a claim is held by the delivery that was sent first, and others are collapsed", collapses},
		{"a claim is shown to later decisions", showsClaims},
		{"a claim is free again when its delivery dies or is suppressed", releases},
		{"a claim is free again when an attempt finds that the address said no", releasesForbidden},
		{"a claim is kept by a delivery that died without an answer, since it may have arrived", keepsClaim},
		{"a delivery that does not go out claims nothing", claimsNothing},
		{"a delivery holds all its claims, or none where one is taken", claimsSeveral},
		{"a delivery with an empty claim or counter, or too many, is refused", refusesClaims},
	}
}

// claimingAll makes deliveries that claim the same things whatever their alerts are.
func claimingAll(claims ...string) func(relay.Alert, string) relay.Delivery {
	return func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.Claims = claims
		return d
	}
}

func claim(a relay.Alert, template string) relay.Delivery {
	return claimingAll("message 7 to lee by sms")(a, template)
}

// holders tells who has the claims, as a decision about a new alert is told.
func holders(t *testing.T, s store.Store, event string, claims ...string) map[string]string {
	t.Helper()
	return facts(t, s, accept(t, s, event, "lee")[0].ID, relay.Query{Claims: claims}).Claimed
}

func collapses(t *testing.T, s store.Store) {
	t.Helper()
	first := send(t, s, "e1", claim, claim)
	second := send(t, s, "e2", claim, mail)
	require.Equal(t, relay.DeliveryQueued, first[0].State)
	for _, d := range []relay.Delivery{first[1], second[0]} {
		require.Equal(t, relay.DeliverySuppressed, d.State)
		require.Equal(t, relay.ReasonCollapsed, d.Reason)
		require.Empty(t, d.Claims)
		got, err := s.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, d, got)
	}
	require.Equal(t, relay.DeliveryQueued, second[1].State)
	third := send(t, s, "e3", claim)
	state, reason := stateOf(t, s, third[0].AlertID)
	require.Equal(t, relay.AlertSuppressed, state)
	require.Equal(t, relay.ReasonCollapsed, reason)
}

func showsClaims(t *testing.T, s store.Store) {
	t.Helper()
	holder := send(t, s, "e1", claim)[0]
	require.Equal(t, map[string]string{holder.Claims[0]: holder.ID}, holders(t, s, "e2", "free", holder.Claims[0], ""))
}

func releases(t *testing.T, s store.Store) {
	t.Helper()
	for i, state := range []relay.DeliveryState{relay.DeliveryDead, relay.DeliverySuppressed} {
		d := send(t, s, fmt.Sprintf("e%d", i), claim)[0]
		require.Equal(t, relay.DeliveryQueued, d.State)
		next := store.Next{State: state, Reason: relay.ReasonExpired}
		require.NoError(t, s.Settle(t.Context(), d.ID, next, noon))
		require.Empty(t, holders(t, s, fmt.Sprintf("look %d", i), d.Claims...))
	}
	kept := send(t, s, "sent", claim)[0]
	finish(t, s, kept.ID, sent)
	require.Equal(t, relay.DeliverySuppressed, send(t, s, "after", claim)[0].State)
}

func releasesForbidden(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", claimingAll("a", "b"))[0]
	require.Len(t, holders(t, s, "before", "a", "b"), 2)
	suppress(t, s, leesPhone)
	_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(time.Minute)})
	require.ErrorIs(t, err, store.ErrSuppressed)
	require.Empty(t, holders(t, s, "after", "a", "b"), "somebody else may be told of it")
}

func keepsClaim(t *testing.T, s store.Store) {
	t.Helper()
	next := store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer}
	for name, end := range map[string]func(id string) error{
		"finished": func(id string) error { return s.FinishAttempt(t.Context(), accepted(begin(t, s, id)), next) },
		"settled": func(id string) error {
			finish(t, s, id, later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour)))
			return s.Settle(t.Context(), id, next, after(time.Hour))
		},
	} {
		own := claimingAll(name, name+" too")
		d := send(t, s, name, own)[0]
		require.NoError(t, end(d.ID), name)
		got, err := s.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, relay.DeliveryDead, got.State, name)
		require.Equal(t, map[string]string{name: d.ID, name + " too": d.ID}, holders(t, s, name+" look", d.Claims...))
		second := send(t, s, name+" again", own)[0]
		require.Equal(t, relay.DeliverySuppressed, second.State, name)
		require.Equal(t, relay.ReasonCollapsed, second.Reason, name)
	}
}

func claimsNothing(t *testing.T, s store.Store) {
	t.Helper()
	for i, state := range []relay.DeliveryState{relay.DeliveryDead, relay.DeliverySuppressed} {
		d := send(t, s, fmt.Sprintf("e%d", i), func(a relay.Alert, template string) relay.Delivery {
			d := claim(a, template)
			d.State, d.Reason = state, relay.ReasonNoPhone
			return d
		})[0]
		require.Equal(t, state, d.State)
		require.Empty(t, d.Claims)
	}
	require.Equal(t, relay.DeliveryQueued, send(t, s, "free", claim)[0].State)
}

func claimsSeveral(t *testing.T, s store.Store) {
	t.Helper()
	all := []string{"a", "b", "c", "d", "e"}
	first := send(t, s, "e1", claimingAll("a", "b", "a"))[0]
	require.Equal(t, relay.DeliveryQueued, first.State, "a claim named twice is its own")
	second := send(t, s, "e2", claimingAll("c", "b"))[0]
	require.Equal(t, relay.DeliverySuppressed, second.State)
	third := send(t, s, "e3", claimingAll("c", "d"))[0]
	require.Equal(t, relay.DeliveryQueued, third.State, "what was refused took nothing")
	want := map[string]string{"a": first.ID, "b": first.ID, "c": third.ID, "d": third.ID}
	require.Equal(t, want, holders(t, s, "before", all...))
	finish(t, s, first.ID, dead)
	require.Equal(t, map[string]string{"c": third.ID, "d": third.ID}, holders(t, s, "after", all...))
}

func refusesClaims(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	for name, spoil := range map[string]func(*relay.Delivery){
		"empty claim":       func(d *relay.Delivery) { d.Claims = []string{"a", ""} },
		"empty counter":     func(d *relay.Delivery) { d.Counters = []relay.Counter{""} },
		"too many claims":   func(d *relay.Delivery) { d.Claims = make([]string, 20_000) },
		"too many counters": func(d *relay.Delivery) { d.Counters = make([]relay.Counter, 20_000) },
	} {
		d := NewDelivery(alert, "mention")
		spoil(&d)
		_, err := decide(t, s, alert, relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}})
		require.Error(t, err, name)
		state, _ := stateOf(t, s, alert.ID)
		require.Equal(t, relay.AlertHeld, state, name)
	}
	require.Empty(t, holders(t, s, "e2", "a"))
}
