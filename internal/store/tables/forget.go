package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// forgetSize is how many rows are looked through at a time, and at most how many events are removed in one transaction.
	forgetSize = 100
	// attemptOver is how old an attempt is that nobody makes any more: see dispatch.orphanAge.
	attemptOver = time.Minute
	// underWayPause is the time between two looks at attempts under way.
	underWayPause = 250 * time.Millisecond
)

// Forget implements store.Privacy. The order matters to a crash: first it is noted whom and which addresses to forget, since what
// they are known by is removed, too; last that note goes.
func (s *Tables) Forget(ctx context.Context, f store.Forgetting) (store.Forgotten, error) {
	r := &removal{Forgetting: f, s: s}
	err := checkForgetting(f)
	for _, step := range []func(context.Context) error{
		r.begin, r.events, r.alerts, r.deliveries, r.underWay, r.outbox, r.preferences, r.mutes, r.audit, r.end,
	} {
		if err == nil {
			err = step(ctx)
		}
	}
	if err != nil {
		return r.total, fmt.Errorf("forget a person: %w", err)
	}
	return r.total, nil
}

func checkForgetting(f store.Forgetting) error {
	switch {
	case f.UID == "" || f.Person == nil:
		return errors.New("it does not say whom")
	case f.Keys.Empty():
		return errors.New("there is no key to hash their suppressions with")
	case f.By == "":
		return errors.New("it does not say by whom")
	case f.At.IsZero():
		return errors.New("it does not say when")
	}
	return nil
}

// removal is one Forget at work.
type removal struct {
	store.Forgetting
	s     *Tables
	total store.Forgotten
	// waitingEvents and waitingAlerts are those that an attempt under way belongs to.
	waitingEvents, waitingAlerts []string
}

// write runs a part, in a transaction that counts what it removes only if it is kept.
func (r *removal) write(ctx context.Context, part func(context.Context, *batch, *store.Forgotten) error) error {
	count, err := do(ctx, r.s, patient.on("", "forget"), func(ctx context.Context, b *batch) (c store.Forgotten, err error) {
		err = part(ctx, b, &c)
		return c, err
	})
	if err == nil {
		add(&r.total, count)
	}
	return err
}

func add(to *store.Forgotten, n store.Forgotten) {
	for _, pair := range []struct {
		to *int
		n  int
	}{
		{&to.Events, n.Events},
		{&to.Keys, n.Keys},
		{&to.Alerts, n.Alerts},
		{&to.Deliveries, n.Deliveries},
		{&to.Attempts, n.Attempts},
		{&to.Claims, n.Claims},
		{&to.Counters, n.Counters},
		{&to.Receipts, n.Receipts},
		{&to.Outbox, n.Outbox},
		{&to.Preferences, n.Preferences},
		{&to.Blanked, n.Blanked},
		{&to.Waiting, n.Waiting},
		{&to.Suppressions, n.Suppressions},
		{&to.Audit, n.Audit},
	} {
		*pair.to += pair.n
	}
}

func (r *removal) tell(what string, done, of int64) {
	if r.Progress != nil {
		r.Progress(what, int(done), int(of))
	}
}

// begin notes whom to forget, and hashes what must be remembered of them: that they said no outlives them.
func (r *removal) begin(ctx context.Context) error {
	addresses := r.Person.Addresses()
	if r.DryRun {
		found, err := suppressionsOf(ctx, r.s.Read, r.Keys, addresses)
		r.total.Suppressions = len(found)
		return err
	}
	note, err := noted(addresses)
	if err != nil {
		return err
	}
	return r.write(ctx, func(ctx context.Context, b *batch, c *store.Forgotten) (err error) {
		_, err = b.Exec(ctx, `INSERT INTO forgetting (uid, addresses, at) VALUES (?, ?, ?)
			ON CONFLICT (uid) DO UPDATE SET addresses = excluded.addresses, at = excluded.at`, strings.ToLower(r.UID), note, micros(r.At))
		if err != nil {
			return fmt.Errorf("note whom to forget: %w", err)
		}
		c.Suppressions, err = b.hash(ctx, addresses, r.Keys)
		return err
	})
}

// noted is how addresses are noted, and readNoted reads them.
func noted(addresses []relay.Address) (string, error) {
	pairs := make([][2]string, 0, len(addresses))
	for _, a := range addresses {
		pairs = append(pairs, [2]string{string(a.Channel()), a.Reveal()})
	}
	text, err := json.Marshal(pairs)
	return string(text), err
}

