package sqlite

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// Start works the wake-ups until Stop, Close, or the end of ctx. The configuration is the caller's but for what it leaves
// at zero and for the times that SQLite and our promises need. Start fails when it was called before.
//
// River hears of new wake-ups by a bell in this process; its producers look for those that come by the clock.
func (s *Store) Start(ctx context.Context, config *river.Config) error {
	if s.write == nil {
		return tables.ErrReadOnly
	}
	return s.workers.Start(ctx, config)
}

// Shared implements store.Store: the lock on the file keeps other processes away.
func (s *Store) Shared() bool { return false }

// Stop takes no more wake-ups and waits for the workers until ctx ends; then it cancels them and waits a little more. Without
// Start it does nothing.
func (s *Store) Stop(ctx context.Context) error { return s.workers.Stop(ctx) }

// Queue implements store.Store.
func (s *Store) Queue(ctx context.Context, channel relay.Channel, workers int) error {
	return s.workers.Queue(ctx, store.QueueOf(channel), workers)
}

// release is for the start. Nobody else can be working jobs of this file, since we hold its lock. So jobs that are marked as
// running were orphaned by a crash and run again at once, and a leader that is written down is gone; River would wait an hour
// for the first and 20 s for the second.
func (s *Store) release(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM river_leader"); err != nil {
		return fmt.Errorf("release what a crash left: %w", err)
	}
	result, err := s.write.ExecContext(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
	if err != nil {
		return fmt.Errorf("release what a crash left: %w", err)
	}
	if released, err := result.RowsAffected(); err == nil && released > 0 {
		s.log.InfoContext(ctx, "wake-ups that a crash interrupted run again", "jobs", released)
	}
	return nil
}
