package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// source is a SQLite store with something of every kind, and what waits in it.
func source(t *testing.T) (s *sqlite.Store, waiting []string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlitetest.New(t), Decode: storetest.Decode})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	now := time.Now().UTC()
	must := func(err error) {
		t.Helper()
		require.NoError(t, err)
	}
	accept := func(id string, due time.Time) relay.Alert {
		e := storetest.NewEvent(id)
		e.ReceivedAt = now
		a := storetest.NewAlert(e, "mention", "lee")
		a.DueAt, a.Rule = due, "men\x00tion"
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}, Keys: []relay.Key{"k", relay.Key(strings.Repeat("k", 999))}})
		must(err)
		return a
	}
	send := func(id string, nexts ...time.Time) []relay.Delivery {
		a := accept(id, now)
		d := relay.Decision{Action: relay.ActSend, Again: now.Add(time.Hour), Fallback: true}
		for i, next := range nexts {
			del := storetest.NewDelivery(a, string(rune('a'+i)))
			del.CreatedAt, del.NextAt, del.Counters = now, next, []relay.Counter{"c"}
			d.Deliveries = append(d.Deliveries, del)
		}
		kept, err := s.Decide(t.Context(), a.ID, relay.Query{}, now, func(relay.Alert, relay.Facts) relay.Decision { return d })
		must(err)
		return kept.Deliveries
	}
	begin := func(d relay.Delivery) relay.Attempt {
		_, a, err := s.BeginAttempt(t.Context(), store.Start{DeliveryID: d.ID, Provider: "twilio", Now: now, Segments: 100})
		must(err)
		a.EndedAt = now
		return a
	}
	held := accept("held", now.Add(time.Second))
	queued := send("queued", time.Time{}, now.Add(time.Second))
	d := send("sent", time.Time{})
	a := begin(d[0])
	a.Outcome = relay.Outcome{Kind: relay.Accepted, ProviderID: "SM1"}
	must(s.FinishAttempt(t.Context(), a, store.Next{State: relay.DeliverySent, Provider: "twilio", ProviderID: "SM1"}))
	lost := send("lost", time.Time{})
	a = begin(lost[0])
	a.Outcome = relay.Outcome{Kind: relay.Unknown}
	must(s.FinishAttempt(t.Context(), a, store.Next{State: relay.DeliveryUnknown, Reason: relay.ReasonNoAnswer, NextAt: now.Add(time.Second)}))
	_, err = s.Receive(t.Context(), []relay.Receipt{{Provider: "twilio", Key: "r1", DeliveryID: d[0].ID, State: relay.DeliveryDelivered, At: now}})
	must(err)
	must(s.Settle(t.Context(), send("late", now)[0].ID, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonExpired}, now))
	keepAside(t, s, now)
	begin(send("dying", time.Time{})[0])
	interrupted(t, s, now)
	return s, []string{held.ID, queued[0].ID, queued[1].ID, lost[0].ID}
}

// keepAside keeps what belongs to no event.
func keepAside(t *testing.T, s *sqlite.Store, now time.Time) {
	t.Helper()
	require.NoError(t, s.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelEmail, "no@example.net"), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink, At: now,
	}))
	require.NoError(t, s.KeepGeneration(t.Context(), store.Generation{Hash: "h", KeptAt: now}))
	require.NoError(t, s.KeepOutbox(t.Context(), relay.OutboxMessage{ID: "o1", Channel: relay.ChannelSMS, ReceivedAt: now}))
	require.NoError(t, s.Pause(t.Context(), relay.Pause{Rule: "other", By: "ann", At: now}))
	require.NoError(t, s.Tally(t.Context(), []store.Tallied{{At: now.Truncate(store.TallySlot), What: "rule", Of: "other", As: "match", N: 2, LastAt: now}}))
	_, err := s.ChangePreferences(t.Context(), "ann", relay.Audit{At: now, Who: "kim", Action: "mute"},
		func(p relay.Preferences) (relay.Preferences, error) { return p.MuteRule("men\x00tion"), nil })
	require.NoError(t, err)
}

// interrupted begins to forget somebody, and cannot end it while an attempt is under way.
func interrupted(t *testing.T, s store.Store, now time.Time) {
	t.Helper()
	_, err := s.Forget(t.Context(), store.Forgetting{
		UID: "gone", Person: dying{privacy.New("gone")}, Keys: storetest.Keys(), By: "ann", At: now,
	})
	require.ErrorIs(t, err, store.ErrUnderWay)
}

