package dispatch

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// fallbackPatience is how long a message that nobody can have taken waits for its channel where the rule has another one.
const fallbackPatience = 2 * time.Minute

// next says where an outcome takes the delivery.
func (d *Dispatcher) next(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt, probe bool) store.Next {
	outcome := attempt.Outcome
	switch outcome.Kind {
	case relay.Accepted:
		return store.Next{State: relay.DeliverySent, Provider: attempt.Provider, ProviderID: outcome.ProviderID}
	case relay.Unknown:
		return store.Next{
			State: relay.DeliveryUnknown, Reason: relay.ReasonNoAnswer, NextAt: attempt.EndedAt.Add(d.UnknownWait),
		}
	case relay.Permanent:
		if outcome.Reason == relay.ReasonOptedOut {
			return store.Next{State: relay.DeliverySuppressed, Reason: relay.ReasonOptedOut}
		}
		return store.Next{State: relay.DeliveryDead, Reason: outcome.Reason}
	case relay.Retry:
	}
	return d.again(ctx, delivery, attempt, probe)
}

// again says when a delivery that was surely not taken is tried again, or why it is not.
func (d *Dispatcher) again(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt, probe bool) store.Next {
	outcome := attempt.Outcome
	wait := channel.Backoff(attempt.N-delivery.Before, outcome.RetryAfter, d.Random())
	if misconfigured(outcome) {
		wait = max(wait, probeEvery) // others have their turn as probes
	}
	at := attempt.EndedAt.Add(wait)
	switch {
	case attempt.N-delivery.Before >= channel.MaxAttempts && !probe && d.triedEnough(ctx, delivery, attempt):
		return store.Next{State: relay.DeliveryDead, Reason: relay.ReasonGaveUp}
	case !at.Before(delivery.ExpiresAt):
		return store.Next{State: relay.DeliveryDead, Reason: relay.ReasonExpired}
	case at.Sub(delivery.Since()) > fallbackPatience && outcome.Reason != relay.ReasonNone:
		falls, err := d.fallsBack(ctx, delivery, attempt)
		if err != nil {
			d.Logger.WarnContext(ctx, "a delivery waits, though its rule may have a fallback", "delivery", delivery.ID, "error", err)
		}
		if falls {
			return store.Next{State: relay.DeliveryDead, Reason: outcome.Reason}
		}
	}
	return store.Next{State: relay.DeliveryQueued, Reason: outcome.Reason, NextAt: at}
}

// triedEnough counts the attempts that were about this delivery. A probe never ends anything.
func (d *Dispatcher) triedEnough(ctx context.Context, delivery relay.Delivery, attempt relay.Attempt) bool {
	if ofTheChannel(attempt.Outcome) {
		return false
	}
	attempts, err := d.Store.Attempts(ctx, delivery.ID)
	if err != nil {
		d.Logger.WarnContext(ctx, "attempts cannot be counted; another one is made", "delivery", delivery.ID, "error", err)
		return false
	}
	return tries(counted(delivery, attempts)) >= channel.MaxAttempts
}

// counted are the attempts that bound how many there are to be: those since an operator had the delivery retried, if one did.
func counted(delivery relay.Delivery, attempts []relay.Attempt) []relay.Attempt {
	return slices.DeleteFunc(slices.Clone(attempts), func(a relay.Attempt) bool { return a.N <= delivery.Before })
}

// tries counts attempts without those that were not about their delivery.
func tries(attempts []relay.Attempt) (n int) {
	for _, a := range attempts {
		if !ofTheChannel(a.Outcome) {
			n++
		}
	}
	return n
}

// ofTheChannel tells whether an outcome says nothing of the delivery: the settings are wrong, or there were too many.
func ofTheChannel(o relay.Outcome) bool {
	return misconfigured(o) || o.Reason == relay.ReasonThrottled
}

// fallsBack reports whether the fallback goes out at once if the delivery ends now, and nobody can have taken the message. current
// is the attempt that is under way and has ended, a zero one is none. What waits beside it in front of a shut gate does not arrive
// either. What an operator has paused waits for him, and not for its channel.
func (d *Dispatcher) fallsBack(ctx context.Context, delivery relay.Delivery, current relay.Attempt) (bool, error) {
	if mayBeTaken(current.Outcome) {
		return false, nil
	}
	alert, err := d.Store.Alert(ctx, delivery.AlertID)
	if err != nil || !alert.Fallback {
		return false, err
	}
	pauses, err := d.Store.Pauses(ctx)
	if err != nil {
		return false, fmt.Errorf("read pauses: %w", err)
	}
	paused := func(d relay.Delivery) bool {
		return slices.ContainsFunc(pauses, func(p relay.Pause) bool { return p.Covers(d.Rule, d.Channel) })
	}
	if paused(delivery) {
		return false, nil
	}
	attempts, err := d.Store.Attempts(ctx, delivery.ID)
	if err != nil {
		return false, fmt.Errorf("read attempts of delivery %s: %w", delivery.ID, err)
	}
	for _, a := range attempts {
		if a.N != current.N && (unanswered(a) || mayBeTaken(a.Outcome)) {
			return false, nil
		}
	}
	all, err := d.Store.Deliveries(ctx, store.Filter{AlertID: delivery.AlertID, Limit: store.MaxList})
	if err != nil {
		return false, fmt.Errorf("read deliveries of alert %s: %w", delivery.AlertID, err)
	}
	for i, other := range all {
		shut := d.gates[other.Channel].standing().reason != relay.ReasonNone
		if other.ID == delivery.ID || other.State == relay.DeliveryQueued && shut && !paused(other) {
			all[i].State, all[i].Reason = relay.DeliveryDead, relay.ReasonProviderTrouble
		}
	}
	return relay.FellThrough(all), nil
}

// mayBeTaken tells whether an outcome that is tried again comes of an answer that a provider may give after it took the message: it
// broke down, or what stands before it got no answer.
func mayBeTaken(o relay.Outcome) bool {
	return o.Kind == relay.Retry && (o.Status == http.StatusInternalServerError || o.Status == http.StatusGatewayTimeout)
}

// unanswered tells whether the message of an attempt may have arrived without anybody here knowing.
func unanswered(a relay.Attempt) bool { return a.EndedAt.IsZero() || a.Outcome.Kind == relay.Unknown }
