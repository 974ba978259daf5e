package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/telemetry"
)

// dueWorker decides an alert whose time has come and makes the first attempt of each of its deliveries.
type dueWorker struct {
	river.WorkerDefaults[store.DueArgs]

	d *Dispatcher
}

// Work implements river.Worker.
func (w *dueWorker) Work(ctx context.Context, job *river.Job[store.DueArgs]) error {
	defer w.d.working()()
	return w.d.due(store.WithTrace(ctx, job.Args.Trace), job.Args.AlertID)
}

// Timeout implements river.Worker: a large group takes long to list.
func (w *dueWorker) Timeout(job *river.Job[store.DueArgs]) time.Duration {
	if job.Args.Lookup {
		return lookupJobTimeout
	}
	return jobTimeout
}

func (d *Dispatcher) due(ctx context.Context, alertID string) error {
	c, err := d.Store.Case(ctx, alertID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // resolved into one alert per person, or pruned
	}
	if err != nil {
		return fmt.Errorf("read alert %s: %w", alertID, err)
	}
	alert := c.Alert
	if alert.State != relay.AlertHeld {
		// A crash may have come between its decision and its attempts.
		if err := d.attemptOpen(ctx, alertID); err != nil {
			return err
		}
	}
	at := alert.LookAt()
	if at.IsZero() {
		return nil
	}
	if wait := at.Sub(d.Now()); wait > 0 {
		return river.JobSnooze(wait)
	}
	if err := d.decideEarlier(store.WithTrace(ctx, ""), alert); err != nil { // they are in the wake of other events
		return err
	}
	ctx, span := d.Tracer.Decide(ctx, store.TraceOf(ctx), alert)
	ctx = inWakeOf(ctx)
	first := &firsts{d: d}
	defer first.waive()
	err = d.decide(ctx, c, first)
	span.End(err)
	if err != nil {
		return err
	}
	return first.carry(ctx)
}

// inWakeOf has what comes by the queue follow from the span of ctx, if there is one.
func inWakeOf(ctx context.Context) context.Context {
	if parent := telemetry.Traceparent(ctx); parent != "" {
		return store.WithTrace(ctx, parent)
	}
	return ctx
}

// decideEarlier decides what was received for the same person before an alert and waited for the same moment, such as the end of the
// night: where a limit has room for one of them, it is the first, as `beckon test` says. Of alerts that were not held anew no two
// are due together, but by chance.
func (d *Dispatcher) decideEarlier(ctx context.Context, alert relay.Alert) error {
	anew := alert.State == relay.AlertHeld && alert.Reason != relay.ReasonNone && alert.Reason != relay.ReasonWaiting
	if !anew || alert.Recipient.Key() == "" {
		return nil
	}
	earlier, err := d.Store.Alerts(ctx, store.Filter{
		Recipient: alert.Recipient.Key(), State: string(relay.AlertHeld), Until: alert.ReceivedAt, Limit: store.MaxList,
	})
	if err != nil {
		return fmt.Errorf("look for what waits before alert %s: %w", alert.ID, err)
	}
	now := d.Now()
	for _, other := range slices.Backward(earlier) {
		if other.DueAt.After(now) {
			continue
		}
		c, err := d.Store.Case(ctx, other.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read alert %s: %w", other.ID, err)
		}
		if err := d.decide(ctx, c, nil); err != nil { // its own job makes the attempts
			return err
		}
	}
	return nil
}

// decide looks the person up, which may take a while, and then decides in one transaction of the store, which begins the first attempts
// as well unless first is nil.
func (d *Dispatcher) decide(ctx context.Context, of store.Case, first *firsts) error {
	situation, err := d.situation(ctx, of)
	if err != nil {
		return err
	}
	alert := of.Alert
	c := consideration{Situation: situation, generation: d.Current(), firsts: first}
	for {
		decision, err := d.consider(ctx, alert, &c)
		if errors.Is(err, store.ErrConflict) {
			return nil // another worker decided it
		}
		if err != nil {
			return fmt.Errorf("decide alert %s: %w", alert.ID, err)
		}
		switch {
		case decision.Action == relay.ActAsk:
			if err := d.answer(ctx, &c, decision.Asks); err != nil {
				return err
			}
		case decision.More:
			c.resolved = decision.Resolved[len(decision.Resolved)-1].Recipient.UID
		default:
			d.tell(ctx, alert, situation.Members, decision)
			return nil
		}
	}
}

// consideration is an alert on its way to a decision, which may take several rounds.
type consideration struct {
	engine.Situation

	generation *engine.Generation
	// asked is how often the chat app was, and resolved the last of those whom an unresolved alert was resolved to.
	asked    int
	resolved string
	firsts   *firsts
}

// consider decides in one transaction of the store.
func (d *Dispatcher) consider(ctx context.Context, alert relay.Alert, c *consideration) (relay.Decision, error) {
	query := c.generation.Query(alert, c.Event, c.Contact, c.Members)
	decision, begun, err := d.Store.DecideAndBegin(ctx, alert.ID, query, d.Now(), func(current relay.Alert, facts relay.Facts) (relay.Decision, []store.Start) {
		c.Alert, c.Facts, c.Now = current, facts, d.Now()
		decision := d.asking.cut(c.generation.Decide(c.Situation), c.resolved)
		return c.firsts.starts(ctx, decision)
	})
	c.firsts.took(decision, begun)
	return decision, err
}

