package tables

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// maxCount bounds how many deliveries one count looks at.
const maxCount = 1000

// Decide implements store.Store. decide runs in the goroutine that does all writing, so it must not call the store; it may
// be called twice for one decision, and a panic in it comes back as an error. The decision's trace is added to the
// alert's.
func (s *Tables) Decide(ctx context.Context, alertID string, query relay.Query, now time.Time,
	decide func(relay.Alert, relay.Facts) relay.Decision,
) (relay.Decision, error) {
	if err := checkQuery(query); err != nil {
		return relay.Decision{}, fmt.Errorf("decide alert %q: %w", alertID, err)
	}
	ahead, err := s.readAhead(ctx, alertID, query)
	if err != nil {
		return relay.Decision{}, fmt.Errorf("decide alert %q: %w", alertID, err)
	}
	d, err := do(ctx, s, patient.on(alertID, ahead.locks(query)...), func(ctx context.Context, b *batch) (relay.Decision, error) {
		alert, err := b.alert(ctx, alertID)
		if err != nil {
			return relay.Decision{}, err
		}
		if !decidable(alert, now) {
			return relay.Decision{}, store.ErrConflict
		}
		facts, err := s.facts(ctx, b, asked{alert: alert, query: query, ahead: ahead, now: now})
		if err != nil {
			return relay.Decision{}, err
		}
		return b.apply(ctx, verdict{Decision: decide(alert, facts), alert: alert, facts: facts, now: now})
	})
	if err != nil {
		return relay.Decision{}, fmt.Errorf("decide alert %q: %w", alertID, err)
	}
	return d, nil
}

// locks let one decision at a time be made for a recipient, on a claim, and by a count: otherwise two replicas would each
// find that nothing was sent yet.
func (a ahead) locks(q relay.Query) []string {
	var locks []string
	if a.recipient != "" {
		locks = append(locks, "recipient "+a.recipient)
	}
	for _, c := range q.Claims {
		locks = append(locks, "claim "+c)
	}
	for _, c := range q.Counts {
		locks = append(locks, "counter "+string(c.Counter))
	}
	return locks
}

func checkQuery(q relay.Query) error {
	for _, list := range []struct {
		of     string
		n, max int
	}{
		{"lookups", len(q.Lookups), relay.MaxAsked},
		{"claims", len(q.Claims), relay.MaxAsked},
		{"addresses", len(q.Addresses), relay.MaxAsked},
		{"counts", len(q.Counts), relay.MaxAsked},
		{"members", len(q.Members), relay.MaxMembers},
	} {
		if list.n > list.max {
			return fmt.Errorf("%d %s are too many; at most %d are looked at", list.n, list.of, list.max)
		}
	}
	for _, c := range q.Counts {
		if c.Per <= 0 || c.Max < 1 || c.Max > maxCount {
			return fmt.Errorf("a count of %d in %s cannot be; want 1 to %d in a time", c.Max, c.Per, maxCount)
		}
	}
	return nil
}

// decidable tells whether an alert is waiting for a decision, its first or one for its fallback. One that goes along with
// another never is.
func decidable(a relay.Alert, now time.Time) bool {
	if a.State != relay.AlertHeld && a.State != relay.AlertDue && a.State != relay.AlertSent {
		return false
	}
	at := a.LookAt() // another member of its digest may have been decided meanwhile, and held it with the rest
	return !at.IsZero() && !at.After(now)
}

// again tells whether an alert was decided "send" before and is, or is to be, decided again.
func again(a relay.Alert) bool { return !a.AgainAt.IsZero() && a.Recipient.Key() != "" }

// asked is what the facts of a decision are read by.
type asked struct {
	alert relay.Alert
	query relay.Query
	ahead ahead
	now   time.Time
}

func (s *Tables) facts(ctx context.Context, b *batch, a asked) (facts relay.Facts, err error) {
	if facts.Candidates, err = s.catchUp(ctx, b, a.ahead.candidates); err != nil {
		return facts, err
	}
	if facts.Claimed, err = claimed(ctx, b, a.query.Claims); err != nil {
		return facts, err
	}
	if facts.Suppressed, err = b.suppressed(ctx, a.query.Addresses); err != nil {
		return facts, err
	}
	if facts.Counted, err = counted(ctx, b, a.query.Counts, a.now); err != nil {
		return facts, err
	}
	if facts.Members, err = membersAmong(ctx, b, a.alert, a.query.Members); err != nil {
		return facts, err
	}
	if facts.Paused, err = readPauses(ctx, b, lasting); err != nil {
		return facts, fmt.Errorf("read pauses: %w", err)
	}
	if again(a.alert) {
		facts.Deliveries, err = All(ctx, b, scanDelivery,
			"SELECT "+deliveryColumns+" FROM deliveries WHERE alert_id = ? ORDER BY seq", a.alert.ID)
	}
	return facts, err
}

// resolve puts one alert per person in the place of one whose people were not known, unless there are more to come.
func (b *batch) resolve(ctx context.Context, a relay.Alert, resolved []relay.Alert, more bool) error {
	if a.Recipient.Key() != "" {
		return errors.New("its recipient is known already")
	}
	if len(resolved) == 0 {
		return errors.New("it is resolved to nobody; cancel it instead")
	}
	for _, r := range resolved {
		if err := checkAlert(r, a.EventID); err != nil {
			return err
		}
		if r.ID == a.ID {
			return errors.New("it is resolved to itself")
		}
	}
	if _, err := b.insertAlerts(ctx, resolved); err != nil || more {
		return err
	}
	if _, err := b.Exec(ctx, "DELETE FROM alerts WHERE id = ?", a.ID); err != nil {
		return fmt.Errorf("delete the unresolved alert: %w", err)
	}
	return nil
}
