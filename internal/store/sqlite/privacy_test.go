package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

func TestEveryTableSaysForHowLongItIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	names, err := tables.All(t.Context(), reader{s.read}, scanID, `SELECT name FROM sqlite_schema WHERE type = 'table'
		AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%' AND name <> 'goose_db_version'`)
	require.NoError(t, err)
	var listed []string
	for _, k := range store.Everything() {
		if k.Table != "replicas" { // there are none of a file
			listed = append(listed, k.Table)
		}
	}
	require.ElementsMatch(t, listed, names)
}

// raw counts how often a text stands in the files of the store.
func raw(t *testing.T, s *Store, text string) (n int) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(s.options.Path + suffix)
		require.NoError(t, err)
		n += bytes.Count(bytes.ToLower(content), []byte(strings.ToLower(text)))
	}
	return n
}

// TestWhatWasForgottenIsInNoFile makes rows that move about: of many sizes, changed and deleted among others, with overflow pages.
func TestWhatWasForgottenIsInNoFile(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	const uid = "Quux-77"
	events := make([]string, 0, 600)
	for i := range 600 {
		who := fmt.Sprintf("other-%d", i%40)
		if i%5 == 0 {
			who = uid
		}
		e := storetest.NewEvent(fmt.Sprintf("%08x", uint32(i)*2654435761)) // in no order
		e.Raw = fmt.Appendf(nil, `{"id":%q,"trigger":"user_mentioned","sender":%q,"text":"%s heron %s"}`, e.ID, who, who, strings.Repeat("y", i%7*900))
		e.ReceivedAt = e.ReceivedAt.Add(time.Duration(i%13) * time.Hour)
		a := storetest.NewAlert(e, "mention", who)
		a.Trace = []relay.Step{{Check: "if", Result: strings.Repeat("z", i%300)}}
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{a}, Keys: []relay.Key{relay.Key("conversation " + who)}})
		require.NoError(t, err)
		events = append(events, e.ID)
	}
	require.Positive(t, raw(t, s, uid))
	f := store.Forgetting{UID: uid, Person: privacy.New(uid), Keys: storetest.Keys(), By: "kim", At: time.Now()}
	gone, err := s.Forget(t.Context(), f)
	require.NoError(t, err)
	require.Equal(t, 120, gone.Events)
	require.NoError(t, s.Scrub(t.Context()))
	require.Zero(t, raw(t, s, uid))
	info, err := os.Stat(s.options.Path + "-wal")
	require.NoError(t, err)
	require.Zero(t, info.Size())
	for i, id := range events {
		_, err := s.Event(t.Context(), id)
		require.Equal(t, i%5 == 0, err != nil)
	}
}

func TestAFileThatIsReadForLongIsNotTakenForScrubbed(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	tx, err := s.read.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback() //nolint:errcheck // it only reads
	rows, err := tx.QueryContext(t.Context(), "SELECT count(*) FROM events")
	require.NoError(t, err)
	defer rows.Close() //nolint:errcheck // it only reads
	require.True(t, rows.Next())
	require.NoError(t, rows.Err())
	_, err = s.Accept(t.Context(), relay.Plan{Event: storetest.NewEvent("e1")})
	require.NoError(t, err)
	require.ErrorContains(t, s.Scrub(t.Context()), "somebody has been reading the database for long")
}

// explainedToo writes down how statements are carried out, too.
type explainedToo struct{ explained }

// Exec implements tables.Tx.
func (e *explainedToo) Exec(ctx context.Context, query string, args ...any) (int, error) {
	steps, err := tables.All(ctx, reader{e.s.read}, func(row tables.Scanner) (step string, err error) {
		var ignored int
		return step, row.Scan(&ignored, &ignored, &ignored, &step)
	}, "EXPLAIN QUERY PLAN "+query, append([]any{}, args...)...)
	if err != nil {
		return 0, err
	}
	e.steps += strings.Join(steps, "\n") + "\n"
	return e.Tx.Exec(ctx, query, args...)
}

func TestWhatIsPastItsRetentionIsFoundByIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	plan := &explainedToo{explained{s: s}}
	thinning := s.tables(t.Context(), func(ctx context.Context) (_ tables.Tx, err error) {
		plan.Tx, err = s.begin(ctx)
		return plan, err
	})
	defer thinning.CloseWriter()
	for _, prune := range []func(context.Context, time.Time, int) (int, error){thinning.Prune, thinning.Blank, thinning.PruneAudit} {
		_, err := prune(t.Context(), time.Now(), 10)
		require.NoError(t, err)
	}
	for _, want := range []string{"deliveries_unblanked", "audit_at", "outbox_received", "receipts_at", "events_received"} {
		require.Contains(t, plan.steps, want)
	}
	for step := range strings.Lines(plan.steps) {
		if strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, "json_each") && !strings.HasPrefix(step, "SCAN generations") {
			require.Contains(t, step, " USING ", "by an index")
		}
	}
}
