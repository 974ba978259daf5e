package tables

import (
	"context"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// remove removes events and alerts with all that belongs to them, or counts them in a dry run. Those that an attempt under way
// belongs to are left for later.
func (r *removal) remove(ctx context.Context, events, alerts []string) error {
	if len(events)+len(alerts) == 0 {
		return nil
	}
	if r.DryRun {
		p := &part{removal: r, db: r.s.Read, count: &r.total, events: events, alerts: alerts}
		return p.look(ctx)
	}
	var busy *part
	err := r.write(ctx, func(ctx context.Context, b *batch, c *store.Forgotten) error {
		busy = &part{removal: r, db: b, count: c, events: events, alerts: alerts}
		if err := busy.look(ctx); err != nil {
			return err
		}
		return busy.remove(ctx, b)
	})
	if err == nil {
		r.waitingEvents, r.waitingAlerts = append(r.waitingEvents, busy.busyEvents...), append(r.waitingAlerts, busy.busyAlerts...)
	}
	return err
}

// part is what one transaction removes.
type part struct {
	*removal
	db    DB
	count *store.Forgotten
	// events are to go with their alerts, and alerts alone.
	events, alerts         []string
	busyEvents, busyAlerts []string

	// doomed are all alerts that go, by ID, and messages are their deliveries.
	doomed   map[string]link
	messages []message
	// carriers are deliveries of others that carry doomed alerts, too.
	carriers []message
	// followers go along with a doomed alert, and are to be told of all the same.
	followers []string
}

// link is an alert with its event, and the alert whose deliveries carry it, if that is another.
type link struct{ id, event, lead string }

// message is a delivery as far as it matters here.
type message struct {
	id, alert, providerID string
	state                 relay.DeliveryState
	updatedAt             int64
}

// look finds out what goes, and leaves out what has to wait.
func (p *part) look(ctx context.Context) error {
	if err := p.gather(ctx); err != nil {
		return err
	}
	if p.postpone() {
		if len(p.events)+len(p.alerts) == 0 {
			p.doomed, p.messages, p.carriers, p.followers = nil, nil, nil, nil
			return nil
		}
		if err := p.gather(ctx); err != nil {
			return err
		}
	}
	return p.sum(ctx)
}

func (p *part) gather(ctx context.Context) error {
	lock := " FOR UPDATE"
	if p.DryRun {
		lock = ""
	}
	found, err := All(ctx, p.db, func(row Scanner) (l link, err error) { return l, row.Scan(&l.id, &l.event, &l.lead) },
		"SELECT id, event_id, lead FROM alerts WHERE event_id IN each(?) OR id IN each(?) ORDER BY seq"+lock, listed(p.events), listed(p.alerts))
	if err != nil {
		return fmt.Errorf("read alerts: %w", err)
	}
	p.doomed = make(map[string]link, len(found))
	ids, leads := make([]string, 0, len(found)), []string{}
	for _, l := range found {
		p.doomed[l.id] = l
		ids = append(ids, l.id)
	}
	for _, l := range found {
		if _, goes := p.doomed[l.lead]; l.lead != "" && !goes {
			leads = append(leads, l.lead)
		}
	}
	if p.messages, err = p.messagesOf(ctx, ids, lock); err != nil {
		return err
	}
	if p.carriers, err = p.messagesOf(ctx, leads, lock); err != nil {
		return err
	}
	led, err := All(ctx, p.db, scanString, "SELECT id FROM alerts WHERE lead IN each(?) AND lead <> '' AND state = 'due' ORDER BY seq"+lock, ids)
	if err != nil {
		return fmt.Errorf("read the alerts that they lead: %w", err)
	}
	p.followers = slices.DeleteFunc(led, func(id string) bool { _, goes := p.doomed[id]; return goes })
	return nil
}

// listed is never nil, which is no list to a database.
func listed(ids []string) []string { return append([]string{}, ids...) }

func (p *part) messagesOf(ctx context.Context, alerts []string, lock string) ([]message, error) {
	if len(alerts) == 0 {
		return nil, nil
	}
	found, err := All(ctx, p.db, func(row Scanner) (m message, err error) {
		return m, row.Scan(&m.id, &m.alert, &m.providerID, &m.state, &m.updatedAt)
	}, "SELECT id, alert_id, provider_id, state, updated_at FROM deliveries WHERE alert_id IN each(?) ORDER BY seq"+lock, alerts)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return found, nil
}

// busy reports whether an attempt of a delivery may be under way: it is let finish, since what was sent must not be sent again.
func (p *part) busy(m message) bool {
	return m.state == relay.DeliverySending && !p.Alone && m.updatedAt > micros(p.s.Now().Add(-attemptOver))
}

// postpone takes out what an attempt under way belongs to, and reports whether there is any.
func (p *part) postpone() bool {
	waits := map[string]bool{}
	for _, m := range slices.Concat(p.messages, p.carriers) {
		if p.busy(m) && !p.DryRun {
			waits[m.alert] = true
		}
	}
	if len(waits) == 0 {
		return false
	}
	for id, l := range p.doomed {
		if !waits[id] && !waits[l.lead] {
			continue
		}
		if slices.Contains(p.events, l.event) {
			p.busyEvents = append(p.busyEvents, l.event)
		} else {
			p.busyAlerts = append(p.busyAlerts, id)
		}
	}
	slices.Sort(p.busyEvents)
	p.busyEvents = slices.Compact(p.busyEvents)
	p.events = slices.DeleteFunc(listed(p.events), func(id string) bool { return slices.Contains(p.busyEvents, id) })
	p.alerts = slices.DeleteFunc(listed(p.alerts), func(id string) bool { return slices.Contains(p.busyAlerts, id) })
	return true
}

// sum counts what goes.
func (p *part) sum(ctx context.Context) error {
	ids, providerIDs := p.ids()
	p.count.Events += len(p.events)
	p.count.Alerts += len(p.doomed)
	p.count.Deliveries += len(ids)
	for _, c := range []struct {
		to    *int
		query string
		args  []any
	}{
		{&p.count.Keys, "SELECT count(*) FROM event_keys WHERE event IN (SELECT seq FROM events WHERE id IN each(?))", []any{listed(p.events)}},
		{&p.count.Attempts, "SELECT count(*) FROM attempts WHERE delivery_id IN each(?)", []any{ids}},
		{&p.count.Claims, "SELECT count(*) FROM claims WHERE delivery IN each(?)", []any{ids}},
		{&p.count.Counters, "SELECT count(*) FROM counted WHERE delivery IN each(?)", []any{ids}},
		{&p.count.Receipts, "SELECT count(*) FROM receipts WHERE " + receiptsOf, []any{ids, providerIDs}},
		{&p.count.Outbox, "SELECT count(*) FROM outbox WHERE " + outboxOf, []any{ids}},
	} {
		n, err := One(ctx, p.db, scanInt, c.query, c.args...)
		if err != nil {
			return fmt.Errorf("count what goes: %w", err)
		}
		*c.to += n
	}
	return nil
}

// Receipts and messages in the sandbox have no reference to their delivery. A provider's report may have come without our ID.
const (
	receiptsOf = "(delivery <> '' AND delivery IN each(?)) OR (provider_id <> '' AND provider_id IN each(?))"
	outboxOf   = "delivery_id <> '' AND delivery_id IN each(?)"
)

func (p *part) ids() (ids, providerIDs []string) {
	ids, providerIDs = []string{}, []string{}
	for _, m := range p.messages {
		ids = append(ids, m.id)
		if m.providerID != "" {
			providerIDs = append(providerIDs, m.providerID)
		}
	}
	return ids, providerIDs
}

// remove does it.
func (p *part) remove(ctx context.Context, b *batch) error {
	if len(p.doomed)+len(p.events) == 0 {
		return nil
	}
	if err := p.release(ctx, b); err != nil {
		return err
	}
	if err := p.unload(ctx, b); err != nil {
		return err
	}
	ids, providerIDs := p.ids()
	alerts := make([]string, 0, len(p.doomed))
	for id := range p.doomed {
		alerts = append(alerts, id)
	}
	for _, d := range []struct {
		statement string
		args      []any
	}{
		{"DELETE FROM receipts WHERE " + receiptsOf, []any{ids, providerIDs}},
		{"DELETE FROM outbox WHERE " + outboxOf, []any{ids}},
		{"DELETE FROM alerts WHERE id IN each(?)", []any{alerts}},
		{"DELETE FROM events WHERE id IN each(?)", []any{listed(p.events)}},
	} {
		if _, err := b.Exec(ctx, d.statement, d.args...); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
	}
	return nil
}

// release lets the followers go on without the alert that led them: they are decided anew, unless the message that told of them may
// have gone out.
func (p *part) release(ctx context.Context, b *batch) error {
	maybeTold := map[string]bool{}
	for _, m := range p.messages {
		if m.state == relay.DeliveryUnknown || m.state == relay.DeliverySending {
			maybeTold[m.alert] = true
		}
	}
	var anew []string
	for _, id := range p.followers {
		a, err := b.alert(ctx, id)
		if err != nil {
			return err
		}
		if !maybeTold[a.Lead] {
			anew = append(anew, id)
			continue
		}
		a.State, a.Reason, a.Lead, a.UpdatedAt = relay.AlertFailed, relay.ReasonNoAnswer, "", b.now
		if err = b.updateAlert(ctx, a); err != nil {
			return err
		}
	}
	return p.again(ctx, b, anew)
}

// again has alerts decided anew, as if they had just fallen due.
func (p *part) again(ctx context.Context, b *batch, alerts []string) error {
	if len(alerts) == 0 {
		return nil
	}
	_, err := b.Exec(ctx, `UPDATE alerts SET state = 'held', reason = ?, lead = '', again_at = 0, fallback = ?, due_at = ?, updated_at = ?
		WHERE id IN each(?)`, string(relay.ReasonWaiting), false, micros(b.now), micros(b.now), alerts)
	if err != nil {
		return fmt.Errorf("have alerts of others decided anew: %w", err)
	}
	for _, id := range alerts {
		b.wake(store.DueArgs{AlertID: id}, store.QueueDue, b.now)
	}
	p.count.Waiting += len(alerts)
	return nil
}

// unload takes what is told of the person out of messages that tell of other things, too. One that was not tried yet is made anew
// without it; what may have gone out stays as it is, but for its text.
func (p *part) unload(ctx context.Context, b *batch) error {
	of := map[string][]message{}
	var leads []string
	for _, m := range p.carriers {
		if of[m.alert] == nil {
			leads = append(leads, m.alert)
		}
		of[m.alert] = append(of[m.alert], m)
	}
	for _, lead := range leads {
		untried := true
		for _, m := range of[lead] {
			untried = untried && (m.state == relay.DeliveryQueued || m.state == relay.DeliverySuppressed || m.state == relay.DeliveryDead)
		}
		alert, err := b.alert(ctx, lead)
		if err != nil {
			return err
		}
		if untried && alert.State == relay.AlertDue {
			err = p.remake(ctx, b, lead)
		} else {
			err = p.blank(ctx, b, of[lead])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remake drops the messages of an alert, and has it decided anew with those that go along with it.
func (p *part) remake(ctx context.Context, b *batch, lead string) error {
	led, err := All(ctx, b, scanString, "SELECT id FROM alerts WHERE lead = ? AND lead <> '' AND state = 'due' ORDER BY seq FOR UPDATE", lead)
	if err != nil {
		return fmt.Errorf("read the alerts that it leads: %w", err)
	}
	led = slices.DeleteFunc(led, func(id string) bool { _, goes := p.doomed[id]; return goes })
	n, err := b.Exec(ctx, "DELETE FROM deliveries WHERE alert_id = ?", lead)
	if err != nil {
		return fmt.Errorf("drop its deliveries: %w", err)
	}
	p.count.Deliveries += n
	return p.again(ctx, b, append(led, lead))
}

func (p *part) blank(ctx context.Context, b *batch, messages []message) error {
	for _, m := range messages {
		d, err := b.delivery(ctx, m.id)
		if err != nil {
			return err
		}
		d.UpdatedAt = b.now
		switch d.State {
		case relay.DeliveryQueued:
			_, err = b.move(ctx, d, store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonForgotten})
		case relay.DeliveryUnknown, relay.DeliverySending: // it cannot be looked for or sent again without its text
			_, err = b.move(ctx, d, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonNoAnswer})
		default:
		}
		if err != nil {
			return err
		}
		n, err := b.Exec(ctx, "UPDATE deliveries SET "+blanked+" WHERE id = ? AND blanked_at = 0", micros(b.now), m.id)
		if err != nil {
			return fmt.Errorf("blank a message: %w", err)
		}
		if _, err = b.Exec(ctx, "DELETE FROM outbox WHERE "+outboxOf, []string{m.id}); err != nil {
			return fmt.Errorf("blank a message in the sandbox: %w", err)
		}
		p.count.Blanked += n
	}
	return nil
}
