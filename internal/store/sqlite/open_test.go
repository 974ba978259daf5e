package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := filepath.Join(folder, "text")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("not a database ", 500)), 0o600))
	empty := filepath.Join(folder, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	path := filepath.Join(folder, "beckon.db")
	for name, tt := range map[string]struct {
		options Options
		want    string
	}{
		"no path":             {Options{}, "no path given"},
		"in memory":           {Options{Path: ":memory:"}, "give the path of a file"},
		"negative limit":      {Options{Path: path, QueueLimit: -1}, "negative"},
		"no folder":           {Options{Path: filepath.Join(folder, "no", "beckon.db")}, "no such file"},
		"file for a folder":   {Options{Path: filepath.Join(text, "beckon.db")}, "not a folder"},
		"folder for a file":   {Options{Path: folder}, "is a directory"},
		"not a database":      {Options{Path: text}, "not a database"},
		"nothing to read":     {Options{Path: path, ReadOnly: true}, "no such file"},
		"read before migrate": {Options{Path: empty, ReadOnly: true}, "run beckon migrate"},
	} {
		tt.options.Decode = storetest.Decode
		_, err := Open(t.Context(), tt.options)
		require.ErrorContains(t, err, tt.want, name)
	}
	_, err := Open(t.Context(), Options{Path: path})
	require.ErrorContains(t, err, "decoder")
}

func TestASecondWriterIsRefusedWhileReadersAreNot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	s := open(t, Options{Path: path})
	require.NoError(t, keepEvent(t.Context(), s, "e1"))

	_, err := Open(t.Context(), Options{Path: path, Decode: storetest.Decode})
	require.ErrorContains(t, err, "another process")
	_, _, err = Migrate(t.Context(), path)
	require.ErrorContains(t, err, "another process")

	reader := open(t, Options{Path: path, ReadOnly: true})
	require.NoError(t, keepEvent(t.Context(), s, "e2"))
	events, err := reader.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, events, 2, "it sees what is written while it is open")
	require.ErrorIs(t, keepEvent(t.Context(), reader, "e3"), tables.ErrReadOnly)
	require.ErrorIs(t, reader.Ping(t.Context()), tables.ErrReadOnly)
	require.ErrorIs(t, reader.Start(t.Context(), nil), tables.ErrReadOnly)

	require.NoError(t, s.Close())
	require.NoError(t, keepEvent(t.Context(), open(t, Options{Path: path}), "e3"))
}

func TestAFileThatWasClosedCanBeReadAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a name with ?, # and 100%.db")
	s := open(t, Options{Path: path})
	require.NoError(t, keepEvent(t.Context(), s, "e1"))
	require.NoError(t, s.Close())
	_, err := open(t, Options{Path: path, ReadOnly: true}).Event(t.Context(), "e1")
	require.NoError(t, err)
}

func TestTheFileIsForItsOwnerAloneAndKeptAsPromised(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	_, _, err := Migrate(t.Context(), path) // which makes the file, as Open does
	require.NoError(t, err)
	s := open(t, Options{Path: path})
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), suffix)
	}
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "busy_timeout": "5000",
	} {
		var got string
		require.NoError(t, s.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err = s.read.ExecContext(t.Context(), "DELETE FROM events")
	require.Error(t, err, "readers cannot write")
}

func TestMigrateTellsTheVersionsAndRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	from, to, err := Migrate(t.Context(), path)
	require.NoError(t, err)
	require.Zero(t, from)
	require.Positive(t, to)
	again, same, err := Migrate(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, to, again)
	require.Equal(t, to, same)

	s := open(t, Options{Path: path})
	_, err = s.write.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, readOnly := range []bool{false, true} {
		_, err = Open(t.Context(), Options{Path: path, Decode: storetest.Decode, ReadOnly: readOnly})
		require.ErrorContains(t, err, "newer Beckon")
	}
	_, _, err = Migrate(t.Context(), path)
	require.ErrorContains(t, err, "newer Beckon")
}

