package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// maxTrace bounds an alert's trace: one that is held anew every few seconds keeps the newest steps.
const maxTrace = 200

const alertColumns = `id, event_id, trigger, rule, role, recipient, state, reason, received_at, due_at, expires_at,
	digest, lead, again_at, fallback, generation, updated_at, trace`

func scanAlert(row Scanner) (a relay.Alert, err error) { return a, row.Scan(intoAlert(&a)...) }

// intoAlert takes in alertColumns.
func intoAlert(a *relay.Alert) []any {
	return []any{
		&a.ID, &a.EventID, &a.Trigger, &a.Rule, &a.Role,
		person{&a.Recipient},
		&a.State, &a.Reason,
		at{&a.ReceivedAt},
		at{&a.DueAt},
		at{&a.ExpiresAt},
		&a.Digest, &a.Lead,
		at{&a.AgainAt},
		&a.Fallback, &a.Generation,
		at{&a.UpdatedAt},
		steps{&a.Trace},
	}
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
		values, err := valuesOf(a)
		if err != nil {
			return kept, err
		}
		n, err := b.Exec(ctx, "INSERT INTO alerts ("+alertColumns+") VALUES ("+marks(len(values))+") ON CONFLICT (id) DO NOTHING", values...)
		if err != nil {
			return kept, fmt.Errorf("keep alert %q: %w", a.ID, err)
		}
		kept += n
		if n > 0 && a.State == relay.AlertHeld {
			b.wakeFor(a)
		}
	}
	return kept, nil
}

// addAlerts is insertAlerts for the alerts of an event that was not kept before, so that none of them can be.
func (b *batch) addAlerts(ctx context.Context, alerts []relay.Alert) (kept int, err error) {
	seen := make(map[string]bool, len(alerts))
	for _, a := range alerts {
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		values, err := valuesOf(a)
		if err != nil {
			return kept, err
		}
		if err = b.Add(ctx, "alerts ("+alertColumns+")", values...); err != nil {
			return kept, fmt.Errorf("keep alert %q: %w", a.ID, err)
		}
		kept++
		if a.State == relay.AlertHeld {
			b.wakeFor(a)
		}
	}
	return kept, nil
}

// valuesOf are those of alertColumns.
func valuesOf(a relay.Alert) ([]any, error) {
	trace, err := json.Marshal(newest(a.Trace))
	if err != nil {
		return nil, fmt.Errorf("keep alert %q: %w", a.ID, err)
	}
	return []any{
		a.ID, a.EventID, string(a.Trigger), a.Rule, string(a.Role), a.Recipient.Key(), string(a.State), string(a.Reason),
		micros(a.ReceivedAt), micros(a.DueAt), micros(a.ExpiresAt), a.Digest, a.Lead, micros(a.AgainAt), a.Fallback, a.Generation,
		micros(a.UpdatedAt), string(trace),
	}, nil
}

// wakeFor wakes up for an alert when it is to be looked at.
func (b *batch) wakeFor(a relay.Alert) {
	b.wake(store.DueArgs{AlertID: a.ID, Lookup: a.State == relay.AlertHeld && a.Recipient.Key() == ""}, store.QueueDue, a.LookAt())
}

func newest(trace []relay.Step) []relay.Step {
	return append([]relay.Step{}, trace[max(0, len(trace)-maxTrace):]...) // never null
}

