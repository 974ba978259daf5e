package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// executor is River's executor but for the two statements that each wake-up needs, which River's driver writes for any job there may be, and
// which took the one connection that writes for a quarter of a millisecond. What Beckon's wake-ups never have is left to River.
type executor struct {
	riverdriver.Executor

	read, write *sql.DB
	// unwrap gives the transaction of one of River's executors.
	unwrap func(riverdriver.ExecutorTx) *sql.Tx
}

// Begin implements riverdriver.Executor.
func (e executor) Begin(ctx context.Context) (riverdriver.ExecutorTx, error) {
	tx, err := e.Executor.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return scheduler{ExecutorTx: tx, tx: e.unwrap(tx)}, nil
}

// errUnusual says that something is left to River.
var errUnusual = errors.New("not as Beckon's wake-ups are")

const (
	// findJobs is the part of River's own statement that looks. Nothing else takes jobs of a queue, so looking needs no lock, and where nothing
	// is found nobody who writes is kept waiting. The first two are those that say whether River is needed.
	findJobs = `SELECT errors IS NULL AND finalized_at IS NULL AND unique_key IS NULL AND unique_states IS NULL,
			json_array_length(coalesce(attempted_by, '[]')), coalesce(?1, datetime('now', 'subsec')),
			id, json(args), attempt, json(attempted_by), created_at, kind, max_attempts, json(metadata), priority, scheduled_at, json(tags)
		FROM river_job
		WHERE priority >= 0 AND queue = ?2 AND scheduled_at <= coalesce(?1, datetime('now', 'subsec')) AND state = 'available'
		ORDER BY priority, scheduled_at, id LIMIT ?3`
	// takeJobs is the other part. It returns nothing: for RETURNING, SQLite keeps a copy of each page that the statement changes.
	takeJobs = `UPDATE river_job SET attempt = attempt + 1, attempted_at = ?1, state = 'running',
			attempted_by = CASE WHEN attempted_by IS NULL THEN jsonb_array(?2) ELSE jsonb_insert(attempted_by, '$[#]', ?2) END
		WHERE id IN (SELECT value FROM json_each(?3)) AND +state = 'available'`

	runningJobs = "SELECT id FROM river_job WHERE id IN (SELECT value FROM json_each(?)) AND +state = 'running'"
	deleteJobs  = "DELETE FROM river_job WHERE id IN (SELECT value FROM json_each(?))"
)

// JobGetAvailable implements riverdriver.Executor.
func (e executor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if p.Schema != "" || p.Kind != nil {
		return e.Executor.JobGetAvailable(ctx, p)
	}
	jobs, err := e.find(ctx, p)
	if err == nil && len(jobs) > 0 {
		err = e.take(ctx, p.ClientID, jobs)
	}
	if err != nil { // whatever it is: River either can do it or says why not
		return e.Executor.JobGetAvailable(ctx, p)
	}
	return &riverdriver.JobGetAvailableResult{Jobs: jobs}, nil
}

