package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func digesting() []test {
	return []test{
		{"the members of a digest come with their events, oldest first, and nobody else does", findsMembers},
		{"of a digest too large for one message some are left for the next", boundsMembers},
		{"a decision is shown the members that still wait, as they are", showsMembers},
		{"what a digest takes along has the state of its lead until the end", takesAlong},
		{"a member that is no longer true ends alone", endsMembers},
		{"a digest that is held stays open, each with its new due time", holdsMembers},
		{"what is ruled on an alert that waits no longer is left out", leavesOthers},
		{"where the alert itself is no longer true a member leads", leadsElsewhere},
		{"an alert can go along with a member", goesAlong},
		{"an alert that goes along is not decided on its own", followsOnly},
		{"a decision that leads nowhere is refused", refusesLeads},
	}
}

// digest keeps n alerts of one digest, each of its own event, received a minute apart from noon on.
func digest(t *testing.T, s store.Store, key string, n int) []relay.Alert {
	t.Helper()
	alerts := make([]relay.Alert, n)
	for i := range alerts {
		e := NewEvent(fmt.Sprintf("%s%d", key, i))
		e.ReceivedAt = after(time.Duration(i) * time.Minute)
		alerts[i] = NewAlert(e, "mention", "lee")
		alerts[i].Digest = key
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: alerts[i : i+1]})
		require.NoError(t, err)
	}
	return alerts
}

// decideAt decides by the facts alone, and wants the decision to be kept.
func decideAt(t *testing.T, s store.Store, alertID string, q relay.Query, now time.Time,
	decide func(relay.Facts) relay.Decision,
) relay.Decision {
	t.Helper()
	got, err := s.Decide(t.Context(), alertID, q, now, func(_ relay.Alert, f relay.Facts) relay.Decision { return decide(f) })
	require.NoError(t, err)
	return got
}

// decideAll decides the first of the alerts together with the others.
func decideAll(t *testing.T, s store.Store, alerts []relay.Alert, now time.Time, d relay.Decision) relay.Decision {
	t.Helper()
	return decideAt(t, s, alerts[0].ID, relay.Query{Members: idsOf(alerts[1:])}, now,
		func(relay.Facts) relay.Decision { return d })
}

func ruling(a relay.Alert, action relay.Action, reason relay.Reason) relay.Ruling {
	return relay.Ruling{AlertID: a.ID, Action: action, Reason: reason, Trace: []relay.Step{{Check: "digest", Result: a.ID}}}
}

// along decides that the alerts but the first go along with it.
func along(alerts []relay.Alert, deliveries ...relay.Delivery) relay.Decision {
	d := relay.Decision{Action: relay.ActSend, Deliveries: deliveries}
	for _, a := range alerts[1:] {
		d.Members = append(d.Members, ruling(a, relay.ActSend, ""))
	}
	return d
}

func idsOf(alerts []relay.Alert) []string {
	out := make([]string, len(alerts))
	for i, a := range alerts {
		out[i] = a.ID
	}
	return out
}

func alertOf(t *testing.T, s store.Store, id string) relay.Alert {
	t.Helper()
	a, err := s.Alert(t.Context(), id)
	require.NoError(t, err)
	return a
}

// states are those of the alerts, in their order.
func states(t *testing.T, s store.Store, alerts []relay.Alert) (out []relay.AlertState) {
	t.Helper()
	for _, a := range alerts {
		out = append(out, alertOf(t, s, a.ID).State)
	}
	return out
}

