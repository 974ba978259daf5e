package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func generations() []test {
	return []test{
		{"the files of a generation come back as they were kept", keepsGenerations},
		{"a generation that says nothing sensible, or too much, is refused", refusesGenerations},
		{"an event keeps the generation that was in force", namesGeneration},
		{"a generation goes when nothing names it any more, but for the one kept last", prunesGenerations},
	}
}

func keepGeneration(t *testing.T, s store.Store, hash string, at time.Duration) store.Generation {
	t.Helper()
	g := store.Generation{Hash: hash, Files: []byte("files of " + hash), KeptAt: after(at)}
	require.NoError(t, s.KeepGeneration(t.Context(), g))
	return g
}

func keepsGenerations(t *testing.T, s store.Store) {
	t.Helper()
	first, second := keepGeneration(t, s, "g1", 0), keepGeneration(t, s, "g2", time.Minute)
	again := store.Generation{Hash: "g1", Files: []byte("other"), KeptAt: after(time.Hour)}
	require.NoError(t, s.KeepGeneration(t.Context(), again))
	first.KeptAt = again.KeptAt
	for _, want := range []store.Generation{first, second} {
		got, err := s.Generation(t.Context(), want.Hash)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := s.Generation(t.Context(), "g3")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func refusesGenerations(t *testing.T, s store.Store) {
	t.Helper()
	for name, g := range map[string]store.Generation{
		"no hash":  {KeptAt: noon},
		"no time":  {Hash: "g"},
		"too much": {Hash: "g", KeptAt: noon, Files: make([]byte, store.MaxGeneration+1)},
	} {
		require.Error(t, s.KeepGeneration(t.Context(), g), name)
	}
	_, err := s.Generation(t.Context(), "g")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func namesGeneration(t *testing.T, s store.Store) {
	t.Helper()
	_, err := s.Accept(t.Context(), relay.Plan{Event: NewEvent("e1"), Keys: []relay.Key{"k"}, Generation: "g1"})
	require.NoError(t, err)
	_, err = s.Accept(t.Context(), relay.Plan{Event: NewEvent("e1"), Generation: "g2"})
	require.NoError(t, err)
	event, err := s.Event(t.Context(), "e1")
	require.NoError(t, err)
	require.Equal(t, "g1", event.Generation, "a repeat changes nothing")
	events, err := s.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Equal(t, "g1", events[0].Generation)
	seen := facts(t, s, accept(t, s, "e2", "lee")[0].ID, relay.Query{
		Lookups: []relay.Lookup{{Key: "k", Trigger: relay.UserMentioned}},
	})
	require.Equal(t, "g1", seen.Candidates[0].Generation)
}

func prunesGenerations(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	for i, hash := range []string{"unnamed", "of an event", "of an alert", "young", "in force"} {
		keepGeneration(t, s, hash, time.Duration(i)*time.Minute)
	}
	e := NewEvent("e1")
	alert := NewAlert(e, "mention", "lee")
	alert.Generation = "of an alert"
	_, err := s.Accept(ctx, relay.Plan{Event: e, Alerts: []relay.Alert{alert}, Generation: "of an event"})
	require.NoError(t, err)
	left := func(before time.Time) (hashes []string) {
		_, err := s.Prune(ctx, before, 10)
		require.NoError(t, err)
		for _, hash := range []string{"unnamed", "of an event", "of an alert", "young", "in force"} {
			if _, err := s.Generation(ctx, hash); err == nil {
				hashes = append(hashes, hash)
			}
		}
		return hashes
	}
	require.Equal(t, []string{"of an event", "of an alert", "young", "in force"}, left(after(3*time.Minute)))
	_, err = decide(t, s, alert, relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead})
	require.NoError(t, err)
	require.Equal(t, []string{"in force"}, left(after(time.Hour)))
	keepGeneration(t, s, "unnamed", 2*time.Hour)
	require.Equal(t, []string{"unnamed"}, left(after(3*time.Hour)), "what is kept again is in force again")
}
