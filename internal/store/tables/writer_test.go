package tables_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// occupy keeps the writer busy until the function it returns is called.
func occupy(t *testing.T, s *sqlite.Store) (free func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := tables.Do(context.Background(), s.Tables, false, func(context.Context, *tables.Batch) (int, error) {
			close(begun)
			<-end
			return 0, nil
		})
		done <- err
	}()
	<-begun
	free = sync.OnceFunc(func() {
		close(end)
		require.NoError(t, <-done)
	})
	t.Cleanup(free) // before the store closes, which waits for the writer
	return free
}

// waiting returns when n writes wait.
func waiting(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Queued() == n }, 10*time.Second, time.Millisecond)
}

func keepEvent(ctx context.Context, s *sqlite.Store, id string) error {
	_, err := s.Accept(ctx, relay.Plan{Event: storetest.NewEvent(id)})
	return err
}

func TestOneBadWriteFailsNoNeighbour(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	free := occupy(t, s)
	bad := errors.New("bad")
	const good = 20
	results := make([]error, good)
	var badErr error
	var group sync.WaitGroup
	for i := range good {
		group.Go(func() { results[i] = keepEvent(t.Context(), s, fmt.Sprintf("e%d", i)) })
	}
	group.Go(func() {
		_, badErr = tables.Do(t.Context(), s.Tables, true, func(ctx context.Context, b *tables.Batch) (int, error) {
			if _, err := b.Exec(ctx, "INSERT INTO heartbeat (id, at) VALUES (1, 1)"); err != nil {
				return 0, err
			}
			b.WakeNow("al_bad")
			return 0, bad
		})
	})
	waiting(t, s, good+1) // so they share a transaction
	free()
	group.Wait()
	require.ErrorIs(t, badErr, bad)
	for _, err := range results {
		require.NoError(t, err)
	}
	require.Equal(t, good, count(t, s, "SELECT count(*) FROM events"))
	require.Zero(t, count(t, s, "SELECT count(*) FROM heartbeat"), "what the bad one wrote was rolled back")
	require.Zero(t, count(t, s, "SELECT count(*) FROM river_job"), "and its wake-up too")
}

func TestARowThatIsBadFailsNoNeighbourAlthoughRowsGoTogether(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	free := occupy(t, s)
	const good = 300 // more than one statement takes
	results := make([]error, good)
	var badErr error
	var group sync.WaitGroup
	for i := range good {
		group.Go(func() {
			e := storetest.NewEvent(fmt.Sprintf("e%d", i))
			plan := relay.Plan{Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")}, Keys: []relay.Key{"a", "b"}}
			_, results[i] = s.Accept(t.Context(), plan)
		})
	}
	group.Go(func() {
		_, badErr = tables.Do(t.Context(), s.Tables, true, func(ctx context.Context, b *tables.Batch) (int, error) {
			return 0, b.Add(ctx, "event_keys (key, trigger, received_at, event)", "bad", "t", 1, 1_000_000) // there is no such event
		})
	})
	waiting(t, s, good+1)
	free()
	group.Wait()
	require.ErrorContains(t, badErr, "FOREIGN KEY")
	for _, err := range results {
		require.NoError(t, err)
	}
	alerts, err := s.Alerts(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, alerts, good)
	keys, err := tables.One(t.Context(), s.Read, func(row tables.Scanner) (n int, err error) { return n, row.Scan(&n) },
		"SELECT count(*) FROM event_keys")
	require.NoError(t, err)
	require.Equal(t, 2*good, keys)
}

func TestWritesThatWaitTogetherShareATransaction(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	free := occupy(t, s)
	const n = 50
	transactions := make(chan *tables.Batch, n)
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			_, err := tables.Do(t.Context(), s.Tables, true, func(_ context.Context, b *tables.Batch) (int, error) {
				transactions <- b
				return 0, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	waiting(t, s, n)
	free()
	group.Wait()
	first := <-transactions
	for range n - 1 {
		require.Same(t, first, <-transactions)
	}
}

func TestOnlyEventsAndPingsAreRefusedWhenTooManyWritesWait(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{QueueLimit: 2})
	held := heldAlert(t, s)
	free := occupy(t, s)
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() {
			if err := keepEvent(t.Context(), s, fmt.Sprintf("waiting %d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	waiting(t, s, 2)
	require.ErrorIs(t, keepEvent(t.Context(), s, "refused"), store.ErrOverloaded)
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrOverloaded)

	finished := relay.Attempt{DeliveryID: "dl_1", N: 1, EndedAt: time.Now(), Outcome: relay.Outcome{Kind: relay.Accepted}}
	for name, write := range map[string]func(context.Context) error{
		"Decide": func(ctx context.Context) error { _, err := decidedBy(ctx, s, held); return err },
		"BeginAttempt": func(ctx context.Context) error {
			_, _, err := s.BeginAttempt(ctx, store.Start{DeliveryID: "dl_1", Provider: "twilio", Now: time.Now()})
			return err
		},
		"FinishAttempt": func(ctx context.Context) error {
			return s.FinishAttempt(ctx, finished, store.Next{State: relay.DeliverySent})
		},
		"Settle": func(ctx context.Context) error {
			return s.Settle(ctx, "dl_1", store.Next{State: relay.DeliveryDead}, time.Now())
		},
		"KeepOutbox": func(ctx context.Context) error { return s.KeepOutbox(ctx, relay.OutboxMessage{ID: "o1"}) },
		"Suppress": func(ctx context.Context) error {
			return s.Suppress(ctx, relay.Suppression{
				Address: relay.NewAddress(relay.ChannelEmail, "lee@example.net"), Reason: relay.ReasonOptedOut,
				Source: relay.SuppressedByLink, At: time.Now(),
			})
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		require.ErrorIs(t, write(ctx), context.DeadlineExceeded, "%s waits for its turn", name)
		cancel()
	}

	outcome := make(chan error, 1)
	go func() {
		outcome <- s.FinishAttempt(context.Background(), finished, store.Next{State: relay.DeliverySent})
	}()
	free()
	group.Wait()
	require.ErrorIs(t, <-outcome, store.ErrNotFound, "it had its turn")
	require.Equal(t, 3, count(t, s, "SELECT count(*) FROM events"))
}

func TestAWriteWhoseCallerLeftBeforeItBeganIsNotDone(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	free := occupy(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- keepEvent(ctx, s, "e1") }()
	waiting(t, s, 1)
	cancel()
	require.ErrorIs(t, <-left, context.Canceled, "it does not wait for the writer")
	free()
	require.NoError(t, s.Ping(t.Context())) // the writer has gone past it
	require.Zero(t, count(t, s, "SELECT count(*) FROM events"))
}

func TestAWriteWhoseCallerLeavesAfterItBeganTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	result, err := tables.Do(ctx, s.Tables, true, func(context.Context, *tables.Batch) (string, error) {
		cancel()
		return "kept", nil
	})
	require.NoError(t, err)
	require.Equal(t, "kept", result)
}

func TestClosingFinishesWhatWaitsAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "beckon.db")
	s := open(t, sqlite.Options{Path: path})
	free := occupy(t, s)
	waited := make(chan error, 1)
	go func() { waited <- keepEvent(context.Background(), s, "e1") }()
	waiting(t, s, 1)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	free()
	require.NoError(t, <-waited)
	require.NoError(t, <-closed)
	require.ErrorContains(t, keepEvent(t.Context(), s, "e2"), "closed")
	require.NoError(t, s.Close())
	require.Equal(t, 1, count(t, open(t, sqlite.Options{Path: path}), "SELECT count(*) FROM events"))
}