func findsMembers(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	alerts := digest(t, s, "d", 4)
	digest(t, s, "other", 1)
	accept(t, s, "none", "lee")
	_, err := decide(t, s, alerts[3], relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead})
	require.NoError(t, err)
	broken := NewEvent("broken")
	broken.Raw = nil
	lost := NewAlert(broken, "mention", "lee")
	lost.Digest = "d"
	_, err = s.Accept(ctx, relay.Plan{Event: broken, Alerts: []relay.Alert{lost}})
	require.NoError(t, err)

	require.Equal(t, "d", alertOf(t, s, alerts[1].ID).Digest)
	members, err := s.Members(ctx, alertOf(t, s, alerts[1].ID))
	require.NoError(t, err)
	require.Len(t, members, 2)
	for i, want := range []int{0, 2} {
		require.Equal(t, alertOf(t, s, alerts[want].ID), members[i].Alert)
		require.Equal(t, alerts[want].EventID, members[i].Event.ID)
		require.Equal(t, alerts[want].ReceivedAt, members[i].Event.ReceivedAt)
	}
	members, err = s.Members(ctx, accept(t, s, "alone", "lee")[0])
	require.NoError(t, err)
	require.Empty(t, members, "without a digest nobody goes along")
}

func boundsMembers(t *testing.T, s store.Store) {
	t.Helper()
	const n = relay.MaxMembers + 5
	alerts := make([]relay.Alert, n)
	together(n, func(i int) {
		e := NewEvent(fmt.Sprintf("e%d", i))
		e.ReceivedAt = after(time.Duration(i) * time.Second)
		a := NewAlert(e, "mention", "lee")
		a.Digest, alerts[i] = "d", a
		if _, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}}); err != nil {
			t.Error(err)
		}
	})
	members, err := s.Members(t.Context(), alertOf(t, s, alerts[0].ID))
	require.NoError(t, err)
	require.Len(t, members, relay.MaxMembers-1)
	require.Equal(t, alerts[relay.MaxMembers-1].ID, members[len(members)-1].Alert.ID, "the youngest are left")
	decideAll(t, s, alerts[:relay.MaxMembers], after(time.Hour), along(alerts[:relay.MaxMembers], NewDelivery(alerts[0], "t")))
	held, err := s.Alerts(t.Context(), store.Filter{State: "held"})
	require.NoError(t, err)
	require.Len(t, held, 5)
}

func showsMembers(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 4)
	stranger, alone := digest(t, s, "other", 1)[0], accept(t, s, "alone", "lee")[0]
	_, err := decide(t, s, alerts[2], relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead})
	require.NoError(t, err)
	all := append(idsOf(alerts), stranger.ID, alone.ID, "al_unknown")
	seen := facts(t, s, alerts[1].ID, relay.Query{Members: []string{alerts[3].ID, alerts[3].ID}})
	require.Equal(t, alerts[3:4], untraced(seen.Members), "only who is asked for")
	seen = facts(t, s, alerts[1].ID, relay.Query{Members: all})
	require.Equal(t, []relay.Alert{alerts[0], alerts[3]}, untraced(seen.Members))
	require.Empty(t, seen.Deliveries)
	require.Empty(t, facts(t, s, alone.ID, relay.Query{Members: all}).Members)
}

func untraced(alerts []relay.Alert) []relay.Alert {
	for i := range alerts {
		alerts[i].Trace = nil // empty or nil
	}
	return alerts
}

func takesAlong(t *testing.T, s store.Store) {
	t.Helper()
	suppressed := store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut}
	for name, tt := range map[string]struct {
		next   store.Next
		want   relay.AlertState
		reason relay.Reason
	}{
		"sent":       {sent, relay.AlertSent, relay.ReasonNone},
		"dead":       {dead, relay.AlertFailed, relay.ReasonInvalidNumber},
		"suppressed": {suppressed, relay.AlertSuppressed, relay.ReasonOptedOut},
	} {
		alerts := digest(t, s, name, 3)
		got := decideAll(t, s, alerts, after(time.Hour), along(alerts, NewDelivery(alerts[0], "t")))
		for i, a := range alerts {
			kept := alertOf(t, s, a.ID)
			require.Equal(t, relay.AlertDue, kept.State, name)
			require.Equal(t, relay.ReasonNone, kept.Reason, name)
			require.Equal(t, after(time.Hour), kept.UpdatedAt, name)
			if i > 0 {
				require.Equal(t, alerts[0].ID, kept.Lead, name)
				require.Equal(t, a.ID, kept.Trace[0].Result, "each has its own trace")
			}
		}
		finish(t, s, got.Deliveries[0].ID, tt.next)
		for _, a := range alerts {
			kept := alertOf(t, s, a.ID)
			require.Equal(t, tt.want, kept.State, name)
			require.Equal(t, tt.reason, kept.Reason, name)
			require.Equal(t, after(2*time.Minute), kept.UpdatedAt, name)
		}
		led, err := s.Alerts(t.Context(), store.Filter{Lead: alerts[0].ID})
		require.NoError(t, err)
		require.Equal(t, []string{alerts[2].ID, alerts[1].ID}, idsOf(led))
	}
}

