package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// scheduler is River's executor in a transaction but for what makes wake-ups available whose time has come. Every few seconds River's own looks
// at all that wait, and where ten thousand are due it asks for all of their rows, which nobody wants, by a statement with as many marks.
type scheduler struct {
	riverdriver.ExecutorTx

	tx *sql.Tx
}

const (
	// timely leads through the index past what is not due yet: there, times stand in order within a state, queue and priority.
	timely = `WITH RECURSIVE queues (queue) AS (
			SELECT min(queue) FROM river_job WHERE state = ?1
			UNION ALL SELECT (SELECT min(j.queue) FROM river_job j WHERE j.state = ?1 AND j.queue > queues.queue) FROM queues WHERE queue IS NOT NULL
		)
		SELECT j.id, j.queue, j.scheduled_at, j.unique_key IS NOT NULL
		FROM queues CROSS JOIN river_job j INDEXED BY river_job_prioritized_fetching_index
			ON j.state = ?1 AND j.queue = queues.queue AND j.priority IN (1, 2, 3, 4) AND j.scheduled_at <= ?2
		ORDER BY j.priority, j.scheduled_at, j.id LIMIT ?3`
	makeAvailable = "UPDATE river_job SET state = 'available' WHERE id IN (SELECT value FROM json_each(?))"
)

// JobSchedule implements riverdriver.Executor. Of each job it gives what its scheduler looks at.
func (s scheduler) JobSchedule(ctx context.Context, p *riverdriver.JobScheduleParams) ([]*riverdriver.JobScheduleResult, error) {
	if p.Schema != "" || p.Now == nil {
		return s.ExecutorTx.JobSchedule(ctx, p)
	}
	done := []*riverdriver.JobScheduleResult{}
	for _, state := range []rivertype.JobState{rivertype.JobStateScheduled, rivertype.JobStateRetryable} {
		found, err := s.find(ctx, state, p, p.Max-len(done))
		if errors.Is(err, errUnusual) {
			return s.ExecutorTx.JobSchedule(ctx, p)
		}
		if err != nil {
			return nil, err
		}
		done = append(done, found...)
	}
	if len(done) == 0 {
		return done, nil
	}
	ids := make([]int64, len(done))
	for i, one := range done {
		ids[i] = one.Job.ID
	}
	list, err := json.Marshal(ids)
	if err == nil {
		_, err = s.tx.ExecContext(ctx, makeAvailable, string(list))
	}
	if err != nil {
		return nil, fmt.Errorf("make wake-ups available: %w", err)
	}
	return done, nil
}

func (s scheduler) find(ctx context.Context, state rivertype.JobState, p *riverdriver.JobScheduleParams, most int) (
	found []*riverdriver.JobScheduleResult, err error,
) {
	rows, err := s.tx.QueryContext(ctx, timely, string(state), jobTime(p.Now), most)
	if err != nil {
		return nil, fmt.Errorf("look for wake-ups whose time has come: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var unique bool
		job := rivertype.JobRow{State: rivertype.JobStateAvailable}
		if err = rows.Scan(&job.ID, &job.Queue, &job.ScheduledAt, &unique); err != nil {
			return nil, fmt.Errorf("look for wake-ups whose time has come: %w", err)
		}
		if unique {
			return nil, errUnusual
		}
		found = append(found, &riverdriver.JobScheduleResult{Job: job})
	}
	return found, rows.Err()
}
