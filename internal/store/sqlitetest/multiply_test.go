package sqlitetest_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

func TestWhatIsMultipliedHasItsOwnEventsAlertsAndWakeUps(t *testing.T) {
	t.Parallel()
	path := sqlitetest.New(t)
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Decode: storetest.Decode})
		require.NoError(t, err)
		return s
	}
	s := open()
	for _, id := range []string{"e1", "e2"} {
		event := storetest.NewEvent(id)
		_, err := s.Accept(t.Context(), relay.Plan{
			Event: event, Alerts: []relay.Alert{storetest.NewAlert(event, "mention", "lee")}, Keys: []relay.Key{relay.Key("message:" + id), "sent:kim"},
		})
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	require.NoError(t, sqlitetest.Multiply(t.Context(), path, 5))
	require.NoError(t, sqlitetest.Multiply(t.Context(), path, 2))

	s = open()
	defer func() { require.NoError(t, s.Close()) }()
	alerts, err := s.Alerts(t.Context(), store.Filter{Limit: 100})
	require.NoError(t, err)
	require.Len(t, alerts, 20)
	events := map[string]bool{}
	for _, a := range alerts {
		require.Equal(t, relay.AlertHeld, a.State)
		events[a.EventID] = true
		_, copied, _ := strings.Cut(a.ID, "-")
		_, of, _ := strings.Cut(a.EventID, "-")
		require.Equal(t, of, copied, "a copy is of the same copy of its event")
	}
	require.Len(t, events, 20)

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	count := func(query string) (n int) {
		require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
		return n
	}
	require.Equal(t, 20, count("SELECT count(DISTINCT json_extract(args, '$.alert_id')) FROM river_job, alerts WHERE alerts.id = json_extract(args, '$.alert_id')"))
	require.Equal(t, 40, count("SELECT count(*) FROM event_keys JOIN events ON events.seq = event_keys.event"))
	require.Zero(t, count("SELECT count(*) FROM pragma_foreign_key_check"))
}

func TestWhatIsSettledIsNotUnderWay(t *testing.T) {
	t.Parallel()
	path := sqlitetest.New(t)
	require.NoError(t, sqlitetest.Settled(t.Context(), path, 2000))
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Decode: storetest.Decode, Now: time.Now})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	stats, err := s.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, stats.Alerts[relay.AlertHeld]+stats.Alerts[relay.AlertDue])
	for _, channel := range relay.Channels() {
		for state, n := range stats.Deliveries[channel] {
			require.True(t, n == 0 || state == relay.DeliveryDead, "%d on %s are %s", n, channel, state)
		}
	}
	found, err := s.Count(t.Context(), store.KindDelivery, store.Filter{}, 5000)
	require.NoError(t, err)
	require.Equal(t, 2000, found)
}
