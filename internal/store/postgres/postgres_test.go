package postgres

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		return open(t, Options{})
	})
}

// server is one for all tests, with a database that is migrated: most tests start from a copy, since migrating takes longer
// than they do.
var server = sync.OnceValues(func() (*pgtest.Server, error) {
	s, err := pgtest.Start(context.Background(), pgtest.Options{})
	if err != nil {
		return nil, err
	}
	return s, s.Template(context.Background(), func(url string) error {
		_, _, err := Migrate(context.Background(), url)
		return err
	})
})

// database makes a database for a test, which goes when the test ends.
func database(tb testing.TB, s *pgtest.Server) (url string) {
	tb.Helper()
	name, err := s.Database(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Drop(context.Background(), name)) })
	return s.URL(name)
}

// open opens a store until the test ends, in a new database unless the options name one.
func open(tb testing.TB, o Options) *Store {
	tb.Helper()
	if o.URL == "" {
		s, err := server()
		require.NoError(tb, err)
		o.URL = database(tb, s)
	}
	if o.Decode == nil {
		o.Decode = storetest.Decode
	}
	if o.Keys == nil {
		o.Keys = storetest.Keys
	}
	s, err := Open(tb.Context(), o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func count(tb testing.TB, s *Store, query string) (n int) {
	tb.Helper()
	require.NoError(tb, s.read.QueryRow(tb.Context(), query).Scan(&n))
	return n
}