func TestWhatAnOlderSchemaKeptIsKeptByTheNewest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	db, err := openWriter(path)
	require.NoError(t, err)
	provider, err := newProvider(db)
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 3)
	require.NoError(t, err)
	old, err := os.ReadFile(filepath.Join("testdata", "schema3.sql"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), string(old))
	require.NoError(t, err)
	require.NoError(t, db.Close())

	s := open(t, Options{Path: path})
	for id, want := range map[string]relay.AlertState{"al_held": relay.AlertHeld, "al_sent": relay.AlertSent} {
		alert, err := s.Alert(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, alert.State)
		require.Empty(t, alert.Digest)
		require.Zero(t, alert.AgainAt)
	}
	delivery, err := s.Delivery(t.Context(), "dl_sent")
	require.NoError(t, err)
	require.Equal(t, "SM1", delivery.ProviderID)
	require.Equal(t, relay.Email("lee@example.net"), delivery.Email)
	var seen relay.Facts
	query := relay.Query{Claims: []string{"one thing", "another"}}
	_, err = s.Decide(t.Context(), "al_held", query, time.Now(), func(_ relay.Alert, f relay.Facts) relay.Decision {
		seen = f
		return relay.Decision{Action: relay.ActCancel, Reason: relay.ReasonRead}
	})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"one thing": "dl_sent"}, seen.Claimed)
	var keys int
	row := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM event_keys WHERE key = ?", "participant/app/group_1\x1flee")
	require.NoError(t, row.Scan(&keys))
	require.Equal(t, 1, keys, "what somebody did in a conversation has no key of its own")
	said, err := s.Suppressions(t.Context(), store.SuppressionFilter{})
	require.NoError(t, err)
	require.Equal(t, []store.Suppression{{Seq: 1, Suppression: relay.Suppression{
		Address: relay.NewAddress(relay.ChannelEmail, "no@example.net"), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink,
		At: time.UnixMicro(1772452800000000).UTC(),
	}}}, said)
}

func TestAnOlderSchemaIsNotReadAsIfItWereNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	s := open(t, Options{Path: path})
	_, err := s.write.ExecContext(t.Context(), "UPDATE goose_db_version SET version_id = 0")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = Open(t.Context(), Options{Path: path, Decode: storetest.Decode, ReadOnly: true})
	require.ErrorContains(t, err, "beckon migrate")
}

func TestTheDatabaseKnowsTheStatesThatTheCodeKnows(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	e := storetest.NewEvent("e1")
	a := storetest.NewAlert(e, "mention", "lee")
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}})
	require.NoError(t, err)
	_, err = s.Decide(t.Context(), a.ID, relay.Query{}, time.Now(), func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{storetest.NewDelivery(a, "t")}}
	})
	require.NoError(t, err)
	_, _, err = s.BeginAttempt(t.Context(), store.Start{DeliveryID: storetest.NewDelivery(a, "t").ID, Provider: "twilio", Now: time.Now()})
	require.NoError(t, err)

	columns := map[string][]any{"UPDATE attempts SET outcome = ?": {
		"", string(relay.Accepted), string(relay.Retry), string(relay.Permanent), string(relay.Unknown),
	}}
	columns["UPDATE alerts SET state = ?"] = anys(relay.AlertStates())
	columns["UPDATE deliveries SET state = ?"] = anys(relay.DeliveryStates())
	for update, values := range columns {
		for _, value := range values {
			_, err = s.write.ExecContext(t.Context(), update, value)
			require.NoError(t, err, "%s %q", update, value)
		}
		_, err = s.write.ExecContext(t.Context(), update, "asleep")
		require.ErrorContains(t, err, "CHECK", update)
		table := strings.Fields(update)[1]
		require.ElementsMatch(t, values, checked(t, s, table), "%s", table)
	}
}

// checked lists what the CHECK of a table's state or outcome allows.
func checked(t *testing.T, s *Store, table string) (values []any) {
	t.Helper()
	var schema string
	row := s.read.QueryRowContext(t.Context(), "SELECT sql FROM sqlite_master WHERE name = ?", table)
	require.NoError(t, row.Scan(&schema))
	list := regexp.MustCompile(`(?s)(?:state|outcome) IN\s*\((.*?)\)`).FindStringSubmatch(schema)
	require.NotNil(t, list, "%s has no CHECK", table)
	for value := range strings.SplitSeq(list[1], ",") {
		values = append(values, strings.Trim(strings.TrimSpace(value), "'"))
	}
	return values
}

