package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
// person said no: what the provider finds out may change, and what the person said does not. An address that was hashed when its
// owner was forgotten stays so.
func (b *batch) suppress(ctx context.Context, s relay.Suppression) error {
	as, err := b.keptAs(ctx, s.Address)
	if err != nil {
		return err
	}
	_, err = b.Exec(ctx, `INSERT INTO suppressions (channel, address, reason, source, at, hashed_by) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at
		WHERE excluded.reason IN ('opted_out', 'complained')
		AND suppressions.reason IN ('bounced', 'invalid_number', 'invalid_address', 'unreachable')`, string(s.Address.Channel()), as.Hash, string(s.Reason),
		string(s.Source), micros(s.At), as.Key)
	if err != nil {
		return fmt.Errorf("keep the suppression: %w", err)
	}
	return nil
}

// lift lets an address be written to again that is suppressed for the reason.
func (b *batch) lift(ctx context.Context, address relay.Address, reason relay.Reason) error {
	_, err := b.Exec(ctx, "DELETE FROM suppressions WHERE channel = ? AND address IN each(?) AND reason = ?",
		string(address.Channel()), b.keys.Spellings(address), string(reason))
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

// keptAs is how an address is kept that may be suppressed already.
func (b *batch) keptAs(ctx context.Context, address relay.Address) (relay.Hashed, error) {
	clear := relay.Hashed{Hash: address.Reveal()}
	if b.keys.Empty() {
		return clear, nil
	}
	as, err := One(ctx, b, func(row Scanner) (h relay.Hashed, err error) { return h, row.Scan(&h.Key, &h.Hash) },
		"SELECT hashed_by, address FROM suppressions WHERE channel = ? AND address IN each(?) ORDER BY hashed_by LIMIT 1",
		string(address.Channel()), b.keys.Spellings(address))
	if errors.Is(err, store.ErrNotFound) {
		return clear, nil
	}
	return as, err
}

// suppressed tells for each of the addresses that must not be written to why.
func (b *batch) suppressed(ctx context.Context, addresses []relay.Address) (map[relay.Address]relay.Reason, error) {
	return suppressedAmong(ctx, b, b.keys, addresses)
}

// Suppressed implements store.Store.
func (s *Tables) Suppressed(ctx context.Context, addresses ...relay.Address) (map[relay.Address]relay.Reason, error) {
	if len(addresses) > 0 {
		return suppressedAmong(ctx, s.Read, s.keys(), addresses)
	}
	all, err := readSuppressions(ctx, s.Read, "hashed_by = ''")
	if err != nil {
		return nil, err
	}
	found := make(map[relay.Address]relay.Reason, len(all))
	for _, s := range all {
		found[s.Address] = s.Reason
	}
	return found, nil
}

// askedAtOnce bounds the addresses of one statement.
const askedAtOnce = 1000

// suppressedAmong reads those of the addresses, in clear or hashed by one of the keys.
func suppressedAmong(ctx context.Context, db DB, keys relay.HashKeys, addresses []relay.Address) (map[relay.Address]relay.Reason, error) {
	found := map[relay.Address]relay.Reason{}
	for some := range slices.Chunk(addresses, askedAtOnce) {
		spelt, asked := map[relay.Channel][]string{}, map[relay.Address]relay.Address{}
		for _, a := range some {
			for _, spelling := range keys.Spellings(a) {
				spelt[a.Channel()] = append(spelt[a.Channel()], spelling)
				asked[relay.NewAddress(a.Channel(), spelling)] = a
			}
		}
		for channel, spellings := range spelt {
			rows, err := readSuppressions(ctx, db, "channel = ? AND address IN each(?)", string(channel), spellings)
			if err != nil {
				return nil, err
			}
			for _, s := range rows {
				found[asked[s.Address]] = s.Reason
			}
		}
	}
	return found, nil
}

func readSuppressions(ctx context.Context, db DB, where string, args ...any) ([]relay.Suppression, error) {
	rows, err := All(ctx, db, scanSuppression, "SELECT channel, address, reason, source, at FROM suppressions WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	return rows, nil
}

// suppressionsOf reads those of the addresses, which come back in clear.
func suppressionsOf(ctx context.Context, db DB, keys relay.HashKeys, addresses []relay.Address) (found []relay.Suppression, err error) {
	for _, a := range addresses {
		rows, err := readSuppressions(ctx, db, "channel = ? AND address IN each(?)", string(a.Channel()), keys.Spellings(a))
		if err != nil {
			return nil, err
		}
		for _, s := range rows {
			s.Address = a
			found = append(found, s)
		}
	}
	return found, nil
}

// HashedBy implements store.Store.
func (s *Tables) HashedBy(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	_, err := All(ctx, s.Read, func(row Scanner) (none struct{}, err error) {
		var key string
		var n int
		err = row.Scan(&key, &n)
		counts[key] = n
		return none, err
	}, "SELECT hashed_by, count(*) FROM suppressions WHERE hashed_by <> '' GROUP BY hashed_by")
	if err != nil {
		return nil, fmt.Errorf("count hashed suppressions: %w", err)
	}
	return counts, nil
}

// hash takes the addresses out of their suppressions, and tells how many there are. Of two that were kept for one address, the first
// stays.
func (b *batch) hash(ctx context.Context, addresses []relay.Address, keys relay.HashKeys) (hashed int, err error) {
	for _, a := range addresses {
		as := keys.Address(a)
		n, err := b.Exec(ctx, `INSERT INTO suppressions (channel, address, reason, source, at, hashed_by)
			SELECT channel, CAST(? AS TEXT), reason, source, at, CAST(? AS TEXT) FROM suppressions WHERE channel = ? AND address = ?
			ON CONFLICT (channel, address) DO NOTHING`, as.Hash, as.Key, string(a.Channel()), a.Reveal())
		if err != nil {
			return hashed, fmt.Errorf("hash a suppression: %w", err)
		}
		if _, err = b.Exec(ctx, "DELETE FROM suppressions WHERE channel = ? AND address = ?", string(a.Channel()), a.Reveal()); err != nil {
			return hashed, fmt.Errorf("hash a suppression: %w", err)
		}
		hashed += n
	}
	return hashed, nil
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
