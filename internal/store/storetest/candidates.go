package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func candidates() []test {
	return []test{
		{"candidates are those that any lookup finds, newest first, once, never the alert's own", matches},
		{"of one lookup only the newest are looked at", newestOnly},
		{"a flood in one lookup hides nothing that another one finds", ownShare},
		{"a query that asks too much is refused", refusesQueries},
	}
}

// facts gives what a decision about the alert is shown, when it is due, which is the same whether few candidates are expected or many. It
// holds the alert for two hours.
func facts(t *testing.T, s store.Store, alertID string, q relay.Query) relay.Facts {
	t.Helper()
	a := alertOf(t, s, alertID)
	q.EventID, q.Recipient, q.Few = a.EventID, a.Recipient, true
	few := factsOf(t, s, alertID, q)
	many := factsOf(t, s, alertID, relay.Query{
		Lookups: q.Lookups, Claims: q.Claims, Addresses: q.Addresses, Counts: q.Counts, Members: q.Members,
	})
	require.Equal(t, ids(many.Candidates), ids(few.Candidates))
	return many
}

func factsOf(t *testing.T, s store.Store, alertID string, q relay.Query) relay.Facts {
	t.Helper()
	var seen relay.Facts
	due := alertOf(t, s, alertID).DueAt
	_, err := s.Decide(t.Context(), alertID, q, due, func(_ relay.Alert, f relay.Facts) relay.Decision {
		seen = f
		return relay.Decision{Action: relay.ActHold, Reason: relay.ReasonWaiting, Until: due.Add(time.Hour)}
	})
	require.NoError(t, err)
	return seen
}

func keep(t *testing.T, s store.Store, id string, trigger relay.Trigger, at time.Duration, keys ...relay.Key) {
	t.Helper()
	e := NewEvent(id)
	e.Trigger, e.ReceivedAt = trigger, after(at)
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Keys: keys})
	require.NoError(t, err)
}

func matches(t *testing.T, s store.Store) {
	t.Helper()
	own := NewEvent("own")
	alert := NewAlert(own, "mention", "lee")
	_, err := s.Accept(t.Context(), relay.Plan{Event: own, Alerts: []relay.Alert{alert}, Keys: []relay.Key{"c1"}})
	require.NoError(t, err)
	keep(t, s, "before", relay.MessageSent, -time.Hour, "c1")
	keep(t, s, "twice", relay.MessageSent, 2*time.Second, "c1", "sent:lee", "c1")
	keep(t, s, "receipt", relay.MessageReadReceipt, time.Second, "sent:lee")
	keep(t, s, "elsewhere", relay.MessageSent, 3*time.Second, "c2")
	keep(t, s, "other", relay.CallStarted, 3*time.Second, "c1")

	sent := relay.Lookup{Key: "c1", Trigger: relay.MessageSent}
	for want, lookups := range map[string][]relay.Lookup{
		"":             nil,
		"twice before": {sent},
		"twice receipt before": {
			sent,
			{Key: "sent:lee", Trigger: relay.MessageSent},
			{Key: "sent:lee", Trigger: relay.MessageReadReceipt},
			{Key: "c1", Trigger: relay.UserMentioned},
			{Key: "nothing", Trigger: relay.MessageSent},
			sent,
		},
	} {
		require.Equal(t, want, ids(facts(t, s, alert.ID, relay.Query{Lookups: lookups}).Candidates), "%v", lookups)
	}
}

// flood keeps n events of the suite's trigger under the key, the first received at noon and one each second after it.
func flood(t *testing.T, s store.Store, key relay.Key, n int) {
	t.Helper()
	for i := range n { // the newest is kept last, too
		e := NewEvent(fmt.Sprintf("%s%04d", key, i))
		e.ReceivedAt = after(time.Duration(i) * time.Second)
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Keys: []relay.Key{key}})
		require.NoError(t, err)
	}
}

func newestOnly(t *testing.T, s store.Store) {
	t.Helper()
	own := NewEvent("own")
	alert := NewAlert(own, "mention", "lee")
	own.ReceivedAt = after(time.Hour) // the newest of all, and not to be counted
	_, err := s.Accept(t.Context(), relay.Plan{Event: own, Alerts: []relay.Alert{alert}, Keys: []relay.Key{"c"}})
	require.NoError(t, err)
	const n = relay.MaxCandidates + 20
	flood(t, s, "c", n)
	seen := facts(t, s, alert.ID, relay.Query{
		Lookups: []relay.Lookup{{Key: "c", Trigger: relay.UserMentioned}},
	}).Candidates
	require.Len(t, seen, relay.MaxCandidates)
	require.Equal(t, fmt.Sprintf("c%04d", n-1), seen[0].ID)
	require.Equal(t, fmt.Sprintf("c%04d", n-relay.MaxCandidates), seen[relay.MaxCandidates-1].ID)
}

func ownShare(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "own", "lee")[0]
	keep(t, s, "receipt", relay.MessageReadReceipt, -time.Hour, "loud", "lee") // older than all of the flood
	keep(t, s, "reply", relay.UserMentioned, -2*time.Hour, "lee")
	flood(t, s, "loud", relay.MaxCandidates+1)
	seen := facts(t, s, alert.ID, relay.Query{Lookups: []relay.Lookup{
		{Key: "loud", Trigger: relay.UserMentioned},
		{Key: "loud", Trigger: relay.MessageReadReceipt},
		{Key: "lee", Trigger: relay.UserMentioned},
	}}).Candidates
	require.Len(t, seen, relay.MaxCandidates+2)
	require.Equal(t, "loud0001 receipt reply", ids(seen[relay.MaxCandidates-1:]))
}

func refusesQueries(t *testing.T, s store.Store) {
	t.Helper()
	alert := accept(t, s, "e1", "lee")[0]
	const n = 20_000
	for want, queries := range map[string][]relay.Query{
		"too many": {
			{Lookups: make([]relay.Lookup, n)},
			{Claims: make([]string, n)},
			{Addresses: make([]relay.Address, n)},
			{Counts: make([]relay.Count, n)},
			{Members: make([]string, relay.MaxMembers+1)},
		},
		"cannot be": {
			{Counts: []relay.Count{{Counter: "c", Per: time.Hour}}},
			{Counts: []relay.Count{{Counter: "c", Max: 1}}},
			{Counts: []relay.Count{{Counter: "c", Per: time.Hour, Max: 1001}}},
		},
	} {
		for i, q := range queries {
			_, err := s.Decide(t.Context(), alert.ID, q, noon, func(relay.Alert, relay.Facts) relay.Decision {
				panic("decided on part of the facts")
			})
			require.ErrorContains(t, err, want, "%d", i)
		}
	}
}
