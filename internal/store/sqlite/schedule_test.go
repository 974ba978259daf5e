package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// schedule does what River's scheduler does, and gives what it looks at.
func (s side) schedule(t *testing.T, now time.Time, most int) map[int64]string {
	t.Helper()
	tx, err := s.Begin(t.Context())
	require.NoError(t, err)
	results, err := tx.JobSchedule(t.Context(), &riverdriver.JobScheduleParams{Max: most, Now: &now})
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	seen := map[int64]string{}
	for _, r := range results {
		seen[r.Job.ID] = fmt.Sprint(r.Job.Queue, r.Job.ScheduledAt, r.Job.State, r.ConflictDiscarded)
	}
	return seen
}

func TestWakeUpsBecomeAvailableAsRiverItselfWouldMakeThem(t *testing.T) {
	t.Parallel()
	both := sides(t)
	require.Empty(t, same(t, both, func(s side) any { return s.schedule(t, noon.Add(time.Hour), 10) }), "all are available")
	for _, s := range both {
		s.do(t, "UPDATE river_job SET state = 'scheduled'")
		s.do(t, "UPDATE river_job SET state = 'retryable' WHERE id IN (2, 8)")
		s.do(t, "UPDATE river_job SET priority = 3 WHERE id = 1")
	}
	due := func(now time.Time, most int) map[int64]string {
		return same(t, both, func(s side) map[int64]string { return s.schedule(t, now, most) })
	}
	require.Empty(t, due(noon.Add(-time.Second), 10))
	require.Len(t, due(noon.Add(2*time.Second), 10), 3, "those of the first three seconds")
	require.Len(t, due(noon.Add(5*time.Second), 10), 3)
	for _, s := range both {
		s.do(t, "UPDATE river_job SET state = 'scheduled' WHERE id < 5")
		s.do(t, "UPDATE river_job SET unique_key = x'6b', unique_states = 255, priority = 2 WHERE id = 1")
		s.do(t, "UPDATE river_job SET unique_key = x'6b', unique_states = 1, state = 'scheduled', priority = 2 WHERE id = 5")
	}
	require.Len(t, due(noon.Add(time.Hour), 2), 2, "as many as are asked for")
	require.Len(t, due(noon.Add(time.Hour), 10), 5, "one of those that collide is discarded")
	require.Empty(t, due(noon.Add(time.Hour), 10))
}

func TestWhatIsDueIsFoundPastWhatWaits(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	steps, err := tables.All(t.Context(), reader{s.read}, func(row tables.Scanner) (step string, err error) {
		var ignored int
		return step, row.Scan(&ignored, &ignored, &ignored, &step)
	}, "EXPLAIN QUERY PLAN "+timely, string(rivertype.JobStateScheduled), "now", 10)
	require.NoError(t, err)
	require.Contains(t, steps,
		"SEARCH j USING INDEX river_job_prioritized_fetching_index (state=? AND queue=? AND priority=? AND scheduled_at<?)")
}
