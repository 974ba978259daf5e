package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
func (s *Tables) BeginAttempt(ctx context.Context, start store.Start) (relay.Delivery, relay.Attempt, error) {
	out, err := do(ctx, s, patient.on(start.DeliveryID), func(ctx context.Context, b *batch) (begun, error) { return b.begin(ctx, start) })
	if err == nil {
		err = out.refusal
	}
	if err != nil {
		return out.delivery, relay.Attempt{}, fmt.Errorf("begin an attempt of delivery %q: %w", start.DeliveryID, err)
	}
	return out.delivery, out.attempt, nil
}

// begun is what became of an attempt that was to begin. The refusal is no error of the op: what that fails with is not kept.
type begun struct {
	delivery relay.Delivery
	attempt  relay.Attempt
	refusal  error
}

func (b *batch) begin(ctx context.Context, start store.Start) (begun, error) {
	d, err := b.delivery(ctx, start.DeliveryID)
	if err != nil {
		return begun{}, err
	}
	if !waits(d.State) || micros(d.NextAt) > micros(start.Now) {
		return begun{}, store.ErrConflict
	}
	d.UpdatedAt = timeOf(micros(start.Now))
	if is, err := b.forbidden(ctx, &d); err != nil || is {
		return begun{delivery: d, refusal: store.ErrSuppressed}, err
	}
	if is, err := b.stopped(ctx, &d); err != nil || is {
		return begun{delivery: d, refusal: store.ErrPaused}, err
	}
	spent, over, err := b.spend(ctx, &d, start.Segments)
	if err != nil || over {
		return begun{delivery: d, refusal: store.ErrSuppressed}, err
	}
	if d.Before > 0 && d.Attempts == d.Before {
		d.Provider, d.ProviderID = "", "" // they are of the message that did not arrive
	}
	d.State, d.Reason, d.NextAt = relay.DeliverySending, relay.ReasonNone, timeOf(0)
	d.Attempts++
	a := relay.Attempt{DeliveryID: d.ID, N: d.Attempts, Provider: start.Provider, StartedAt: d.UpdatedAt}
	if err = b.updateDelivery(ctx, d); err != nil {
		return begun{}, err
	}
	return begun{delivery: d, attempt: a}, b.insertAttempt(ctx, a, spent)
}

// beginsAtOnce tells whether the attempt of a new delivery begins in the transaction of its decision, with how, and the segments that it
// counted. What BeginAttempt would look at the decision's facts know, since they were read in this transaction.
func (b *batch) beginsAtOnce(ctx context.Context, d relay.Delivery, v *verdict) (start store.Start, spent int, begins bool, err error) {
	i := slices.IndexFunc(v.starts, func(s store.Start) bool { return s.DeliveryID == d.ID })
	to := relay.NewAddress(d.Channel, d.Address())
	if i < 0 || d.State != relay.DeliveryQueued || !d.NextAt.IsZero() || !slices.Contains(v.query.Addresses, to) ||
		v.facts.Suppressed[to] != relay.ReasonNone ||
		slices.ContainsFunc(v.facts.Paused, func(p relay.Pause) bool { return p.Covers(d.Rule, d.Channel) }) {
		return start, 0, false, nil
	}
	start = v.starts[i]
	spent, over, err := b.count(ctx, d, start.Segments)
	return start, spent, !over && err == nil, err
}

func (b *batch) insertAttempt(ctx context.Context, a relay.Attempt, spent int) error {
	err := b.Later(ctx, "INSERT INTO attempts ("+attemptColumns+", spent) VALUES (?, ?, ?, ?, 0, '', '', '', '', 0, '', 0, '', ?)",
		a.DeliveryID, a.N, a.Provider, micros(a.StartedAt), spent)
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
	e, err := b.ending(ctx, a)
	if err != nil {
		return err
	}
	d := e.delivery
	underWay := d.State == relay.DeliverySending || d.State == relay.DeliveryUnknown
	reported := d.State.Rank() > 0 // a receipt was quicker than the answer, and knows better
	if !underWay && !reported || d.Attempts != a.N || e.outcome != "" {
		return store.ErrConflict
	}
	o := a.Outcome
	err = b.Later(ctx, `UPDATE attempts SET ended_at = ?, outcome = ?, blame = ?, reason = ?, provider_id = ?, status = ?,
		code = ?, retry_after = ?, detail = ? WHERE delivery_id = ? AND n = ? AND outcome = ''`,
		micros(a.EndedAt), string(o.Kind), string(o.Blame), string(o.Reason), o.ProviderID, o.Status, o.Code,
		int64(o.RetryAfter), o.Detail, a.DeliveryID, a.N)
	if err != nil {
		return fmt.Errorf("keep the outcome: %w", err)
	}
	if o.Kind == relay.Retry || o.Kind == relay.Permanent { // the provider did not take it
		if err = b.giveBack(ctx, e.started, e.spent); err != nil {
			return err
		}
	}
	d.UpdatedAt = a.EndedAt
	if err = b.blame(ctx, d, o); err != nil {
		return err
	}
	if !reported {
		if next, err = b.failedEarly(ctx, a, next); err != nil {
			return err
		}
		_, err = b.moveIn(ctx, d, next, &e.siblings)
		return err
	}
	if d.ProviderID == "" {
		d.Provider, d.ProviderID = a.Provider, o.ProviderID
	}
	return b.updateDelivery(ctx, d)
}

// ending is an attempt that is about to end: its outcome, empty where it has none, what it counted against a day, its delivery but for what
// was written to whom, and how that and its alert stand.
type ending struct {
	siblings
	keptAttempt

	delivery relay.Delivery
}

// keptAttempt is what is kept of an attempt.
type keptAttempt struct {
	outcome string
	spent   int
	started time.Time
}

