package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// stillTrue looks right before an attempt of a delivery that an operator had retried whether anybody is still to be told of it: much may
// have happened since it was decided. Where not, it ends it. The error is a *refusal where nobody can say now.
func (d *Dispatcher) stillTrue(ctx context.Context, delivery relay.Delivery) (bool, error) {
	decision, err := d.reconsider(ctx, delivery)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // forgotten or pruned meanwhile
	}
	if err != nil {
		return false, err
	}
	next := store.Next{State: relay.DeliverySuppressed, Reason: decision.Reason, Trace: decision.Trace}
	switch {
	case decision.Action == relay.ActSend:
		return true, nil
	case decision.Action == relay.ActHold:
		return false, &refusal{decision.Reason, decision.Until.Sub(d.Now())}
	case decision.Reason == relay.ReasonExpired:
		next.State = relay.DeliveryDead
	}
	return false, d.end(ctx, delivery, next)
}

// reconsider asks the engine, as often as that wants to know more of the chat app.
func (d *Dispatcher) reconsider(ctx context.Context, delivery relay.Delivery) (relay.Decision, error) {
	alone, err := d.Store.Case(ctx, delivery.AlertID)
	if err != nil {
		return relay.Decision{}, fmt.Errorf("read alert %s: %w", delivery.AlertID, err)
	}
	alert := alone.Alert
	alone.Alert.Digest, alone.Alert.ExpiresAt = "", delivery.ExpiresAt // what waits in the digest now is for another message
	situation, err := d.situation(ctx, alone)
	if err != nil {
		return relay.Decision{}, err
	}
	if situation.Members, err = d.Store.Carried(ctx, alert.ID); err != nil {
		return relay.Decision{}, err
	}
	situation.Alert = alert
	c := consideration{Situation: situation, generation: d.Current()}
	for {
		query := c.generation.Query(alert, c.Event, c.Contact, c.Members)
		if c.Facts, err = d.Store.Look(ctx, alert.ID, query); err != nil {
			return relay.Decision{}, err
		}
		c.Now = d.Now()
		decision := c.generation.Reconsider(c.Situation, delivery)
		if decision.Action != relay.ActAsk {
			return decision, nil
		}
		if err = d.answer(ctx, &c, decision.Asks); err != nil {
			return relay.Decision{}, err
		}
	}
}
