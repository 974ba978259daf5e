package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func beginning() []test {
	return []test{
		{"an attempt begins with the decision that names it, and ends as any other", beginsAtOnce},
		{"an attempt does not begin with its decision where it may not begin", keepsFromBeginning},
	}
}

// decideAndBegin sends deliveries to lee, and begins the attempts of the first of them.
func decideAndBegin(t *testing.T, s store.Store, event string, segments int, deliveries ...func(relay.Alert, string) relay.Delivery) (
	relay.Decision, []store.Begun,
) {
	t.Helper()
	alert := accept(t, s, event, "lee")[0]
	d := relay.Decision{Action: relay.ActSend}
	query := relay.Query{EventID: alert.EventID, Recipient: alert.Recipient}
	for i, m := range deliveries {
		made := m(alert, string(rune('a'+i)))
		d.Deliveries = append(d.Deliveries, made)
		query.Addresses = append(query.Addresses, relay.NewAddress(made.Channel, made.Address()))
		query.Claims = append(query.Claims, made.Claims...)
	}
	kept, begun, err := s.DecideAndBegin(t.Context(), alert.ID, query, alert.DueAt, func(relay.Alert, relay.Facts) (relay.Decision, []store.Start) {
		return d, []store.Start{{DeliveryID: d.Deliveries[0].ID, Provider: "twilio", Now: alert.DueAt, Segments: segments}}
	})
	require.NoError(t, err)
	return kept, begun
}

func beginsAtOnce(t *testing.T, s store.Store) {
	t.Helper()
	decided, begun := decideAndBegin(t, s, "e1", 5, claim, mail)
	require.Len(t, begun, 1)
	d := begun[0].Delivery
	require.Equal(t, decided.Deliveries[0], d)
	require.Equal(t, relay.DeliverySending, d.State)
	require.Equal(t, relay.Attempt{DeliveryID: d.ID, N: 1, Provider: "twilio", StartedAt: d.UpdatedAt}, begun[0].Attempt)
	require.Equal(t, kept(d), deliveryOf(t, s, d.ID))
	attempts, err := s.Attempts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, []relay.Attempt{begun[0].Attempt}, attempts)
	other := deliveryOf(t, s, decided.Deliveries[1].ID)
	require.Equal(t, relay.DeliveryQueued, other.State)
	require.Zero(t, other.Attempts)
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertDue, state)
	_, _, err = s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(time.Hour)})
	require.ErrorIs(t, err, store.ErrConflict, "it is under way")
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, stats.Deliveries[relay.ChannelSMS][relay.DeliverySending])
	require.NoError(t, s.FinishAttempt(t.Context(), accepted(begun[0].Attempt), sent))
	state, _ = stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSent, state)
}

func keepsFromBeginning(t *testing.T, s store.Store) {
	t.Helper()
	_, begun := decideAndBegin(t, s, "first", 1, claim)
	require.Len(t, begun, 1)

	decided, begun := decideAndBegin(t, s, "collapsed", 0, claim)
	require.Empty(t, begun)
	require.Equal(t, relay.ReasonCollapsed, decided.Deliveries[0].Reason)

	_, begun = decideAndBegin(t, s, "no segments left", 1, NewDelivery)
	require.Empty(t, begun)
	d := deliveryOf(t, s, decidedBy(t, s, "no segments left"))
	require.Equal(t, relay.DeliveryQueued, d.State, "whoever tries it next suppresses it")
	_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: d.CreatedAt, Segments: 1})
	require.ErrorIs(t, err, store.ErrSuppressed)
	_, begun = decideAndBegin(t, s, "no bound", 0, NewDelivery)
	require.Len(t, begun, 1, "what was not sent was given back, and nothing bounds this one")

	pause := relay.Pause{Channel: relay.ChannelSMS, By: "ops", At: noon}
	require.NoError(t, s.Pause(t.Context(), pause))
	_, begun = decideAndBegin(t, s, "paused", 0, NewDelivery)
	require.Empty(t, begun)
	_, err = s.Resume(t.Context(), pause)
	require.NoError(t, err)

	to := NewDelivery(relay.Alert{}, "")
	require.NoError(t, s.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(to.Channel, to.Address()), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByReply, At: noon,
	}))
	_, begun = decideAndBegin(t, s, "opted out", 0, NewDelivery)
	require.Empty(t, begun)
}

// decidedBy is the ID of the only delivery of an event.
func decidedBy(t *testing.T, s store.Store, event string) string {
	t.Helper()
	all, err := s.Deliveries(t.Context(), store.Filter{EventID: event})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0].ID
}
