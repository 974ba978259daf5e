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
	d, _, err := s.DecideAndBegin(ctx, alertID, query, now, func(a relay.Alert, f relay.Facts) (relay.Decision, []store.Start) {
		return decide(a, f), nil
	})
	return d, err
}

// DecideAndBegin implements store.Store.
func (s *Tables) DecideAndBegin(ctx context.Context, alertID string, query relay.Query, now time.Time,
	decide func(relay.Alert, relay.Facts) (relay.Decision, []store.Start),
) (relay.Decision, []store.Begun, error) {
	err := checkQuery(query)
	a := asked{alertID: alertID, query: query, now: now}
	var v verdict
	if few := query.Few && query.EventID != "" && len(query.Lookups) <= fewLookups; err == nil && few {
		a.ahead = notAhead(query)
		v, err = s.decide(ctx, a, decide)
	} else {
		v.many = true
	}
	if err == nil && v.many {
		if a.ahead, err = s.readAhead(ctx, alertID, query); err == nil {
			v, err = s.decide(ctx, a, decide)
		}
	}
	if err != nil {
		return relay.Decision{}, nil, fmt.Errorf("decide alert %q: %w", alertID, err)
	}
	return v.Decision, v.begun, nil
}

// decide decides in one transaction. Where what it is decided by is too much to be read there, the verdict says so, and nothing else.
func (s *Tables) decide(ctx context.Context, a asked, decide func(relay.Alert, relay.Facts) (relay.Decision, []store.Start)) (verdict, error) {
	return do(ctx, s, patient.on(a.alertID, a.ahead.locks(a.query)...), func(ctx context.Context, b *batch) (v verdict, err error) {
		v.now, v.query = a.now, a.query
		if err = s.facts(ctx, b, a, &v); err != nil || v.many {
			return v, err
		}
		v.Decision, v.starts = decide(v.alert, v.facts)
		return v, b.apply(ctx, &v)
	})
}

// locks let one decision at a time be made for a recipient, and by a count that others share: otherwise two replicas would each find
// that nothing was sent yet. A claim is one recipient's.
func (a ahead) locks(q relay.Query) []string {
	var locks []string
	if a.recipient != "" {
		locks = append(locks, "recipient "+a.recipient)
	}
	for _, c := range q.Counts {
		if c.Shared {
			locks = append(locks, "counter "+string(c.Counter))
		}
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
	alertID string
	query   relay.Query
	ahead   ahead
	now     time.Time
}

// facts reads the alert and what it is decided by. It gives store.ErrConflict where there is nothing to decide.
func (s *Tables) facts(ctx context.Context, b *batch, a asked, v *verdict) error {
	var found []relay.Alert
	var few []Place
	facts := &v.facts
	asks := []Ask{
		Asking(into(&found), scanAlert, "SELECT "+alertColumns+" FROM alerts WHERE id = ? FOR UPDATE", a.alertID),
		askPauses(&facts.Paused, lasting),
	}
	facts.Claimed, facts.Counted = map[string]string{}, map[relay.Count][]time.Time{}
	facts.Suppressed = map[relay.Address]relay.Reason{}
	asks = append(asks, askClaimed(facts.Claimed, a.query.Claims)...)
	asks = append(asks, askSuppressed(facts.Suppressed, b.keys, a.query.Addresses)...)
	asks = append(asks, askCounted(facts.Counted, a.query.Counts, a.now)...)
	if a.ahead.few && len(a.query.Lookups) > 0 {
		look, err := s.Finder.Few(a.ahead.search, fewCandidates+1, &few)
		if err != nil {
			return fmt.Errorf("find candidates: %w", err)
		}
		asks = append(asks, look...)
	}
	if err := b.Ask(ctx, asks...); err != nil {
		return fmt.Errorf("read what it is decided by: %w", err)
	}
	if len(found) == 0 {
		return store.ErrNotFound
	}
	if v.alert = found[0]; !decidable(v.alert, a.now) {
		return store.ErrConflict
	}
	err := s.seen(ctx, b, a.ahead, few, v)
	if err != nil || v.many {
		return err
	}
	if facts.Members, err = membersAmong(ctx, b, v.alert, a.query.Members); err != nil {
		return err
	}
	if again(v.alert) {
		facts.Deliveries, err = All(ctx, b, scanDelivery,
			"SELECT "+deliveryColumns+" FROM deliveries WHERE alert_id = ? ORDER BY seq", v.alert.ID)
	}
	return err
}

// seen takes in the candidates.
func (s *Tables) seen(ctx context.Context, b *batch, a ahead, found []Place, v *verdict) (err error) {
	if a.few {
		var few bool
		v.facts.Candidates, few, err = s.readFew(ctx, b, found)
		v.many = err == nil && !few
		return err
	}
	v.facts.Candidates, err = s.catchUp(ctx, b, a.candidates)
	return err
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
