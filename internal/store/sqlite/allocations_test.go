package sqlite

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One event with an alert and three keys in a transaction of its own: the whole way through writer, River and SQLite's driver.
func TestAnEventIsKeptWithFewAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all goroutines
	s := open(t, Options{})
	i := 0
	n := testing.AllocsPerRun(100, func() {
		i++
		if _, err := s.Accept(t.Context(), planned(i)); err != nil {
			panic(err)
		}
	})
	require.LessOrEqual(t, n, 215.0)
}
