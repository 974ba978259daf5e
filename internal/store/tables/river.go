package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

const (
	// FetchCooldown is the least time between two looks for jobs when River is told of new ones, where Workers say nothing else.
	FetchCooldown = 5 * time.Millisecond
	// fetchPoll is the time between two looks otherwise, and how late a snoozed or scheduled wake-up can be. A channel's queue has those of
	// deliveries that wait for their turn or are tried again, of which none is in such a hurry.
	fetchPoll        = 100 * time.Millisecond
	channelFetchPoll = 500 * time.Millisecond
	// jobTimeout is for callers that set none: a provider's deadline and the writes around it.
	jobTimeout = 15 * time.Second
	// completedFor keeps worked jobs for somebody who looks into a problem; our own tables tell what came of them.
	completedFor = 5 * time.Minute
	// StopTimeout bounds how long cancelled workers are waited for: longer than a provider call that was begun.
	StopTimeout = 12 * time.Second
)

// Workers are River's client that works the wake-ups of a store.
type Workers[TTx any] struct {
	// New makes a client for the database.
	New func(*river.Config) (*river.Client[TTx], error)
	// Cooldown is FetchCooldown where it is 0.
	Cooldown time.Duration
	// Prepare is called before they start; nil does nothing.
	Prepare func(context.Context) error
	Logger  *slog.Logger
	Now     func() time.Time

	mu     sync.Mutex
	client *river.Client[TTx] // the one that works; nil unless started
	// unsure are the queues that the last change of failed: River may have them and yet take nothing from them.
	unsure map[string]bool
}

// Start works the wake-ups until Stop, Halt, or the end of ctx. The configuration is the caller's but for what it leaves
// at zero and for the times that our promises need. It fails when it was called before.
func (w *Workers[TTx]) Start(ctx context.Context, config *river.Config) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client != nil {
		return errors.New("start workers: they were started before")
	}
	client, err := w.New(w.configure(config))
	if err != nil {
		return fmt.Errorf("start workers: %w", err)
	}
	if w.Prepare != nil {
		if err = w.Prepare(ctx); err != nil {
			return fmt.Errorf("start workers: %w", err)
		}
	}
	if err = client.Start(ctx); err != nil {
		return fmt.Errorf("start workers: %w", err)
	}
	w.client = client
	return nil
}

func (w *Workers[TTx]) configure(given *river.Config) *river.Config {
	var c river.Config
	if given != nil {
		c = *given
	}
	c.FetchCooldown, c.FetchPollInterval = cmp.Or(w.Cooldown, FetchCooldown), fetchPoll
	c.CompletedJobRetentionPeriod = completedFor
	c.MaxAttempts = maxAttempts
	if c.Logger == nil {
		c.Logger = w.Logger
	}
	if c.RetryPolicy == nil {
		c.RetryPolicy = retryPolicy{now: w.Now}
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
// StopTimeout more. Without Start it does nothing.
func (w *Workers[TTx]) Stop(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client == nil {
		return nil
	}
	if err := w.client.Stop(ctx); err == nil {
		w.client = nil
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
	defer cancel()
	return w.cancel(ctx)
}

// Queue works the wake-ups of a queue with so many workers at once, or with 0 takes none of them until it is called again and waits
// until ctx ends for those under way. Not started, it does nothing.
func (w *Workers[TTx]) Queue(ctx context.Context, name string, workers int) error {
	w.mu.Lock()
	client, unsure := w.client, w.unsure[name]
	w.mu.Unlock() // Stop must not have to wait for what is under way in one queue
	if client == nil {
		return nil
	}
	var err error
	if workers == 0 || unsure {
		err = client.Queues().Remove(ctx, name)
		if _, gone := errors.AsType[*river.QueueNotFoundError](err); gone {
			err = nil
		}
	}
	if workers > 0 && err == nil {
		err = client.Queues().Add(name, river.QueueConfig{MaxWorkers: workers, FetchPollInterval: channelFetchPoll})
		if _, there := errors.AsType[*river.QueueAlreadyAddedError](err); there {
			err = nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unsure == nil {
		w.unsure = map[string]bool{}
	}
	if w.unsure[name] = err != nil; err != nil {
		return fmt.Errorf("work queue %q by %d at once: %w", name, workers, err)
	}
	return nil
}

// Halt cancels the workers at once.
func (w *Workers[TTx]) Halt(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.client == nil {
		return nil
	}
	return w.cancel(ctx)
}

func (w *Workers[TTx]) cancel(ctx context.Context) error {
	if err := w.client.StopAndCancel(ctx); err != nil {
		return fmt.Errorf("stop workers: %w", err)
	}
	w.client = nil
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