// alert reads an alert that is about to change.
func (b *batch) alert(ctx context.Context, id string) (relay.Alert, error) {
	return One(ctx, b, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE id = ? FOR UPDATE", id)
}

func (b *batch) updateAlert(ctx context.Context, a relay.Alert) error {
	trace, err := json.Marshal(newest(a.Trace))
	if err != nil {
		return fmt.Errorf("keep the trace of alert %q: %w", a.ID, err)
	}
	err = b.Later(ctx, `UPDATE alerts SET state = ?, reason = ?, due_at = ?, lead = ?, again_at = ?, fallback = ?, updated_at = ?, trace = ?
		WHERE id = ?`, string(a.State), string(a.Reason), micros(a.DueAt), a.Lead, micros(a.AgainAt), a.Fallback, micros(a.UpdatedAt),
		string(trace), a.ID)
	if err != nil {
		return fmt.Errorf("keep alert %q: %w", a.ID, err)
	}
	return nil
}

// trace adds to what is told of an alert.
func (b *batch) addSteps(ctx context.Context, alertID string, steps []relay.Step) error {
	if len(steps) == 0 {
		return nil
	}
	a, err := b.alert(ctx, alertID)
	if err != nil {
		return fmt.Errorf("add to the trace: %w", err)
	}
	a.Trace = slices.Concat(a.Trace, steps)
	return b.updateAlert(ctx, a)
}

// follow gives the alerts that one leads its state, but for those that came to an end of their own. While it is held they stay
// due.
func (b *batch) follow(ctx context.Context, lead relay.Alert) error {
	if lead.State == relay.AlertHeld {
		return nil
	}
	// "lead <> ''" lets the partial index be used.
	err := b.Later(ctx, `UPDATE alerts SET state = ?, reason = ?, updated_at = ?
		WHERE lead = ? AND lead <> '' AND (state = 'due' OR ? = 'sent' AND (state = 'failed' OR state = 'cancelled' AND reason = 'by_hand'))`,
		string(lead.State), string(lead.Reason), micros(lead.UpdatedAt), lead.ID, string(lead.State))
	if err != nil {
		return fmt.Errorf("keep the alerts that %q leads: %w", lead.ID, err)
	}
	return nil
}

// rollUp moves an alert that is being sent by what has become of its deliveries, and with it those that it leads.
func (b *batch) rollUp(ctx context.Context, alertID string, now time.Time) error {
	var standings []standing
	var deliveries []relay.Delivery
	err := b.Ask(ctx,
		Asking(into(&standings), scanStanding, "SELECT state, reason, again_at, fallback, digest FROM alerts WHERE id = ? FOR UPDATE", alertID),
		Asking(into(&deliveries), scanSibling, "SELECT id, state, reason FROM deliveries WHERE alert_id = ? ORDER BY seq", alertID))
	if err == nil && len(standings) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("roll up alert %q: %w", alertID, err)
	}
	return b.stand(ctx, alertID, standings[0], deliveries, now)
}

// stand moves an alert from where it stood before to where its deliveries take it.
func (b *batch) stand(ctx context.Context, alertID string, before standing, deliveries []relay.Delivery, now time.Time) error {
	after := before.by(deliveries, now)
	if after == before {
		return nil
	}
	err := b.Later(ctx, "UPDATE alerts SET state = ?, reason = ?, again_at = ?, updated_at = ? WHERE id = ?",
		string(after.state), string(after.reason), micros(after.againAt), micros(now), alertID)
	if err != nil {
		return fmt.Errorf("roll up alert %q: %w", alertID, err)
	}
	if after.againAt != before.againAt && !after.againAt.IsZero() {
		b.wake(store.DueArgs{AlertID: alertID}, store.QueueDue, after.againAt)
	}
	if after.digest == "" {
		return nil // only a digest has others that go along
	}
	return b.follow(ctx, relay.Alert{ID: alertID, State: after.state, Reason: after.reason, UpdatedAt: now})
}

// Alert implements store.Store.
func (s *Tables) Alert(ctx context.Context, id string) (relay.Alert, error) {
	a, err := One(ctx, s.Read, scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE id = ?", id)
	if err != nil {
		return relay.Alert{}, fmt.Errorf("alert %q: %w", id, err)
	}
	return a, nil
}

// Alerts implements store.Store.
func (s *Tables) Alerts(ctx context.Context, filter store.Filter) ([]relay.Alert, error) {
	n := narrowAlerts(filter)
	return list(ctx, s.Read, &n, scanAlert, alertColumns)
}