func endsMembers(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 4)
	d := along(alerts[:2], NewDelivery(alerts[0], "t"))
	d.Members = append(d.Members, ruling(alerts[2], relay.ActCancel, relay.ReasonRead),
		ruling(alerts[3], relay.ActSuppress, relay.ReasonMuted))
	got := decideAll(t, s, alerts, after(time.Hour), d)
	finish(t, s, got.Deliveries[0].ID, sent)
	require.Equal(t, []relay.AlertState{
		relay.AlertSent, relay.AlertSent, relay.AlertCancelled, relay.AlertSuppressed,
	}, states(t, s, alerts))
	for i, reason := range map[int]relay.Reason{2: relay.ReasonRead, 3: relay.ReasonMuted} {
		kept := alertOf(t, s, alerts[i].ID)
		require.Equal(t, reason, kept.Reason)
		require.Equal(t, alerts[i].ID, kept.Trace[0].Result)
		require.Empty(t, kept.Lead)
	}
}

func holdsMembers(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 3)
	hold := relay.Decision{Action: relay.ActHold, Reason: relay.ReasonLimit, Until: after(2 * time.Hour)}
	for _, a := range alerts[1:] {
		r := ruling(a, relay.ActHold, relay.ReasonLimit)
		r.Until = hold.Until
		hold.Members = append(hold.Members, r)
	}
	decideAll(t, s, alerts, after(time.Hour), hold)
	for _, a := range alerts {
		kept := alertOf(t, s, a.ID)
		require.Equal(t, relay.AlertHeld, kept.State)
		require.Equal(t, relay.ReasonLimit, kept.Reason)
		require.Equal(t, after(2*time.Hour), kept.DueAt)
	}
	decideAll(t, s, alerts, after(2*time.Hour), along(alerts, NewDelivery(alerts[0], "t")))
	require.Equal(t, []relay.AlertState{relay.AlertDue, relay.AlertDue, relay.AlertDue}, states(t, s, alerts))
}

func leavesOthers(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 4)
	stranger := digest(t, s, "other", 1)[0]
	_, err := decide(t, s, alerts[1], relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead})
	require.NoError(t, err)
	d := along(append(alerts, stranger), NewDelivery(alerts[0], "t"))
	// The last but one of the digest is ruled on, but was not asked for.
	decideAt(t, s, alerts[0].ID, relay.Query{Members: append(idsOf(alerts[1:3]), stranger.ID)}, after(time.Hour),
		func(relay.Facts) relay.Decision { return d })
	require.Equal(t, []relay.AlertState{
		relay.AlertDue, relay.AlertCancelled, relay.AlertDue, relay.AlertHeld, relay.AlertHeld,
	}, states(t, s, append(alerts, stranger)))
}

