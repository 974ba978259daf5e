package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// maxTrace bounds an alert's trace: one that is held anew every few seconds keeps the newest steps.
const maxTrace = 200

const alertColumns = `id, event_id, trigger, rule, role, recipient, state, reason, received_at, due_at, expires_at,
	generation, updated_at, trace`

func scanAlert(row scanner) (a relay.Alert, err error) {
	err = row.Scan(&a.ID, &a.EventID, &a.Trigger, &a.Rule, &a.Role, person{&a.Recipient}, &a.State, &a.Reason,
		at{&a.ReceivedAt}, at{&a.DueAt}, at{&a.ExpiresAt}, &a.Generation, at{&a.UpdatedAt}, steps{&a.Trace})
	return a, err
}

func checkAlert(a relay.Alert, eventID string) error {
	switch {
	case a.ID == "":
		return fmt.Errorf("an alert of rule %q has no ID", a.Rule)
	case a.EventID != eventID:
		return fmt.Errorf("alert %q belongs to event %q", a.ID, a.EventID)
	case !slices.Contains(relay.AlertStates(), a.State):
		return fmt.Errorf("alert %q has the state %q; want one of %q", a.ID, a.State, relay.AlertStates())
	case a.State == relay.AlertHeld && a.DueAt.IsZero():
		return fmt.Errorf("alert %q is held and has no due time", a.ID)
	}
	return nil
}

// insertAlerts keeps the alerts that are not kept yet, with a wake-up for each that is held, and tells how many.
func (b *batch) insertAlerts(ctx context.Context, alerts []relay.Alert) (kept int, err error) {
	for _, a := range alerts {
		trace, err := json.Marshal(newest(a.Trace))
		if err != nil {
			return kept, fmt.Errorf("keep alert %q: %w", a.ID, err)
		}
		n, err := b.exec(ctx, "INSERT INTO alerts ("+alertColumns+") VALUES ("+marks(14)+") ON CONFLICT (id) DO NOTHING",
			a.ID, a.EventID, string(a.Trigger), a.Rule, string(a.Role), a.Recipient.Key(), string(a.State), string(a.Reason),
			micros(a.ReceivedAt), micros(a.DueAt), micros(a.ExpiresAt), a.Generation, micros(a.UpdatedAt), string(trace))
		if err != nil {
			return kept, fmt.Errorf("keep alert %q: %w", a.ID, err)
		}
		kept += n
		if n > 0 && a.State == relay.AlertHeld {
			b.wake(store.DueArgs{AlertID: a.ID}, store.QueueDue, a.DueAt)
		}
	}
	return kept, nil
}

func newest(trace []relay.Step) []relay.Step {
	return append([]relay.Step{}, trace[max(0, len(trace)-maxTrace):]...) // never null
}

// Decide implements store.Store. decide runs in the goroutine that does all writing, so it must not call the store; it may
// be called twice for one decision, and a panic in it comes back as an error. The decision's trace is added to the
// alert's.
func (s *Store) Decide(ctx context.Context, alertID string, query relay.Query, now time.Time,
	decide func(relay.Alert, relay.Facts) relay.Decision,
) (relay.Decision, error) {
	ahead, err := s.readAhead(ctx, alertID, query)
	if err != nil {
		return relay.Decision{}, fmt.Errorf("decide alert %q: %w", alertID, err)
	}
	d, err := do(ctx, s, patient, func(ctx context.Context, b *batch) (relay.Decision, error) {
		alert, err := b.alert(ctx, alertID)
		if err != nil {
			return relay.Decision{}, err
		}
		if alert.State != relay.AlertHeld {
			return relay.Decision{}, store.ErrConflict
		}
		facts, err := s.facts(ctx, b, query, ahead)
		if err != nil {
			return relay.Decision{}, err
		}
		decision := decide(alert, facts)
		alert.UpdatedAt = now
		alert.Trace = append(alert.Trace, decision.Trace...)
		return b.apply(ctx, alert, decision)
	})
	if err != nil {
		return relay.Decision{}, fmt.Errorf("decide alert %q: %w", alertID, err)
	}
	return d, nil
}

