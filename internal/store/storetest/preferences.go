package storetest

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func preferring() []test {
	return []test{
		{"preferences come back as they were kept", keepsPreferences},
		{"an alert comes with its event, and with what is kept of its recipient's wishes", givesCases},
		{"preferences that say nothing are not kept", forgetsEmptyPreferences},
		{"changes of one person's preferences do not overwrite each other", changesPreferencesTogether},
		{"a change of preferences that is refused keeps nothing", refusesPreferences},
		{"a change is later than the one before, whatever the clock says", ordersPreferences},
	}
}

// prefer changes preferences as the page does, at the time.
func prefer(t *testing.T, s store.Store, uid string, at time.Time, p relay.Preferences) relay.Preferences {
	t.Helper()
	kept, err := s.ChangePreferences(t.Context(), uid, relay.Audit{At: at, Who: "kim", Action: "set preferences", Subject: uid},
		func(relay.Preferences) (relay.Preferences, error) { return p, nil })
	require.NoError(t, err)
	return kept
}

func givesCases(t *testing.T, s store.Store) {
	t.Helper()
	alerts := accept(t, s, "e1", "Lee", "\u00c4nne", "kim")
	fixed := NewAlert(NewEvent("e2"), "mention", "")
	fixed.Recipient = relay.Recipient{Email: "lee"} // which is nobody's uid
	_, err := s.Accept(t.Context(), relay.Plan{Event: NewEvent("e2"), Alerts: []relay.Alert{fixed}})
	require.NoError(t, err)
	lee := prefer(t, s, "lee", after(time.Minute), relay.Preferences{Locale: "de"})
	anne := prefer(t, s, "\u00e4nne", after(time.Minute), relay.Preferences{Channels: []relay.Channel{}})
	for i, want := range []relay.Preferences{lee, anne, {UID: "kim"}} {
		got, err := s.Case(t.Context(), alerts[i].ID)
		require.NoError(t, err)
		require.Equal(t, alertOf(t, s, alerts[i].ID), got.Alert)
		require.Equal(t, want, got.Preferences)
		event, err := s.Event(t.Context(), "e1")
		require.NoError(t, err)
		require.Equal(t, event, got.Event)
		require.NoError(t, got.Unreadable)
	}
	got, err := s.Case(t.Context(), fixed.ID)
	require.NoError(t, err)
	require.Zero(t, got.Preferences)
	require.Equal(t, "e2", got.Event.ID)
	_, err = s.Case(t.Context(), "nobody's")
	require.ErrorIs(t, err, store.ErrNotFound)

	broken := NewEvent("broken")
	broken.Raw = []byte("{")
	alert := NewAlert(broken, "mention", "lee")
	_, err = s.Accept(t.Context(), relay.Plan{Event: broken, Alerts: []relay.Alert{alert}})
	require.NoError(t, err)
	got, err = s.Case(t.Context(), alert.ID)
	require.NoError(t, err, "it is to be decided all the same")
	require.Error(t, got.Unreadable)
	require.Zero(t, got.Event)
	require.Equal(t, lee, got.Preferences)
}

func keepsPreferences(t *testing.T, s store.Store) {
	t.Helper()
	for uid, p := range map[string]relay.Preferences{
		"channels":   {Channels: []relay.Channel{relay.ChannelEmail}},
		"no channel": {Channels: []relay.Channel{}},
		"the rest":   {Locale: "de-AT", TimeZone: "Europe/Vienna"},
		"all": {
			Channels:   []relay.Channel{relay.ChannelSMS, relay.ChannelEmail},
			QuietHours: []relay.QuietHours{{From: 1320, To: 0, Set: true}, {From: 0, To: 1, Set: true}},
			Mutes: []relay.Mute{
				{Everything: true, Until: after(time.Hour)},
				{Rules: []string{"a", "b"}},
				{Until: after(time.Minute)},
				{Conversations: []string{"group_\u00fc", "x_user_y"}, Rules: []string{"c"}, Until: after(2 * time.Hour)},
			},
			Locale: "fr", TimeZone: "Europe/Paris",
		},
	} {
		kept := prefer(t, s, uid, after(time.Minute), p)
		p.UID, p.UpdatedAt = uid, after(time.Minute)
		require.Equal(t, p, kept, uid)
		got, err := s.Preferences(t.Context(), uid)
		require.NoError(t, err)
		require.Equal(t, p, got, uid)
		require.Equal(t, p.Channels == nil, got.Channels == nil, "nil is all, an empty list none")
	}
	prefer(t, s, "Ann", after(time.Minute), relay.Preferences{Locale: "de"})
	got, err := s.Preferences(t.Context(), "ANN")
	require.NoError(t, err)
	require.Equal(t, relay.Preferences{UID: "ann", Locale: "de", UpdatedAt: after(time.Minute)}, got)
	got, err = s.Preferences(t.Context(), "nobody")
	require.NoError(t, err)
	require.Equal(t, relay.Preferences{UID: "nobody"}, got)
	entries := audited(t, s, 10)
	require.Len(t, entries, 5)
	require.Equal(t, relay.Audit{At: after(time.Minute), Who: "kim", Action: "set preferences", Subject: "Ann"}, entries[0])
}

