package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func hashing() []test {
	return []test{
		{"a forgotten person's address is still not written to", recognisesHashed},
		{"a forgotten person who comes back is lifted", liftsHashed},
		{"an address that is hashed is not kept in clear again", staysHashed},
		{"hashed suppressions are counted by their key", countsHashed},
	}
}

func recognisesHashed(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	suppress(t, s, leesMail)
	suppress(t, s, leesPhone)
	waiting := send(t, s, "e1", mail)[0]
	old := person("ann", leesMail)
	old.Keys = relay.NewHashKeys([]string{"the suite's older key, 32 characters"})
	require.Equal(t, 1, forget(t, s, old).Suppressions)
	require.Equal(t, 1, forget(t, s, person("lee2", leesPhone)).Suppressions)
	want := map[relay.Address]relay.Reason{leesMail: relay.ReasonOptedOut, leesPhone: relay.ReasonOptedOut}
	got, err := s.Suppressed(ctx, leesMail, leesPhone, relay.NewAddress(relay.ChannelEmail, "kim@example.net"))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, want, suppressed(t, s, "e2", leesMail, leesPhone))
	_, err = s.Delivery(ctx, waiting.ID)
	require.ErrorIs(t, err, store.ErrNotFound, "it went to an address of hers")
	d := send(t, s, "e3", mail)[0]
	_, _, err = s.BeginAttempt(ctx, store.Start{DeliveryID: d.ID, Provider: "sendgrid", Now: after(time.Minute)})
	require.ErrorIs(t, err, store.ErrSuppressed)
}

func liftsHashed(t *testing.T, s store.Store) {
	t.Helper()
	suppress(t, s, leesMail)
	forget(t, s, person("lee", leesMail))
	listed, err := s.Suppressions(t.Context(), store.SuppressionFilter{})
	require.NoError(t, err)
	require.Empty(t, listed, "who was forgotten is not listed")
	listed, err = s.Suppressions(t.Context(), store.SuppressionFilter{Address: leesMail})
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Equal(t, optedOut(leesMail), listed[0].Suppression)
	lifted, err := s.Lift(t.Context(), store.Lift{Address: leesMail}, relay.Audit{At: noon, Who: "kim", Action: "lift"})
	require.NoError(t, err)
	require.Equal(t, optedOut(leesMail), lifted)
	_, err = s.Lift(t.Context(), store.Lift{Address: leesMail}, relay.Audit{At: noon, Who: "kim", Action: "lift"})
	require.ErrorIs(t, err, store.ErrNotFound)
	suppress(t, s, leesPhone)
	forget(t, s, person("lee", leesPhone))
	back := relay.Receipt{
		Provider: "twilio", Key: "start", Address: leesPhone, Lift: relay.ReasonOptedOut, Source: relay.SuppressedByReply, At: after(time.Hour),
	}
	receive(t, s, back)
	got, err := s.Suppressed(t.Context(), leesPhone)
	require.NoError(t, err)
	require.Empty(t, got)
	counts, err := s.HashedBy(t.Context())
	require.NoError(t, err)
	require.Empty(t, counts)
}

func staysHashed(t *testing.T, s store.Store) {
	t.Helper()
	bounced := optedOut(leesMail)
	bounced.Reason, bounced.Source = relay.ReasonBounced, relay.SuppressedByProvider
	require.NoError(t, s.Suppress(t.Context(), bounced))
	forget(t, s, person("lee", leesMail))
	suppress(t, s, leesMail)
	require.NoError(t, s.Suppress(t.Context(), bounced))
	clear, err := s.Suppressed(t.Context())
	require.NoError(t, err)
	require.Empty(t, clear)
	got, err := s.Suppressed(t.Context(), leesMail)
	require.NoError(t, err)
	require.Equal(t, map[relay.Address]relay.Reason{leesMail: relay.ReasonOptedOut}, got, "what the person said counts")
}

func countsHashed(t *testing.T, s store.Store) {
	t.Helper()
	suppress(t, s, leesMail)
	suppress(t, s, leesPhone)
	forget(t, s, person("lee", leesMail, leesPhone))
	counts, err := s.HashedBy(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{Keys().IDs()[0]: 2}, counts)
}
