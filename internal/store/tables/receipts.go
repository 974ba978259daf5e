package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// receiveSize is how many receipts one transaction keeps: a vendor reports thousands at once, and nobody else writes meanwhile. What
// was kept before one fails is a repeat when the rest comes again.
const receiveSize = 100

// Receive implements store.Store.
func (s *Tables) Receive(ctx context.Context, receipts []relay.Receipt) ([]relay.Delivery, error) {
	if len(receipts) == 0 {
		return nil, nil
	}
	for _, r := range receipts {
		if err := checkReceipt(r); err != nil {
			return nil, fmt.Errorf("keep a receipt of %q: %w", r.Provider, err)
		}
	}
	// Replicas that move the same deliveries do so in one order. Those of one delivery stay in theirs.
	sorted := slices.Clone(receipts)
	slices.SortStableFunc(sorted, func(a, b relay.Receipt) int { return cmp.Compare(a.DeliveryID, b.DeliveryID) })
	var all []relay.Delivery
	for some := range slices.Chunk(sorted, receiveSize) {
		moved, err := do(ctx, s, patient.on(some[0].DeliveryID), func(ctx context.Context, b *batch) ([]relay.Delivery, error) {
			return b.receiveAll(ctx, some)
		})
		if err != nil {
			return all, fmt.Errorf("keep receipts: %w", err)
		}
		all = append(all, moved...)
	}
	return all, nil
}

func (b *batch) receiveAll(ctx context.Context, receipts []relay.Receipt) (moved []relay.Delivery, err error) {
	for _, r := range receipts {
		d, ok, err := b.receive(ctx, r)
		if err != nil {
			return nil, err
		}
		if ok {
			moved = append(moved, d)
		}
	}
	return moved, nil
}

func checkReceipt(r relay.Receipt) error {
	switch {
	case r.Provider == "" || r.Key == "":
		return errors.New("it does not say what makes it one")
	case r.At.IsZero():
		return errors.New("it does not say when it came in")
	case r.State != "" && r.State.Rank() == 0:
		return fmt.Errorf("no receipt makes a delivery %q", r.State)
	case (r.Suppress != relay.ReasonNone || r.Lift != relay.ReasonNone) && r.Address.Reveal() == "":
		return errors.New("it names no address")
	}
	return nil
}

// receive does what a receipt says, unless it is a repeat, and tells whether it moved a delivery.
func (b *batch) receive(ctx context.Context, r relay.Receipt) (relay.Delivery, bool, error) {
	n, err := b.Exec(ctx, "INSERT INTO receipts ("+receiptColumns+") VALUES ("+marks(10)+") ON CONFLICT (provider, key) DO NOTHING",
		r.Provider, r.Key, r.DeliveryID, r.ProviderID, string(r.State), string(r.Reason), r.Code, r.Status, r.Detail, micros(r.At))
	if err != nil || n == 0 {
		return relay.Delivery{}, false, err
	}
	if r.Suppress != relay.ReasonNone {
		_, err = b.suppress(ctx, relay.Suppression{Address: r.Address, Reason: r.Suppress, Source: r.Source, At: r.At})
	} else if r.Lift != relay.ReasonNone {
		err = b.lift(ctx, r.Address, r.Lift)
	}
	if err != nil || r.State == "" {
		return relay.Delivery{}, false, err
	}
	d, err := b.reported(ctx, r)
	if errors.Is(err, store.ErrNotFound) {
		return relay.Delivery{}, false, nil // pruned, or of somebody else who uses the account
	}
	if err != nil || !advances(d, r) {
		return relay.Delivery{}, false, err
	}
	if over, err := b.ofBefore(ctx, d, r); err != nil || over {
		return relay.Delivery{}, false, err
	}
	d.UpdatedAt = timeOf(micros(r.At))
	next := store.Next{State: r.State, Reason: r.Reason, Provider: r.Provider, ProviderID: r.ProviderID}
	if d.ProviderID != "" {
		next.ProviderID = "" // of two messages for one delivery the one that was answered stays
	}
	d, err = b.move(ctx, d, next)
	return d, err == nil, err
}

// reported finds the delivery that a receipt is about: by our own ID, or by the provider's where that did not come along.
func (b *batch) reported(ctx context.Context, r relay.Receipt) (relay.Delivery, error) {
	if r.DeliveryID != "" {
		return b.delivery(ctx, r.DeliveryID)
	}
	if r.ProviderID == "" {
		return relay.Delivery{}, store.ErrNotFound
	}
	return One(ctx, b, scanDelivery, "SELECT "+deliveryColumns+
		" FROM deliveries WHERE provider_id = ? AND provider_id <> '' AND provider = ? ORDER BY seq DESC LIMIT 1 FOR UPDATE", r.ProviderID, r.Provider)
}

