package tables

import (
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
)

func TestAFailedJobIsTriedAgainSoonAndThenEveryHalfMinute(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	policy := retryPolicy{now: func() time.Time { return now }}
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 4: 16 * time.Second, 5: 30 * time.Second, 9000: 30 * time.Second,
	} {
		job := &rivertype.JobRow{Errors: make([]rivertype.AttemptError, failures)}
		require.Equal(t, now.Add(want), policy.NextRetry(job))
	}
}
