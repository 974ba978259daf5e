package tables

import (
	"context"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// What follows lets tests see inside, which stand outside the package since they need a database that knows it.

type Batch = batch

// WakeNow wakes up for an alert when the batch commits.
func (b *batch) WakeNow(alertID string) {
	b.wake(store.DueArgs{AlertID: alertID}, store.QueueDue, b.now)
}

// Do runs a write; Accept and Ping are hasty.
func Do[T any](ctx context.Context, s *Tables, impatient bool, run func(context.Context, *Batch) (T, error)) (T, error) {
	p := patient
	if impatient {
		p = hasty
	}
	return do(ctx, s, p.on(""), run)
}

// Queued is how many writes wait.
func (s *Tables) Queued() int { return len(s.writer.ops) }

// ReadAhead reads the candidates of a decision and returns what shows them in its transaction.
func (s *Tables) ReadAhead(ctx context.Context, alertID string, q relay.Query) (
	catchUp func(context.Context, *Batch) ([]relay.Event, error), err error,
) {
	a, err := s.readAhead(ctx, alertID, q)
	return func(ctx context.Context, b *Batch) ([]relay.Event, error) { return s.catchUp(ctx, b, a.candidates) }, err
}