// advances tells whether a receipt takes a delivery forward. One that nothing was ever sent for cannot have a receipt, and that
// one of two messages did not arrive says nothing of the other: while a later attempt is under way, it is not known which of them
// it was (see failedEarly).
func advances(d relay.Delivery, r relay.Receipt) bool {
	otherProvider := d.Provider != "" && d.Provider != r.Provider
	otherMessage := d.ProviderID != "" && r.ProviderID != "" && d.ProviderID != r.ProviderID
	switch {
	case d.Attempts == 0 || otherProvider:
		return false
	case r.State == relay.DeliveryUndelivered && (otherMessage || d.State == relay.DeliverySending && d.Attempts > 1):
		return false
	}
	return r.State.Rank() > d.State.Rank()
}

// ofBefore tells whether a receipt is of a message that was given up when an operator had the delivery retried: it says nothing of the
// one that goes out now. That the old one arrived after all is news all the same, and so is that one was taken whose answer was lost.
func (b *batch) ofBefore(ctx context.Context, d relay.Delivery, r relay.Receipt) (bool, error) {
	switch waiting := d.Attempts == d.Before; {
	case d.RetriedAt.IsZero(), r.State == relay.DeliveryDelivered:
		return false, nil
	case waiting && (r.State == relay.DeliveryUndelivered || r.ProviderID == "" && d.ProviderID != ""):
		return true, nil
	}
	n, err := One(ctx, b, scanInt, "SELECT count(*) FROM attempts WHERE delivery_id = ? AND n <= ? AND provider_id = ? AND provider_id <> ''",
		d.ID, d.Before, r.ProviderID)
	if err != nil {
		return false, fmt.Errorf("look which message a receipt is of: %w", err)
	}
	return n > 0, nil
}

// failedEarly is where an accepted attempt takes its delivery if a receipt came before the answer and said that this message did not
// arrive.
func (b *batch) failedEarly(ctx context.Context, a relay.Attempt, next store.Next) (store.Next, error) {
	if next.State != relay.DeliverySent || next.ProviderID == "" || a.N == 1 {
		return next, nil
	}
	r, err := One(ctx, b, scanReceipt, "SELECT "+receiptColumns+` FROM receipts WHERE delivery = ? AND delivery <> '' AND provider = ?
		AND provider_id = ? AND state = 'undelivered' ORDER BY seq LIMIT 1`, a.DeliveryID, next.Provider, next.ProviderID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return next, nil
	case err != nil:
		return next, fmt.Errorf("look for a receipt that came before the answer: %w", err)
	}
	next.State, next.Reason = r.State, r.Reason
	return next, nil
}

const receiptColumns = "provider, key, delivery, provider_id, state, reason, code, status, detail, at"

func scanReceipt(row Scanner) (r relay.Receipt, err error) {
	return r, row.Scan(&r.Provider, &r.Key, &r.DeliveryID, &r.ProviderID, &r.State, &r.Reason, &r.Code, &r.Status, &r.Detail, at{&r.At})
}

// Receipts implements store.Store.
func (s *Tables) Receipts(ctx context.Context, deliveryID string) ([]relay.Receipt, error) {
	receipts, err := All(ctx, s.Read, scanReceipt, "SELECT "+receiptColumns+
		" FROM receipts WHERE delivery = ? AND delivery <> '' ORDER BY seq LIMIT ?", deliveryID, store.MaxList)
	if err != nil {
		return nil, fmt.Errorf("receipts of delivery %q: %w", deliveryID, err)
	}
	return receipts, nil
}

// Holders implements store.Store.
func (s *Tables) Holders(ctx context.Context, provider string, providerIDs []string) (map[string]string, error) {
	held := make(map[string]string, len(providerIDs))
	wanted := slices.DeleteFunc(slices.Clone(providerIDs), func(id string) bool { return id == "" })
	if len(wanted) == 0 {
		return held, nil
	}
	pairs, err := All(ctx, s.Read, scanPair, `SELECT provider_id, id FROM deliveries WHERE provider = ? AND provider_id <> ''
		AND provider_id IN each(?)`, provider, wanted)
	if err != nil {
		return nil, fmt.Errorf("look for who holds messages of %q: %w", provider, err)
	}
	for _, p := range pairs {
		held[p[0]] = p[1]
	}
	return held, nil
}

func scanPair(row Scanner) (p [2]string, err error) { return p, row.Scan(&p[0], &p[1]) }
