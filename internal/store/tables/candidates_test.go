package tables_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// decidedBy decides an alert and gives the IDs of the candidates it was decided by.
func decidedBy(ctx context.Context, s *sqlite.Store, alertID string, keys ...relay.Key) (seen []string, err error) {
	var q relay.Query
	for _, k := range keys {
		q.Lookups = append(q.Lookups, relay.Lookup{Key: k, Trigger: relay.UserMentioned})
	}
	_, err = s.Decide(ctx, alertID, q, time.Now(), func(_ relay.Alert, f relay.Facts) relay.Decision {
		seen = nil
		for _, e := range f.Candidates {
			seen = append(seen, e.ID)
		}
		return relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}
	})
	return seen, err
}

// keepUnder keeps an event that is found under the keys, received so long after the suite's noon.
func keepUnder(ctx context.Context, s *sqlite.Store, id string, at time.Duration, keys ...relay.Key) error {
	e := storetest.NewEvent(id)
	e.ReceivedAt = e.ReceivedAt.Add(at)
	_, err := s.Accept(ctx, relay.Plan{Event: e, Keys: keys})
	return err
}

// heldAlert keeps an alert of an event named "own".
func heldAlert(t *testing.T, s *sqlite.Store) string {
	t.Helper()
	own := storetest.NewEvent("own")
	alert := storetest.NewAlert(own, "mention", "lee")
	_, err := s.Accept(t.Context(), relay.Plan{Event: own, Alerts: []relay.Alert{alert}, Keys: []relay.Key{"k"}})
	require.NoError(t, err)
	return alert.ID
}

func TestCandidatesAreDecodedWhileOthersWriteAndWhatIsKeptMeanwhileIsSeen(t *testing.T) {
	t.Parallel()
	decoded := make(chan string, 10)
	s := open(t, sqlite.Options{Decode: func(raw []byte, at time.Time) (relay.Event, error) {
		e, err := storetest.Decode(raw, at)
		decoded <- e.ID
		return e, err
	}})
	id := heldAlert(t, s)
	require.NoError(t, keepUnder(t.Context(), s, "old", time.Second, "k", "k2"))
	require.NoError(t, keepUnder(t.Context(), s, "older", 0, "k"))
	free := occupy(t, s)
	kept := make(chan error, 3)
	for i, at := range []time.Duration{-time.Second, time.Minute, time.Hour} {
		go func() {
			kept <- keepUnder(context.Background(), s, fmt.Sprint("new", at), at, []relay.Key{"k", "k2", "other"}[i])
		}()
	}
	waiting(t, s, 3)
	type result struct {
		seen []string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		seen, err := decidedBy(context.Background(), s, id, "k", "k2")
		done <- result{seen, err}
	}()
	waiting(t, s, 4) // it waits for its turn, and has read before
	require.ElementsMatch(t, []string{"old", "older"}, []string{<-decoded, <-decoded})
	free()
	got := <-done
	require.NoError(t, got.err)
	require.Equal(t, []string{"new1m0s", "old", "older", "new-1s"}, got.seen)
	for range 3 {
		require.NoError(t, <-kept)
	}
	require.Len(t, decoded, 2, "each once")
}

func TestOfOneLookupOnlyTheNewestCountEvenWhenMoreAreKeptMeanwhile(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	id := heldAlert(t, s)
	for i := range relay.MaxCandidates {
		require.NoError(t, keepUnder(t.Context(), s, fmt.Sprintf("e%04d", i), time.Duration(i)*time.Second, "k"))
	}
	results := make(chan error, 2)
	free := occupy(t, s)
	go func() { results <- keepUnder(context.Background(), s, "new", time.Hour, "k") }()
	waiting(t, s, 1)
	done := make(chan []string, 1)
	go func() {
		seen, err := decidedBy(context.Background(), s, id, "k")
		results <- err
		done <- seen
	}()
	waiting(t, s, 2)
	free()
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	seen := <-done
	require.Len(t, seen, relay.MaxCandidates)
	require.Equal(t, "new", seen[0])
	require.Equal(t, "e0001", seen[len(seen)-1])
}

func TestAnEventThatTakesThePlaceOfAPrunedOneIsSeen(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	id := heldAlert(t, s)
	require.NoError(t, keepUnder(t.Context(), s, "pruned", -time.Hour, "k"))
	free := occupy(t, s)
	results := make(chan error, 3)
	go func() {
		_, err := s.Prune(context.Background(), storetest.NewEvent("").ReceivedAt, 10)
		results <- err
	}()
	waiting(t, s, 1)
	go func() { results <- keepUnder(context.Background(), s, "young", time.Second, "k") }()
	waiting(t, s, 2)
	done := make(chan []string, 1)
	go func() {
		seen, err := decidedBy(context.Background(), s, id, "k")
		results <- err
		done <- seen
	}()
	waiting(t, s, 3)
	free()
	for range 3 {
		require.NoError(t, <-results)
	}
	require.Equal(t, []string{"young"}, <-done)
	require.Equal(t, 2, count(t, s, "SELECT max(seq) FROM events"), "it has the seq of the one that was pruned")
}

func TestCandidatesTooLargeToReadTogetherLoseTheOldestAndItIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := open(t, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	id := heldAlert(t, s)
	const large = 33
	pad := `{"trigger":"user_mentioned","pad":"` + strings.Repeat("x", 1<<20-100) + `","id":"e%d"}`
	for i := range large {
		e := storetest.NewEvent(fmt.Sprintf("e%d", i))
		e.ReceivedAt, e.Raw = e.ReceivedAt.Add(time.Duration(i)*time.Second), fmt.Appendf(nil, pad, i)
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Keys: []relay.Key{"k"}})
		require.NoError(t, err)
	}
	seen, err := decidedBy(t.Context(), s, id, "k")
	require.NoError(t, err)
	require.Len(t, seen, large-1)
	require.Equal(t, "e1", seen[len(seen)-1], "the oldest is left out")
	require.Equal(t, 1, strings.Count(log.String(), "the oldest candidates are not looked at"))
	require.Contains(t, log.String(), "left_out=1")
}

func TestAnEventThatCannotBeDecodedAnyMoreHidesNothingElse(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	own := storetest.NewEvent("own")
	alert := storetest.NewAlert(own, "mention", "lee")
	_, err := s.Accept(t.Context(), relay.Plan{Event: own, Alerts: []relay.Alert{alert}})
	require.NoError(t, err)
	broken, whole := storetest.NewEvent("broken"), storetest.NewEvent("whole")
	broken.Raw = nil
	for _, e := range []relay.Event{broken, whole} {
		_, err = s.Accept(t.Context(), relay.Plan{Event: e, Keys: []relay.Key{"k"}})
		require.NoError(t, err)
	}
	_, err = s.Event(t.Context(), "broken")
	require.ErrorContains(t, err, "decode")
	events, err := s.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, events, 3)
	require.Equal(t, relay.UserMentioned, events[1].Trigger)
	seen, err := decidedBy(t.Context(), s, alert.ID, "k")
	require.NoError(t, err)
	require.Equal(t, []string{"whole"}, seen)
}
