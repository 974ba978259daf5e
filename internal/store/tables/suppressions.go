package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Suppress implements store.Store.
func (s *Tables) Suppress(ctx context.Context, suppression relay.Suppression) error {
	err := checkSuppression(suppression)
	if err == nil {
		_, err = do(ctx, s, patient.on(suppression.Address.Reveal()), func(ctx context.Context, b *batch) (struct{}, error) {
			_, err := b.suppress(ctx, suppression)
			return struct{}{}, err
		})
	}
	if err != nil {
		return fmt.Errorf("suppress %s: %w", suppression.Address, err)
	}
	return nil
}

// suppress keeps that an address must not be written to. The first reason stays, but for one that a provider only found out where the
// person said no: what the provider finds out may change, and what the person said does not. It tells whether
// that changed anything.
func (b *batch) suppress(ctx context.Context, s relay.Suppression) (bool, error) {
	n, err := b.Exec(ctx, `INSERT INTO suppressions (channel, address, reason, source, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at
		WHERE excluded.reason IN ('opted_out', 'complained')
		AND suppressions.reason IN ('bounced', 'invalid_number', 'invalid_address', 'unreachable')`, string(s.Address.Channel()), s.Address.Reveal(), string(s.Reason),
		string(s.Source), micros(s.At))
	if err != nil {
		return false, fmt.Errorf("keep the suppression: %w", err)
	}
	return n > 0, nil
}

