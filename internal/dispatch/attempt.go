package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// deliveryWorker makes the next attempt of a delivery whose time has come.
type deliveryWorker struct {
	river.WorkerDefaults[store.DeliveryArgs]

	d *Dispatcher
}

// Work implements river.Worker.
func (w *deliveryWorker) Work(ctx context.Context, job *river.Job[store.DeliveryArgs]) error {
	delivery, err := w.d.Store.Delivery(ctx, job.Args.DeliveryID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // pruned
	}
	if err != nil {
		return fmt.Errorf("read delivery %s: %w", job.Args.DeliveryID, err)
	}
	open := delivery.State == relay.DeliveryQueued || delivery.State == relay.DeliveryUnknown
	if wait := delivery.NextAt.Sub(w.d.Now()); open && wait > 0 {
		return river.JobSnooze(wait)
	}
	if !open {
		return nil
	}
	return w.d.attempt(ctx, delivery)
}

// attempt makes one attempt: it is written down, made, and its outcome written down. Once begun it ends by its own deadline
// and not by a shutdown, because an answer that nobody waits for is an unknown outcome.
func (d *Dispatcher) attempt(ctx context.Context, delivery relay.Delivery) error {
	provider, ok := d.Provider(delivery.Channel)
	if !ok {
		return d.settle(ctx, delivery, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoChannel})
	}
	if !d.Now().Before(delivery.ExpiresAt) {
		return d.settle(ctx, delivery, store.Next{State: relay.DeliveryDead, Reason: tooLate(delivery)})
	}
	id := delivery.ID
	delivery, attempt, err := d.Store.BeginAttempt(ctx, id, provider.Name(), d.Now())
	if errors.Is(err, store.ErrConflict) {
		return nil // another worker has it
	}
	if errors.Is(err, store.ErrSuppressed) { // somebody said no while it waited
		d.Logger.InfoContext(ctx, "delivery suppressed", "delivery", id, "rule", delivery.Rule, "channel", delivery.Channel,
			"reason", delivery.Reason)
		d.Observer.Settled(delivery, delivery.State, d.Now().Sub(delivery.CreatedAt))
		return nil
	}
	if err != nil {
		return fmt.Errorf("begin attempt of delivery %s: %w", id, err)
	}
	ctx = context.WithoutCancel(ctx)
	call, cancel := context.WithTimeout(ctx, channel.Deadline)
	attempt.Outcome = provider.Send(call, delivery)
	cancel()
	attempt.EndedAt = d.Now()
	return d.finish(ctx, delivery, attempt)
}

func (d *Dispatcher) finish(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt) error {
	next := d.next(delivery, attempt)
	d.Observer.Attempted(delivery, attempt)
	d.Logger.InfoContext(ctx, "attempt ended", "delivery", delivery.ID, "rule", delivery.Rule, "channel", delivery.Channel,
		"to", delivery.Masked(), "attempt", attempt.N, "outcome", attempt.Outcome.Kind, "reason", attempt.Outcome.Reason,
		"status", attempt.Outcome.Status, "code", attempt.Outcome.Code, "state", next.State)
	// The outcome exists only here: a store that is busy is asked again, as long as the job may run.
	ctx, cancel := context.WithTimeout(ctx, jobTimeout-channel.Deadline)
	defer cancel()
	err := d.Store.FinishAttempt(ctx, attempt, next)
	for pause := time.NewTicker(200 * time.Millisecond); errors.Is(err, store.ErrOverloaded); {
		select {
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("keep outcome of delivery %s: %w", delivery.ID, err)
		case <-pause.C:
			err = d.Store.FinishAttempt(ctx, attempt, next)
		}
	}
	if err != nil {
		return fmt.Errorf("keep outcome of delivery %s: %w", delivery.ID, err)
	}
	if next.State.Done() {
		d.Observer.Settled(delivery, next.State, attempt.EndedAt.Sub(delivery.CreatedAt))
	}
	return nil
}

// next says where an outcome takes the delivery.
func (d *Dispatcher) next(delivery relay.Delivery, attempt relay.Attempt) store.Next {
	outcome := attempt.Outcome
	switch outcome.Kind {
	case relay.Accepted:
		return store.Next{State: relay.DeliverySent, Provider: attempt.Provider, ProviderID: outcome.ProviderID}
	case relay.Unknown:
		if attempt.N >= channel.MaxAttempts {
			return store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer}
		}
		return store.Next{
			State: relay.DeliveryUnknown, Reason: relay.ReasonNoAnswer, NextAt: attempt.EndedAt.Add(d.UnknownWait),
		}
	case relay.Permanent:
		if outcome.Reason == relay.ReasonOptedOut {
			return store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut}
		}
		return store.Next{State: relay.DeliveryDead, Reason: outcome.Reason}
	case relay.Retry:
	}
	if attempt.N >= channel.MaxAttempts {
		return store.Next{State: relay.DeliveryDead, Reason: relay.ReasonGaveUp}
	}
	at := attempt.EndedAt.Add(channel.Backoff(attempt.N, outcome.RetryAfter, d.Random()))
	if !at.Before(delivery.ExpiresAt) {
		return store.Next{State: relay.DeliveryDead, Reason: relay.ReasonExpired}
	}
	return store.Next{State: relay.DeliveryQueued, Reason: outcome.Reason, NextAt: at}
}

func (d *Dispatcher) settle(ctx context.Context, delivery relay.Delivery, next store.Next) error {
	err := d.Store.Settle(ctx, delivery.ID, next, d.Now())
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settle delivery %s: %w", delivery.ID, err)
	}
	d.Observer.Settled(delivery, next.State, d.Now().Sub(delivery.CreatedAt))
	return nil
}

// tooLate is the Reason of a delivery that is past its time: one whose answer never came may have arrived all the same.
func tooLate(delivery relay.Delivery) relay.Reason {
	if delivery.State == relay.DeliveryUnknown {
		return relay.ReasonNoAnswer
	}
	return relay.ReasonExpired
}
