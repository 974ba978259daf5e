package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Finder is a Provider that keeps a list of what it took. Find gives the messages in it that may be the delivery's, those made since
// then, oldest first. channel.ErrNoList says that there is no such list after all; channel.ErrCutShort, that there may be more; any
// other error, that it could not be asked now.
type Finder interface {
	Find(ctx context.Context, delivery relay.Delivery, since time.Time) ([]relay.Found, error)
}

// Lagging is a Finder whose list is behind: what was taken less than Lag ago may be missing from it, and later is likely to be there.
type Lagging interface{ Lag() time.Duration }

// Search is what came of looking for a message whose answer was lost.
type Search string

// What a search comes to.
const (
	// SearchFound: the provider has it.
	SearchFound Search = "found"
	// SearchAbsent: it surely has not.
	SearchAbsent Search = "absent"
	// SearchNoList: the provider keeps no list.
	SearchNoList Search = "no_list"
	// SearchFailed: the list could not be asked now.
	SearchFailed Search = "failed"
)

// Searches lists all of them.
func Searches() []Search { return []Search{SearchFound, SearchAbsent, SearchNoList, SearchFailed} }

const (
	// findTimeout bounds one look at a provider's list.
	findTimeout = 10 * time.Second
	// A list that could not be asked is asked again after as long as the answer has been lost, within these bounds.
	leastSearchWait, mostSearchWait = 30 * time.Second, 15 * time.Minute
	// searchSkew is how far the provider's clock may be ahead of ours.
	searchSkew = 30 * time.Second
)

// find looks for what became of a delivery whose answer was lost and of which no receipt has come, and goes on from there: what the
// provider has is not sent again, and what it surely has not is, unless the rule gives up.
func (d *Dispatcher) find(ctx context.Context, delivery relay.Delivery, how manner) error {
	attempts, err := d.Store.Attempts(ctx, delivery.ID)
	if err != nil {
		return fmt.Errorf("read attempts of delivery %s: %w", delivery.ID, err)
	}
	attempts = counted(delivery, attempts)
	var lost []relay.Attempt
	for _, a := range attempts {
		if unanswered(a) {
			lost = append(lost, a)
		}
	}
	result, err := d.search(ctx, delivery, lost)
	d.Observer.Searched(delivery, result)
	log := d.Logger.With("delivery", delivery.ID, "rule", delivery.Rule, "channel", delivery.Channel, "result", result)
	switch {
	case result == SearchFailed && d.Now().Before(delivery.ExpiresAt):
		log.WarnContext(ctx, "the provider could not tell of a message whose answer was lost; it is asked again", "error", err)
		return d.searchAgain(ctx, delivery, lost)
	case result == SearchNoList && err != nil:
		d.gates[delivery.Channel].listless.Do(func() {
			d.Logger.ErrorContext(ctx, "MESSAGES WHOSE ANSWER IS LOST CANNOT BE LOOKED FOR: the provider does not let us read its list; "+
				"each is sent again once, and may come twice", "channel", delivery.Channel, "error", err)
		})
	case err != nil && result != SearchFailed:
		return err
	}
	log.InfoContext(ctx, "looked for a message whose answer was lost")
	if result == SearchFound {
		return nil
	}
	if reason := d.abandoned(delivery, result, attempts); reason != relay.ReasonNone {
		return d.settle(ctx, delivery, reason)
	}
	return d.attempt(ctx, delivery, how)
}

// search asks the provider that the attempts were made by, if it can be asked; and where it has the message, takes it for the
// delivery's.
func (d *Dispatcher) search(ctx context.Context, delivery relay.Delivery, lost []relay.Attempt) (Search, error) {
	provider, ok := d.Provider(delivery.Channel)
	finder, can := provider.(Finder)
	if !ok || !can || len(lost) == 0 {
		return SearchNoList, nil
	}
	for _, a := range lost {
		if a.Provider != provider.Name() {
			return SearchNoList, nil
		}
	}
	call, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	found, err := finder.Find(call, delivery, lost[0].StartedAt)
	cutShort := errors.Is(err, channel.ErrCutShort)
	switch {
	case errors.Is(err, channel.ErrNoList):
		return SearchNoList, loud(err)
	case err != nil && !cutShort:
		return SearchFailed, err
	}
	// What was made when no attempt of ours can have been under way any more is another delivery's, which may not hold it yet.
	last := lost[len(lost)-1].StartedAt.Add(channel.Deadline + searchSkew)
	found = slices.DeleteFunc(found, func(f relay.Found) bool { return f.At.After(last) })
	result, takeErr := d.take(ctx, delivery, provider.Name(), found)
	switch {
	case result != SearchAbsent:
		return result, takeErr
	case cutShort:
		return SearchFailed, err
	}
	return d.absent(provider, lost[len(lost)-1])
}

// loud leaves of an error what somebody can do something about: that there is no list, and why.
func loud(err error) error {
	if err == channel.ErrNoList { //nolint:errorlint // wrapped it says more
		return nil
	}
	return err
}

