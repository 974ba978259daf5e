package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func listingSuppressed() []test {
	return []test{
		{"many are suppressed at once, and what was known stays", suppressesMany},
		{"many of which one is bad change nothing", refusesMany},
		{"suppressions are listed newest first, page by page", pagesSuppressions},
		{"a list of suppressions is narrowed", narrowsSuppressions},
		{"a suppression is lifted by what it is for and where it came from", liftsSuppressions},
		{"nothing is lifted without saying who does it", refusesLifts},
	}
}

func byOperator(action, subject string) relay.Audit {
	return relay.Audit{At: after(time.Minute), Who: "kim", Action: action, Subject: subject}
}

func mailbox(n int) relay.Address {
	return relay.NewAddress(relay.ChannelEmail, fmt.Sprintf("p%04d@example.net", n))
}

func listed(t *testing.T, s store.Store, filter store.SuppressionFilter) []store.Suppression {
	t.Helper()
	found, err := s.Suppressions(t.Context(), filter)
	require.NoError(t, err)
	return found
}

func suppressesMany(t *testing.T, s store.Store) {
	t.Helper()
	bounced := relay.Suppression{Address: mailbox(1), Reason: relay.ReasonBounced, Source: relay.SuppressedByProvider, At: noon}
	require.NoError(t, s.Suppress(t.Context(), bounced))
	suppress(t, s, leesPhone)
	var all []relay.Suppression
	for n := range store.MaxList - 1 {
		all = append(all, optedOut(mailbox(n)))
	}
	known := optedOut(leesPhone)
	known.Source = relay.SuppressedByImport
	audit := byOperator("import suppressions", "1000 addresses")
	changed, err := s.SuppressAll(t.Context(), append(all, known), audit)
	require.NoError(t, err)
	require.Equal(t, store.MaxList-1, changed, "what the person said replaces what was found out; twice the same is once")
	found, err := s.Suppressed(t.Context())
	require.NoError(t, err)
	require.Len(t, found, store.MaxList)
	require.Equal(t, relay.ReasonOptedOut, found[mailbox(1)])
	require.Equal(t, relay.SuppressedByLink, listed(t, s, store.SuppressionFilter{Address: leesPhone})[0].Source)
	entries := audited(t, s, 10)
	require.Equal(t, []relay.Audit{audit}, entries)
}

func refusesMany(t *testing.T, s store.Store) {
	t.Helper()
	good, bad := optedOut(mailbox(1)), optedOut(mailbox(2))
	bad.Reason = relay.ReasonNone
	_, err := s.SuppressAll(t.Context(), nil, byOperator("import suppressions", ""))
	require.ErrorContains(t, err, "want 1 to")
	_, err = s.SuppressAll(t.Context(), []relay.Suppression{good, bad}, byOperator("import suppressions", ""))
	require.ErrorContains(t, err, "number 2: it gives no reason")
	_, err = s.SuppressAll(t.Context(), []relay.Suppression{good}, relay.Audit{Who: "kim", Action: "add"})
	require.ErrorContains(t, err, "when")
	_, err = s.SuppressAll(t.Context(), []relay.Suppression{good}, relay.Audit{At: noon, Action: "add"})
	require.ErrorContains(t, err, "by whom")
	_, err = s.SuppressAll(t.Context(), make([]relay.Suppression, store.MaxList+1), byOperator("import suppressions", ""))
	require.ErrorContains(t, err, "want 1 to 1000")
	require.Empty(t, listed(t, s, store.SuppressionFilter{}))
	entries := audited(t, s, 10)
	require.Empty(t, entries)
}

func pagesSuppressions(t *testing.T, s store.Store) {
	t.Helper()
	for n := range 7 {
		require.NoError(t, s.Suppress(t.Context(), optedOut(mailbox(n))))
	}
	var seen []relay.Address
	var last store.Suppression
	for {
		page := listed(t, s, store.SuppressionFilter{Before: last.Seq, Limit: 3})
		for _, one := range page {
			require.Equal(t, optedOut(one.Address), one.Suppression)
			seen = append(seen, one.Address)
		}
		if len(page) < 3 {
			break
		}
		last = page[2]
		_, err := s.Lift(t.Context(), store.Lift{Address: last.Address}, byOperator("lift", ""))
		require.NoError(t, err, "the next page is found though the last one of this is gone")
		require.NoError(t, s.Suppress(t.Context(), optedOut(mailbox(100+len(seen)))), "and what comes in between does not shift it")
	}
	require.Equal(t, []relay.Address{mailbox(6), mailbox(5), mailbox(4), mailbox(3), mailbox(2), mailbox(1), mailbox(0)}, seen)
	for _, limit := range []int{-1, store.MaxList + 1} {
		_, err := s.Suppressions(t.Context(), store.SuppressionFilter{Limit: limit})
		require.ErrorContains(t, err, "want 1 to 1000")
	}
}

