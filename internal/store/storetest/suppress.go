package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func suppressing() []test {
	return []test{
		{"a suppressed address is shown to decisions that ask for it, however it is spelt", showsSuppressed},
		{"of several suppressions of one address the first stays", firstSuppressionStays},
		{"what a person said replaces what a provider only found out", personsWordCounts},
		{"a suppression that does not say whom, why, whence or when is refused", refusesSuppressions},
		{"an attempt to write to an address that said no meanwhile is not begun", stopsAttempts},
		{"the last delivery that is suppressed so suppresses its alert", suppressesAlert},
		{"a delivery that lies with a provider is not taken back", leavesWhatIsUnderWay},
		{"a suppression outlives everything that is pruned", outlivesPruning},
	}
}

var (
	leesMail  = relay.NewAddress(relay.ChannelEmail, "lee@example.net")
	leesPhone = relay.NewAddress(relay.ChannelSMS, "+14155550177")
)

func optedOut(to relay.Address) relay.Suppression {
	return relay.Suppression{
		Address: to, Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink, At: after(time.Second),
	}
}

func suppress(t *testing.T, s store.Store, to relay.Address) {
	t.Helper()
	require.NoError(t, s.Suppress(t.Context(), optedOut(to)))
}

// suppressed is what a new alert's decision is told of the addresses.
func suppressed(t *testing.T, s store.Store, event string, addresses ...relay.Address) map[relay.Address]relay.Reason {
	t.Helper()
	return facts(t, s, accept(t, s, event, "lee")[0].ID, relay.Query{Addresses: addresses}).Suppressed
}

func showsSuppressed(t *testing.T, s store.Store) {
	t.Helper()
	require.Empty(t, suppressed(t, s, "before", leesMail, leesPhone))
	suppress(t, s, relay.NewAddress(relay.ChannelEmail, "Lee@Example.NET"))
	want := map[relay.Address]relay.Reason{leesMail: relay.ReasonOptedOut}
	require.Equal(t, want, suppressed(t, s, "after", leesPhone, relay.NewAddress(relay.ChannelEmail, "LEE@example.net")))
	require.Empty(t, suppressed(t, s, "nothing asked"))
	require.Empty(t, suppressed(t, s, "others", leesPhone, relay.NewAddress(relay.ChannelEmail, "lee@example.com"),
		relay.NewAddress(relay.ChannelSMS, "lee@example.net")))
	found, err := s.Suppressed(t.Context(), leesPhone)
	require.NoError(t, err)
	require.Empty(t, found)
	suppress(t, s, leesPhone)
	found, err = s.Suppressed(t.Context(), leesPhone)
	require.NoError(t, err)
	require.Equal(t, map[relay.Address]relay.Reason{leesPhone: relay.ReasonOptedOut}, found)
	want[leesPhone] = relay.ReasonOptedOut
	found, err = s.Suppressed(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, found, "all of them")
	require.Equal(t, want, suppressed(t, s, "both", leesMail, leesPhone))
}

func firstSuppressionStays(t *testing.T, s store.Store) {
	t.Helper()
	suppress(t, s, leesMail)
	second := optedOut(leesMail)
	second.Reason, second.At = relay.ReasonInvalidAddress, after(time.Hour)
	var failed atomic.Int32
	together(10, func(int) {
		if s.Suppress(t.Context(), second) != nil {
			failed.Add(1)
		}
	})
	require.Zero(t, failed.Load(), "said twice is no error")
	require.Equal(t, map[relay.Address]relay.Reason{leesMail: relay.ReasonOptedOut}, suppressed(t, s, "e1", leesMail))
}

func personsWordCounts(t *testing.T, s store.Store) {
	t.Helper()
	for _, reason := range []relay.Reason{
		relay.ReasonBounced, relay.ReasonInvalidNumber, relay.ReasonInvalidAddress, relay.ReasonUnreachable,
	} {
		for _, said := range []relay.Reason{relay.ReasonOptedOut, relay.ReasonComplained} {
			found := relay.Suppression{
				Address: relay.NewAddress(relay.ChannelEmail, string(reason+said)+"@example.net"), Reason: reason,
				Source: relay.SuppressedByProvider, At: noon,
			}
			word := optedOut(found.Address)
			word.Reason = said
			for _, x := range []relay.Suppression{found, word, found} {
				require.NoError(t, s.Suppress(t.Context(), x))
			}
			got, err := s.Suppressed(t.Context(), found.Address)
			require.NoError(t, err)
			require.Equal(t, said, got[found.Address], reason)
		}
	}
}

