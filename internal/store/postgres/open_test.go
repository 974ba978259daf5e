package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// empty makes a database that nobody has migrated.
func empty(t *testing.T) (url string) {
	t.Helper()
	url = database(t, running(t))
	run(t, url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	return url
}

func running(t *testing.T) *pgtest.Server {
	t.Helper()
	s, err := server()
	require.NoError(t, err)
	return s
}

func run(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // a test's
	for _, statement := range statements {
		_, err = conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func TestOpenRefusesWhatCannotWorkAndTellsNoPassword(t *testing.T) {
	t.Parallel()
	nobody := "postgres://u:" + "hush@127.0.0.1:1/x"
	for name, tt := range map[string]struct {
		options Options
		want    string
	}{
		"no URL":         {Options{}, "not the URL of a database"},
		"nonsense":       {Options{URL: "postgres://u:hush@host:port/x"}, "not the URL of a database"},
		"nobody there":   {Options{URL: nobody}, "failed to connect"},
		"nobody to read": {Options{URL: nobody, ReadOnly: true}, "failed to connect"},
		"negative limit": {Options{URL: nobody, QueueLimit: -1}, "negative"},
		"unmigrated":     {Options{URL: empty(t), ReadOnly: true}, "run beckon migrate"},
	} {
		tt.options.Decode = storetest.Decode
		_, err := Open(t.Context(), tt.options)
		require.ErrorContains(t, err, tt.want, name)
		require.NotContains(t, err.Error(), "hush", name)
	}
	_, err := Open(t.Context(), Options{URL: "postgres://127.0.0.1:1/x"})
	require.ErrorContains(t, err, "decoder")
	_, _, err = Migrate(t.Context(), "postgres://u:hush@host:port/x")
	require.ErrorContains(t, err, "not the URL")
	require.NotContains(t, err.Error(), "hush")
}

func TestSeveralThatMigrateTogetherDoItOnce(t *testing.T) {
	t.Parallel()
	url := empty(t)
	const n = 5
	var group sync.WaitGroup
	froms, errs := make([]int64, n), make([]error, n)
	for i := range n {
		group.Go(func() { froms[i], _, errs[i] = Migrate(t.Context(), url) })
	}
	group.Wait()
	first := 0
	for i := range n {
		require.NoError(t, errs[i])
		if froms[i] == 0 {
			first++
		}
	}
	require.Equal(t, 1, first, "one did, the others found it done")
	s := open(t, Options{URL: url})
	require.NoError(t, s.Ping(t.Context()))
	require.Zero(t, count(t, s, "SELECT count(*) FROM river_job"))
}

func TestASchemaOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	url := database(t, running(t))
	run(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	for _, readOnly := range []bool{false, true} {
		_, err := Open(t.Context(), Options{URL: url, Decode: storetest.Decode, ReadOnly: readOnly})
		require.ErrorContains(t, err, "newer Beckon")
	}
	run(t, url, "UPDATE goose_db_version SET version_id = 0")
	_, err := Open(t.Context(), Options{URL: url, Decode: storetest.Decode, ReadOnly: true})
	require.ErrorContains(t, err, "run beckon migrate")
}

func TestWhoSaidNoToAnOlderSchemaSaidItToTheNewest(t *testing.T) {
	t.Parallel()
	url := empty(t)
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	db := stdlib.OpenDB(*config)
	provider, err := newProvider(db)
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	run(t, url, `INSERT INTO suppressions (channel, address, reason, source, at)
		VALUES ('email', 'no@example.net', 'opted_out', 'unsubscribe_link', 1772452800000000)`)

	s := open(t, Options{URL: url})
	require.NoError(t, s.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelSMS, "+14155550177"), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByReply,
		At: time.Now(),
	}), "numbers go on")
	said, err := s.Suppressions(t.Context(), store.SuppressionFilter{Channel: relay.ChannelEmail})
	require.NoError(t, err)
	require.Equal(t, []store.Suppression{{Seq: 1, Suppression: relay.Suppression{
		Address: relay.NewAddress(relay.ChannelEmail, "no@example.net"), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink,
		At: time.UnixMicro(1772452800000000).UTC(),
	}}}, said)
}

func TestAReaderSeesWhatIsWrittenAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	reader := open(t, Options{URL: s.options.URL, ReadOnly: true})
	require.NoError(t, keepEvent(t.Context(), s, "e1"))
	_, err := reader.Event(t.Context(), "e1")
	require.NoError(t, err)
	require.ErrorIs(t, keepEvent(t.Context(), reader, "e2"), tables.ErrReadOnly)
	require.ErrorIs(t, reader.Ping(t.Context()), tables.ErrReadOnly)
	require.ErrorIs(t, reader.Start(t.Context(), nil), tables.ErrReadOnly)
	_, err = reader.Beat(t.Context(), "r1")
	require.ErrorIs(t, err, tables.ErrReadOnly)
	_, err = reader.read.Exec(t.Context(), "DELETE FROM events")
	require.ErrorContains(t, err, "read-only")
}

func keepEvent(ctx context.Context, s *Store, id string) error {
	_, err := s.Accept(ctx, relay.Plan{Event: storetest.NewEvent(id)})
	return err
}

