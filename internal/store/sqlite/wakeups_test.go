package sqlite

import (
	"context"
	"database/sql"
	"regexp"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// A new version of River may keep its jobs in another way: then these rows differ, and wakeups.go has to follow.
func TestAWakeUpIsKeptAsRiverItselfWouldKeepIt(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	plain, err := river.NewClient(riversqlite.New(s.write), &river.Config{})
	require.NoError(t, err)
	now := time.Date(2131, 3, 2, 12, 0, 0, 123_456_789, time.FixedZone("CET", 3600))
	jobs := []river.InsertManyParams{
		tables.WakeUp(store.DueArgs{AlertID: `al_"1"`, Lookup: true, Trace: "t"}, store.QueueDue, now.Add(time.Hour), now),
		tables.WakeUp(store.DeliveryArgs{DeliveryID: "de_1"}, "sms", now, now),
	}
	jobs[1].InsertOpts.Tags = []string{"one", "two"}
	var inserted [2][]string
	tx, err := s.write.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = plain.InsertManyFastTx(t.Context(), tx, jobs)
	require.NoError(t, err)
	inserted[0] = inserts(t, tx, len(jobs))
	require.NoError(t, tx.Rollback())
	on, err := begin(t.Context(), s.write, toWrite)
	require.NoError(t, err)
	defer on.rollback(t.Context())
	_, err = s.jobs.InsertManyFastTx(t.Context(), on, jobs)
	require.NoError(t, err)
	inserted[1] = inserts(t, on, len(jobs))
	require.Equal(t, inserted[0], inserted[1])
}

// ofNow is a time in this century as SQLite writes it: that of inserting.
var ofNow = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d\d`)

// inserts gives what is kept of so many jobs, with the type of each value.
func inserts(t *testing.T, in interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, jobs int,
) (kept []string) {
	t.Helper()
	fields, err := tables.All(t.Context(), reader{in}, func(row tables.Scanner) (name string, err error) { return name, row.Scan(&name) },
		"SELECT name FROM pragma_table_info('river_job') WHERE name <> 'id'")
	require.NoError(t, err)
	require.Contains(t, fields, "scheduled_at")
	for _, field := range fields {
		values, err := tables.All(t.Context(), reader{in}, func(row tables.Scanner) (text string, err error) { return text, row.Scan(&text) },
			"SELECT '"+field+" ' || typeof("+field+") || ' ' || quote("+field+") FROM river_job ORDER BY id")
		require.NoError(t, err)
		require.Len(t, values, jobs)
		for _, value := range values {
			kept = append(kept, ofNow.ReplaceAllString(value, "now"))
		}
	}
	return kept
}