func readNoted(text string) (addresses []relay.Address, err error) {
	var pairs [][2]string
	if err = json.Unmarshal([]byte(text), &pairs); err != nil {
		return nil, fmt.Errorf("read what was noted: %w", err)
	}
	for _, p := range pairs {
		addresses = append(addresses, relay.NewAddress(relay.Channel(p[0]), p[1]))
	}
	return addresses, nil
}

// events removes those that name the person, with all that belongs to them.
func (r *removal) events(ctx context.Context) error {
	return walk(ctx, r.s.Read, walking[row]{
		table: "events", columns: eventColumns, scan: func(s Scanner) (int64, row, error) { e, err := scanEvent(s); return e.seq, e, err },
		tell: r.tell, visit: func(ctx context.Context, rows []row) error {
			var ids []string
			for _, e := range rows {
				if r.Person.In(e.raw) {
					ids = append(ids, e.id)
				}
			}
			return r.remove(ctx, ids, nil)
		},
	})
}

// alerts removes those for the person whose event does not name them, such as a member of a group that was looked up.
func (r *removal) alerts(ctx context.Context) error {
	return walk(ctx, r.s.Read, walking[relay.Alert]{
		table: "alerts", columns: "seq, id, event_id, recipient", tell: r.tell,
		scan: func(s Scanner) (seq int64, a relay.Alert, err error) {
			return seq, a, s.Scan(&seq, &a.ID, &a.EventID, person{&a.Recipient})
		},
		visit: func(ctx context.Context, alerts []relay.Alert) error {
			var ids []string
			for _, a := range alerts {
				if !r.Person.Recipient(a.Recipient) {
					continue
				}
				counted, err := r.counted(ctx, a.EventID)
				if err != nil {
					return err
				}
				if !counted {
					ids = append(ids, a.ID)
				}
			}
			return r.remove(ctx, nil, ids)
		},
	})
}

// deliveries removes the alerts of those that went to an address of the person all the same, as where two share a phone.
func (r *removal) deliveries(ctx context.Context) error {
	return walk(ctx, r.s.Read, walking[relay.Delivery]{
		table: "deliveries", columns: "seq, alert_id, event_id, recipient, channel, address", tell: r.tell,
		scan: func(s Scanner) (seq int64, d relay.Delivery, err error) {
			var address string
			err = s.Scan(&seq, &d.AlertID, &d.EventID, person{&d.Recipient}, &d.Channel, &address)
			d.Phone, d.Email = addressed(d.Channel, address)
			return seq, d, err
		},
		visit: func(ctx context.Context, deliveries []relay.Delivery) error {
			var ids []string
			for _, d := range deliveries {
				// In a dry run the alerts of the person are still there, and were counted with their deliveries.
				if !r.Person.Address(relay.NewAddress(d.Channel, d.Address())) || r.DryRun && r.Person.Recipient(d.Recipient) {
					continue
				}
				counted, err := r.counted(ctx, d.EventID)
				if err != nil {
					return err
				}
				if !counted {
					ids = append(ids, d.AlertID)
				}
			}
			slices.Sort(ids)
			return r.remove(ctx, nil, slices.Compact(ids))
		},
	})
}

// counted reports in a dry run whether an event was counted with all that belongs to it; otherwise those are gone.
func (r *removal) counted(ctx context.Context, eventID string) (bool, error) {
	if !r.DryRun {
		return false, nil
	}
	e, err := One(ctx, r.s.Read, scanEvent, "SELECT "+eventColumns+" FROM events WHERE id = ?", eventID)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return err == nil && r.Person.In(e.raw), err
}

