package tables_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// open opens a store until the test ends, in a new file unless the options name one.
func open(tb testing.TB, o sqlite.Options) *sqlite.Store {
	tb.Helper()
	if o.Path == "" {
		o.Path = sqlitetest.New(tb)
	}
	if o.Decode == nil {
		o.Decode = storetest.Decode
	}
	if o.Keys == nil {
		o.Keys = storetest.Keys
	}
	s, err := sqlite.Open(tb.Context(), o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// reading are the store's connections that read.
func reading(s *sqlite.Store) *sql.DB { return s.Databases()["read"] }

func count(tb testing.TB, s *sqlite.Store, query string) (n int) {
	tb.Helper()
	require.NoError(tb, reading(s).QueryRowContext(tb.Context(), query).Scan(&n))
	return n
}
