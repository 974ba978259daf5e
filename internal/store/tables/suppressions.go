package tables

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Suppress implements store.Store.
func (s *Tables) Suppress(ctx context.Context, suppression relay.Suppression) error {
	err := checkSuppression(suppression)
	if err == nil {
		_, err = do(ctx, s, patient.on(suppression.Address.Reveal()), func(ctx context.Context, b *batch) (struct{}, error) {
			return struct{}{}, b.suppress(ctx, suppression)
		})
	}
	if err != nil {
		return fmt.Errorf("suppress %s: %w", suppression.Address, err)
	}
	return nil
}

// suppress keeps that an address must not be written to. The first reason stays, but for one that a provider only found out where the
// person said no: what the provider finds out may change, and what the person said does not.
func (b *batch) suppress(ctx context.Context, s relay.Suppression) error {
	_, err := b.Exec(ctx, `INSERT INTO suppressions (channel, address, reason, source, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at
		WHERE excluded.reason IN ('opted_out', 'complained')
		AND suppressions.reason IN ('bounced', 'invalid_number', 'invalid_address', 'unreachable')`, string(s.Address.Channel()), s.Address.Reveal(), string(s.Reason),
		string(s.Source), micros(s.At))
	if err != nil {
		return fmt.Errorf("keep the suppression: %w", err)
	}
	return nil
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
	query, args := "SELECT channel, address, reason, source, at FROM suppressions", make([]any, 0, 2*len(addresses))
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

func scanSuppression(row Scanner) (s relay.Suppression, err error) {
	var channel relay.Channel
	var address string
	err = row.Scan(&channel, &address, &s.Reason, &s.Source, at{&s.At})
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
