package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// AddressesOf implements store.Privacy.
func (s *Tables) AddressesOf(ctx context.Context, uid string) ([]relay.Address, error) {
	found := map[relay.Address]bool{}
	err := walk(ctx, s.Read, walking[relay.Delivery]{
		table: "deliveries", columns: "seq, recipient, channel, address", size: store.MaxList,
		scan: func(s Scanner) (seq int64, d relay.Delivery, err error) {
			var address string
			err = s.Scan(&seq, person{&d.Recipient}, &d.Channel, &address)
			d.Phone, d.Email = addressed(d.Channel, address)
			return seq, d, err
		},
		visit: func(_ context.Context, deliveries []relay.Delivery) error {
			for _, d := range deliveries {
				if d.Address() != "" && strings.EqualFold(d.Recipient.UID, uid) {
					found[relay.NewAddress(d.Channel, d.Address())] = true
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("addresses of a person: %w", err)
	}
	text, err := One(ctx, s.Read, scanString, "SELECT addresses FROM forgetting WHERE uid = ?", strings.ToLower(uid))
	if err == nil {
		var before []relay.Address
		before, err = readNoted(text)
		for _, a := range before {
			found[a] = true
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("addresses of a person: %w", err)
	}
	addresses := make([]relay.Address, 0, len(found))
	for a := range found {
		addresses = append(addresses, a)
	}
	slices.SortFunc(addresses, func(a, b relay.Address) int { return strings.Compare(a.Reveal(), b.Reveal()) })
	return addresses, nil
}

// Note implements store.Privacy.
func (s *Tables) Note(ctx context.Context, a relay.Audit) error {
	_, err := do(ctx, s, patient.on(a.Subject), func(ctx context.Context, b *batch) (struct{}, error) { return struct{}{}, b.note(ctx, a) })
	return err
}

// Visit implements store.Privacy.
func (s *Tables) Visit(ctx context.Context, v store.Visit) error {
	w := &visit{Visit: v, s: s}
	for _, step := range []func(context.Context) error{
		w.events, w.alerts, w.deliveries, w.outbox, w.suppressions, w.preferences, w.audit,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("what is kept of a person: %w", err)
		}
	}
	return nil
}

// visit is one Visit at work.
type visit struct {
	store.Visit
	s *Tables
	// last is the event that was looked at last, and whether it names the person: what belongs to one stands together.
	last  string
	named bool
}

func (v *visit) events(ctx context.Context) error {
	return walk(ctx, v.s.Read, walking[row]{
		table: "events", columns: eventColumns, scan: func(s Scanner) (int64, row, error) { e, err := scanEvent(s); return e.seq, e, err },
		visit: func(_ context.Context, rows []row) error {
			for _, r := range rows {
				if !v.Person.In(r.raw) {
					continue
				}
				e, err := v.s.decode(r)
				if err != nil { // what is kept is shown all the same
					e = relay.Event{ID: r.id, Trigger: relay.Trigger(r.trigger), AppID: r.appID, ReceivedAt: r.receivedAt, Raw: r.raw}
				}
				if err = v.Visitor.Event(e); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// names reports whether an event names the person.
func (v *visit) names(ctx context.Context, eventID string) (bool, error) {
	if eventID == v.last {
		return v.named, nil
	}
	e, err := One(ctx, v.s.Read, scanEvent, "SELECT "+eventColumns+" FROM events WHERE id = ?", eventID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	v.last, v.named = eventID, v.Person.In(e.raw)
	return v.named, nil
}

func (v *visit) alerts(ctx context.Context) error {
	return walk(ctx, v.s.Read, walking[relay.Alert]{
		table: "alerts", columns: "seq, " + alertColumns,
		scan: func(s Scanner) (seq int64, a relay.Alert, err error) {
			a, err = scanAlert(numbered{s, &seq})
			return seq, a, err
		},
		visit: func(ctx context.Context, alerts []relay.Alert) error {
			for _, a := range alerts {
				named, err := v.names(ctx, a.EventID)
				if err != nil {
					return err
				}
				if named || v.Person.Recipient(a.Recipient) {
					if err = v.Visitor.Alert(a); err != nil {
						return err
					}
				}
			}
			return nil
		},
	})
}

func (v *visit) deliveries(ctx context.Context) error {
	return walk(ctx, v.s.Read, walking[relay.Delivery]{
		table: "deliveries", columns: "seq, " + deliveryColumns,
		scan: func(s Scanner) (seq int64, d relay.Delivery, err error) {
			d, err = scanDelivery(numbered{s, &seq})
			return seq, d, err
		},
		visit: func(ctx context.Context, deliveries []relay.Delivery) error {
			for _, d := range deliveries {
				if err := v.delivery(ctx, d); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func (v *visit) delivery(ctx context.Context, d relay.Delivery) error {
	mine := v.Person.Recipient(d.Recipient) || v.Person.Address(relay.NewAddress(d.Channel, d.Address()))
	if !mine {
		named, err := v.names(ctx, d.EventID)
		if err != nil || !named {
			return err
		}
	}
	attempts, err := v.s.Attempts(ctx, d.ID)
	if err != nil {
		return err
	}
	receipts, err := v.s.Receipts(ctx, d.ID)
	if err != nil {
		return err
	}
	return v.Visitor.Delivery(d, attempts, receipts)
}

func (v *visit) outbox(ctx context.Context) error {
	return walk(ctx, v.s.Read, walking[outboxRow]{
		table: "outbox", columns: "seq, " + outboxColumns, scan: scanOutboxRow,
		visit: func(_ context.Context, messages []outboxRow) error {
			for _, m := range messages {
				if !v.Person.Address(m.to()) {
					continue
				}
				if err := v.Visitor.Outbox(m.OutboxMessage); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func (v *visit) suppressions(ctx context.Context) error {
	found, err := suppressionsOf(ctx, v.s.Read, v.Keys, v.Person.Addresses())
	for _, s := range found {
		if err == nil {
			err = v.Visitor.Suppression(s)
		}
	}
	return err
}

func (v *visit) preferences(ctx context.Context) error {
	kept, err := readPreferences(ctx, v.s.Read, v.UID, "")
	if err != nil || kept.Empty() {
		return err
	}
	return v.Visitor.Preferences(kept)
}

func (v *visit) audit(ctx context.Context) error {
	names := v.Keys.Persons(v.UID)
	return walk(ctx, v.s.Read, walking[auditRow]{
		table: "audit", columns: "seq, at, who, action, subject", scan: scanAuditRow,
		visit: func(_ context.Context, entries []auditRow) error {
			for _, e := range entries {
				named := slices.ContainsFunc(names, func(name string) bool { return strings.Contains(e.Subject, name) })
				if !named && v.Person.Redact(e.Subject, "") == e.Subject {
					continue
				}
				if err := v.Visitor.Audit(e.Audit); err != nil {
					return err
				}
			}
			return nil
		},
	})
}