func scanEnding(row Scanner) (e ending, err error) {
	d, s := &e.delivery, &e.standing
	var address string
	err = row.Scan(&d.ID, &d.AlertID, &d.Channel, &address, &d.State, &d.Reason, &d.Provider, &d.ProviderID, &d.Attempts, at{&d.NextAt},
		&s.state, &s.reason, at{&s.againAt}, &s.fallback, &s.digest)
	d.Phone, d.Email = addressed(d.Channel, address)
	return e, err
}

// ending reads an attempt that is about to end. All attempts end this way, so the delivery's message is not read, and the alert is read
// with it. The alert's deliveries are read when that is locked: another replica may have been about to move one.
func (b *batch) ending(ctx context.Context, a relay.Attempt) (ending, error) {
	var found []ending
	var attempts []keptAttempt
	var all []relay.Delivery
	err := b.Ask(ctx,
		Asking(into(&found), scanEnding, `SELECT d.id, d.alert_id, d.channel, d.address, d.state, d.reason, d.provider, d.provider_id, d.attempts,
			d.next_at, a.state, a.reason, a.again_at, a.fallback, a.digest
			FROM deliveries d JOIN alerts a ON a.id = d.alert_id WHERE d.id = ? FOR UPDATE`, a.DeliveryID),
		Asking(into(&attempts), func(row Scanner) (k keptAttempt, err error) { return k, row.Scan(&k.outcome, &k.spent, at{&k.started}) },
			"SELECT outcome, spent, started_at FROM attempts WHERE delivery_id = ? AND n = ?", a.DeliveryID, a.N),
		Asking(into(&all), scanSibling, "SELECT id, state, reason FROM deliveries WHERE alert_id = (SELECT alert_id FROM deliveries WHERE id = ?) ORDER BY seq",
			a.DeliveryID))
	switch {
	case err != nil:
		return ending{}, fmt.Errorf("read the attempt: %w", err)
	case len(found) == 0:
		return ending{}, store.ErrNotFound
	case len(attempts) == 0:
		return ending{}, store.ErrConflict
	}
	e := found[0]
	e.keptAttempt, e.all = attempts[0], all
	return e, nil
}

// blame keeps an address that the provider says nothing can be sent to, so that nobody tries again.
func (b *batch) blame(ctx context.Context, d relay.Delivery, o relay.Outcome) error {
	if o.Kind != relay.Permanent || o.Blame != relay.BlameRecipient || o.Reason == relay.ReasonNone {
		return nil
	}
	_, err := b.suppress(ctx, relay.Suppression{
		Address: relay.NewAddress(d.Channel, d.Address()), Reason: o.Reason, Source: relay.SuppressedByProvider, At: d.UpdatedAt,
	})
	return err
}

// Settle implements store.Store.
func (s *Tables) Settle(ctx context.Context, deliveryID string, next store.Next, now time.Time) error {
	err := checkNext(next)
	w := patient.on(deliveryID)
	if next.ProviderID != "" {
		w.locks = []string{"message " + next.Provider + " " + next.ProviderID} // another replica may be about to take it, too
	}
	held := false
	if err == nil {
		held, err = do(ctx, s, w, func(ctx context.Context, b *batch) (held bool, err error) {
			d, err := b.delivery(ctx, deliveryID)
			if err != nil {
				return false, err
			}
			if !settles(d, next.State) {
				return false, store.ErrConflict
			}
			if held, err = b.held(ctx, next, deliveryID); held || err != nil {
				return held, err
			}
			d.UpdatedAt = now
			_, err = b.move(ctx, d, next)
			return false, err
		})
	}
	if held {
		err = store.ErrHeld
	}
	if err != nil {
		return fmt.Errorf("settle delivery %q: %w", deliveryID, err)
	}
	return nil
}

// held tells whether the message that a delivery is to have is another one's.
func (b *batch) held(ctx context.Context, next store.Next, deliveryID string) (bool, error) {
	if next.ProviderID == "" {
		return false, nil
	}
	n, err := One(ctx, b, scanInt, `SELECT count(*) FROM deliveries WHERE provider_id = ? AND provider_id <> '' AND provider = ? AND id <> ?`,
		next.ProviderID, next.Provider, deliveryID)
	return n > 0, err
}

func settles(d relay.Delivery, to relay.DeliveryState) bool {
	switch d.State {
	case relay.DeliveryQueued:
		return to != relay.DeliveryQueued || d.Attempts == 0 && d.NextAt.IsZero() // what has a time keeps it
	case relay.DeliveryUnknown:
		return to != relay.DeliveryQueued // it would be sent again without a look
	default:
		return d.State.Rank() > 0 && to.Rank() > d.State.Rank()
	}
}

// clockSkew is how far the clock of another replica may be ahead. What began later still did so by a clock that was put back since.
const clockSkew = 10 * time.Minute

// Orphaned implements store.Store.
func (s *Tables) Orphaned(ctx context.Context, before, now, wakeAt time.Time) (int, error) {
	next := store.Next{State: relay.DeliveryUnknown, Reason: relay.ReasonNoAnswer, NextAt: wakeAt}
	if err := checkNext(next); err != nil {
		return 0, fmt.Errorf("give up orphaned attempts: %w", err)
	}
	n, err := do(ctx, s, patient.on("", "orphaned"), func(ctx context.Context, b *batch) (int, error) {
		orphans, err := All(ctx, b, scanDelivery, "SELECT "+deliveryColumns+
			" FROM deliveries WHERE state = 'sending' AND (updated_at < ? OR updated_at > ?) ORDER BY seq FOR UPDATE",
			micros(before), micros(now.Add(clockSkew)))
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