// errBehind says that the provider's list is not yet up to date.
var errBehind = errors.New("the provider's list may be behind, and does not have it yet")

// absent says what it means that the provider's list has no message: nothing, while the list may be behind the last attempt that was
// lost; and no more than that nobody knows, where it was.
func (d *Dispatcher) absent(provider Provider, last relay.Attempt) (Search, error) {
	list, ok := provider.(Lagging)
	switch {
	case !ok:
		return SearchAbsent, nil
	case d.Now().Before(last.StartedAt.Add(list.Lag())):
		return SearchFailed, errBehind
	}
	return SearchNoList, nil
}

// take takes the oldest message that no other delivery has. One message cannot be two deliveries', though both have the same text: so
// one takes at a time.
func (d *Dispatcher) take(ctx context.Context, delivery relay.Delivery, provider string, found []relay.Found) (Search, error) {
	gate := d.gates[delivery.Channel]
	gate.finding.Lock()
	defer gate.finding.Unlock()
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.ProviderID
	}
	if len(found) > 0 {
		if answering, err := d.twinAnswering(ctx, delivery); err != nil || answering {
			return SearchFailed, cmp.Or(err, errTwin)
		}
	}
	holders, err := d.Store.Holders(ctx, provider, ids)
	if err != nil {
		return SearchFailed, fmt.Errorf("whose are the provider's messages: %w", err)
	}
	for _, f := range found {
		if holder, held := holders[f.ProviderID]; held && holder != delivery.ID {
			continue
		}
		next := store.Next{State: f.State, Reason: f.Reason, Provider: provider, ProviderID: f.ProviderID}
		err := d.Store.Settle(ctx, delivery.ID, next, d.Now())
		if errors.Is(err, store.ErrHeld) {
			continue // another replica was faster
		}
		if errors.Is(err, store.ErrConflict) {
			return SearchFound, nil // a receipt was faster
		}
		if err != nil {
			return SearchFound, fmt.Errorf("settle delivery %s as found: %w", delivery.ID, err)
		}
		d.Observer.Settled(ctx, delivery, next.State, d.Now().Sub(delivery.Since()))
		return SearchFound, nil
	}
	return SearchAbsent, nil
}

// errTwin says that one of the messages found may be another delivery's that does not know it yet.
var errTwin = errors.New("the same words are on their way to the same address")

// twinAnswering tells whether an attempt is under way whose message could not be told from the delivery's. It is asked before who
// holds what was found: an answer that comes in between is seen there.
func (d *Dispatcher) twinAnswering(ctx context.Context, delivery relay.Delivery) (bool, error) {
	sending, err := d.Store.Deliveries(ctx, store.Filter{
		Recipient: delivery.Recipient.Key(), Channel: delivery.Channel, State: string(relay.DeliverySending), Limit: store.MaxList,
	})
	if err != nil {
		return false, fmt.Errorf("look for attempts under way: %w", err)
	}
	return slices.ContainsFunc(sending, func(other relay.Delivery) bool {
		return other.ID != delivery.ID && other.Address() == delivery.Address() && other.Content.Text == delivery.Content.Text
	}), nil
}

// searchAgain leaves the delivery as it is for a while, at the longest until it expires.
func (d *Dispatcher) searchAgain(ctx context.Context, delivery relay.Delivery, lost []relay.Attempt) error {
	now := d.Now()
	wait := min(max(now.Sub(lost[len(lost)-1].StartedAt), leastSearchWait), mostSearchWait)
	at := now.Add(wait)
	if delivery.ExpiresAt.Before(at) {
		at = delivery.ExpiresAt
	}
	next := store.Next{State: relay.DeliveryUnknown, Reason: relay.ReasonNoAnswer, NextAt: at}
	if err := d.Store.Settle(ctx, delivery.ID, next, now); err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("look again for delivery %s: %w", delivery.ID, err)
	}
	return nil
}

// abandoned gives the Reason why a message that was not found is not sent again, if there is one. The rule in force decides; for one
// that is gone nothing more goes out.
func (d *Dispatcher) abandoned(delivery relay.Delivery, result Search, attempts []relay.Attempt) relay.Reason {
	lost, orphaned := 0, 0
	for _, a := range attempts {
		switch {
		case a.EndedAt.IsZero():
			orphaned++
		case unanswered(a):
			lost++
		}
	}
	absent := result == SearchAbsent
	switch {
	case !d.Now().Before(delivery.ExpiresAt) && absent:
		return relay.ReasonExpired
	case !d.Now().Before(delivery.ExpiresAt), !d.Current().Resends(delivery.Rule):
		return relay.ReasonNoAnswer // it may have arrived all the same
	case absent && tries(attempts) >= channel.MaxAttempts:
		return relay.ReasonGaveUp
	case !absent && (lost > maxResends || orphaned > maxOrphans):
		return relay.ReasonNoAnswer
	}
	return relay.ReasonNone
}
