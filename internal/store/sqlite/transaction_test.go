package sqlite

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

func TestAListIsAskedForWhateverItsLengthAndOneWithoutATable(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	for _, id := range []string{"e1", "e2", "e3"} {
		require.NoError(t, keepEvent(t.Context(), s, id))
	}
	const query = "SELECT id FROM events WHERE id <> ? AND id IN each(?) AND seq IN each(?) ORDER BY seq"
	for _, tt := range []struct {
		ids   []string
		seqs  []int64
		found []string
		// tables is how many lists are put into one.
		tables int
	}{
		{[]string{"e1", "e2", "e3"}, []int64{1, 2}, []string{"e1", "e2"}, 2},
		{[]string{"e1", "e2", "e3"}, []int64{3}, []string{"e3"}, 1},
		{[]string{"e2"}, []int64{1, 2}, []string{"e2"}, 1},
		{[]string{"e2"}, []int64{2}, []string{"e2"}, 0},
		{[]string{"?"}, []int64{2}, nil, 0},
		{nil, []int64{2}, nil, 1},
		{[]string{}, []int64{}, nil, 2},
	} {
		plan := &explained{s: s}
		found, err := tables.All(t.Context(), plan, scanID, query, "e9", tt.ids, tt.seqs)
		require.NoError(t, err)
		require.Equal(t, tt.found, found, tt)
		require.Equal(t, tt.tables, strings.Count(plan.steps, "LIST SUBQUERY"), tt)
	}
}