func refusesSuppressions(t *testing.T, s store.Store) {
	t.Helper()
	for name, spoil := range map[string]func(*relay.Suppression){
		"no channel": func(x *relay.Suppression) { x.Address = relay.NewAddress("", "lee@example.net") },
		"no address": func(x *relay.Suppression) { x.Address = relay.NewAddress(relay.ChannelEmail, "") },
		"no reason":  func(x *relay.Suppression) { x.Reason = "" },
		"no source":  func(x *relay.Suppression) { x.Source = "" },
		"no time":    func(x *relay.Suppression) { x.At = time.Time{} },
	} {
		bad := optedOut(leesMail)
		spoil(&bad)
		err := s.Suppress(t.Context(), bad)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "lee@", name)
	}
	require.Empty(t, suppressed(t, s, "e1", leesMail))
}

func stopsAttempts(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	waiting := map[string]store.Next{
		"queued": {}, "to be tried again": later(relay.DeliveryQueued, relay.ReasonThrottled, after(4*time.Minute)),
		"unknown": later(relay.DeliveryUnknown, relay.ReasonNoAnswer, after(4*time.Minute)),
	}
	var deliveries []relay.Delivery
	for name, next := range waiting {
		pair := send(t, s, name, NewDelivery, mail)
		if next.State != "" {
			finish(t, s, pair[1].ID, next)
		}
		deliveries = append(deliveries, pair[1])
	}
	suppress(t, s, leesMail)
	for _, d := range deliveries {
		before, err := s.Attempts(ctx, d.ID)
		require.NoError(t, err)
		got, attempt, err := s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "sendgrid", Now: after(5 * time.Minute)})
		require.ErrorIs(t, err, store.ErrSuppressed)
		require.Empty(t, attempt)
		kept, err := s.Delivery(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, kept, got)
		require.Equal(t, relay.DeliverySuppressed, kept.State)
		require.Equal(t, relay.ReasonOptedOut, kept.Reason)
		require.Equal(t, after(5*time.Minute), kept.UpdatedAt)
		require.Zero(t, kept.NextAt)
		attempts, err := s.Attempts(ctx, d.ID)
		require.NoError(t, err)
		require.Equal(t, before, attempts, "none was begun")
		state, _ := stateOf(t, s, d.AlertID)
		require.Equal(t, relay.AlertDue, state, "the text is still to go")
		_, _, err = s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "sendgrid", Now: after(5 * time.Minute)})
		require.ErrorIs(t, err, store.ErrConflict, "it is done")
	}
}

func suppressesAlert(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "e1", mail)[0]
	suppress(t, s, leesMail)
	_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "sendgrid", Now: after(time.Minute)})
	require.ErrorIs(t, err, store.ErrSuppressed)
	state, reason := stateOf(t, s, d.AlertID)
	require.Equal(t, relay.AlertSuppressed, state)
	require.Equal(t, relay.ReasonOptedOut, reason)
}

func leavesWhatIsUnderWay(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	d := send(t, s, "e1", mail)[0]
	attempt := begin(t, s, d.ID)
	suppress(t, s, leesMail)
	_, _, err := s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "sendgrid", Now: after(time.Hour)})
	require.ErrorIs(t, err, store.ErrConflict)
	require.NoError(t, s.FinishAttempt(ctx, accepted(attempt), sent))
	kept, err := s.Delivery(ctx, d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.DeliverySent, kept.State, "what was sent is told as it was")
}

func outlivesPruning(t *testing.T, s store.Store) {
	t.Helper()
	d := send(t, s, "old", mail)[0]
	suppress(t, s, leesMail)
	_, _, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "sendgrid", Now: after(time.Minute)})
	require.ErrorIs(t, err, store.ErrSuppressed)
	n, err := s.Prune(t.Context(), after(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NotEmpty(t, suppressed(t, s, "new", leesMail))
}
