package sqlite

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// kept gives the statements that a connection keeps.
func kept(t *testing.T, on *sql.Conn) (queries []string) {
	t.Helper()
	require.NoError(t, on.Raw(func(c any) error {
		for query := range c.(*conn).idle { //nolint:forcetypeassert // ours
			queries = append(queries, query)
		}
		return nil
	}))
	return queries
}

func TestAStatementIsPreparedOnceAndUsableAgainAfterAnError(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	on, err := s.read.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, on.Close()) }()
	const query = "SELECT json_extract(?, '$.a')"
	for i := range 3 {
		var n int
		require.NoError(t, on.QueryRowContext(t.Context(), query, fmt.Sprintf(`{"a": %d}`, i)).Scan(&n))
		require.Equal(t, i, n)
		require.Contains(t, kept(t, on), query)
	}
	var n int
	require.ErrorContains(t, on.QueryRowContext(t.Context(), query, "no JSON").Scan(&n), "malformed JSON")
	require.NotContains(t, kept(t, on), query, "what failed is made anew")
	require.NoError(t, on.QueryRowContext(t.Context(), query, `{"a": 7}`).Scan(&n))
	require.Equal(t, 7, n)
}

func TestAStatementThatIsRunningIsNotGivenToAnother(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	on, err := s.read.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, on.Close()) }()
	const query = "SELECT value FROM json_each(?)"
	outer, err := on.QueryContext(t.Context(), query, "[1, 2, 3]")
	require.NoError(t, err)
	defer func() { require.NoError(t, outer.Close()) }()
	var seen []int
	for outer.Next() {
		var n, m int
		require.NoError(t, outer.Scan(&n))
		require.NoError(t, on.QueryRowContext(t.Context(), query, "[7]").Scan(&m))
		require.Equal(t, 7, m)
		seen = append(seen, n)
	}
	require.NoError(t, outer.Err())
	require.Equal(t, []int{1, 2, 3}, seen)
}

func TestAConnectionKeepsABoundedNumberOfStatements(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	on, err := s.read.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, on.Close()) }()
	for i := range maxStatements + 10 {
		var n int
		require.NoError(t, on.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(&n))
		require.Equal(t, i, n)
	}
	require.Len(t, kept(t, on), maxStatements)
}
