package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
)

func tallying() []test {
	return []test{
		{"counters add up, and are summed by slots, by longer steps or in all", tallies},
		{"counters added to by many at once lose nothing", talliesTogether},
		{"counters that make no sense are refused", refusesTallies},
		{"counters are pruned by when their slot began", prunesTallies},
	}
}

func counter(what, of, as string, minutes, n int) store.Tallied {
	return store.Tallied{
		At: after(time.Duration(minutes) * time.Minute), What: what, Of: of, By: "by", As: as, N: n, LastAt: after(time.Duration(minutes)*time.Minute + time.Second),
	}
}

func tally(t *testing.T, s store.Store, tallied ...store.Tallied) {
	t.Helper()
	require.NoError(t, s.Tally(t.Context(), tallied))
}

func tallies(t *testing.T, s store.Store) {
	t.Helper()
	tally(t, s)
	tally(t, s, counter("rule", "mention", "match", 0, 2), counter("rule", "mention", "match", 10, 3), counter("rule", "call", "match", 0, 1))
	newer, older := counter("rule", "mention", "match", 0, 5), counter("rule", "mention", "match", 0, 0)
	newer.LastAt, older.LastAt = after(4*time.Minute), after(-time.Minute)
	tally(t, s, newer)
	tally(t, s, older, counter("delivery", "sms", "sent", 5, 7))
	mention := newer
	mention.N = 7
	call, late, sms := counter("rule", "call", "match", 0, 1), counter("rule", "mention", "match", 10, 3), counter("delivery", "sms", "sent", 5, 7)
	in := func(at time.Time, tallied store.Tallied) store.Tallied {
		tallied.At = at
		return tallied
	}
	sum := in(time.Time{}, late)
	sum.N = 10
	for _, tt := range []struct {
		filter store.TallyFilter
		want   []store.Tallied
	}{
		{store.TallyFilter{What: "rule", Step: store.TallySlot}, []store.Tallied{call, mention, late}},
		{store.TallyFilter{What: "rule"}, []store.Tallied{in(time.Time{}, call), sum}},
		{store.TallyFilter{Of: "mention", Step: time.Hour}, []store.Tallied{in(noon, sum)}},
		{store.TallyFilter{Since: after(5 * time.Minute), Until: after(10 * time.Minute), Step: store.TallySlot}, []store.Tallied{sms}},
		{store.TallyFilter{What: "rule", Since: after(time.Second), Step: store.TallySlot}, []store.Tallied{late}},
		{store.TallyFilter{What: "nothing"}, nil},
	} {
		got, err := s.Tallies(t.Context(), tt.filter)
		require.NoError(t, err)
		require.Equal(t, tt.want, got, "%+v", tt.filter)
	}
}

func talliesTogether(t *testing.T, s store.Store) {
	t.Helper()
	together(40, func(int) {
		tally(t, s, counter("rule", "mention", "match", 0, 1), counter("rule", "call", "match", 0, 2))
	})
	got, err := s.Tallies(t.Context(), store.TallyFilter{})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, []int{80, 40}, []int{got[0].N, got[1].N})
}

func refusesTallies(t *testing.T, s store.Store) {
	t.Helper()
	good := counter("rule", "mention", "match", 0, 1)
	for says, change := range map[string]func(*store.Tallied){
		"what it counts": func(c *store.Tallied) { c.What = "" },
		"by -1":          func(c *store.Tallied) { c.N = -1 },
		"begins":         func(c *store.Tallied) { c.At = after(time.Second) },
		"200 bytes":      func(c *store.Tallied) { c.Of = strings.Repeat("x", 201) },
	} {
		bad := good
		change(&bad)
		require.ErrorContains(t, s.Tally(t.Context(), []store.Tallied{good, bad}), says)
	}
	require.ErrorContains(t, s.Tally(t.Context(), make([]store.Tallied, store.MaxTallies+1)), "at most 1000")
	got, err := s.Tallies(t.Context(), store.TallyFilter{})
	require.NoError(t, err)
	require.Empty(t, got)
	for _, step := range []time.Duration{-store.TallySlot, time.Minute} {
		_, err = s.Tallies(t.Context(), store.TallyFilter{Step: step})
		require.ErrorContains(t, err, "multiple of 5m0s")
	}
}

func prunesTallies(t *testing.T, s store.Store) {
	t.Helper()
	tally(t, s, counter("rule", "a", "", 0, 1), counter("rule", "b", "", 5, 1), counter("rule", "c", "", 10, 1), counter("rule", "d", "", 15, 1))
	for _, want := range []int{2, 1, 0} {
		n, err := s.PruneTallies(t.Context(), after(15*time.Minute), 2)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	got, err := s.Tallies(t.Context(), store.TallyFilter{})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "d", got[0].Of)
	_, err = s.PruneTallies(t.Context(), noon, 0)
	require.Error(t, err)
}
