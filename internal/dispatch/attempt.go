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
	ctx = store.WithTrace(ctx, job.Args.Trace)
	delivery, err := w.d.Store.Delivery(ctx, job.Args.DeliveryID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // pruned
	}
	if err != nil {
		return fmt.Errorf("read delivery %s: %w", job.Args.DeliveryID, err)
	}
	w.d.gates[delivery.Channel].worked.Add(1)
	open := delivery.State == relay.DeliveryQueued || delivery.State == relay.DeliveryUnknown
	if wait := delivery.NextAt.Sub(w.d.Now()); open && wait > 0 {
		return river.JobSnooze(wait)
	}
	if !open {
		return nil // a receipt may have moved it
	}
	err = w.d.goOn(ctx, delivery, patiently)
	if r, refused := errors.AsType[*refusal](err); refused {
		return river.JobSnooze(r.wait)
	}
	return err
}

// goOn does what is next for a delivery whose time has come. It gives a *refusal where the channel's gate lets no attempt through.
func (d *Dispatcher) goOn(ctx context.Context, delivery relay.Delivery, how manner) error {
	if delivery.State == relay.DeliveryUnknown {
		return d.find(ctx, delivery, how)
	}
	if !d.Now().Before(delivery.ExpiresAt) {
		return d.settle(ctx, delivery, relay.ReasonExpired)
	}
	if !delivery.RetriedAt.IsZero() {
		if still, err := d.stillTrue(ctx, delivery); err != nil || !still {
			return err
		}
	}
	return d.attempt(ctx, delivery, how)
}

// carrier is who carries a message: the channel's provider, by its gate; or the outbox, which has none, where the settings let
// nothing go out to that address.
type carrier struct {
	Provider

	gate *gate
	// reason is why the message goes to nobody.
	reason relay.Reason
}

func (d *Dispatcher) carrier(delivery relay.Delivery) (carrier, bool) {
	if d.Sandbox != nil {
		if provider, ok := d.Sandbox(relay.NewAddress(delivery.Channel, delivery.Address())); ok {
			return carrier{Provider: provider, reason: relay.ReasonNotAllowedHere}, true
		}
	}
	provider, ok := d.Provider(delivery.Channel)
	return carrier{Provider: provider, gate: d.gates[delivery.Channel]}, ok
}

// attempt makes one attempt: it is written down, made, and its outcome written down. Once begun it ends by its own deadline
// and not by a shutdown, because an answer that nobody waits for is an unknown outcome.
func (d *Dispatcher) attempt(ctx context.Context, delivery relay.Delivery, how manner) error {
	by, ok := d.carrier(delivery)
	if !ok {
		return d.settle(ctx, delivery, relay.ReasonNoChannel)
	}
	var entry *pass
	if by.gate != nil {
		var err error
		if entry, err = by.gate.enter(ctx, how); err != nil {
			return err
		}
		defer entry.waive()
	}
	delivery, attempt, err := d.begin(ctx, delivery, by)
	if err != nil || attempt.N == 0 {
		return err
	}
	return d.carry(ctx, delivery, attempt, by, entry)
}

// carry makes the call of an attempt that was begun, and writes its outcome down.
func (d *Dispatcher) carry(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt, by carrier, entry *pass) error {
	ctx, span := d.Tracer.Attempt(context.WithoutCancel(ctx), store.TraceOf(ctx), delivery, attempt)
	call, cancel := context.WithTimeout(ctx, channel.Deadline)
	attempt.Outcome = discreet(by.Send(call, delivery), delivery.Content)
	cancel()
	span.Attempted(attempt.Outcome)
	attempt.EndedAt = d.Now()
	entry.use(d.slowing(attempt, delivery.Before))
	next := d.next(ctx, delivery, attempt, entry != nil && entry.probe)
	if next.State == relay.DeliverySent {
		next.Reason = by.reason
	}
	return d.finish(ctx, delivery, attempt, next)
}

// slowing is what the gate learns of an attempt. A provider that asks to slow down and does not say for how long is left in peace for
// about as long as the delivery waits.
func (d *Dispatcher) slowing(attempt relay.Attempt, before int) relay.Outcome {
	outcome := attempt.Outcome
	if outcome.Reason == relay.ReasonThrottled && outcome.RetryAfter == 0 {
		outcome.RetryAfter = min(channel.Backoff(max(1, attempt.N-before), 0, d.Random()), mostGuessed)
	}
	return outcome
}

func (d *Dispatcher) start(delivery relay.Delivery, by carrier) store.Start {
	start := store.Start{DeliveryID: delivery.ID, Provider: by.Name(), Now: d.Now()}
	if by.gate != nil && delivery.Channel == relay.ChannelSMS {
		start.Segments = d.DailySegments
	}
	return start
}

// begin writes the attempt down; none where it must not be made.
func (d *Dispatcher) begin(ctx context.Context, delivery relay.Delivery, by carrier) (relay.Delivery, relay.Attempt, error) {
	begun, attempt, err := d.Store.BeginAttempt(ctx, d.start(delivery, by))
	switch {
	case err == nil:
		return begun, attempt, nil
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrPaused), errors.Is(err, store.ErrNotFound):
		return begun, relay.Attempt{}, nil // another worker has it, or an operator does; or whom it told of is forgotten
	case errors.Is(err, store.ErrSuppressed): // somebody said no while it waited, or the day's segments are used up
		d.Logger.InfoContext(ctx, "delivery suppressed", "delivery", begun.ID, "rule", begun.Rule, "channel", begun.Channel,
			"reason", begun.Reason)
		d.Observer.Settled(ctx, begun, begun.State, d.Now().Sub(begun.Since()))
		return begun, relay.Attempt{}, nil
	}
	return begun, relay.Attempt{}, fmt.Errorf("begin attempt of delivery %s: %w", delivery.ID, err)
}

func (d *Dispatcher) finish(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt, next store.Next) error {
	d.Observer.Attempted(ctx, delivery, attempt)
	d.Logger.InfoContext(ctx, "attempt ended", "delivery", delivery.ID, "rule", delivery.Rule, "channel", delivery.Channel,
		"to", delivery.Masked(), "attempt", attempt.N, "outcome", attempt.Outcome.Kind, "reason", attempt.Outcome.Reason,
		"status", attempt.Outcome.Status, "code", attempt.Outcome.Code, "state", next.State)
	if err := d.keep(ctx, attempt, next); err != nil {
		return fmt.Errorf("keep outcome of delivery %s: %w", delivery.ID, err)
	}
	if next.State.Done() {
		d.Observer.Settled(ctx, delivery, next.State, attempt.EndedAt.Sub(delivery.Since()))
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

// settle ends a delivery without another attempt.
func (d *Dispatcher) settle(ctx context.Context, delivery relay.Delivery, reason relay.Reason) error {
	return d.end(ctx, delivery, store.Next{State: relay.DeliveryDead, Reason: reason})
}

func (d *Dispatcher) end(ctx context.Context, delivery relay.Delivery, next store.Next) error {
	err := d.Store.Settle(ctx, delivery.ID, next, d.Now())
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settle delivery %s: %w", delivery.ID, err)
	}
	d.Logger.InfoContext(ctx, "delivery ended without another attempt", "delivery", delivery.ID, "rule", delivery.Rule,
		"channel", delivery.Channel, "state", next.State, "reason", next.Reason)
	d.Observer.Settled(ctx, delivery, next.State, d.Now().Sub(delivery.Since()))
	return nil
}
