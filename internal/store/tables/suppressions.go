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
// that changed anything. An address that was hashed when its owner was forgotten stays so.
func (b *batch) suppress(ctx context.Context, s relay.Suppression) (bool, error) {
	as, err := b.keptAs(ctx, s.Address)
	if err != nil {
		return false, err
	}
	n, err := b.Exec(ctx, `INSERT INTO suppressions (channel, address, reason, source, at, hashed_by) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, source = excluded.source, at = excluded.at
		WHERE excluded.reason IN ('opted_out', 'complained')
		AND suppressions.reason IN ('bounced', 'invalid_number', 'invalid_address', 'unreachable')`, string(s.Address.Channel()), as.Hash, string(s.Reason),
		string(s.Source), micros(s.At), as.Key)
	if err != nil {
		return false, fmt.Errorf("keep the suppression: %w", err)
	}
	return n > 0, nil
}

// SuppressAll implements store.Store.
func (s *Tables) SuppressAll(ctx context.Context, suppressions []relay.Suppression, audit relay.Audit) (int, error) {
	err := checkAudit(audit)
	if n := len(suppressions); err == nil && (n < 1 || n > store.MaxList) {
		err = fmt.Errorf("these are %d; want 1 to %d", n, store.MaxList)
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
	found, err := One(ctx, b, scanSuppression, "SELECT "+suppressionColumns+" FROM suppressions WHERE channel = ? AND address IN each(?) ORDER BY hashed_by LIMIT 1 FOR UPDATE",
		string(lift.Address.Channel()), b.keys.Spellings(lift.Address))
	if err != nil {
		return relay.Suppression{}, err
	}
	found.Address = lift.Address
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
	if filter.Address == (relay.Address{}) {
		query += " AND hashed_by = ''" // what is hashed only its owner's address finds
	}
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
		narrow("channel = ? AND address IN each(?)", string(filter.Address.Channel()), s.keys().Spellings(filter.Address))
	}
	found, err := All(ctx, s.Read, scanSuppression, query+" ORDER BY seq DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list suppressions: %w", err)
	}
	for i := range found {
		if filter.Address != (relay.Address{}) {
			found[i].Address = filter.Address
		}
	}
	return found, nil
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
	if b.hashes == nil { // once for a batch of bounces, each of which would ask a database that is far away
		n, err := One(ctx, b, scanInt, "SELECT count(*) FROM (SELECT 1 FROM suppressions WHERE hashed_by <> '' LIMIT 1) AS hashed")
		if err != nil {
			return clear, err
		}
		found := n > 0
		b.hashes = &found
	}
	if !*b.hashes {
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
	if err := AskEach(ctx, db, askSuppressed(found, keys, addresses)); err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	return found, nil
}

func askSuppressed(found map[relay.Address]relay.Reason, keys relay.HashKeys, addresses []relay.Address) (asks []Ask) {
	for some := range slices.Chunk(addresses, askedAtOnce) {
		spelt, asked := map[relay.Channel][]string{}, map[relay.Address]relay.Address{}
		for _, a := range some {
			for _, spelling := range keys.Spellings(a) {
				spelt[a.Channel()] = append(spelt[a.Channel()], spelling)
				asked[relay.NewAddress(a.Channel(), spelling)] = a
			}
		}
		for channel, spellings := range spelt {
			asks = append(asks, Asking(func(rows []store.Suppression) {
				for _, s := range rows {
					found[asked[s.Address]] = s.Reason
				}
			}, scanSuppression, "SELECT "+suppressionColumns+" FROM suppressions WHERE channel = ? AND address IN each(?)", string(channel), spellings))
		}
	}
	return asks
}

func readSuppressions(ctx context.Context, db DB, where string, args ...any) ([]store.Suppression, error) {
	rows, err := All(ctx, db, scanSuppression, "SELECT "+suppressionColumns+" FROM suppressions WHERE "+where, args...)
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
			found = append(found, s.Suppression)
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
		b.hashes = nil
	}
	return hashed, nil
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
