package tables_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// stub is a transaction that fails as it is told.
type stub struct {
	tables.Tx
	fail func() error
}

func (s stub) Commit(context.Context, []river.InsertManyParams) error { return s.fail() }
func (s stub) Rollback(context.Context)                               {}

var (
	errRace = errors.New("deadlock")
	errGone = errors.New("gone")
)

// failing are tables whose transactions fail in turn, nil for one that does not.
func failing(t *testing.T, errs ...error) (*tables.Tables, *atomic.Int64) {
	t.Helper()
	var begun atomic.Int64
	s := tables.New(t.Context(), tables.Options{
		Begin: func(context.Context) (tables.Tx, error) {
			n := int(begun.Add(1)) - 1
			return stub{fail: func() error { return errs[min(n, len(errs)-1)] }}, nil
		},
		Fault: func(err error) tables.Fault {
			switch {
			case errors.Is(err, errRace):
				return tables.FaultRace
			case errors.Is(err, errGone):
				return tables.FaultDatabase
			default:
				return tables.FaultWrite
			}
		},
		Now: time.Now, Writers: 2,
	})
	t.Cleanup(s.CloseWriter)
	return s, &begun
}

func TestATransactionThatOthersGotInTheWayOfIsTriedAgainAFewTimes(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *tables.Batch) (int, error) { return 1, nil }
	s, begun := failing(t, errRace, errRace, nil)
	_, err := tables.Do(t.Context(), s, false, nothing)
	require.NoError(t, err)
	require.EqualValues(t, 3, begun.Load())

	s, begun = failing(t, errRace)
	_, err = tables.Do(t.Context(), s, false, nothing)
	require.ErrorIs(t, err, errRace)
	require.EqualValues(t, 5, begun.Load())

	s, begun = failing(t, errGone)
	_, err = tables.Do(t.Context(), s, false, nothing)
	require.ErrorIs(t, err, errGone)
	require.EqualValues(t, 1, begun.Load(), "a database that is gone is not asked again for each")
}

func TestAPingDoesNotWaitForADatabaseThatHangs(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	s := tables.New(t.Context(), tables.Options{
		Begin: func(context.Context) (tables.Tx, error) {
			<-hang
			return nil, errGone
		},
		Now: time.Now,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Ping(ctx), context.DeadlineExceeded)
	close(hang)
	s.CloseWriter()
}