func TestTheDatabaseKeepsAClaimForOne(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	e := storetest.NewEvent("e1")
	a := storetest.NewAlert(e, "mention", "lee")
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}})
	require.NoError(t, err)
	_, err = s.Decide(t.Context(), a.ID, relay.Query{}, time.Now(), func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{
			storetest.NewDelivery(a, "t1"), storetest.NewDelivery(a, "t2"),
		}}
	})
	require.NoError(t, err)
	_, err = s.write.ExecContext(t.Context(), "UPDATE claims SET claim = 'one thing'")
	require.ErrorContains(t, err, "UNIQUE")
}

// copyOf copies the files of a store that is open, as a crash would leave them.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(filepath.Dir(path))))
	return filepath.Join(to, filepath.Base(path))
}

func TestWhatACrashLeftIsWorkedWithinASecond(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	s := open(t, Options{Path: path})
	const n = 10
	for i := range n {
		e := storetest.NewEvent(fmt.Sprintf("e%d", i))
		plan := relay.Plan{Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")}}
		_, err := s.Accept(t.Context(), plan)
		require.NoError(t, err)
	}
	stuck := newWorker()
	require.NoError(t, s.Start(t.Context(), stuck.config()))
	for range n {
		<-stuck.began
	}
	leading(t, s, "")
	crashed := copyOf(t, path)
	close(stuck.end)

	again := open(t, Options{Path: crashed})
	require.Equal(t, n, count(t, again, "SELECT count(*) FROM river_job WHERE state = 'running'"))
	require.Equal(t, n, count(t, again, "SELECT count(*) FROM alerts"))
	dead := leading(t, again, "")
	free := newWorker()
	close(free.end)
	begun := time.Now()
	require.NoError(t, again.Start(t.Context(), free.config()))
	for range n {
		<-free.began
	}
	leading(t, again, dead)
	require.Less(t, time.Since(begun), 10*time.Second, "half of what the dead one's lease takes; a second on an idle machine")
}

// leading waits until somebody leads River's clients who is not the one given, and names them.
func leading(t *testing.T, s *Store, other string) (leader string) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := s.read.QueryRowContext(t.Context(), "SELECT leader_id FROM river_leader").Scan(&leader)
		return err == nil && leader != other
	}, 30*time.Second, 10*time.Millisecond)
	return leader
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, _ *river.Job[store.DueArgs]) error {
	w.began <- time.Now()
	select {
	case <-w.end:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func TestStopCancelsWorkersThatDoNotEndInTime(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	_, err := s.Accept(t.Context(), planned(1))
	require.NoError(t, err)
	w := newWorker()
	require.NoError(t, s.Start(t.Context(), w.config()))
	<-w.began
	ended, end := context.WithCancel(t.Context())
	end()
	require.NoError(t, s.Stop(ended), "it waits for what it cancelled")
	require.Zero(t, count(t, s, "SELECT count(*) FROM river_job WHERE state = 'running'"), "and hands the job back")
}

// worker tells when a job began and works it until end is closed.
type worker struct {
	river.WorkerDefaults[store.DueArgs]
	began chan time.Time
	end   chan struct{}
}

func newWorker() *worker {
	return &worker{began: make(chan time.Time, 10_000), end: make(chan struct{})}
}

func (w *worker) config() *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	return &river.Config{Workers: workers, Queues: map[string]river.QueueConfig{
		store.QueueDue: {MaxWorkers: 20}, "sms": {MaxWorkers: 20}, "email": {MaxWorkers: 20},
	}}
}

func keepEvent(ctx context.Context, s *Store, id string) error {
	_, err := s.Accept(ctx, relay.Plan{Event: storetest.NewEvent(id)})
	return err
}

func count(tb testing.TB, s *Store, query string) (n int) {
	tb.Helper()
	require.NoError(tb, s.read.QueryRowContext(tb.Context(), query).Scan(&n))
	return n
}

// anys turns a list into arguments of a query.
func anys[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
