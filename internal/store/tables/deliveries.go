package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const contentColumns = "text, subject, html, locale, encoding, segments, unsubscribe"

const deliveryColumns = `id, alert_id, event_id, rule, channel, template, recipient, address, state, reason, ` +
	contentColumns + `, provider, provider_id, attempts, next_at, expires_at, created_at, updated_at, blanked_at, retried_at, tries_before`

func scanDelivery(row Scanner) (d relay.Delivery, err error) {
	var address string
	c := &d.Content
	err = row.Scan(&d.ID, &d.AlertID, &d.EventID, &d.Rule, &d.Channel, &d.Template, person{&d.Recipient}, &address,
		&d.State, &d.Reason, &c.Text, &c.Subject, &c.HTML, &c.Locale, &c.Encoding, &c.Segments, &c.Unsubscribe,
		&d.Provider, &d.ProviderID, &d.Attempts, at{&d.NextAt}, at{&d.ExpiresAt}, at{&d.CreatedAt}, at{&d.UpdatedAt},
		at{&d.BlankedAt}, at{&d.RetriedAt}, &d.Before)
	d.Phone, d.Email = addressed(d.Channel, address)
	return d, err
}

// addressed gives an address its type; the other one is empty.
func addressed(channel relay.Channel, address string) (relay.Phone, relay.Email) {
	if channel == relay.ChannelSMS {
		return relay.Phone(address), ""
	}
	return "", relay.Email(address)
}

func contentArgs(c relay.Content) []any {
	return []any{c.Text.Reveal(), c.Subject.Reveal(), c.HTML.Reveal(), c.Locale, c.Encoding, c.Segments, c.Unsubscribe}
}

// insertDelivery keeps a delivery of a decision, and begins its attempt where that is to begin at once. A claim that somebody else has
// makes it suppressed as collapsed.
func (b *batch) insertDelivery(ctx context.Context, a relay.Alert, d relay.Delivery, v *verdict) (relay.Delivery, error) {
	d, err := b.started(ctx, a, d, v)
	if err != nil {
		return d, err
	}
	start, spent, begins, err := b.beginsAtOnce(ctx, d, v)
	if err != nil {
		return d, err
	}
	var attempt relay.Attempt
	if begins {
		d.State, d.Attempts = relay.DeliverySending, 1
		attempt = relay.Attempt{DeliveryID: d.ID, N: 1, Provider: start.Provider, StartedAt: timeOf(micros(d.UpdatedAt))}
	}
	args := []any{
		d.ID, d.AlertID, d.EventID, d.Rule, string(d.Channel), d.Template, d.Recipient.Key(), d.Address(), string(d.State),
		string(d.Reason),
	}
	args = append(args, contentArgs(d.Content)...)
	args = append(args, d.Provider, d.ProviderID, d.Attempts, micros(d.NextAt), micros(d.ExpiresAt),
		micros(d.CreatedAt), micros(d.UpdatedAt), micros(d.BlankedAt), micros(d.RetriedAt), d.Before)
	err = b.Later(ctx, "INSERT INTO deliveries ("+deliveryColumns+") VALUES ("+marks(len(args))+")", args...)
	if err != nil {
		return d, err
	}
	if !d.NextAt.IsZero() {
		b.wake(store.DeliveryArgs{DeliveryID: d.ID}, store.QueueOf(d.Channel), d.NextAt)
	}
	if begins {
		v.begun = append(v.begun, store.Begun{Delivery: d, Attempt: attempt})
		if err = b.insertAttempt(ctx, attempt, spent); err != nil {
			return d, err
		}
	}
	return d, b.hold(ctx, d)
}

// started is a delivery of a decision as it begins its life. One that does not go out claims nothing and counts for nothing.
func (b *batch) started(ctx context.Context, a relay.Alert, d relay.Delivery, v *verdict) (relay.Delivery, error) {
	d.AlertID, d.EventID, d.Rule = a.ID, a.EventID, a.Rule
	if d.CreatedAt.IsZero() {
		d.CreatedAt = a.UpdatedAt
	}
	d.UpdatedAt = a.UpdatedAt
	switch d.State {
	case relay.DeliveryQueued:
		if err := checkHeld(d); err != nil {
			return d, err
		}
		taken, err := b.taken(ctx, d.Claims, v)
		if err != nil {
			return d, err
		}
		if taken {
			d.State, d.Reason = relay.DeliverySuppressed, relay.ReasonCollapsed
		}
	case relay.DeliverySuppressed, relay.DeliveryDead:
	default:
		return d, fmt.Errorf("it starts as %q; want queued, suppressed or dead", d.State)
	}
	if d.State != relay.DeliveryQueued {
		d.NextAt, d.Claims, d.Counters = timeOf(0), nil, nil
	}
	return d, nil
}

