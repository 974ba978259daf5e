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
	defer w.d.working()()
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
		return d.settle(ctx, delivery, relay.ReasonNoChannel)
	}
	end, err := d.outlived(ctx, delivery)
	if err != nil {
		return err
	}
	if end != relay.ReasonNone {
		return d.settle(ctx, delivery, end)
	}
	id := delivery.ID
	delivery, attempt, err := d.Store.BeginAttempt(ctx, store.Start{DeliveryID: id, Provider: provider.Name(), Now: d.Now()})
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrPaused) {
		return nil // another worker has it, or it has a later wake-up
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
	if err := d.keep(ctx, attempt, next); err != nil {
		return fmt.Errorf("keep outcome of delivery %s: %w", delivery.ID, err)
	}
	if next.State.Done() {
		d.Observer.Settled(delivery, next.State, attempt.EndedAt.Sub(delivery.CreatedAt))
	}
	return nil
}

// keep writes an outcome down. It exists only here, and a message whose acceptance is forgotten is sent again: so a store
// in trouble is asked again and again, until the attempt would count as lost anyhow.
func (d *Dispatcher) keep(ctx context.Context, attempt relay.Attempt, next store.Next) error {
	ctx, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	pause := time.NewTicker(keepPause)
	defer pause.Stop()
	for {
		err := d.Store.FinishAttempt(ctx, attempt, next)
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-pause.C:
		}
	}
}

// next says where an outcome takes the delivery.
func (d *Dispatcher) next(delivery relay.Delivery, attempt relay.Attempt) store.Next {
	outcome := attempt.Outcome
	switch outcome.Kind {
	case relay.Accepted:
		return store.Next{State: relay.DeliverySent, Provider: attempt.Provider, ProviderID: outcome.ProviderID}
	case relay.Unknown:
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

// lost counts the attempts that may have arrived without anybody here knowing.
func (d *Dispatcher) lost(ctx context.Context, delivery relay.Delivery) (int, error) {
	attempts, err := d.Store.Attempts(ctx, delivery.ID)
	if err != nil {
		return 0, fmt.Errorf("read attempts of delivery %s: %w", delivery.ID, err)
	}
	n := 0
	for _, a := range attempts {
		if a.EndedAt.IsZero() || a.Outcome.Kind == relay.Unknown {
			n++
		}
	}
	return n, nil
}

// outlived gives the Reason why no further attempt is made of a delivery, if there is one.
func (d *Dispatcher) outlived(ctx context.Context, delivery relay.Delivery) (relay.Reason, error) {
	expired := !d.Now().Before(delivery.ExpiresAt)
	if delivery.State != relay.DeliveryUnknown {
		if expired {
			return relay.ReasonExpired, nil
		}
		return relay.ReasonNone, nil
	}
	lost, err := d.lost(ctx, delivery)
	if expired || lost > maxResends {
		return relay.ReasonNoAnswer, err // it may have arrived all the same
	}
	return relay.ReasonNone, err
}

// settle ends a delivery without another attempt.
func (d *Dispatcher) settle(ctx context.Context, delivery relay.Delivery, reason relay.Reason) error {
	next := store.Next{State: relay.DeliveryDead, Reason: reason}
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
