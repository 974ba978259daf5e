package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// called is a worker that tells of each delivery it is woken up for, and waits where it is told to.
type called struct {
	river.WorkerDefaults[store.DeliveryArgs]

	arrivals chan string
	hold     chan struct{}
}

func (c *called) Work(_ context.Context, job *river.Job[store.DeliveryArgs]) error {
	c.arrivals <- job.Args.DeliveryID
	<-c.hold
	return nil
}

func working(t *testing.T) (*Store, *called) {
	t.Helper()
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "beckon.db")})
	c := &called{arrivals: make(chan string, 10), hold: make(chan struct{})}
	workers := river.NewWorkers()
	river.AddWorker(workers, c)
	require.NoError(t, s.Start(t.Context(), &river.Config{
		Workers: workers, Queues: map[string]river.QueueConfig{store.QueueDue: {MaxWorkers: 1}},
	}))
	return s, c
}

func wakeUp(t *testing.T, s *Store, id string) {
	t.Helper()
	at := time.Now()
	_, err := s.jobs.InsertMany(t.Context(), []river.InsertManyParams{
		tables.WakeUp(store.DeliveryArgs{DeliveryID: id}, store.QueueOf(relay.ChannelSMS), at, at),
	})
	require.NoError(t, err)
}

func arrives(t *testing.T, c *called, id string) {
	t.Helper()
	select {
	case got := <-c.arrivals:
		require.Equal(t, id, got)
	case <-time.After(5 * time.Second):
		require.FailNow(t, "the queue is not worked")
	}
}

func TestAQueueThatCouldNotBeTakenUpIsTakenUpTheNextTime(t *testing.T) {
	t.Parallel()
	s, c := working(t)
	close(c.hold)
	_, err := s.write.ExecContext(t.Context(), "ALTER TABLE river_queue RENAME TO away")
	require.NoError(t, err)
	require.Error(t, s.Queue(t.Context(), relay.ChannelSMS, 2), "the database is in trouble")
	_, err = s.write.ExecContext(t.Context(), "ALTER TABLE away RENAME TO river_queue")
	require.NoError(t, err)
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 2))
	wakeUp(t, s, "dl_1")
	arrives(t, c, "dl_1")
}

func TestAQueueThatWasNotPutDownInTimeIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	s, c := working(t)
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 2))
	wakeUp(t, s, "dl_1")
	arrives(t, c, "dl_1")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, s.Queue(ctx, relay.ChannelSMS, 0), "one is under way")
	close(c.hold)
	require.NoError(t, s.Queue(t.Context(), relay.ChannelSMS, 2))
	wakeUp(t, s, "dl_2")
	arrives(t, c, "dl_2")
}