// underWay removes what an attempt under way belonged to when it was looked at first.
func (r *removal) underWay(ctx context.Context) error {
	for left := r.Patience; len(r.waitingEvents)+len(r.waitingAlerts) > 0; left -= underWayPause {
		if left <= 0 {
			return store.ErrUnderWay
		}
		timer := time.NewTimer(underWayPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		events, alerts := r.waitingEvents, r.waitingAlerts
		r.waitingEvents, r.waitingAlerts = nil, nil
		if err := r.remove(ctx, events, alerts); err != nil {
			return err
		}
	}
	return nil
}

// outbox removes what the sandbox took for the person without a delivery, such as test messages.
func (r *removal) outbox(ctx context.Context) error {
	return walk(ctx, r.s.Read, walking[outboxRow]{
		table: "outbox", columns: "seq, " + outboxColumns, tell: r.tell, scan: scanOutboxRow,
		visit: func(ctx context.Context, messages []outboxRow) error {
			var seqs []int64
			for _, m := range messages {
				if r.Person.Address(m.to()) || r.Person.Text(m.Content.Text.Reveal()) || r.Person.Text(m.Content.Subject.Reveal()) {
					seqs = append(seqs, m.seq)
				}
			}
			if r.DryRun || len(seqs) == 0 {
				r.total.Outbox += len(seqs)
				return nil
			}
			return r.write(ctx, func(ctx context.Context, b *batch, c *store.Forgotten) (err error) {
				for _, seq := range seqs {
					n, err := b.Exec(ctx, "DELETE FROM outbox WHERE seq = ?", seq)
					if err != nil {
						return err
					}
					c.Outbox += n
				}
				return nil
			})
		},
	})
}

// preferences removes what is kept of the person's wishes.
func (r *removal) preferences(ctx context.Context) error {
	if r.DryRun {
		kept, err := readPreferences(ctx, r.s.Read, r.UID, "")
		if err == nil && !kept.Empty() {
			r.total.Preferences++
		}
		return err
	}
	return r.write(ctx, func(ctx context.Context, b *batch, c *store.Forgotten) (err error) {
		c.Preferences, err = b.Exec(ctx, "DELETE FROM preferences WHERE uid = ?", strings.ToLower(r.UID))
		return err
	})
}

// mutes takes conversations with the person out of what others muted.
func (r *removal) mutes(ctx context.Context) error {
	like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(r.UID)) + "%"
	others, err := All(ctx, r.s.Read, scanPreferences,
		`SELECT uid, wishes, updated_at FROM preferences WHERE lower(wishes) LIKE ? ESCAPE '\'`, like)
	if err != nil {
		return fmt.Errorf("preferences of others: %w", err)
	}
	for _, p := range others {
		if _, named := r.unnamed(p); !named || r.Person.UID(p.UID) {
			continue
		}
		if r.DryRun {
			r.total.Preferences++
			continue
		}
		err := r.write(ctx, func(ctx context.Context, b *batch, c *store.Forgotten) error {
			now, err := readPreferences(ctx, b, p.UID, " FOR UPDATE")
			if err != nil {
				return err
			}
			clean, named := r.unnamed(now)
			if !named {
				return nil
			}
			c.Preferences++
			return b.putPreferences(ctx, clean)
		})
		if err != nil {
			return fmt.Errorf("preferences of others: %w", err)
		}
	}
	return nil
}

// unnamed gives preferences without conversations with the person, and whether there were any. A mute of nothing else goes whole: it
// would become one of everything.
func (r *removal) unnamed(p relay.Preferences) (clean relay.Preferences, named bool) {
	clean = p
	clean.Mutes = nil
	for _, m := range p.Mutes {
		kept := slices.DeleteFunc(slices.Clone(m.Conversations), r.Person.Text)
		if len(kept) == len(m.Conversations) {
			clean.Mutes = append(clean.Mutes, m)
			continue
		}
		named = true
		if m.Conversations = kept; len(kept) > 0 || len(m.Rules) > 0 || m.Everything {
			clean.Mutes = append(clean.Mutes, m)
		}
	}
	return clean, named
}

// audit takes the uid out of what operators did.
func (r *removal) audit(ctx context.Context) error {
	with := r.Keys.Person(r.UID)
	return walk(ctx, r.s.Read, walking[auditRow]{
		table: "audit", columns: "seq, at, who, action, subject", tell: r.tell, scan: scanAuditRow,
		visit: func(ctx context.Context, entries []auditRow) error {
			for _, e := range entries {
				clean := r.Person.Redact(e.Subject, with)
				if clean == e.Subject {
					continue
				}
				if r.DryRun {
					r.total.Audit++
					continue
				}
				err := r.write(ctx, func(ctx context.Context, b *batch, c *store.Forgotten) (err error) {
					c.Audit, err = b.Exec(ctx, "UPDATE audit SET subject = ? WHERE seq = ?", clean, e.seq)
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// end keeps who forgot whom, and lets the person go.
func (r *removal) end(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	return r.write(ctx, func(ctx context.Context, b *batch, _ *store.Forgotten) error {
		if _, err := b.Exec(ctx, "DELETE FROM forgetting WHERE uid = ?", strings.ToLower(r.UID)); err != nil {
			return err
		}
		return b.note(ctx, relay.Audit{At: r.At, Who: r.By, Action: "forget", Subject: r.Keys.Person(r.UID)})
	})
}
