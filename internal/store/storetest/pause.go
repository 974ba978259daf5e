package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func pausing() []test {
	return []test{
		{"a pause is shown to decisions until it is over, and both are in the audit", showsPauses},
		{"no attempt is begun of what is paused, and it waits as it did", postponesPaused},
		{"resuming wakes up alerts and deliveries, however many", resumeWakes},
		{"what resuming wakes up is worked at once", resumeArrives},
		{"a pause ends by its own name or with all others", resumesByName},
		{"a pause that does not say by whom or when is refused", refusesPauses},
		{"at least one replica is at work", beats},
	}
}

func pauseOf(channel relay.Channel, rule string) relay.Pause {
	return relay.Pause{Channel: channel, Rule: rule, By: "kim", At: after(time.Minute)}
}

func pause(t *testing.T, s store.Store, p relay.Pause) {
	t.Helper()
	require.NoError(t, s.Pause(t.Context(), p))
}

func showsPauses(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	require.Empty(t, facts(t, s, alert.ID, relay.Query{}).Paused)
	texts := pauseOf(relay.ChannelSMS, "")
	pause(t, s, texts)
	again := texts
	again.By = "another"
	pause(t, s, again)
	alert = accept(t, s, "e2", "lee")[0]
	require.Equal(t, []relay.Pause{texts}, facts(t, s, alert.ID, relay.Query{}).Paused)
	found, err := s.Pauses(t.Context())
	require.NoError(t, err)
	require.Equal(t, []relay.Pause{texts}, found)
	_, err = s.Resume(t.Context(), relay.Pause{Channel: relay.ChannelSMS, By: "pat", At: after(time.Hour)})
	require.NoError(t, err)
	found, err = s.Pauses(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
	audit := audited(t, s, 10)
	require.Equal(t, []relay.Audit{
		{At: after(time.Hour), Who: "pat", Action: "resume", Subject: "channel sms"},
		{At: after(time.Minute), Who: "another", Action: "pause", Subject: "channel sms"},
		{At: after(time.Minute), Who: "kim", Action: "pause", Subject: "channel sms"},
	}, audit)
}

func postponesPaused(t *testing.T, s store.Store) {
	t.Helper()
	both := send(t, s, "e1", NewDelivery, mail)
	pause(t, s, pauseOf(relay.ChannelSMS, "mention"))
	d, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: both[0].ID, Provider: "twilio", Now: after(2 * time.Minute)})
	require.ErrorIs(t, err, store.ErrPaused)
	require.Equal(t, relay.DeliveryQueued, d.State)
	require.Equal(t, relay.ReasonPaused, d.Reason)
	require.Equal(t, after(2*time.Minute).Add(store.PauseLook), d.NextAt)
	require.Zero(t, d.Attempts)
	require.Equal(t, deliveryOf(t, s, d.ID), d)
	begin(t, s, both[1].ID) // the other channel goes on
	state, _ := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertDue, state)

	_, err = s.Resume(t.Context(), relay.Pause{Channel: relay.ChannelSMS, Rule: "mention", By: "kim", At: after(3 * time.Minute)})
	require.NoError(t, err)
	_, _, err = s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(3 * time.Minute)})
	require.NoError(t, err)
}

func resumeWakes(t *testing.T, s store.Store) {
	t.Helper()
	pause(t, s, pauseOf("", ""))
	const many = 620 // more than one transaction wakes up
	uids := make([]string, many)
	for i := range uids {
		uids[i] = "u" + strconv.Itoa(i)
	}
	alerts := accept(t, s, "e1", uids...)
	until := after(20 * time.Minute)
	for _, a := range alerts {
		_, err := decide(t, s, a, relay.Decision{Action: relay.ActHold, Reason: relay.ReasonPaused, Until: until})
		require.NoError(t, err)
	}
	quiet := accept(t, s, "e2", "lee")[0]
	_, err := decide(t, s, quiet, relay.Decision{Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: until})
	require.NoError(t, err)
	d := send(t, s, "e3", NewDelivery)[0]
	_, _, err = s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: after(2 * time.Minute)})
	require.ErrorIs(t, err, store.ErrPaused)

	woken, err := s.Resume(t.Context(), relay.Pause{By: "kim", At: after(5 * time.Minute)})
	require.NoError(t, err)
	require.Equal(t, many+1, woken)
	for _, a := range []relay.Alert{alerts[0], alerts[many-1]} {
		kept, err := s.Alert(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, after(5*time.Minute), kept.DueAt)
	}
	kept, err := s.Alert(t.Context(), quiet.ID)
	require.NoError(t, err)
	require.Equal(t, until, kept.DueAt)
	require.Equal(t, after(5*time.Minute), deliveryOf(t, s, d.ID).NextAt)
}

