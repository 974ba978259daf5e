package sqlitetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// Crowd fills a database that nobody has open with so many deliveries (storetest.Crowd).
func Crowd(tb testing.TB, path string, n int) {
	tb.Helper()
	require.NoError(tb, Fill(tb.Context(), path, storetest.Crowd(series(n), "")))
}

// Settled fills a database that nobody has open as Crowd does, and lets all that would be under way have ended, so that a relay that
// starts on it has nothing to do.
func Settled(ctx context.Context, path string, n int) error {
	return Fill(ctx, path, append(storetest.Crowd(series(n), ""),
		"UPDATE alerts SET state = 'sent', reason = '' WHERE state IN ('held', 'due')",
		"UPDATE deliveries SET state = 'delivered', reason = '', next_at = 0 WHERE state IN ('queued', 'sending', 'unknown')",
	))
}

func series(n int) string {
	return fmt.Sprintf("(WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) SELECT i FROM c)", n)
}

// Fill runs statements that fill a database which nobody has open. Indexes are built afterwards, which is much quicker.
func Fill(ctx context.Context, path string, statements []string) (err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	indexes, err := indexesOf(ctx, conn)
	if err != nil {
		return err
	}
	all := []string{"PRAGMA synchronous = OFF", "PRAGMA foreign_keys = OFF"}
	for name := range indexes {
		all = append(all, "DROP INDEX "+name)
	}
	all = append(all, statements...)
	for _, statement := range indexes {
		all = append(all, statement)
	}
	all = append(all, "PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL", "PRAGMA wal_checkpoint(TRUNCATE)")
	for _, statement := range all {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	return nil
}

func indexesOf(ctx context.Context, conn *sql.Conn) (indexes map[string]string, err error) {
	found, err := conn.QueryContext(ctx, `SELECT name, sql FROM sqlite_master
		WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('events', 'alerts', 'deliveries', 'tallies')`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	indexes = map[string]string{}
	for found.Next() {
		var name, statement string
		if err := found.Scan(&name, &statement); err != nil {
			return nil, err
		}
		indexes[name] = statement
	}
	return indexes, found.Err()
}