// situation is what is known before the store's transaction.
func (d *Dispatcher) situation(ctx context.Context, c store.Case) (_ engine.Situation, err error) {
	alert := c.Alert
	if c.Unreadable != nil && d.Now().Before(alert.ExpiresAt) {
		return engine.Situation{}, fmt.Errorf("alert %s: %w", alert.ID, c.Unreadable)
	}
	// Past its time it is cancelled whatever the event was, so one that cannot be read does not hold it for ever.
	s := engine.Situation{Event: c.Event, Links: d.Links, Receipts: d.Receipts, Guard: d.Guard}
	if alert.Digest != "" {
		if s.Members, err = d.Store.Members(ctx, alert); err != nil {
			return s, fmt.Errorf("read the digest of alert %s: %w", alert.ID, err)
		}
	}
	if uid := alert.Recipient.UID; uid != "" {
		began := d.Now()
		s.Contact, s.Found = d.lookup(ctx, uid)
		if d.Now().Sub(began) > wishesFor { // what somebody said a second ago counts
			if c.Preferences, err = d.Store.Preferences(ctx, uid); err != nil {
				return s, fmt.Errorf("alert %s: %w", alert.ID, err)
			}
		}
		if s.Found != engine.FoundDown { // nobody's directory knows them, and the event may bring an address
			s.Contact = d.withWishes(uid, s.Contact, c.Preferences)
		}
	}
	return s, nil
}

// tell reports what was decided of an alert and of those that went with it.
func (d *Dispatcher) tell(ctx context.Context, alert relay.Alert, members []relay.Member, decision relay.Decision) {
	d.Observer.Decided(alert, decision)
	d.Tracer.Decided(ctx, decision)
	d.Logger.InfoContext(ctx, "alert decided", "alert", alert.ID, "event", alert.EventID, "rule", alert.Rule,
		"action", decision.Action, "reason", decision.Reason)
	for _, r := range decision.Members {
		for _, m := range members {
			if m.Alert.ID == r.AlertID {
				d.Observer.Decided(m.Alert, relay.Decision{Action: r.Action, Reason: r.Reason, Until: r.Until})
			}
		}
		d.Logger.InfoContext(ctx, "alert decided in a digest", "alert", r.AlertID, "with", alert.ID, "rule", alert.Rule,
			"action", r.Action, "reason", r.Reason)
	}
	for _, delivery := range decision.Deliveries {
		if delivery.State.Done() {
			d.Logger.InfoContext(ctx, "delivery does not go out", "delivery", delivery.ID, "rule", alert.Rule, "channel", delivery.Channel,
				"state", delivery.State, "reason", delivery.Reason)
			d.Observer.Settled(ctx, delivery, delivery.State, 0)
		}
	}
}

func (d *Dispatcher) lookup(ctx context.Context, uid string) (relay.Contact, engine.Found) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	contact, err := d.Directory.Lookup(ctx, uid)
	if errors.Is(err, ErrUnknownPerson) {
		return relay.Contact{}, engine.FoundNobody
	}
	if err != nil {
		d.Logger.WarnContext(ctx, "the directory did not answer; the alert is held", "error", err)
		return relay.Contact{}, engine.FoundDown
	}
	return contact, engine.FoundContact
}

// withWishes gives a contact as it is to be treated by what is kept here of the person's wishes as well, which is read for each
// decision.
func (d *Dispatcher) withWishes(uid string, contact relay.Contact, kept relay.Preferences) relay.Contact {
	if contact.UID == "" {
		contact.UID = uid
	}
	zone := d.zone(contact.TimeZone)
	if zone == nil && kept.TimeZone != "" {
		contact.TimeZone, zone = kept.TimeZone, d.zone(kept.TimeZone)
	}
	contact = contact.With(kept)
	contact.Zone = zone
	return contact
}

// zone looks a time zone up; nil where it is empty or unknown.
func (d *Dispatcher) zone(name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		d.Observer.ZoneUnknown()
		return nil
	}
	return zone
}

// attemptOpen makes the first attempt of each delivery of the alert that is queued and was not begun with the decision, side by side,
// where its gate lets it through at once; others go to their channel's queue. It runs again when the job does, so a crash loses none.
// What has a time to be looked at has a wake-up of its own.
func (d *Dispatcher) attemptOpen(ctx context.Context, alertID string) error {
	deliveries, err := d.Store.Deliveries(ctx, store.Filter{AlertID: alertID, State: string(relay.DeliveryQueued)})
	if err != nil {
		return fmt.Errorf("read deliveries of alert %s: %w", alertID, err)
	}
	var group errgroup.Group
	for _, delivery := range deliveries {
		if delivery.Attempts > 0 || !delivery.NextAt.IsZero() {
			continue
		}
		group.Go(func() error {
			err := d.goOn(ctx, delivery, atOnce)
			if r, refused := errors.AsType[*refusal](err); refused {
				return d.handOver(ctx, delivery, r.reason)
			}
			return err
		})
	}
	return group.Wait()
}

// handOver puts a delivery into its channel's queue.
func (d *Dispatcher) handOver(ctx context.Context, delivery relay.Delivery, reason relay.Reason) error {
	now := d.Now()
	err := d.Store.Settle(ctx, delivery.ID, store.Next{State: relay.DeliveryQueued, Reason: reason, NextAt: now}, now)
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("queue delivery %s: %w", delivery.ID, err)
	}
	return nil
}