// SuppressAll implements store.Store.
func (s *Tables) SuppressAll(ctx context.Context, suppressions []relay.Suppression, audit relay.Audit) (int, error) {
	err := checkAudit(audit)
	if err == nil && len(suppressions) > store.MaxList {
		err = fmt.Errorf("these are %d; there may be %d at the most", len(suppressions), store.MaxList)
	}
	for i, suppression := range suppressions {
		if wrong := checkSuppression(suppression); wrong != nil && err == nil {
			err = fmt.Errorf("number %d: %w", i+1, wrong)
		}
	}
	added := 0
	if err == nil {
		// Replicas that keep the same addresses do so in one order.
		sorted := slices.Clone(suppressions)
		slices.SortStableFunc(sorted, func(a, b relay.Suppression) int {
			return cmp.Or(cmp.Compare(a.Address.Channel(), b.Address.Channel()), cmp.Compare(a.Address.Reveal(), b.Address.Reveal()))
		})
		added, err = do(ctx, s, patient.on(audit.Action), func(ctx context.Context, b *batch) (int, error) {
			return b.suppressAll(ctx, sorted, audit)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("suppress %d addresses: %w", len(suppressions), err)
	}
	return added, nil
}

func (b *batch) suppressAll(ctx context.Context, suppressions []relay.Suppression, audit relay.Audit) (added int, err error) {
	for _, s := range suppressions {
		changed, err := b.suppress(ctx, s)
		if err != nil {
			return 0, err
		}
		if changed {
			added++
		}
	}
	return added, b.note(ctx, audit)
}

// Lift implements store.Store.
func (s *Tables) Lift(ctx context.Context, lift store.Lift, audit relay.Audit) (relay.Suppression, error) {
	err := checkAudit(audit)
	var lifted relay.Suppression
	if err == nil {
		lifted, err = do(ctx, s, patient.on(lift.Address.Reveal()), func(ctx context.Context, b *batch) (relay.Suppression, error) {
			return b.liftAs(ctx, lift, audit)
		})
	}
	if err != nil {
		return relay.Suppression{}, fmt.Errorf("lift the suppression of %s: %w", lift.Address, err)
	}
	return lifted, nil
}

func (b *batch) liftAs(ctx context.Context, lift store.Lift, audit relay.Audit) (relay.Suppression, error) {
	found, err := One(ctx, b, scanSuppression, "SELECT "+suppressionColumns+" FROM suppressions WHERE channel = ? AND address = ? FOR UPDATE",
		string(lift.Address.Channel()), lift.Address.Reveal())
	if err != nil {
		return relay.Suppression{}, err
	}
	if len(lift.Reasons) > 0 && !slices.Contains(lift.Reasons, found.Reason) ||
		len(lift.Sources) > 0 && !slices.Contains(lift.Sources, found.Source) {
		return relay.Suppression{}, store.ErrNotFound
	}
	if err := b.lift(ctx, lift.Address, found.Reason); err != nil {
		return relay.Suppression{}, err
	}
	return found.Suppression, b.note(ctx, audit)
}

// Suppressions implements store.Store.
func (s *Tables) Suppressions(ctx context.Context, filter store.SuppressionFilter) ([]store.Suppression, error) {
	limit := cmp.Or(filter.Limit, defaultList)
	if limit < 1 || limit > store.MaxList {
		return nil, fmt.Errorf("list suppressions: limit %d; want 1 to %d", limit, store.MaxList)
	}
	query, args := "SELECT "+suppressionColumns+" FROM suppressions WHERE seq > 0", []any{}
	narrow := func(condition string, values ...any) { query, args = query+" AND "+condition, append(args, values...) }
	if filter.Channel != "" {
		narrow("channel = ?", string(filter.Channel))
	}
	if filter.Reason != relay.ReasonNone {
		narrow("reason = ?", string(filter.Reason))
	}
	if filter.Before > 0 {
		narrow("seq < ?", filter.Before)
	}
	if filter.Address != (relay.Address{}) {
		narrow("channel = ? AND address = ?", string(filter.Address.Channel()), filter.Address.Reveal())
	}
	found, err := All(ctx, s.Read, scanSuppression, query+" ORDER BY seq DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list suppressions: %w", err)
	}
	return found, nil
}

// lift lets an address be written to again that is suppressed for the reason.
func (b *batch) lift(ctx context.Context, address relay.Address, reason relay.Reason) error {
	_, err := b.Exec(ctx, "DELETE FROM suppressions WHERE channel = ? AND address = ? AND reason = ?",
		string(address.Channel()), address.Reveal(), string(reason))
	if err != nil {
		return fmt.Errorf("lift the suppression: %w", err)
	}
	return nil
}

func checkSuppression(s relay.Suppression) error {
	switch {
	case s.Address.Channel() == "" || s.Address.Reveal() == "":
		return errors.New("it names no address")
	case s.Reason == relay.ReasonNone:
		return errors.New("it gives no reason")
	case s.Source == "":
		return errors.New("it does not say where it comes from")
	case s.At.IsZero():
		return errors.New("it does not say when")
	}
	return nil
}

// suppressed tells for each of the addresses that must not be written to why.
func (b *batch) suppressed(ctx context.Context, addresses []relay.Address) (map[relay.Address]relay.Reason, error) {
	if len(addresses) == 0 {
		return map[relay.Address]relay.Reason{}, nil
	}
	return readSuppressed(ctx, b, addresses)
}

// Suppressed implements store.Store.
func (s *Tables) Suppressed(ctx context.Context, addresses ...relay.Address) (map[relay.Address]relay.Reason, error) {
	return readSuppressed(ctx, s.Read, addresses)
}

// readSuppressed reads those of the addresses, or all where there are none.
func readSuppressed(ctx context.Context, db DB, addresses []relay.Address) (map[relay.Address]relay.Reason, error) {
	query, args := "SELECT "+suppressionColumns+" FROM suppressions", make([]any, 0, 2*len(addresses))
	for _, a := range addresses {
		args = append(args, string(a.Channel()), a.Reveal())
	}
	if len(addresses) > 0 {
		query += " WHERE (channel, address) IN (VALUES " + strings.Repeat("(?, ?), ", len(addresses)-1) + "(?, ?))"
	}
	rows, err := All(ctx, db, scanSuppression, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	found := make(map[relay.Address]relay.Reason, len(rows))
	for _, s := range rows {
		found[s.Address] = s.Reason
	}
	return found, nil
}

const suppressionColumns = "seq, channel, address, reason, source, at"

func scanSuppression(row Scanner) (s store.Suppression, err error) {
	var channel relay.Channel
	var address string
	err = row.Scan(&s.Seq, &channel, &address, &s.Reason, &s.Source, at{&s.At})
	s.Address = relay.NewAddress(channel, address)
	return s, err
}

// forbidden moves a delivery whose address must not be written to by now to suppressed, and reports whether it did. It is
// asked right before an attempt: since the decision the person may have said no.
func (b *batch) forbidden(ctx context.Context, d *relay.Delivery) (bool, error) {
	to := relay.NewAddress(d.Channel, d.Address())
	found, err := b.suppressed(ctx, []relay.Address{to})
	if err != nil {
		return false, err
	}
	reason, ok := found[to]
	if !ok {
		return false, nil
	}
	*d, err = b.move(ctx, *d, store.Next{State: relay.DeliverySuppressed, Reason: reason})
	return true, err
}
