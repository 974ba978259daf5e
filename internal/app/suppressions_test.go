package app

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
)

func opened(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlitetest.New(t), Decode: cometchat.Decode, Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func refusalOf(t *testing.T, err error) *server.Refusal {
	t.Helper()
	refusal, ok := errors.AsType[*server.Refusal](err)
	require.True(t, ok, "%v", err)
	return refusal
}

func TestAnOrderToSuppressIsKeptWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := suppressions{opened(t)}
	_, err := s.Suppress(t.Context(), server.SuppressOrder{By: "kim", Source: "magic", Suppressions: []server.SuppressionView{
		{Address: "mia@example.com"}, {Address: "nobody", Reason: relay.ReasonMuted, At: time.Now().Add(2 * time.Hour)},
	}})
	refusal := refusalOf(t, err)
	require.Equal(t, 422, refusal.Status)
	var fields []string
	for _, f := range refusal.Findings {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"source", "suppressions[1].address", "suppressions[1].reason", "suppressions[1].at"}, fields)
	require.Contains(t, refusal.Message, "suppressions[1].reason: no address is suppressed for")
	for _, n := range []int{0, store.MaxList + 1} {
		_, err = s.Suppress(t.Context(), server.SuppressOrder{By: "kim", Suppressions: make([]server.SuppressionView, n)})
		require.Contains(t, refusalOf(t, err).Message, "send 1 to 1000 at once")
	}
	bad := make([]server.SuppressionView, 30)
	_, err = s.Suppress(t.Context(), server.SuppressOrder{By: "kim", Suppressions: bad})
	require.Contains(t, refusalOf(t, err).Message, "; and 10 more")
	page, err := s.Suppressions(t.Context(), server.SuppressionsQuery{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, page.Suppressions)
}

func TestADryRunCountsWhatAnOrderWouldDo(t *testing.T) {
	t.Parallel()
	s := suppressions{opened(t)}
	order := server.SuppressOrder{By: "kim", Source: relay.SuppressedByImport, Suppressions: []server.SuppressionView{
		{Address: "mia@example.com"}, {Address: "MIA@example.com"}, {Address: "+14155550123", Reason: relay.ReasonUnreachable},
	}}
	for _, want := range [][2]int{{2, 1}, {0, 3}} {
		order.DryRun = true
		dry, err := s.Suppress(t.Context(), order)
		require.NoError(t, err)
		order.DryRun = false
		done, err := s.Suppress(t.Context(), order)
		require.NoError(t, err)
		require.Equal(t, want, [2]int{dry.Added, dry.Known})
		require.Equal(t, want, [2]int{done.Added, done.Known})
	}
	audit, err := s.store.Audit(t.Context(), store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, audit, 2, "a dry run did nothing")
	require.Equal(t, "3 addresses", audit[0].Subject)
}

func TestAddressesAreListedInClearOnlyWhereTheAuditSaysSo(t *testing.T) {
	t.Parallel()
	s := suppressions{opened(t)}
	_, err := s.Suppress(t.Context(), server.SuppressOrder{By: "kim", Suppressions: []server.SuppressionView{{Address: "mia@example.com"}}})
	require.NoError(t, err)
	page, err := s.Suppressions(t.Context(), server.SuppressionsQuery{Limit: 1, By: "kim"})
	require.NoError(t, err)
	require.Equal(t, "m***@example.com", page.Suppressions[0].Address)
	require.NotEmpty(t, page.Next)
	page, err = s.Suppressions(t.Context(), server.SuppressionsQuery{Limit: 2, By: "kim", Reveal: true})
	require.NoError(t, err)
	require.Equal(t, "mia@example.com", page.Suppressions[0].Address)
	require.Empty(t, page.Next)
	audit, err := s.store.Audit(t.Context(), store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, audit, 2)
	require.Equal(t, "reveal suppressions", audit[0].Action)
	require.Equal(t, "email m***@example.com (opted_out)", audit[1].Subject)

	for _, query := range []server.SuppressionsQuery{{Limit: 1, Channel: "fax"}, {Limit: 1, Reason: relay.ReasonMuted}} {
		_, err = s.Suppressions(t.Context(), query)
		require.Equal(t, 422, refusalOf(t, err).Status)
	}
}

func TestAComplaintIsLiftedByForceOnly(t *testing.T) {
	t.Parallel()
	s := suppressions{opened(t)}
	_, err := s.Suppress(t.Context(), server.SuppressOrder{By: "kim", Suppressions: []server.SuppressionView{
		{Address: "mia@example.com", Reason: relay.ReasonComplained}, {Address: "+14155550123"},
	}})
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		order server.LiftOrder
		code  string
	}{
		"a complaint":     {server.LiftOrder{Address: "mia@example.com"}, "complained"},
		"not suppressed":  {server.LiftOrder{Address: "pat@example.com"}, "not_suppressed"},
		"no address":      {server.LiftOrder{Address: "pat"}, "bad_address"},
		"another channel": {server.LiftOrder{Address: "+14155550123", Channel: relay.ChannelEmail}, "bad_address"},
	} {
		_, err := s.Lift(t.Context(), tt.order)
		refusal := refusalOf(t, err)
		require.Equal(t, tt.code, refusal.Code, name)
		require.NotContains(t, refusal.Message, "mia@", name)
		require.NotContains(t, refusal.Message, "pat@", name)
	}
	for _, order := range []server.LiftOrder{{Address: "mia@example.com", Force: true}, {Address: "+14155550123"}} {
		order.By, order.DryRun = "kim", true
		for range 2 {
			lifted, err := s.Lift(t.Context(), order)
			require.NoError(t, err)
			require.Equal(t, order.DryRun, lifted.DryRun)
			order.DryRun = false
		}
		_, err = s.Lift(t.Context(), order)
		require.Equal(t, 404, refusalOf(t, err).Status)
	}
}
