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

// verdict is a decision on its way into the tables, with the alert that was decided and the facts it was decided by.
type verdict struct {
	relay.Decision
	alert relay.Alert
	facts relay.Facts
	now   time.Time
	// many says that there is none, because the candidates are too many to be read in the transaction.
	many bool
	// query is what the facts answer.
	query relay.Query
	// starts are the attempts that are to begin, and begun those that have.
	starts []store.Start
	begun  []store.Begun
	// claimed is what its deliveries have claimed.
	claimed []string

	// lead is whom the deliveries belong to: the alert or a member of its digest.
	lead relay.Alert
	// state and reason are what becomes of those that are sent.
	state  relay.AlertState
	reason relay.Reason
}

// ruled is an alert with what is to become of it.
type ruled struct {
	alert  relay.Alert
	ruling relay.Ruling
}

// apply keeps a decision.
func (b *batch) apply(ctx context.Context, v *verdict) error {
	switch v.Action {
	case relay.ActAsk:
		return nil
	case relay.ActResolve:
		return b.resolve(ctx, v.alert, v.Resolved, v.More)
	default:
	}
	rulings := v.rulings()
	sent, err := v.check(rulings)
	if err != nil {
		return err
	}
	if sent {
		if err = b.send(ctx, v); err != nil {
			return err
		}
	}
	for _, r := range rulings {
		if err = b.keepRuled(ctx, v, r); err != nil {
			return err
		}
	}
	if !again(v.alert) {
		return nil
	}
	return b.follow(ctx, v.settled(rulings[0]))
}

// rulings lists what becomes of the alert and, after it, of the members that there are. What is ruled on any other is left out.
func (v *verdict) rulings() []ruled {
	list := []ruled{{v.alert, relay.Ruling{
		AlertID: v.alert.ID, Action: v.Action, Reason: v.Reason, Until: v.Until, Trace: v.Trace,
	}}}
	of := make(map[string]relay.Ruling, len(v.Members))
	for _, r := range v.Members {
		of[r.AlertID] = r
	}
	for _, m := range v.facts.Members {
		if r, ok := of[m.ID]; ok {
			list = append(list, ruled{m, r})
		}
	}
	return list
}

// check finds the lead, refuses what cannot be kept, and tells whether anything is sent.
func (v *verdict) check(rulings []ruled) (sent bool, err error) {
	id := cmp.Or(v.Lead, v.alert.ID)
	i := slices.IndexFunc(rulings, func(r ruled) bool { return r.alert.ID == id })
	switch {
	case i < 0:
		return false, fmt.Errorf("it is to be led by %q, which is no member of its digest that can be", id)
	case i > 0 && again(v.alert):
		return false, fmt.Errorf("it was decided before, so %q cannot lead it", id)
	case !v.Again.IsZero() && !v.Again.After(v.now):
		return false, fmt.Errorf("it is decided again at %s, which is not later than now", v.Again)
	}
	v.lead, sent = rulings[i].alert, rulings[i].ruling.Action == relay.ActSend
	if len(v.Deliveries) > 0 && !sent {
		return false, fmt.Errorf("it has deliveries, but action %q sends none", rulings[i].ruling.Action)
	}
	for _, r := range rulings {
		if err = v.checkRuling(r.ruling, sent); err != nil {
			return false, fmt.Errorf("alert %q: %w", r.alert.ID, err)
		}
	}
	return sent, nil
}

func (v *verdict) checkRuling(r relay.Ruling, sent bool) error {
	switch r.Action {
	case relay.ActSend:
		if !sent {
			return fmt.Errorf("it would go along with %q, which is not sent", v.lead.ID)
		}
		return nil
	case relay.ActHold:
		if !r.Until.After(v.now) {
			return fmt.Errorf("it is held until %s, which is not later than now", r.Until)
		}
	case relay.ActCancel, relay.ActSuppress:
	case relay.ActResolve, relay.ActAsk:
		return errors.New("only of the alert that is decided can that be")
	default:
		return fmt.Errorf("there is no action %q", r.Action)
	}
	if r.Reason == relay.ReasonNone {
		return fmt.Errorf("action %q gives no reason", r.Action)
	}
	return nil
}

// send keeps the deliveries under their lead, and works out what becomes of those that they carry.
func (b *batch) send(ctx context.Context, v *verdict) error {
	lead := v.lead
	lead.UpdatedAt = v.now
	deliveries := make([]relay.Delivery, 0, len(v.Deliveries))
	for _, d := range v.Deliveries {
		kept, err := b.insertDelivery(ctx, lead, d, v)
		if err != nil {
			return fmt.Errorf("keep delivery %q: %w", d.ID, err)
		}
		deliveries = append(deliveries, kept)
	}
	v.Deliveries = deliveries
	// Only the alert itself can have deliveries from before.
	v.state, v.reason = relay.RollUp(slices.Concat(v.facts.Deliveries, deliveries))
	if v.state.Done() && v.state != relay.AlertSent {
		v.Again = time.Time{} // it has ended
	}
	return nil
}

// keepRuled keeps an alert as its ruling leaves it, with the wake-up that this asks for. A member that is held has its own
// still to come, when it would have fallen due; in a digest that is held anew again and again they would pile up.
func (b *batch) keepRuled(ctx context.Context, v *verdict, r ruled) error {
	a := v.settled(r)
	if again(a) || a.State == relay.AlertHeld && (a.ID == v.alert.ID || a.DueAt.Before(r.alert.DueAt)) {
		b.wakeFor(a)
	}
	return b.updateAlert(ctx, a)
}

// settled is a ruled alert as it is afterwards.
func (v *verdict) settled(r ruled) relay.Alert {
	a, ruling := r.alert, r.ruling
	a.UpdatedAt, a.AgainAt = v.now, time.Time{}
	a.Trace = slices.Concat(a.Trace, ruling.Trace)
	switch ruling.Action {
	case relay.ActSend:
		if a.ID == v.lead.ID {
			a.AgainAt, a.Fallback = v.Again, v.Fallback
		} else {
			a.Lead = v.lead.ID
		}
		if a.State != relay.AlertSent {
			a.State, a.Reason = v.state, v.reason
		}
	case relay.ActHold:
		v.hold(&a, r.alert, ruling)
	default:
		v.end(&a, ruling)
	}
	return a
}

// hold keeps an alert for later. One that was sent stays so, and one that goes along follows its lead. One whose people are asked for
// early falls due when it would have.
func (v *verdict) hold(a *relay.Alert, before relay.Alert, r relay.Ruling) {
	early := before.Recipient.Key() == "" && !before.AgainAt.IsZero()
	if again(before) || early {
		a.AgainAt = r.Until
	}
	if early {
		a.Reason = r.Reason
		return
	}
	if a.State != relay.AlertSent && a.Lead == "" {
		a.State, a.Reason, a.DueAt = relay.AlertHeld, r.Reason, r.Until
	}
}

// end cancels or suppresses an alert, unless it was sent or a message that carries it is still under way.
func (v *verdict) end(a *relay.Alert, r relay.Ruling) {
	underWay, _ := relay.RollUp(v.facts.Deliveries)
	switch {
	case a.State == relay.AlertSent:
	case len(v.facts.Deliveries) > 0 && underWay == relay.AlertDue:
		a.State, a.Reason = relay.AlertDue, relay.ReasonNone
	case r.Action == relay.ActCancel:
		a.State, a.Reason = relay.AlertCancelled, r.Reason
	default:
		a.State, a.Reason = relay.AlertSuppressed, r.Reason
	}
}