func resumeArrives(t *testing.T, s store.Store) {
	t.Helper()
	arrivals := start(t, s, time.Time{})
	alert := acceptDue(t, s, "e1", 0)
	require.Equal(t, alert.ID, next(t, arrivals).id)
	now := alert.DueAt.Add(time.Second)
	_, err := s.Decide(t.Context(), alert.ID, relay.Query{}, now, func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActHold, Reason: relay.ReasonPaused, Until: now.Add(time.Hour)}
	})
	require.NoError(t, err)
	pause(t, s, pauseOf("", ""))
	_, err = s.Resume(t.Context(), relay.Pause{By: "kim", At: now})
	require.NoError(t, err)
	require.Equal(t, alert.ID, next(t, arrivals).id)
}

func resumesByName(t *testing.T, s store.Store) {
	t.Helper()
	pause(t, s, pauseOf(relay.ChannelSMS, ""))
	pause(t, s, pauseOf("", "mention"))
	_, err := s.Resume(t.Context(), pauseOf(relay.ChannelEmail, ""))
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Resume(t.Context(), pauseOf("", "mention"))
	require.NoError(t, err)
	found, err := s.Pauses(t.Context())
	require.NoError(t, err)
	require.Equal(t, []relay.Pause{pauseOf(relay.ChannelSMS, "")}, found)
	pause(t, s, pauseOf("", "mention"))
	_, err = s.Resume(t.Context(), pauseOf("", ""))
	require.NoError(t, err)
	found, err = s.Pauses(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
	_, err = s.Resume(t.Context(), pauseOf("", ""))
	require.ErrorIs(t, err, store.ErrNotFound)
}

func refusesPauses(t *testing.T, s store.Store) {
	t.Helper()
	require.Error(t, s.Pause(t.Context(), relay.Pause{At: noon}))
	require.Error(t, s.Pause(t.Context(), relay.Pause{By: "kim"}))
	_, err := s.Resume(t.Context(), relay.Pause{By: "kim"})
	require.Error(t, err)
	require.Empty(t, audited(t, s, 1))
}

func beats(t *testing.T, s store.Store) {
	t.Helper()
	for range 2 {
		live, err := s.Beat(t.Context(), "one")
		require.NoError(t, err)
		require.Equal(t, 1, live)
	}
}

func spending() []test {
	return []test{
		{"a text past the day's segments is suppressed, and what was not taken is given back", spendsSegments},
		{"mails, and texts without a bound, count nothing", spendsNothing},
	}
}

func text(segments int) func(relay.Alert, string) relay.Delivery {
	return func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.Content.Segments = segments
		return d
	}
}

func spendsSegments(t *testing.T, s store.Store) {
	t.Helper()
	try := func(d relay.Delivery, at time.Time) (relay.Delivery, relay.Attempt, error) {
		return s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: at, Segments: 5})
	}
	first, second, third := send(t, s, "e1", text(3))[0], send(t, s, "e2", text(2))[0], send(t, s, "e3", text(1))[0]
	_, attempt, err := try(first, after(time.Minute))
	require.NoError(t, err)
	_, _, err = try(second, after(time.Minute))
	require.NoError(t, err)
	over, _, err := try(third, after(time.Minute))
	require.ErrorIs(t, err, store.ErrSuppressed)
	require.Equal(t, relay.DeliverySuppressed, over.State)
	require.Equal(t, relay.ReasonDailySegments, over.Reason)
	state, reason := stateOf(t, s, third.AlertID)
	require.Equal(t, relay.AlertSuppressed, state)
	require.Equal(t, relay.ReasonDailySegments, reason)

	attempt.EndedAt, attempt.Outcome = after(2*time.Minute), relay.Outcome{Kind: relay.Retry}
	require.NoError(t, s.FinishAttempt(t.Context(), attempt, later(relay.DeliveryQueued, relay.ReasonThrottled, after(3*time.Minute))))
	_, _, err = try(send(t, s, "e4", text(3))[0], after(2*time.Minute))
	require.NoError(t, err, "the three of the first were given back")
	_, _, err = try(send(t, s, "e5", text(5))[0], after(24*time.Hour))
	require.NoError(t, err, "another day")
}

func spendsNothing(t *testing.T, s store.Store) {
	t.Helper()
	for _, event := range []string{"e1", "e2"} {
		both := send(t, s, event, text(4), mail)
		_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: both[0].ID, Provider: "twilio", Now: after(time.Minute)})
		require.NoError(t, err)
		_, _, err = s.BeginAttempt(t.Context(), store.Start{DeliveryID: both[1].ID, Provider: "sendgrid", Now: after(time.Minute), Segments: 1})
		require.NoError(t, err)
	}
	_, _, err := s.BeginAttempt(t.Context(), store.Start{
		DeliveryID: send(t, s, "e3", text(4))[0].ID, Provider: "twilio", Now: after(time.Minute), Segments: 4,
	})
	require.NoError(t, err)
}
