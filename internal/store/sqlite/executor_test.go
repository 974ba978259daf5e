package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// side is one of two databases in which the same is done: by River's own executor, and by ours.
type side struct {
	*Store
	riverdriver.Executor
}

// noon is when the jobs of these tests are due.
var noon = time.Date(2031, 3, 2, 12, 0, 0, 0, time.UTC)

// sides gives River's own and ours, each with jobs that are due one after the other: 1 to 6 in queue a, 7 and 8 in b.
func sides(t *testing.T) [2]side {
	t.Helper()
	own, ours := open(t, Options{}), open(t, Options{})
	both := [2]side{
		{own, riversqlite.New(own.write).GetExecutor()},
		{ours, gathering{riversqlite.New(ours.write), ours.read, ours.write}.GetExecutor()},
	}
	for _, s := range both {
		for i, queue := range []string{"a", "a", "a", "a", "a", "a", "b", "b"} {
			at := noon.Add(time.Duration(i) * time.Second)
			_, err := s.JobInsertFull(t.Context(), &riverdriver.JobInsertFullParams{
				EncodedArgs: fmt.Appendf(nil, `{"delivery_id": "de_%d"}`, i), CreatedAt: &noon, Kind: "delivery", MaxAttempts: 10_000,
				Metadata: []byte(`{"m": 1}`), Priority: 1, Queue: queue, ScheduledAt: &at, State: rivertype.JobStateAvailable, Tags: []string{"t"},
			})
			require.NoError(t, err)
		}
	}
	return both
}

// get takes jobs as a producer would.
func (s side) get(t *testing.T, queue, client string, limit int, now time.Time) (ids []int64, result any) {
	t.Helper()
	got, err := s.JobGetAvailable(t.Context(), &riverdriver.JobGetAvailableParams{
		ClientID: client, MaxAttemptedBy: 3, MaxToLock: limit, Now: &now, Queue: queue,
	})
	require.NoError(t, err)
	for _, job := range got.Jobs {
		ids = append(ids, job.ID)
	}
	return ids, got
}

// set ends attempts as a completer would. What is completed comes back without the rest of its row.
func (s side) set(t *testing.T, now time.Time, sets ...*riverdriver.JobSetStateIfRunningParams) []*rivertype.JobRow {
	t.Helper()
	p := &riverdriver.JobSetStateIfRunningManyParams{Now: &now}
	for _, set := range sets {
		p.ID, p.Attempt, p.ErrData = append(p.ID, set.ID), append(p.Attempt, set.Attempt), append(p.ErrData, set.ErrData)
		p.FinalizedAt, p.ScheduledAt = append(p.FinalizedAt, set.FinalizedAt), append(p.ScheduledAt, set.ScheduledAt)
		p.MetadataDoMerge = append(p.MetadataDoMerge, set.MetadataDoMerge)
		p.MetadataUpdates = append(p.MetadataUpdates, set.MetadataUpdates)
		p.State = append(p.State, set.State)
	}
	rows, err := s.JobSetStateIfRunningMany(t.Context(), p)
	require.NoError(t, err)
	for i, row := range rows {
		if row.State == rivertype.JobStateCompleted && !bytes.Contains(row.Metadata, []byte("output")) {
			rows[i] = &rivertype.JobRow{ID: row.ID, State: row.State, FinalizedAt: row.FinalizedAt}
		}
	}
	return rows
}