func checkHeld(d relay.Delivery) error {
	switch {
	case max(len(d.Claims), len(d.Counters)) > relay.MaxAsked:
		return fmt.Errorf("it has %d claims and %d counters; at most %d of each are kept", len(d.Claims), len(d.Counters), relay.MaxAsked)
	case slices.Contains(d.Claims, ""):
		return errors.New("one of its claims is empty")
	case slices.Contains(d.Counters, ""):
		return errors.New("one of its counters is empty")
	}
	return nil
}

// delivery reads a delivery that is about to change.
func (b *batch) delivery(ctx context.Context, id string) (relay.Delivery, error) {
	return One(ctx, b, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE id = ? FOR UPDATE", id)
}

// move takes a delivery to its next state, which releases its claims, wakes up and rolls up its alert as that state asks.
// d.UpdatedAt says when. It returns the delivery as it is then.
func (b *batch) move(ctx context.Context, d relay.Delivery, next store.Next) (relay.Delivery, error) {
	return b.moveIn(ctx, d, next, nil)
}

// moveIn is move where it is known how the alert and its deliveries stand, of which nobody else can move one; nil is not known.
func (b *batch) moveIn(ctx context.Context, d relay.Delivery, next store.Next, among *siblings) (relay.Delivery, error) {
	mayHaveArrived := d.State == relay.DeliveryUnknown && next.Reason == relay.ReasonByHand
	d.State, d.Reason, d.NextAt = next.State, next.Reason, timeOf(0)
	if waits(d.State) {
		d.NextAt = next.NextAt
		b.wake(store.DeliveryArgs{DeliveryID: d.ID}, store.QueueOf(d.Channel), d.NextAt)
	}
	if next.Provider != "" {
		d.Provider = next.Provider
	}
	if next.ProviderID != "" {
		d.ProviderID = next.ProviderID
	}
	if err := b.updateDelivery(ctx, d); err != nil {
		return d, err
	}
	if err := b.letGo(ctx, d, mayHaveArrived); err != nil {
		return d, err
	}
	if err := b.addSteps(ctx, d.AlertID, next.Trace); err != nil {
		return d, err
	}
	if among == nil {
		return d, b.rollUp(ctx, d.AlertID, d.UpdatedAt)
	}
	return d, b.stand(ctx, d.AlertID, among.standing, among.with(d), d.UpdatedAt)
}

func (b *batch) updateDelivery(ctx context.Context, d relay.Delivery) error {
	err := b.Later(ctx, `UPDATE deliveries SET state = ?, reason = ?, provider = ?, provider_id = ?, attempts = ?, next_at = ?,
		updated_at = ? WHERE id = ?`,
		string(d.State), string(d.Reason), d.Provider, d.ProviderID, d.Attempts, micros(d.NextAt), micros(d.UpdatedAt), d.ID)
	if err != nil {
		return fmt.Errorf("keep the delivery: %w", err)
	}
	return nil
}

// checkNext refuses what no delivery may become.
func checkNext(n store.Next) error {
	switch {
	case n.State == relay.DeliverySending:
		return errors.New("only an attempt makes a delivery sending")
	case !slices.Contains(relay.DeliveryStates(), n.State):
		return fmt.Errorf("there is no delivery state %q", n.State)
	case waits(n.State) && n.NextAt.IsZero():
		return fmt.Errorf("next state %q needs a time", n.State)
	}
	return nil
}

// waits tells whether a delivery in that state is looked at again.
func waits(s relay.DeliveryState) bool {
	return s == relay.DeliveryQueued || s == relay.DeliveryUnknown
}

// Delivery implements store.Store.
func (s *Tables) Delivery(ctx context.Context, id string) (relay.Delivery, error) {
	d, err := One(ctx, s.Read, scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE id = ?", id)
	if err != nil {
		return relay.Delivery{}, fmt.Errorf("delivery %q: %w", id, err)
	}
	return d, nil
}

// Deliveries implements store.Store.
func (s *Tables) Deliveries(ctx context.Context, filter store.Filter) ([]relay.Delivery, error) {
	n := narrowDeliveries(filter)
	return list(ctx, s.Read, &n, scanDelivery, deliveryColumns)
}
