package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// BenchmarkMillion measures what a console asks for where 1,000,000 deliveries are kept: the median of each question.
func BenchmarkMillion(b *testing.B) {
	s := open(b, Options{})
	crowd(b, s, storetest.Million)
	for _, q := range storetest.Questions(s) {
		b.Run(q.Name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				require.NoError(b, q.Ask(b.Context()))
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
		})
	}
}

// crowd fills the file with so many deliveries. Indexes are built afterwards, which is much quicker.
func crowd(tb testing.TB, s *Store, n int) {
	tb.Helper()
	ctx := tb.Context()
	conn, err := s.write.Conn(ctx)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close()) }()
	exec := func(statement string) {
		_, err := conn.ExecContext(ctx, statement)
		require.NoError(tb, err, statement)
	}
	exec("PRAGMA synchronous = OFF")
	exec("PRAGMA foreign_keys = OFF")
	indexes := indexesOf(ctx, tb, conn)
	for name := range indexes {
		exec("DROP INDEX " + name)
	}
	series := fmt.Sprintf("(WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) SELECT i FROM c)", n)
	for _, statement := range storetest.Crowd(series, "") {
		exec(statement)
	}
	for _, statement := range indexes {
		exec(statement)
	}
	exec("PRAGMA foreign_keys = ON")
	exec("PRAGMA synchronous = FULL")
	exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

func indexesOf(ctx context.Context, tb testing.TB, conn *sql.Conn) map[string]string {
	tb.Helper()
	found, err := conn.QueryContext(ctx, `SELECT name, sql FROM sqlite_master
		WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('events', 'alerts', 'deliveries', 'tallies')`)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, found.Close()) }()
	indexes := map[string]string{}
	for found.Next() {
		var name, statement string
		require.NoError(tb, found.Scan(&name, &statement))
		indexes[name] = statement
	}
	require.NoError(tb, found.Err())
	return indexes
}
