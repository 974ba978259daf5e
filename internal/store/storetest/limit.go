package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func limiting() []test {
	return []test{
		{"deliveries are counted within the time before now, the newest first and no more than matter", countsWindow},
		{"a delivery counts against all its counters and no other", countsEach},
		{"a delivery counts until it is dead or suppressed, and while it is on its way or sent", countsUntilItEnds},
		{"a delivery that does not go out counts for nothing", countsOnlyQueued},
		{"what was pruned counts no more", countsKept},
	}
}

// counting makes deliveries that count against the counters from the given time on.
func counting(at time.Duration, counters ...relay.Counter) func(relay.Alert, string) relay.Delivery {
	return func(a relay.Alert, template string) relay.Delivery {
		d := NewDelivery(a, template)
		d.CreatedAt, d.Counters = after(at), counters
		return d
	}
}

// counted is what a decision at that time is told of a count.
func counted(t *testing.T, s store.Store, at time.Duration, c relay.Count) []time.Time {
	t.Helper()
	alert := accept(t, s, fmt.Sprint("counted ", at, c), "lee")[0]
	var seen relay.Facts
	decideAt(t, s, alert.ID, relay.Query{Counts: []relay.Count{c}}, after(at), func(f relay.Facts) relay.Decision {
		seen = f
		return relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}
	})
	require.Len(t, seen.Counted, 1)
	require.Contains(t, seen.Counted, c)
	return seen.Counted[c]
}

func countsWindow(t *testing.T, s store.Store) {
	t.Helper()
	for i := range 5 {
		send(t, s, fmt.Sprintf("e%d", i), counting(time.Duration(i)*time.Minute, "c"))
	}
	for name, tt := range map[string]struct {
		at   time.Duration
		per  time.Duration
		max  int
		want []int
	}{
		"all":                       {10 * time.Minute, time.Hour, 10, []int{4, 3, 2, 1, 0}},
		"no more than matter":       {10 * time.Minute, time.Hour, 2, []int{4, 3}},
		"within the time":           {5 * time.Minute, 150 * time.Second, 10, []int{4, 3}},
		"as long ago as the window": {5 * time.Minute, 2 * time.Minute, 10, []int{4}},
		"just within the window":    {5 * time.Minute, 2*time.Minute + time.Microsecond, 10, []int{4, 3}},
		"none":                      {24 * time.Hour, time.Hour, 10, nil},
	} {
		var want []time.Time
		for _, minute := range tt.want {
			want = append(want, after(time.Duration(minute)*time.Minute))
		}
		require.Equal(t, want, counted(t, s, tt.at, relay.Count{Counter: "c", Per: tt.per, Max: tt.max}), name)
	}
}

func countsEach(t *testing.T, s store.Store) {
	t.Helper()
	send(t, s, "e1", counting(0, "lee", "kim to lee", "lee"))
	send(t, s, "e2", counting(time.Minute, "lee"))
	for counter, want := range map[relay.Counter]int{"lee": 2, "kim to lee": 1, "kim": 0} {
		require.Len(t, counted(t, s, time.Hour, relay.Count{Counter: counter, Per: 2 * time.Hour, Max: 5}), want, counter)
	}
}

func countsUntilItEnds(t *testing.T, s store.Store) {
	t.Helper()
	waiting := later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(time.Hour))
	for name, tt := range map[string]struct {
		next store.Next
		want int
	}{
		"sent": {sent, 1}, "unknown": {waiting, 1}, "dead": {dead, 0}, "expired": {expired, 0},
		"suppressed": {store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut}, 0},
		"no answer":  {store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer}, 0},
	} {
		counter := relay.Counter(name)
		d := send(t, s, name, counting(0, counter))[0]
		count := relay.Count{Counter: counter, Per: 2 * time.Hour, Max: 5}
		require.Len(t, counted(t, s, time.Minute, count), 1, name)
		finish(t, s, d.ID, tt.next)
		require.Len(t, counted(t, s, time.Hour, count), tt.want, name)
	}
}

func countsOnlyQueued(t *testing.T, s store.Store) {
	t.Helper()
	for i, state := range []relay.DeliveryState{relay.DeliveryDead, relay.DeliverySuppressed} {
		send(t, s, fmt.Sprintf("e%d", i), func(a relay.Alert, template string) relay.Delivery {
			d := counting(0, "c")(a, template)
			d.State, d.Reason = state, relay.ReasonNoPhone
			return d
		})
	}
	collapsed := func(a relay.Alert, template string) relay.Delivery {
		d := counting(0, "c")(a, template)
		d.Claims = claim(a, template).Claims
		return d
	}
	send(t, s, "first", claim)
	require.Equal(t, relay.DeliverySuppressed, send(t, s, "second", collapsed)[0].State)
	require.Empty(t, counted(t, s, time.Hour, relay.Count{Counter: "c", Per: 2 * time.Hour, Max: 5}))
}

func countsKept(t *testing.T, s store.Store) {
	t.Helper()
	finish(t, s, send(t, s, "old", counting(0, "c"))[0].ID, sent)
	_, err := s.Prune(t.Context(), after(time.Hour), 10)
	require.NoError(t, err)
	require.Empty(t, counted(t, s, time.Minute, relay.Count{Counter: "c", Per: time.Hour, Max: 5}))
}
