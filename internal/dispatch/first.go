package dispatch

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// firsts are the first attempts of what an alert's decision sends. Those whose gates let them through at once are written down in the
// transaction of the decision; the others go to their channel's queue in it.
type firsts struct {
	d *Dispatcher
	// ready are those that may begin, by the ID of the delivery.
	ready map[string]entrant
	begun []store.Begun
	// open is the alert of whose deliveries one is queued and yet nobody's; empty where none is.
	open string
}

// entrant is who carries a message, with the right to do so; there is none where nobody is called.
type entrant struct {
	carrier

	pass *pass
}

// starts gives the decision with what is to become of its deliveries now. It runs in the store's transaction, so it waits for nothing; and
// it may run again, and then those that have a pass keep it. A nil firsts begins nothing.
func (f *firsts) starts(ctx context.Context, decision relay.Decision) (relay.Decision, []store.Start) {
	if f == nil {
		return decision, nil
	}
	var starts []store.Start
	for i, delivery := range decision.Deliveries {
		if delivery.State != relay.DeliveryQueued || !delivery.NextAt.IsZero() {
			continue
		}
		e, known, err := f.enter(ctx, delivery)
		if r, refused := errors.AsType[*refusal](err); refused {
			decision.Deliveries[i].NextAt, decision.Deliveries[i].Reason = f.d.Now(), r.reason
		} else if known && err == nil {
			starts = append(starts, f.d.start(delivery, e.carrier))
		}
	}
	return decision, starts
}

// enter gives who may carry a delivery at once; false where there is nobody, which attemptOpen settles.
func (f *firsts) enter(ctx context.Context, delivery relay.Delivery) (entrant, bool, error) {
	if e, ok := f.ready[delivery.ID]; ok {
		return e, true, nil
	}
	by, ok := f.d.carrier(delivery)
	if !ok {
		return entrant{}, false, nil
	}
	e := entrant{carrier: by}
	if by.gate != nil {
		var err error
		if e.pass, err = by.gate.enter(ctx, atOnce); err != nil {
			return e, true, err
		}
	}
	if f.ready == nil {
		f.ready = map[string]entrant{}
	}
	f.ready[delivery.ID] = e
	return e, true, nil
}

// took notes what the store kept.
func (f *firsts) took(decision relay.Decision, begun []store.Begun) {
	if f == nil {
		return
	}
	f.begun = begun
	for _, d := range decision.Deliveries {
		if d.State == relay.DeliveryQueued && d.NextAt.IsZero() {
			f.open = d.AlertID
		}
	}
}

// carry makes the calls of what was begun, side by side, and attempts what was left.
func (f *firsts) carry(ctx context.Context) error {
	var group errgroup.Group
	for _, b := range f.begun {
		e := f.ready[b.Delivery.ID]
		group.Go(func() error { return f.d.carry(ctx, b.Delivery, b.Attempt, e.carrier, e.pass) })
	}
	if f.open != "" {
		group.Go(func() error { return f.d.attemptOpen(ctx, f.open) })
	}
	return group.Wait()
}

// waive gives back what was not used.
func (f *firsts) waive() {
	for _, e := range f.ready {
		e.pass.waive()
	}
}