func narrowsSuppressions(t *testing.T, s store.Store) {
	t.Helper()
	suppress(t, s, leesMail)
	suppress(t, s, leesPhone)
	require.NoError(t, s.Suppress(t.Context(), relay.Suppression{
		Address: mailbox(1), Reason: relay.ReasonBounced, Source: relay.SuppressedByProvider, At: noon,
	}))
	for name, tt := range map[string]struct {
		filter store.SuppressionFilter
		want   []relay.Address
	}{
		"not at all":              {store.SuppressionFilter{}, []relay.Address{mailbox(1), leesPhone, leesMail}},
		"by channel":              {store.SuppressionFilter{Channel: relay.ChannelEmail}, []relay.Address{mailbox(1), leesMail}},
		"by reason":               {store.SuppressionFilter{Reason: relay.ReasonOptedOut}, []relay.Address{leesPhone, leesMail}},
		"by both":                 {store.SuppressionFilter{Channel: relay.ChannelSMS, Reason: relay.ReasonBounced}, nil},
		"by address":              {store.SuppressionFilter{Address: relay.NewAddress(relay.ChannelEmail, "LEE@example.net")}, []relay.Address{leesMail}},
		"by an address not there": {store.SuppressionFilter{Address: mailbox(2)}, nil},
	} {
		var got []relay.Address
		for _, one := range listed(t, s, tt.filter) {
			got = append(got, one.Address)
		}
		require.Equal(t, tt.want, got, name)
	}
}

func liftsSuppressions(t *testing.T, s store.Store) {
	t.Helper()
	suppress(t, s, leesMail)
	suppress(t, s, leesPhone)
	audit := byOperator("lift", "email l***@example.net")
	for name, lift := range map[string]store.Lift{
		"another address": {Address: mailbox(1)},
		"another reason":  {Address: leesMail, Reasons: []relay.Reason{relay.ReasonBounced, relay.ReasonComplained}},
		"another source":  {Address: leesMail, Sources: []relay.SuppressionSource{relay.SuppressedByReply}},
		"one of both":     {Address: leesMail, Reasons: []relay.Reason{relay.ReasonOptedOut}, Sources: []relay.SuppressionSource{relay.SuppressedByReply}},
	} {
		_, err := s.Lift(t.Context(), lift, audit)
		require.ErrorIs(t, err, store.ErrNotFound, name)
	}
	require.Len(t, suppressed(t, s, "before", leesMail, leesPhone), 2)
	got, err := s.Lift(t.Context(), store.Lift{
		Address: relay.NewAddress(relay.ChannelEmail, "Lee@Example.net"), Reasons: []relay.Reason{relay.ReasonOptedOut},
		Sources: []relay.SuppressionSource{relay.SuppressedByReply, relay.SuppressedByLink},
	}, audit)
	require.NoError(t, err)
	require.Equal(t, optedOut(leesMail), got)
	require.Equal(t, map[relay.Address]relay.Reason{leesPhone: relay.ReasonOptedOut}, suppressed(t, s, "after", leesMail, leesPhone))
	_, err = s.Lift(t.Context(), store.Lift{Address: leesMail}, audit)
	require.ErrorIs(t, err, store.ErrNotFound)
	entries := audited(t, s, 10)
	require.Equal(t, []relay.Audit{audit}, entries, "only what was done")
}

func refusesLifts(t *testing.T, s store.Store) {
	t.Helper()
	suppress(t, s, leesMail)
	for want, audit := range map[string]relay.Audit{
		"by whom": {At: noon, Action: "lift"}, "when": {Who: "kim", Action: "lift"}, "what was done": {Who: "kim", At: noon},
	} {
		_, err := s.Lift(t.Context(), store.Lift{Address: leesMail}, audit)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "lee@")
	}
	require.Len(t, listed(t, s, store.SuppressionFilter{}), 1)
}
