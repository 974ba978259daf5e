package sqlitetest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// Crowd fills a database that nobody has open with so many deliveries (storetest.Crowd). Indexes are built afterwards, which is much
// quicker.
func Crowd(tb testing.TB, path string, n int) {
	tb.Helper()
	ctx := tb.Context()
	db, err := sql.Open("sqlite", path)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, db.Close()) }()
	conn, err := db.Conn(ctx)
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
