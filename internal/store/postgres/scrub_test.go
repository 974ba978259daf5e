package postgres

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
)

func TestWhatHoldsPeopleIsVacuumedAfterTheyAreForgotten(t *testing.T) {
	t.Parallel()
	nobody := []string{"generations", "tallies", "pauses", "spending", "heartbeat", "replicas"}
	var want []string
	for _, kept := range store.Everything() {
		if !slices.Contains(nobody, kept.Table) {
			want = append(want, kept.Table)
		}
	}
	require.ElementsMatch(t, append(want, "river_job"), scrubbed)
}