func forgetsEmptyPreferences(t *testing.T, s store.Store) {
	t.Helper()
	prefer(t, s, "ann", after(time.Minute), relay.Preferences{}.MuteRule("a"))
	got := prefer(t, s, "ann", after(time.Hour), relay.Preferences{UID: "ann", UpdatedAt: noon})
	require.Equal(t, relay.Preferences{UID: "ann"}, got)
	got, err := s.Preferences(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, relay.Preferences{UID: "ann"}, got)
}

func changesPreferencesTogether(t *testing.T, s store.Store) {
	t.Helper()
	const people, changes = 2, 8
	var failed atomic.Int32
	together(people*changes, func(n int) {
		uid, rule := strconv.Itoa(n%people), "rule "+strconv.Itoa(n)
		_, err := s.ChangePreferences(t.Context(), uid, relay.Audit{At: noon, Who: "kim", Action: "mute", Subject: uid},
			func(p relay.Preferences) (relay.Preferences, error) { return p.MuteRule(rule), nil })
		if err != nil {
			failed.Add(1)
		}
	})
	require.Zero(t, failed.Load())
	for uid := range people {
		got, err := s.Preferences(t.Context(), strconv.Itoa(uid))
		require.NoError(t, err)
		require.Len(t, got.Mutes, changes)
	}
}

func refusesPreferences(t *testing.T, s store.Store) {
	t.Helper()
	before := prefer(t, s, "ann", noon, relay.Preferences{Locale: "de"})
	change := func(relay.Preferences) (relay.Preferences, error) { return relay.Preferences{Locale: "fr"}, nil }
	good := relay.Audit{At: after(time.Hour), Who: "kim", Action: "set preferences"}
	for want, audit := range map[string]relay.Audit{
		"by whom": {At: noon, Action: "x"}, "when": {Who: "kim", Action: "x"}, "what was done": {Who: "kim", At: noon},
	} {
		_, err := s.ChangePreferences(t.Context(), "ann", audit, change)
		require.ErrorContains(t, err, want)
	}
	_, err := s.ChangePreferences(t.Context(), "", good, change)
	require.ErrorContains(t, err, "nobody's")
	_, err = s.ChangePreferences(t.Context(), "ann", good, func(p relay.Preferences) (relay.Preferences, error) {
		require.Equal(t, before, p)
		return p, store.ErrConflict
	})
	require.ErrorIs(t, err, store.ErrConflict)
	_, err = s.ChangePreferences(t.Context(), "ann", good, func(relay.Preferences) (relay.Preferences, error) {
		return relay.Preferences{}, errors.New("no")
	})
	require.ErrorContains(t, err, "no")
	got, err := s.Preferences(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, before, got)
	entries := audited(t, s, 10)
	require.Len(t, entries, 1)
}

func ordersPreferences(t *testing.T, s store.Store) {
	t.Helper()
	prefer(t, s, "ann", after(time.Hour), relay.Preferences{Locale: "de"})
	got := prefer(t, s, "ann", noon, relay.Preferences{Locale: "fr"})
	require.Equal(t, after(time.Hour).Add(time.Microsecond), got.UpdatedAt)
}
