package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"
)

// gathering is River's driver but for the statements that each wake-up needs: those of executor, and that which inserts many. River hands SQLite
// all of them as one text of JSON and takes each field out of it by a path, which costs twice as much as to hand over the fields.
type gathering struct {
	riverdriver.Driver[*sql.Tx]

	read, write *sql.DB
}

// GetExecutor implements riverdriver.Driver.
func (d gathering) GetExecutor() riverdriver.Executor {
	return executor{Executor: d.Driver.GetExecutor(), read: d.read, write: d.write, unwrap: d.UnwrapTx}
}

// inserting is that driver for the client that inserts in a transaction of ours, and does nothing else.
type inserting struct{ riverdriver.Driver[*sql.Tx] }

// UnwrapExecutor implements riverdriver.Driver.
func (inserting) UnwrapExecutor(on span) riverdriver.ExecutorTx { return inserter{on: on} }

// UnwrapTx implements riverdriver.Driver.
func (inserting) UnwrapTx(tx riverdriver.ExecutorTx) span {
	i, _ := tx.(inserter)
	return i.on
}

// inserter is an executor in a transaction of ours.
type inserter struct {
	riverdriver.ExecutorTx // none: River needs nothing else

	on span
}

// insertJobs is River's own statement for a single job without a unique key, and for several. A time that is not given is the
// database's. It is never written to.
var insertJobs = insertion{
	"INSERT INTO river_job (args, created_at, kind, max_attempts, metadata, priority, queue, scheduled_at, state, tags) VALUES ",
	"(jsonb(?), coalesce(?, datetime('now', 'subsec')), ?, ?, jsonb(?), ?, ?, coalesce(?, datetime('now', 'subsec')), ?, jsonb(?))", "",
}

const jobColumns = 10

// JobInsertFastManyNoReturning implements riverdriver.Executor, but for what Beckon never asks for.
func (i inserter) JobInsertFastManyNoReturning(ctx context.Context, params *riverdriver.JobInsertFastManyParams) (int, error) {
	for _, job := range params.Jobs {
		if params.Schema != "" || job.ID != nil || len(job.UniqueKey) > 0 || job.UniqueStates != 0 || len(job.Metadata) == 0 {
			return 0, errors.New("a wake-up has an id, a unique key or no metadata, which none of Beckon's has")
		}
	}
	values := make([]any, 0, jobColumns*len(params.Jobs))
	for _, job := range params.Jobs {
		tags, err := json.Marshal(job.Tags)
		if err != nil {
			return 0, fmt.Errorf("tags of a wake-up: %w", err)
		}
		values = append(values, string(job.EncodedArgs), jobTime(job.CreatedAt), job.Kind, job.MaxAttempts, string(job.Metadata),
			job.Priority, job.Queue, jobTime(job.ScheduledAt), string(job.State), string(tags))
	}
	return len(params.Jobs), insertJobs.run(ctx, i.on, jobColumns, values)
}

// jobTimeFormat is how River's driver writes times, and SQLite's own functions.
const jobTimeFormat = "2006-01-02 15:04:05.000"

// jobTime is a time as it is written; nil where none is given.
func jobTime(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Round(time.Millisecond).Format(jobTimeFormat)
}
