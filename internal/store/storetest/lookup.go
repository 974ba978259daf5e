package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func lookingUp() []test {
	return []test{
		{"what has to be asked first changes nothing", asks},
		{"an alert whose people are asked for early keeps its due time while it is held", looksUp},
		{"an alert is resolved part by part, each person once, also where it is done twice", resolvesInParts},
		{"replicas that resolve an alert at once make one alert for each person", resolvesTogether},
		{"an alert whose people are asked for early wakes a worker before it is due", wakesForPeople},
		{"a thousand people take the place of one alert in a moment", resolvesMany},
	}
}

// acceptOpen keeps an event with an alert that is due in an hour and whose people are asked for at once.
func acceptOpen(t *testing.T, s store.Store) (relay.Event, relay.Alert) {
	t.Helper()
	e := NewEvent("e1")
	open := NewAlert(e, "group", "")
	open.DueAt, open.AgainAt = after(time.Hour), e.ReceivedAt
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{open}})
	require.NoError(t, err)
	return e, open
}

// whatever decides so whatever the alert and the facts.
func whatever(d relay.Decision) func(relay.Alert, relay.Facts) relay.Decision {
	return func(relay.Alert, relay.Facts) relay.Decision { return d }
}

func asks(t *testing.T, s store.Store) {
	t.Helper()
	_, open := acceptOpen(t, s)
	known := accept(t, s, "e2", "lee")[0]
	question := relay.Question{Topic: relay.TopicMembers, ID: "hiking"}
	for _, before := range []relay.Alert{open, known} {
		before := alertOf(t, s, before.ID)
		got, err := s.Decide(t.Context(), before.ID, relay.Query{}, noon, whatever(relay.Decision{
			Action: relay.ActAsk, Asks: []relay.Question{question}, Trace: []relay.Step{{Check: "people"}},
		}))
		require.NoError(t, err)
		require.Equal(t, []relay.Question{question}, got.Asks)
		require.Equal(t, before, alertOf(t, s, before.ID))
	}
}

func looksUp(t *testing.T, s store.Store) {
	t.Helper()
	_, open := acceptOpen(t, s)
	hold := relay.Decision{Action: relay.ActHold, Reason: relay.ReasonCometChatDown, Until: after(5 * time.Minute)}
	decideAt(t, s, open.ID, relay.Query{}, noon, always(hold))
	got := alertOf(t, s, open.ID)
	require.Equal(t, relay.AlertHeld, got.State)
	require.Equal(t, relay.ReasonCometChatDown, got.Reason)
	require.Equal(t, open.DueAt, got.DueAt)
	require.Equal(t, after(5*time.Minute), got.AgainAt)
	_, err := s.Decide(t.Context(), open.ID, relay.Query{}, after(4*time.Minute), whatever(hold))
	require.ErrorIs(t, err, store.ErrConflict, "it is not asked again before")

	decideAt(t, s, open.ID, relay.Query{}, after(5*time.Minute), always(relay.Decision{
		Action: relay.ActCancel, Reason: relay.ReasonTooMany,
	}))
	got = alertOf(t, s, open.ID)
	require.Equal(t, relay.AlertCancelled, got.State)
	require.Equal(t, relay.ReasonTooMany, got.Reason)
	require.Zero(t, got.LookAt(), "it has ended")
}

func resolvesInParts(t *testing.T, s store.Store) {
	t.Helper()
	e, open := acceptOpen(t, s)
	var people []relay.Alert
	for _, uid := range []string{"ann", "bob", "cat"} {
		a := NewAlert(e, "group", uid)
		a.DueAt = open.DueAt
		people = append(people, a)
	}
	part := func(more bool, of ...relay.Alert) {
		t.Helper()
		_, err := s.Decide(t.Context(), open.ID, relay.Query{}, noon, whatever(relay.Decision{Action: relay.ActResolve, Resolved: of, More: more}))
		require.NoError(t, err)
	}
	part(true, people[:2]...)
	require.Equal(t, relay.AlertHeld, alertOf(t, s, open.ID).State, "the rest is still to come")
	decideAt(t, s, people[0].ID, relay.Query{}, people[0].DueAt, always(relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}))
	part(true, people[:2]...) // as after a crash
	part(false, people[2:]...)
	_, err := s.Alert(t.Context(), open.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	all, err := s.Alerts(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, relay.AlertCancelled, alertOf(t, s, people[0].ID).State, "who was decided stays so")
	require.Equal(t, open.DueAt, alertOf(t, s, people[2].ID).DueAt)
}

func resolvesTogether(t *testing.T, s store.Store) {
	t.Helper()
	e, open := acceptOpen(t, s)
	var people []relay.Alert
	for n := range 40 {
		people = append(people, NewAlert(e, "group", fmt.Sprintf("uid-%02d", n)))
	}
	var done atomic.Int32
	together(6, func(n int) {
		for from := 0; from < len(people); from += 10 {
			_, err := s.Decide(t.Context(), open.ID, relay.Query{}, noon, whatever(relay.Decision{
				Action: relay.ActResolve, Resolved: people[from : from+10], More: from < 30,
			}))
			if err != nil {
				require.ErrorIs(t, err, store.ErrNotFound, "%d", n) // somebody else has finished
				return
			}
		}
		done.Add(1)
	})
	require.EqualValues(t, 1, done.Load())
	all, err := s.Alerts(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, all, len(people))
}

func wakesForPeople(t *testing.T, s store.Store) {
	t.Helper()
	e := NewEvent("e1")
	e.ReceivedAt = time.Now()
	open := NewAlert(e, "group", "")
	open.DueAt, open.AgainAt = e.ReceivedAt.Add(10*time.Hour), e.ReceivedAt
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{open}})
	require.NoError(t, err)
	arrivals := start(t, s, noon)
	require.Equal(t, open.ID, next(t, arrivals).id)
	until := time.Now().Add(time.Second)
	decideAt(t, s, open.ID, relay.Query{}, time.Now(), always(relay.Decision{
		Action: relay.ActHold, Reason: relay.ReasonCometChatDown, Until: until,
	}))
	require.Equal(t, open.ID, next(t, arrivals).id)
}

func resolvesMany(t *testing.T, s store.Store) {
	t.Helper()
	e, open := acceptOpen(t, s)
	const all, part = 1000, 250
	begun := time.Now()
	var longest time.Duration
	for from := 0; from < all; from += part {
		var people []relay.Alert
		for n := from; n < from+part; n++ {
			people = append(people, NewAlert(e, "group", fmt.Sprintf("uid-%05d", n)))
		}
		each := time.Now()
		_, err := s.Decide(t.Context(), open.ID, relay.Query{}, noon, whatever(relay.Decision{
			Action: relay.ActResolve, Resolved: people, More: from+part < all,
		}))
		require.NoError(t, err)
		longest = max(longest, time.Since(each))
	}
	t.Logf("%d people in %s, of which others waited %s at most", all, time.Since(begun).Round(time.Millisecond), longest.Round(time.Millisecond))
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, all, stats.Alerts[relay.AlertHeld])
}
