package tables

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const attemptColumns = `delivery_id, n, provider, started_at, ended_at, outcome, blame, reason, provider_id, status, code,
	retry_after, detail`

func scanAttempt(row Scanner) (a relay.Attempt, err error) {
	o := &a.Outcome
	err = row.Scan(&a.DeliveryID, &a.N, &a.Provider, at{&a.StartedAt}, at{&a.EndedAt}, &o.Kind, &o.Blame, &o.Reason,
		&o.ProviderID, &o.Status, &o.Code, &o.RetryAfter, &o.Detail)
	return a, err
}

// BeginAttempt implements store.Store.
func (s *Tables) BeginAttempt(ctx context.Context, deliveryID, provider string, now time.Time) (
	relay.Delivery, relay.Attempt, error,
) {
	type begun struct {
		delivery  relay.Delivery
		attempt   relay.Attempt
		forbidden bool
	}
	out, err := do(ctx, s, patient.on(deliveryID), func(ctx context.Context, b *batch) (out begun, err error) {
		d, err := b.delivery(ctx, deliveryID)
		if err != nil {
			return out, err
		}
		if !waits(d.State) || micros(d.NextAt) > micros(now) {
			return out, store.ErrConflict
		}
		d.UpdatedAt = timeOf(micros(now))
		if out.forbidden, err = b.forbidden(ctx, &d); err != nil || out.forbidden {
			return begun{delivery: d, forbidden: out.forbidden}, err
		}
		d.State, d.Reason, d.NextAt = relay.DeliverySending, relay.ReasonNone, timeOf(0)
		d.Attempts++
		a := relay.Attempt{DeliveryID: d.ID, N: d.Attempts, Provider: provider, StartedAt: d.UpdatedAt}
		if err = b.updateDelivery(ctx, d); err != nil {
			return out, err
		}
		return begun{delivery: d, attempt: a}, b.insertAttempt(ctx, a)
	})
	if err == nil && out.forbidden {
		err = store.ErrSuppressed // told here: what an op fails with is not kept
	}
	if err != nil {
		return out.delivery, relay.Attempt{}, fmt.Errorf("begin an attempt of delivery %q: %w", deliveryID, err)
	}
	return out.delivery, out.attempt, nil
}

func (b *batch) insertAttempt(ctx context.Context, a relay.Attempt) error {
	_, err := b.Exec(ctx, "INSERT INTO attempts ("+attemptColumns+") VALUES (?, ?, ?, ?, 0, '', '', '', '', 0, '', 0, '')",
		a.DeliveryID, a.N, a.Provider, micros(a.StartedAt))
	if err != nil {
		return fmt.Errorf("keep the attempt: %w", err)
	}
	return nil
}

// FinishAttempt implements store.Store.
func (s *Tables) FinishAttempt(ctx context.Context, attempt relay.Attempt, next store.Next) error {
	err := checkNext(next)
	switch {
	case err != nil:
	case attempt.EndedAt.IsZero():
		err = errors.New("it does not say when it ended")
	case attempt.Outcome.Kind == "":
		err = errors.New("it has no outcome")
	default:
		_, err = do(ctx, s, patient.on(attempt.DeliveryID), func(ctx context.Context, b *batch) (struct{}, error) {
			return struct{}{}, b.finish(ctx, attempt, next)
		})
	}
	if err != nil {
		return fmt.Errorf("finish attempt %d of delivery %q: %w", attempt.N, attempt.DeliveryID, err)
	}
	return nil
}

func (b *batch) finish(ctx context.Context, a relay.Attempt, next store.Next) error {
	d, err := b.delivery(ctx, a.DeliveryID)
	if err != nil {
		return err
	}
	underWay := d.State == relay.DeliverySending || d.State == relay.DeliveryUnknown
	if !underWay || d.Attempts != a.N {
		return store.ErrConflict
	}
	o := a.Outcome
	n, err := b.Exec(ctx, `UPDATE attempts SET ended_at = ?, outcome = ?, blame = ?, reason = ?, provider_id = ?, status = ?,
		code = ?, retry_after = ?, detail = ? WHERE delivery_id = ? AND n = ? AND outcome = ''`,
		micros(a.EndedAt), string(o.Kind), string(o.Blame), string(o.Reason), o.ProviderID, o.Status, o.Code,
		int64(o.RetryAfter), o.Detail, a.DeliveryID, a.N)
	if err != nil {
		return fmt.Errorf("keep the outcome: %w", err)
	}
	if n == 0 {
		return store.ErrConflict // it has an outcome
	}
	d.UpdatedAt = a.EndedAt
	_, err = b.move(ctx, d, next)
	return err
}

// Settle implements store.Store.
func (s *Tables) Settle(ctx context.Context, deliveryID string, next store.Next, now time.Time) error {
	err := checkNext(next)
	if err == nil {
		_, err = do(ctx, s, patient.on(deliveryID), func(ctx context.Context, b *batch) (struct{}, error) {
			d, err := b.delivery(ctx, deliveryID)
			if err != nil {
				return struct{}{}, err
			}
			if !settles(d.State, next.State) {
				return struct{}{}, store.ErrConflict
			}
			d.UpdatedAt = now
			_, err = b.move(ctx, d, next)
			return struct{}{}, err
		})
	}
	if err != nil {
		return fmt.Errorf("settle delivery %q: %w", deliveryID, err)
	}
	return nil
}

func settles(from, to relay.DeliveryState) bool {
	switch from {
	case relay.DeliveryQueued, relay.DeliveryUnknown:
		return true
	case relay.DeliverySent:
		return to == relay.DeliveryDelivered || to == relay.DeliveryUndelivered
	default:
		return false
	}
}

// Orphaned implements store.Store.
func (s *Tables) Orphaned(ctx context.Context, before, now, wakeAt time.Time) (int, error) {
	next := store.Next{State: relay.DeliveryUnknown, Reason: relay.ReasonNoAnswer, NextAt: wakeAt}
	if err := checkNext(next); err != nil {
		return 0, fmt.Errorf("give up orphaned attempts: %w", err)
	}
	n, err := do(ctx, s, patient.on("", "orphaned"), func(ctx context.Context, b *batch) (int, error) {
		orphans, err := All(ctx, b, scanDelivery, "SELECT "+deliveryColumns+
			" FROM deliveries WHERE state = 'sending' AND updated_at < ? ORDER BY seq FOR UPDATE", micros(before))
		if err != nil {
			return 0, err
		}
		for _, d := range orphans {
			d.UpdatedAt = now
			if _, err = b.move(ctx, d, next); err != nil {
				return 0, err
			}
		}
		return len(orphans), nil
	})
	if err != nil {
		return 0, fmt.Errorf("give up orphaned attempts: %w", err)
	}
	return n, nil
}

// Attempts implements store.Store. A delivery that is not kept has none.
func (s *Tables) Attempts(ctx context.Context, deliveryID string) ([]relay.Attempt, error) {
	attempts, err := All(ctx, s.Read, scanAttempt,
		"SELECT "+attemptColumns+" FROM attempts WHERE delivery_id = ? ORDER BY n", deliveryID)
	if err != nil {
		return nil, fmt.Errorf("attempts of delivery %q: %w", deliveryID, err)
	}
	return attempts, nil
}