// dying is somebody whom one event names.
type dying struct{ store.Person }

// In implements store.Person.
func (dying) In(raw []byte) bool { return strings.Contains(string(raw), "dying") }

func TestWhatSQLiteKeptGoesOnInPostgreSQL(t *testing.T) {
	t.Parallel()
	from, waiting := source(t)
	s := open(t, Options{})
	told := map[string]int{}
	require.NoError(t, s.Fill(t.Context(), from.Read, func(table string, done, of int) {
		require.LessOrEqual(t, done, of)
		told[table] = done
	}))
	for _, table := range filled {
		want, err := tables.One(t.Context(), from.Read, scanInt, "SELECT count(*) FROM "+table)
		require.NoError(t, err)
		require.Positive(t, want, table)
		require.Equal(t, want, count(t, s, "SELECT count(*) FROM "+table), table)
		require.Equal(t, want, told[table], table)
	}
	all := store.Filter{Limit: store.MaxList}
	wantAlerts, err := from.Alerts(t.Context(), all)
	require.NoError(t, err)
	for i := range wantAlerts {
		wantAlerts[i].Rule = "men\uFFFDtion"
	}
	alerts, err := s.Alerts(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, wantAlerts, alerts)
	wantWishes, err := from.Preferences(t.Context(), "ann")
	require.NoError(t, err)
	wishes, err := s.Preferences(t.Context(), "ann")
	require.NoError(t, err)
	require.Equal(t, wantWishes, wishes)
	wantEvents, err := from.Events(t.Context(), all)
	require.NoError(t, err)
	events, err := s.Events(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, wantEvents, events)

	require.Error(t, s.Fill(t.Context(), from.Read, func(string, int, int) {}), "it is not empty any more")
	require.NoError(t, keepEvent(t.Context(), s, "new"), "numbers go on")

	wakes(t, s, waiting)
	require.Equal(t, 4, count(t, s, "SELECT count(*) FROM river_job WHERE kind = 'due' AND scheduled_at > now() + interval '50 minutes'"),
		"fallbacks are looked at when they would have been")
}

// wakes starts the workers, and returns when all that is given was woken up and nothing else.
func wakes(t *testing.T, s *Store, waiting []string) {
	t.Helper()
	woken := make(chan string, 100)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, job *river.Job[store.DueArgs]) error {
		woken <- job.Args.AlertID
		return nil
	}))
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, job *river.Job[store.DeliveryArgs]) error {
		woken <- job.Args.DeliveryID
		return nil
	}))
	require.NoError(t, s.Start(t.Context(), &river.Config{Workers: workers, Queues: map[string]river.QueueConfig{
		store.QueueDue: {MaxWorkers: 5}, "sms": {MaxWorkers: 5}, "email": {MaxWorkers: 5},
	}}))
	missing := map[string]bool{}
	for _, id := range waiting {
		missing[id] = true
	}
	for len(missing) > 0 {
		select {
		case id := <-woken:
			require.Contains(t, missing, id)
			delete(missing, id)
		case <-time.After(30 * time.Second):
			require.FailNow(t, "not woken up", "%v", missing)
		}
	}
}

func TestACopyThatFailsKeepsNothing(t *testing.T) {
	t.Parallel()
	from, _ := source(t)
	s := open(t, Options{})
	err := s.Fill(t.Context(), brokenAt{from.Read, "audit"}, func(string, int, int) {})
	require.ErrorContains(t, err, "table audit: the disk is gone")
	for _, table := range append([]string{"river_job"}, filled...) {
		require.Zero(t, count(t, s, "SELECT count(*) FROM "+table), table)
	}
}

// brokenAt fails to read a table.
type brokenAt struct {
	tables.DB
	table string
}

// Query implements tables.DB.
func (b brokenAt) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	if strings.HasSuffix(query, " "+b.table) && !strings.Contains(query, "count") {
		return nil, errors.New("the disk is gone")
	}
	return b.DB.Query(ctx, query, args...)
}

func TestEveryTableIsCopiedOrKnownNotToBe(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	names, err := tables.All(t.Context(), s.Read, func(row tables.Scanner) (name string, err error) { return name, row.Scan(&name) },
		"SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'river%'")
	require.NoError(t, err)
	require.ElementsMatch(t, append([]string{"replicas", "goose_db_version"}, filled...), names)
}
