package app

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// replaying is a relay over the shipped rules that keeps two events, and what it is asked.
func replaying(t *testing.T) (backtester, server.BacktestOrder) {
	t.Helper()
	g, findings, err := LoadGeneration("../../rules.yaml", "../../templates")
	require.NoError(t, err)
	require.NotNil(t, g, findings)
	a := &App{store: opened(t), Options: Options{Logger: slog.New(slog.DiscardHandler)}}
	a.live.Store(&live{generation: g, people: &sources{}})
	for _, trigger := range []relay.Trigger{relay.CallInitiated, relay.UserMentioned} {
		body, ok := cometchat.Sample(trigger)
		require.True(t, ok)
		event, err := cometchat.Decode(body, time.Now())
		require.NoError(t, err)
		_, err = a.store.Accept(t.Context(), relay.Plan{Event: event})
		require.NoError(t, err)
	}
	b := a.backtester()
	require.Equal(t, 5_000, b.max)
	require.Equal(t, 50*time.Second, b.patience)
	return b, server.BacktestOrder{Rules: g.Rules.Text(), Templates: g.Templates.Files(), Since: time.Hour}
}

func TestABacktestOfARelayIsBounded(t *testing.T) {
	t.Parallel()
	b, order := replaying(t)
	ctx := access.WithPerson(t.Context(), access.Person{Name: "ci", Viewer: true})
	report, err := b.Backtest(ctx, order)
	require.NoError(t, err)
	require.Equal(t, 2, report.Events)
	require.Equal(t, report.Old.Generation, report.New.Generation, "files by their paths are the same templates")

	for name, c := range map[string]struct {
		change func(*backtester, *server.BacktestOrder)
		status int
		code   string
		says   string
	}{
		"too many events": {func(b *backtester, _ *server.BacktestOrder) { b.max = 1 }, http.StatusUnprocessableEntity, "too_many_events", "more than 1 events"},
		"too large":       {func(b *backtester, _ *server.BacktestOrder) { b.bytes = 100 }, http.StatusUnprocessableEntity, "too_many_events", "more than 100 bytes of events"},
		"too long":        {func(b *backtester, _ *server.BacktestOrder) { b.patience = 1 }, http.StatusUnprocessableEntity, "too_long", "given up"},
		"broken rules":    {func(_ *backtester, o *server.BacktestOrder) { o.Rules = "version: 2" }, http.StatusUnprocessableEntity, "bad_rules", "rules.yaml:1:"},
		"a template less": {func(_ *backtester, o *server.BacktestOrder) { o.Templates = map[string]string{"a/sms.txt": "hi"} }, http.StatusUnprocessableEntity, "bad_rules", "missed-call"},
	} {
		b, order := b, order
		c.change(&b, &order)
		_, err := b.Backtest(ctx, order)
		var refusal *server.Refusal
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, c.status, refusal.Status, name)
		require.Equal(t, c.code, refusal.Code, name)
		require.Contains(t, refusal.Message, c.says, name)
	}

	b.app.replaying.Lock()
	_, err = b.Backtest(ctx, order)
	var refusal *server.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "busy", refusal.Code)
	require.Equal(t, http.StatusTooManyRequests, refusal.Status)
}