// do runs a statement in place of somebody who changes jobs meanwhile.
func (s side) do(t *testing.T, statement string) {
	t.Helper()
	_, err := s.write.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// kept gives the jobs with the type of each value, but for those that were completed without a word: River keeps these for a while.
func (s side) kept(t *testing.T) []string {
	t.Helper()
	rows, err := tables.All(t.Context(), reader{s.write}, func(row tables.Scanner) (text string, err error) { return text, row.Scan(&text) },
		`SELECT concat_ws(' ', id, quote(args), attempt, quote(attempted_at), typeof(attempted_by), json(attempted_by), created_at, json(errors),
			quote(finalized_at), kind, max_attempts, json(metadata), typeof(metadata), priority, queue, state, scheduled_at, json(tags))
		FROM river_job WHERE state <> 'completed' OR metadata ->> 'output' IS NOT NULL ORDER BY id`)
	require.NoError(t, err)
	return rows
}

// same asks both for the same, holds the answers against one another, and what they keep then.
func same[T any](t *testing.T, both [2]side, ask func(s side) T) (answer T) {
	t.Helper()
	answer = ask(both[0])
	require.Equal(t, answer, ask(both[1]), "ours gives what River gives")
	require.Equal(t, both[0].kept(t), both[1].kept(t), "and keeps what River keeps")
	return answer
}

func TestWakeUpsAreTakenAsRiverItselfWouldTakeThem(t *testing.T) {
	t.Parallel()
	both := sides(t)
	get := func(queue, client string, limit int, now time.Time) []int64 {
		var ids []int64
		same(t, both, func(s side) (result any) {
			ids, result = s.get(t, queue, client, limit, now)
			return result
		})
		return ids
	}
	require.Equal(t, []int64{1, 2}, get("a", "one", 2, noon.Add(time.Minute)), "as many as are asked for")
	require.Equal(t, []int64{3}, get("a", "one", 5, noon.Add(2*time.Second)), "that are due")
	require.Empty(t, get("a", "one", 5, noon.Add(2*time.Second)), "each once")
	require.Equal(t, []int64{7, 8}, get("b", "one", 5, noon.Add(time.Minute)), "of that queue")
	again := "UPDATE river_job SET state = 'available' WHERE id IN (1, 2)"
	for _, client := range []string{"two", "three", "four"} { // more than attempted_by may have
		for _, s := range both {
			s.do(t, again)
		}
		require.Equal(t, []int64{1, 2}, get("a", client, 2, noon.Add(time.Minute)))
	}
	for _, s := range both {
		s.do(t, again)
		s.do(t, "UPDATE river_job SET priority = 2 WHERE id = 1")
		s.do(t, `UPDATE river_job SET errors = jsonb('[{"attempt": 1, "error": "e"}]') WHERE id = 2`)
		s.do(t, "UPDATE river_job SET args = '{' WHERE id = 4")
		s.do(t, "UPDATE river_job SET unique_key = x'6b', unique_states = 1 WHERE id = 5")
	}
	for _, want := range []int64{2, 4, 5, 6, 1} { // what has failed, cannot be read, is unique
		require.Equal(t, []int64{want}, get("a", "five", 1, noon.Add(time.Minute)))
	}
}

func TestWakeUpsEndAsRiverItselfWouldEndThem(t *testing.T) {
	t.Parallel()
	both := sides(t)
	now := noon.Add(time.Minute)
	take := func() {
		same(t, both, func(s side) (result any) {
			_, result = s.get(t, "a", "one", 10, now)
			return result
		})
	}
	set := func(sets ...*riverdriver.JobSetStateIfRunningParams) []*rivertype.JobRow {
		rows := same(t, both, func(s side) map[int64]*rivertype.JobRow {
			byID := map[int64]*rivertype.JobRow{}
			for _, row := range s.set(t, now, sets...) {
				byID[row.ID] = row
			}
			return byID
		})
		var list []*rivertype.JobRow
		for _, row := range rows {
			list = append(list, row)
		}
		return list
	}
	failure, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: 1, Error: "e"})
	require.NoError(t, err)
	completed := func(id int64) *riverdriver.JobSetStateIfRunningParams {
		return riverdriver.JobSetStateCompleted(id, now, nil)
	}

	require.Empty(t, set(completed(99)), "a job that is gone")
	require.Len(t, set(completed(1)), 1, "one that is not running stays as it is")
	take()
	later := now.Add(time.Hour)
	require.Len(t, set(
		completed(1),
		riverdriver.JobSetStateSnoozed(2, later, 0, []byte(`{"snoozes": 1}`)),
		riverdriver.JobSetStateErrorRetryable(3, later, failure, nil),
		riverdriver.JobSetStateCancelled(4, now, failure, nil),
		riverdriver.JobSetStateCompleted(5, now, []byte(`{"output": 7}`)),
		riverdriver.JobSetStateErrorAvailable(6, now, failure, nil),
	), 6)
	require.Len(t, both[0].set(t, now, completed(1)), 1)
	require.Empty(t, both[1].set(t, now, completed(1)), "once more; River has the row still, and we do not")
	take()
	for _, s := range both {
		s.do(t, "UPDATE river_job SET metadata = jsonb_set(metadata, '$.cancel_attempted_at', 'x'), state = 'running' WHERE id IN (2, 6)")
	}
	require.Len(t, set(completed(2), riverdriver.JobSetStateSnoozed(6, later, 0, nil)), 2, "two that are being cancelled")
	require.Zero(t, count(t, both[1].Store, "SELECT count(*) FROM river_job WHERE id IN (1, 2)"), "what was worked is gone")
}

func TestWakeUpsAreFoundByTheirIDs(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	for query, args := range map[string][]any{takeJobs: {"now", "one", "[1]"}, runningJobs: {"[1]"}, deleteJobs: {"[1]"}} {
		steps, err := tables.All(t.Context(), reader{s.write}, func(row tables.Scanner) (step string, err error) {
			var ignored int
			return step, row.Scan(&ignored, &ignored, &ignored, &step)
		}, "EXPLAIN QUERY PLAN "+query, args...)
		require.NoError(t, err)
		require.Contains(t, steps, "SEARCH river_job USING INTEGER PRIMARY KEY (rowid=?)", "not by their state, which others have too")
	}
}