func leadsElsewhere(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 3)
	d := relay.Decision{
		Action: relay.ActCancel, Reason: relay.ReasonRead, Lead: alerts[1].ID, Again: after(3 * time.Hour),
		Deliveries: []relay.Delivery{NewDelivery(alerts[1], "t")},
		Members:    []relay.Ruling{ruling(alerts[1], relay.ActSend, ""), ruling(alerts[2], relay.ActSend, "")},
	}
	got := decideAll(t, s, alerts, after(time.Hour), d).Deliveries[0]
	require.Equal(t, alerts[1].ID, got.AlertID)
	require.Equal(t, alerts[1].EventID, got.EventID)
	first, lead, last := alertOf(t, s, alerts[0].ID), alertOf(t, s, alerts[1].ID), alertOf(t, s, alerts[2].ID)
	require.Equal(t, relay.ReasonRead, first.Reason)
	require.Equal(t, []string{"", "", alerts[1].ID}, []string{first.Lead, lead.Lead, last.Lead})
	require.Equal(t, []time.Time{{}, after(3 * time.Hour), {}}, []time.Time{first.AgainAt, lead.AgainAt, last.AgainAt})
	finish(t, s, got.ID, sent)
	require.Equal(t, []relay.AlertState{relay.AlertCancelled, relay.AlertSent, relay.AlertSent}, states(t, s, alerts))
}

func goesAlong(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 2)
	got := decideAll(t, s, alerts, after(time.Hour), relay.Decision{
		Action: relay.ActSend, Lead: alerts[1].ID, Deliveries: []relay.Delivery{NewDelivery(alerts[1], "t")},
		Members: []relay.Ruling{ruling(alerts[1], relay.ActSend, "")},
	})
	require.Equal(t, alerts[1].ID, alertOf(t, s, alerts[0].ID).Lead)
	finish(t, s, got.Deliveries[0].ID, dead)
	require.Equal(t, []relay.AlertState{relay.AlertFailed, relay.AlertFailed}, states(t, s, alerts))
}

func followsOnly(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 2)
	decideAll(t, s, alerts, after(time.Hour), along(alerts, NewDelivery(alerts[0], "t")))
	_, err := s.Decide(t.Context(), alerts[1].ID, relay.Query{}, after(time.Hour),
		func(relay.Alert, relay.Facts) relay.Decision { panic("decided twice") })
	require.ErrorIs(t, err, store.ErrConflict)
}

func refusesLeads(t *testing.T, s store.Store) {
	t.Helper()
	alerts := digest(t, s, "d", 2)
	deliveries := []relay.Delivery{NewDelivery(alerts[1], "t")}
	member, bad := ruling(alerts[1], relay.ActSend, ""), relay.Ruling{AlertID: alerts[1].ID}
	for name, d := range map[string]relay.Decision{
		"a lead that is not there":  {Action: relay.ActSend, Deliveries: deliveries, Lead: "al_unknown"},
		"a lead that is not ruled":  {Action: relay.ActSend, Deliveries: deliveries, Lead: alerts[1].ID},
		"deliveries of nobody":      {Action: relay.ActCancel, Reason: relay.ReasonRead, Deliveries: deliveries},
		"a member without its lead": {Action: relay.ActCancel, Reason: relay.ReasonRead, Members: []relay.Ruling{member}},
		"a member without action":   {Action: relay.ActSend, Members: []relay.Ruling{bad}},
		"a member without reason":   {Action: relay.ActSend, Members: []relay.Ruling{ruling(alerts[1], relay.ActCancel, "")}},
		"a member resolved":         {Action: relay.ActSend, Members: []relay.Ruling{ruling(alerts[1], relay.ActResolve, "x")}},
		"a member held into the past": {Action: relay.ActSend, Members: []relay.Ruling{
			ruling(alerts[1], relay.ActHold, relay.ReasonLimit),
		}},
		"decided again in the past": {Action: relay.ActSend, Again: after(time.Minute)},
	} {
		_, err := s.Decide(t.Context(), alerts[0].ID, relay.Query{Members: idsOf(alerts)}, after(time.Minute),
			func(relay.Alert, relay.Facts) relay.Decision { return d })
		require.Error(t, err, name)
		require.Equal(t, []relay.AlertState{relay.AlertHeld, relay.AlertHeld}, states(t, s, alerts), name)
	}
}