func TestAStandbyAnswersNoPing(t *testing.T) {
	t.Parallel()
	url := database(t, running(t))
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	s := open(t, Options{URL: url})
	require.NoError(t, s.Ping(t.Context()))
	run(t, url, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = on", config.Database))
	s.write.Reset()
	require.ErrorContains(t, s.Ping(t.Context()), "read-only")
	require.Error(t, keepEvent(t.Context(), s, "e1"))
	run(t, url, "SET default_transaction_read_only = off", fmt.Sprintf("ALTER DATABASE %s RESET ALL", config.Database))
	s.write.Reset()
	require.NoError(t, keepEvent(t.Context(), s, "e1"))
}

func TestTextsThatPostgresRefusesAreKeptAsItCan(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	e := storetest.NewEvent("e\x00\xff1")
	e.AppID = "a\x00pp"
	a := storetest.NewAlert(e, "men\x00tion", strings.Repeat("lee\x00", 3000))
	a.Trace = []relay.Step{{Check: "what\x00ever"}}
	long := relay.Key(strings.Repeat("k", 10_000))
	plan := relay.Plan{Event: e, Alerts: []relay.Alert{a}, Keys: []relay.Key{long, "nul\x00"}}
	got, err := s.Accept(t.Context(), plan)
	require.NoError(t, err)
	require.False(t, got.Duplicate)
	got, err = s.Accept(t.Context(), plan)
	require.NoError(t, err)
	require.True(t, got.Duplicate)
	found, err := s.Alerts(t.Context(), store.Filter{Recipient: a.Recipient.Key()})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "men\uFFFDtion", found[0].Rule)
	other := storetest.NewEvent("e2")
	alert := storetest.NewAlert(other, "mention", "kim")
	_, err = s.Accept(t.Context(), relay.Plan{Event: other, Alerts: []relay.Alert{alert}})
	require.NoError(t, err)
	for _, key := range plan.Keys {
		var seen relay.Facts
		until := alert.DueAt.Add(time.Minute)
		_, err = s.Decide(t.Context(), alert.ID, relay.Query{Lookups: []relay.Lookup{{Key: key, Trigger: e.Trigger}}}, alert.DueAt,
			func(_ relay.Alert, f relay.Facts) relay.Decision {
				seen = f
				return relay.Decision{Action: relay.ActHold, Reason: relay.ReasonQuietHours, Until: until}
			})
		require.NoError(t, err)
		require.Len(t, seen.Candidates, 1)
		alert.DueAt = until
	}
}

func TestTheDatabaseKnowsTheStatesThatTheCodeKnows(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	texts := func(list any) []string { return strings.Fields(strings.Trim(fmt.Sprint(list), "[]")) }
	outcomes := texts([]relay.OutcomeKind{relay.Accepted, relay.Retry, relay.Permanent, relay.Unknown})
	reported := texts([]relay.DeliveryState{relay.DeliverySent, relay.DeliveryDelivered, relay.DeliveryUndelivered})
	for column, want := range map[string][]string{
		"alerts_state_check": texts(relay.AlertStates()), "deliveries_state_check": texts(relay.DeliveryStates()),
		"attempts_outcome_check": append(outcomes, ""), "receipts_state_check": append(reported, ""),
	} {
		var check string
		row := s.read.QueryRow(t.Context(), "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", column)
		require.NoError(t, row.Scan(&check), column)
		var got []string
		for _, value := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(check, -1) {
			got = append(got, value[1])
		}
		require.ElementsMatch(t, want, got, column)
	}
}

func TestReplicasThatBeatAreCounted(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	require.True(t, s.Shared())
	last := time.Duration(0)
	for _, beat := range []struct {
		replica string
		at      time.Duration
		want    int
	}{
		{"a", 0, 1},
		{"b", 10 * time.Second, 2},
		{"a", 25 * time.Second, 2},
		{"a", 41 * time.Second, 1},
		{"c", 2 * time.Hour, 1},
	} {
		_, err := s.write.Exec(t.Context(), "UPDATE replicas SET at = at - $1", (beat.at - last).Microseconds()) // as if time had passed
		require.NoError(t, err)
		last = beat.at
		live, err := s.Beat(t.Context(), beat.replica)
		require.NoError(t, err)
		require.Equal(t, beat.want, live, "%s after %s", beat.replica, beat.at)
	}
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM replicas"), "those long gone are struck off")
}

func TestTheServerTellsItsVersion(t *testing.T) {
	t.Parallel()
	version, err := running(t).Version(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^[0-9]+(\.[0-9]+)+`, version)
}

func TestWhatComesByTheClockIsFoundWithoutLookingThroughAllThatWaits(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	for _, statement := range []string{
		`INSERT INTO river_job (args, kind, max_attempts, queue, state, scheduled_at)
			SELECT '{}', 'due', 10, 'due', 'scheduled', now() + n * interval '1 minute' FROM generate_series(1, 20000) n`,
		"ANALYZE river_job",
	} {
		_, err := s.write.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	steps, err := tables.All(t.Context(), reader{s.write, &s.dialect}, func(row tables.Scanner) (step string, err error) { return step, row.Scan(&step) },
		`EXPLAIN SELECT id FROM river_job WHERE state IN ('retryable', 'scheduled') AND priority >= 0 AND queue IS NOT NULL
			AND scheduled_at <= now() ORDER BY priority, scheduled_at, id LIMIT 10000 FOR UPDATE`)
	require.NoError(t, err)
	require.Contains(t, strings.Join(steps, "\n"), "Index Scan using river_job_due", "River's scheduler asks so")
}