func (b *batch) alert(ctx context.Context, id string) (relay.Alert, error) {
	return one(ctx, b, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE id = ?", id)
}

func (s *Store) facts(ctx context.Context, b *batch, q relay.Query, ahead candidates) (facts relay.Facts, err error) {
	if facts.Candidates, err = s.catchUp(ctx, b, ahead); err != nil {
		return facts, err
	}
	if facts.Claimed, err = b.claimed(ctx, q.Claims); err != nil {
		return facts, err
	}
	facts.Suppressed, err = b.suppressed(ctx, q.Addresses)
	return facts, err
}

// apply keeps a decision. What it cannot keep it refuses before it writes.
func (b *batch) apply(ctx context.Context, a relay.Alert, d relay.Decision) (relay.Decision, error) {
	switch d.Action {
	case relay.ActSend:
		return b.send(ctx, a, d)
	case relay.ActHold:
		if !d.Until.After(a.UpdatedAt) {
			return d, fmt.Errorf("it is held until %s, which is not later than now", d.Until)
		}
		a.DueAt, a.Reason = d.Until, d.Reason
		b.wake(store.DueArgs{AlertID: a.ID}, store.QueueDue, a.DueAt)
	case relay.ActCancel:
		a.State, a.Reason = relay.AlertCancelled, d.Reason
	case relay.ActSuppress:
		a.State, a.Reason = relay.AlertSuppressed, d.Reason
	case relay.ActResolve:
		return d, b.resolve(ctx, a, d)
	default:
		return d, fmt.Errorf("there is no action %q", d.Action)
	}
	if a.Reason == relay.ReasonNone {
		return d, fmt.Errorf("action %q gives no reason", d.Action)
	}
	return d, b.updateAlert(ctx, a)
}

func (b *batch) send(ctx context.Context, a relay.Alert, d relay.Decision) (relay.Decision, error) {
	deliveries := make([]relay.Delivery, 0, len(d.Deliveries))
	for _, delivery := range d.Deliveries {
		kept, err := b.insertDelivery(ctx, a, delivery)
		if err != nil {
			return d, fmt.Errorf("keep delivery %q: %w", delivery.ID, err)
		}
		deliveries = append(deliveries, kept)
	}
	d.Deliveries = deliveries
	a.State, a.Reason = relay.RollUp(deliveries)
	return d, b.updateAlert(ctx, a)
}

// resolve puts one alert per person in the place of one whose people were not known.
func (b *batch) resolve(ctx context.Context, a relay.Alert, d relay.Decision) error {
	if a.Recipient.Key() != "" {
		return errors.New("its recipient is known already")
	}
	if len(d.Resolved) == 0 {
		return errors.New("it is resolved to nobody; cancel it instead")
	}
	for _, r := range d.Resolved {
		if err := checkAlert(r, a.EventID); err != nil {
			return err
		}
		if r.ID == a.ID {
			return errors.New("it is resolved to itself")
		}
	}
	if _, err := b.insertAlerts(ctx, d.Resolved); err != nil {
		return err
	}
	if _, err := b.exec(ctx, "DELETE FROM alerts WHERE id = ?", a.ID); err != nil {
		return fmt.Errorf("delete the unresolved alert: %w", err)
	}
	return nil
}

func (b *batch) updateAlert(ctx context.Context, a relay.Alert) error {
	trace, err := json.Marshal(newest(a.Trace))
	if err != nil {
		return fmt.Errorf("keep the trace: %w", err)
	}
	_, err = b.exec(ctx, "UPDATE alerts SET state = ?, reason = ?, due_at = ?, updated_at = ?, trace = ? WHERE id = ?",
		string(a.State), string(a.Reason), micros(a.DueAt), micros(a.UpdatedAt), string(trace), a.ID)
	if err != nil {
		return fmt.Errorf("keep the alert: %w", err)
	}
	return nil
}

// rollUp moves an alert that is being sent by what has become of its deliveries. One that has ended stays as it is.
func (b *batch) rollUp(ctx context.Context, alertID string, now time.Time) error {
	deliveries, err := all(ctx, b, func(row scanner) (d relay.Delivery, err error) {
		return d, row.Scan(&d.State, &d.Reason)
	}, "SELECT state, reason FROM deliveries WHERE alert_id = ? ORDER BY seq", alertID)
	if err != nil {
		return fmt.Errorf("roll up alert %q: %w", alertID, err)
	}
	state, reason := relay.RollUp(deliveries)
	_, err = b.exec(ctx, "UPDATE alerts SET state = ?, reason = ?, updated_at = ? WHERE id = ? AND state = 'due'",
		string(state), string(reason), micros(now), alertID)
	if err != nil {
		return fmt.Errorf("roll up alert %q: %w", alertID, err)
	}
	return nil
}

// Alert implements store.Store.
func (s *Store) Alert(ctx context.Context, id string) (relay.Alert, error) {
	a, err := one(ctx, s.read, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE id = ?", id)
	if err != nil {
		return relay.Alert{}, fmt.Errorf("alert %q: %w", id, err)
	}
	return a, nil
}

// Alerts implements store.Store.
func (s *Store) Alerts(ctx context.Context, filter store.Filter) ([]relay.Alert, error) {
	n := narrowed{filter: filter, of: "alerts"}
	n.equal("trigger", "Trigger", string(filter.Trigger))
	n.equal("event_id", "EventID", filter.EventID)
	n.equal("id", "AlertID", filter.AlertID)
	n.equal("rule", "Rule", filter.Rule)
	n.equal("reason", "Reason", string(filter.Reason))
	n.recipient()
	state(&n, relay.AlertStates())
	n.between("received_at")
	return list(ctx, s.read, &n, scanAlert, "SELECT "+alertColumns+" FROM alerts")
}
