package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
)

const (
	// River's SQLite driver looks for notifications every 50 ms, and its producers for jobs every fetchPoll, whichever
	// comes first: half of the wake-ups begin within 20 ms. Polling more often gains a few of those and costs a tenth of a
	// processor while nothing happens. fetchPoll is also how late a snoozed or scheduled wake-up can be.
	fetchCooldown = 5 * time.Millisecond
	fetchPoll     = 100 * time.Millisecond
	// jobTimeout is for callers that set none: a provider's deadline and the writes around it.
	jobTimeout = 15 * time.Second
	// completedFor keeps worked jobs for somebody who looks into a problem; our own tables tell what came of them.
	completedFor = 5 * time.Minute
	// stopTimeout bounds how long cancelled workers are waited for: longer than a provider call that was begun.
	stopTimeout = 12 * time.Second
)

// Start works the wake-ups until Stop, Close, or the end of ctx. The configuration is the caller's but for what it leaves
// at zero and for the times that SQLite and our promises need. Start fails when it was called before.
//
// Nobody else can be working jobs of this file, since we hold its lock. So jobs that are marked as running were
// orphaned by a crash and run again at once, and a leader that is written down is gone; River would wait an hour
// for the first and 20 s for the second.
func (s *Store) Start(ctx context.Context, config *river.Config) error {
	if s.writer == nil {
		return errReadOnly
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return errors.New("start workers: they were started before")
	}
	client, err := river.NewClient(riversqlite.New(s.write), s.configure(config))
	if err != nil {
		return fmt.Errorf("start workers: %w", err)
	}
	released, err := do(ctx, s, patient, release)
	if err != nil {
		return fmt.Errorf("start workers: release what a crash left: %w", err)
	}
	if released > 0 {
		s.log.InfoContext(ctx, "wake-ups that a crash interrupted run again", "jobs", released)
	}
	if err = client.Start(ctx); err != nil {
		return fmt.Errorf("start workers: %w", err)
	}
	s.client = client
	return nil
}

func release(ctx context.Context, b *batch) (int, error) {
	if _, err := b.exec(ctx, "DELETE FROM river_leader"); err != nil {
		return 0, err
	}
	return b.exec(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
}

func (s *Store) configure(given *river.Config) *river.Config {
	var c river.Config
	if given != nil {
		c = *given
	}
	c.FetchCooldown, c.FetchPollInterval = fetchCooldown, fetchPoll
	c.CompletedJobRetentionPeriod = completedFor
	c.MaxAttempts = maxAttempts
	if c.Logger == nil {
		c.Logger = s.log
	}
	if c.RetryPolicy == nil {
		c.RetryPolicy = retryPolicy{now: s.now}
	}
	if c.JobTimeout == 0 {
		c.JobTimeout = jobTimeout
	}
	if c.RescueStuckJobsAfter == 0 && c.JobTimeout > 0 {
		c.RescueStuckJobsAfter = c.JobTimeout + 5*time.Second
	}
	return &c
}

// Stop takes no more wake-ups and waits for the workers until ctx ends; then it cancels them and waits for at most
// stopTimeout more. Without Start it does nothing.
func (s *Store) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil
	}
	if err := s.client.Stop(ctx); err == nil {
		s.client = nil
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.cancelWorkers(ctx)
}

// halt cancels the workers at once.
func (s *Store) halt(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil
	}
	return s.cancelWorkers(ctx)
}

func (s *Store) cancelWorkers(ctx context.Context) error {
	if err := s.client.StopAndCancel(ctx); err != nil {
		return fmt.Errorf("stop workers: %w", err)
	}
	s.client = nil
	return nil
}

// retryPolicy is for jobs that failed on something unforeseen: 1 s, 2 s, 4 s and so on, at most 30 s. Retries of a
// delivery are not its business; they are decided and kept as NextAt.
type retryPolicy struct {
	now func() time.Time
}

const maxRetryDelay = 30 * time.Second

// NextRetry implements river.ClientRetryPolicy.
func (p retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	delay := maxRetryDelay
	if n := len(job.Errors); n < 5 {
		delay = time.Second << n
	}
	return p.now().Add(delay)
}
