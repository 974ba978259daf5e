package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// retryStep is how far apart deliveries fall due that are retried together.
const retryStep = 10 * time.Millisecond

// Retry implements store.Bulk.
func (s *Tables) Retry(ctx context.Context, order store.Again) (store.Done, error) {
	done, err := s.byHand(ctx, handful{ids: order.IDs, at: order.At, audit: order.Audit, handle: func(ctx context.Context, b *batch, id string, n int) (string, error) {
		d, err := b.delivery(ctx, id)
		if err != nil {
			return "", err
		}
		return b.retry(ctx, d, anew{late: order.Late, at: order.At, next: order.At.Add(time.Duration(n) * retryStep)})
	}})
	if err != nil {
		return done, fmt.Errorf("retry deliveries: %w", err)
	}
	return done, nil
}

// handful is an order for several things.
type handful struct {
	ids   []string
	at    time.Time
	audit relay.Audit
	// handle does one, which is the n-th that is done, or says why it is skipped.
	handle func(ctx context.Context, b *batch, id string, n int) (skipped string, err error)
}

// byHand does an order in one transaction, in the order of IDs: two that meet do so in one order, as Receive does.
func (s *Tables) byHand(ctx context.Context, h handful) (store.Done, error) {
	switch {
	case len(h.ids) < 1 || len(h.ids) > store.MaxBulk:
		return store.Done{}, fmt.Errorf("%d IDs; want 1 to %d", len(h.ids), store.MaxBulk)
	case h.at.IsZero():
		return store.Done{}, errors.New("it does not say when")
	}
	if h.audit.Action != "" {
		if err := checkAudit(h.audit); err != nil {
			return store.Done{}, err
		}
	}
	ids := slices.Compact(slices.Sorted(slices.Values(h.ids)))
	return do(ctx, s, patient.on(ids[0]), func(ctx context.Context, b *batch) (store.Done, error) {
		done := store.Done{Skipped: map[string]int{}}
		for _, id := range ids {
			why, err := h.handle(ctx, b, id, done.Done)
			switch {
			case errors.Is(err, store.ErrNotFound):
				done.Skipped[store.SkippedGone]++
			case err != nil:
				return done, err
			case why != "":
				done.Skipped[why]++
			default:
				done.Done++
			}
		}
		if done.Done == 0 || h.audit.Action == "" {
			return done, nil
		}
		return done, b.note(ctx, h.audit)
	})
}

// anew says how a delivery is retried.
type anew struct {
	late     bool
	at, next time.Time
}

// retry queues a delivery anew, or says why not.
func (b *batch) retry(ctx context.Context, d relay.Delivery, how anew) (skipped string, err error) {
	a, err := b.alert(ctx, d.AlertID)
	if err != nil {
		return "", err
	}
	if why := unfit(d, a); why != "" {
		return why, nil
	}
	if micros(d.ExpiresAt) <= micros(how.at) {
		if !how.late {
			return store.SkippedExpired, nil
		}
		d.ExpiresAt = how.at.Add(a.ExpiresAt.Sub(a.ReceivedAt))
	}
	if taken, err := b.reclaim(ctx, d.ID); err != nil || taken {
		return store.SkippedCollapsed, err
	}
	// The message may have become known by a receipt or the provider's list only: what comes of it later is not of the next one.
	if d.ProviderID != "" {
		err = b.Later(ctx, "UPDATE attempts SET provider_id = ? WHERE delivery_id = ? AND n = ? AND provider_id = ''", d.ProviderID, d.ID, d.Attempts)
		if err != nil {
			return "", fmt.Errorf("keep which message did not arrive: %w", err)
		}
	}
	err = b.Later(ctx, `UPDATE deliveries SET state = 'queued', reason = '', next_at = ?, expires_at = ?, retried_at = ?, tries_before = attempts,
		updated_at = ? WHERE id = ?`, micros(how.next), micros(d.ExpiresAt), micros(how.at), micros(how.at), d.ID)
	if err != nil {
		return "", fmt.Errorf("queue delivery %q: %w", d.ID, err)
	}
	b.wake(store.DeliveryArgs{DeliveryID: d.ID}, store.QueueOf(d.Channel), how.next)
	return "", b.reopen(ctx, a, d, how.at)
}

// unfit says why a delivery is not retried, whoever else was told of what it tells.
func unfit(d relay.Delivery, a relay.Alert) string {
	switch {
	case !d.Retriable() && d.State == relay.DeliverySuppressed:
		return string(cmp.Or(d.Reason, relay.Reason(d.State)))
	case !d.Retriable():
		return string(d.State)
	case !d.BlankedAt.IsZero(), d.Address() == "", d.Content.Text == "":
		return store.SkippedBlank
	case a.State == relay.AlertCancelled && !a.Reopens():
		return store.SkippedCancelled
	}
	return ""
}

// reclaim takes back what a delivery claimed, and tells whether somebody else has any of it by now.
func (b *batch) reclaim(ctx context.Context, id string) (taken bool, err error) {
	claims, err := All(ctx, b, scanString, "SELECT claim FROM released WHERE delivery = ? ORDER BY claim", id)
	if err != nil {
		return false, fmt.Errorf("read what it claimed: %w", err)
	}
	if len(claims) == 0 {
		return false, nil
	}
	if taken, err = b.claimed(ctx, claims); err != nil || taken {
		return taken, err
	}
	if err = b.Later(ctx, "DELETE FROM released WHERE delivery = ?", id); err != nil {
		return false, fmt.Errorf("take its claims back: %w", err)
	}
	return false, b.hold(ctx, relay.Delivery{ID: id, Claims: claims})
}

// reopen makes an alert due again that ended without a message, with those that it leads and that ended so with it.
func (b *batch) reopen(ctx context.Context, a relay.Alert, d relay.Delivery, now time.Time) error {
	before := a
	a.UpdatedAt = now
	a.Trace = append(a.Trace, relay.Step{At: now, Check: "retry", Result: "by hand", Seen: string(d.Channel) + " " + d.Template})
	if a.Reopens() {
		a.State, a.Reason = relay.AlertDue, relay.ReasonNone
	}
	if err := b.updateAlert(ctx, a); err != nil || a.State == before.State {
		return err
	}
	err := b.Later(ctx, "UPDATE alerts SET state = 'due', reason = '', updated_at = ? WHERE lead = ? AND lead <> '' AND state = ? AND reason = ?",
		micros(now), a.ID, string(before.State), string(before.Reason))
	if err != nil {
		return fmt.Errorf("reopen the alerts that %q leads: %w", a.ID, err)
	}
	return nil
}
