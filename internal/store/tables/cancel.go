package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Cancel implements store.Bulk.
func (s *Tables) Cancel(ctx context.Context, order store.Stop) (store.Done, error) {
	h := handful{ids: order.IDs, at: order.At, audit: order.Audit}
	var done store.Done
	var err error
	switch order.Of {
	case store.KindAlert:
		h.handle = func(ctx context.Context, b *batch, id string, _ int) (string, error) {
			return b.cancelAlert(ctx, id, order.At)
		}
		done, err = s.byHand(ctx, h)
	case store.KindDelivery:
		h.handle = func(ctx context.Context, b *batch, id string, _ int) (string, error) {
			return b.cancelDelivery(ctx, id, order.At)
		}
		done, err = s.byHand(ctx, h)
	case store.KindEvent:
		fallthrough
	default:
		err = fmt.Errorf("a %q cannot be cancelled", order.Of)
	}
	if err != nil {
		return done, fmt.Errorf("cancel: %w", err)
	}
	return done, nil
}

func byOperator(now time.Time) []relay.Step {
	return []relay.Step{{At: now, Check: "cancel", Result: string(relay.ReasonByHand)}}
}

// cancelAlert ends an alert that is held, with those that it leads, or says why not.
func (b *batch) cancelAlert(ctx context.Context, id string, now time.Time) (skipped string, err error) {
	a, err := b.alert(ctx, id)
	if err != nil {
		return "", err
	}
	if a.State != relay.AlertHeld {
		return string(a.State), nil
	}
	deliveries, err := All(ctx, b, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE alert_id = ? ORDER BY seq", a.ID)
	if err != nil {
		return "", fmt.Errorf("read its deliveries: %w", err)
	}
	a.State, a.Reason, a.AgainAt, a.UpdatedAt = relay.AlertCancelled, relay.ReasonByHand, time.Time{}, now
	if underWay, _ := relay.RollUp(deliveries); len(deliveries) > 0 && underWay == relay.AlertDue {
		a.State, a.Reason = relay.AlertDue, relay.ReasonNone // only its fallback is cancelled
	}
	a.Trace = append(a.Trace, byOperator(now)...)
	if err = b.updateAlert(ctx, a); err != nil {
		return "", err
	}
	if err = b.Later(ctx, "UPDATE alerts SET fallback = ? WHERE id = ?", false, a.ID); err != nil {
		return "", fmt.Errorf("drop its fallback: %w", err)
	}
	return "", b.follow(ctx, a)
}

// cancelDelivery ends a delivery that waits, or says why not.
func (b *batch) cancelDelivery(ctx context.Context, id string, now time.Time) (skipped string, err error) {
	d, err := b.delivery(ctx, id)
	if err != nil {
		return "", err
	}
	if !d.Cancellable() {
		return string(d.State), nil
	}
	d.UpdatedAt = now
	_, err = b.move(ctx, d, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonByHand, Trace: byOperator(now)})
	return "", err
}