// find gives the jobs that are to be taken next, as they are when they have been.
func (e executor) find(ctx context.Context, p *riverdriver.JobGetAvailableParams) (jobs []*rivertype.JobRow, err error) {
	rows, err := e.read.QueryContext(ctx, findJobs, jobTime(p.Now), p.Queue, p.MaxToLock)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	jobs = []*rivertype.JobRow{}
	for rows.Next() {
		var usual bool
		var attempts int
		var now string
		var by, tags []byte
		job := &rivertype.JobRow{Queue: p.Queue, State: rivertype.JobStateRunning, Errors: []rivertype.AttemptError{}}
		if err = rows.Scan(&usual, &attempts, &now, &job.ID, &job.EncodedArgs, &job.Attempt, &by, &job.CreatedAt, &job.Kind, &job.MaxAttempts,
			&job.Metadata, &job.Priority, &job.ScheduledAt, &tags); err != nil {
			return nil, err
		}
		if !usual || attempts >= p.MaxAttemptedBy {
			return nil, errUnusual
		}
		if err = complete(job, p.ClientID, now, by, tags); err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, rows.Err()
}

// complete adds what is to be decoded, and that the job is being attempted.
func complete(job *rivertype.JobRow, client, now string, by, tags []byte) error {
	at, err := time.Parse(jobTimeFormat, now)
	if err != nil {
		return fmt.Errorf("read the database's clock: %w", err)
	}
	if by != nil {
		if err = json.Unmarshal(by, &job.AttemptedBy); err != nil {
			return fmt.Errorf("read who attempted: %w", err)
		}
	}
	if err = json.Unmarshal(tags, &job.Tags); err != nil {
		return fmt.Errorf("read tags: %w", err)
	}
	job.AttemptedBy = append(job.AttemptedBy, client)
	job.AttemptedAt = &at
	job.Attempt++
	return nil
}

// take makes jobs running.
func (e executor) take(ctx context.Context, client string, jobs []*rivertype.JobRow) error {
	ids := make([]int64, len(jobs))
	for i, job := range jobs {
		ids[i] = job.ID
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("list wake-ups: %w", err)
	}
	return within(ctx, e.write, toWrite, func(on span) error {
		result, err := on.ExecContext(ctx, takeJobs, jobTime(jobs[0].AttemptedAt), client, string(list))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || int(n) != len(jobs) { // somebody cancelled one meanwhile
			return errors.Join(err, errUnusual)
		}
		return nil
	})
}

// JobSetStateIfRunningMany implements riverdriver.Executor. A wake-up that was worked is deleted at once: our own tables tell what came of
// it, and to write that it is completed, and to delete it minutes later, costs twice as much. Nothing but that is returned of it, since nobody
// in Beckon subscribes to River's events.
func (e executor) JobSetStateIfRunningMany(ctx context.Context, p *riverdriver.JobSetStateIfRunningManyParams) ([]*rivertype.JobRow, error) {
	var worked, others []int
	for i := range p.ID {
		if p.Schema == "" && p.State[i] == rivertype.JobStateCompleted && p.FinalizedAt[i] != nil && p.ErrData[i] == nil && !p.MetadataDoMerge[i] {
			worked = append(worked, i)
		} else {
			others = append(others, i)
		}
	}
	deleted, err := e.delete(ctx, pick(p.ID, worked))
	if err != nil {
		return nil, err
	}
	done := make([]*rivertype.JobRow, 0, len(p.ID))
	for _, i := range worked {
		if deleted[p.ID[i]] {
			done = append(done, &rivertype.JobRow{ID: p.ID[i], State: p.State[i], FinalizedAt: p.FinalizedAt[i]})
		} else {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return done, nil
	}
	rest, err := e.Executor.JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		ID: pick(p.ID, others), Attempt: pick(p.Attempt, others), ErrData: pick(p.ErrData, others), FinalizedAt: pick(p.FinalizedAt, others),
		MetadataDoMerge: pick(p.MetadataDoMerge, others), MetadataUpdates: pick(p.MetadataUpdates, others), Now: p.Now,
		ScheduledAt: pick(p.ScheduledAt, others), Schema: p.Schema, State: pick(p.State, others),
	})
	return append(done, rest...), err
}

// delete deletes those of the jobs that are running, and says which.
func (e executor) delete(ctx context.Context, ids []int64) (deleted map[int64]bool, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	deleted = make(map[int64]bool, len(ids))
	err = within(ctx, e.write, toWrite, func(on span) error {
		running, err := tables.All(ctx, reader{on}, func(row tables.Scanner) (id int64, err error) { return id, row.Scan(&id) }, runningJobs, ids)
		if err != nil {
			return fmt.Errorf("read which wake-ups run: %w", err)
		}
		for _, id := range running {
			deleted[id] = true
		}
		list, err := json.Marshal(running)
		if err == nil {
			_, err = on.ExecContext(ctx, deleteJobs, string(list))
		}
		return err
	})
	return deleted, err
}

// pick gives some of a list, by their places.
func pick[T any](list []T, places []int) []T {
	picked := make([]T, len(places))
	for i, place := range places {
		picked[i] = list[place]
	}
	return picked
}
