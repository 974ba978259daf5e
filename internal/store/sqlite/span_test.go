package sqlite

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASpanThatSQLiteEndedByItselfLeavesNoConnectionBehind(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	for _, left := range []string{"ROLLBACK", "COMMIT"} {
		on, err := begin(t.Context(), s.write, toWrite)
		require.NoError(t, err)
		_, err = on.ExecContext(t.Context(), left)
		require.NoError(t, err)
		require.Error(t, on.commit(t.Context()), "it has ended")
		on.rollback(t.Context())
		require.Zero(t, s.write.Stats().OpenConnections, "nobody knows what state it is in")
		require.NoError(t, keepEvent(t.Context(), s, left), "and the next has a new one")
	}
}

func TestASpanIsWaitedForUntilAContextEndsAndThenDone(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx, end := context.WithCancel(t.Context())
	on, err := begin(ctx, s.write, toWrite)
	require.NoError(t, err)
	found, err := on.QueryContext(ctx, "SELECT value FROM json_each('[1, 2]')")
	require.NoError(t, err)
	defer func() { require.NoError(t, found.Close()) }()
	require.True(t, found.Next())
	end()
	require.True(t, found.Next(), "the context ends none that has begun")
	require.False(t, found.Next())
	require.NoError(t, found.Err())
	_, err = begin(ctx, s.write, toWrite)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, on.commit(ctx))
}
