package tables

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// resumeSize is how many alerts or deliveries one transaction wakes up when a pause ends.
const resumeSize = 500

// Pause implements store.Store.
func (s *Tables) Pause(ctx context.Context, p relay.Pause) error {
	err := checkPause(p)
	if err == nil {
		_, err = do(ctx, s, patient.on(p.Subject()), func(ctx context.Context, b *batch) (struct{}, error) {
			_, err := b.Exec(ctx, `INSERT INTO pauses (channel, rule, who, at) VALUES (?, ?, ?, ?)
				ON CONFLICT (channel, rule) DO NOTHING`, string(p.Channel), p.Rule, p.By, micros(p.At))
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, b.note(ctx, relay.Audit{At: p.At, Who: p.By, Action: "pause", Subject: p.Subject()})
		})
	}
	if err != nil {
		return fmt.Errorf("pause %s: %w", p.Subject(), err)
	}
	return nil
}

func checkPause(p relay.Pause) error {
	switch {
	case p.By == "":
		return errors.New("it does not say by whom")
	case p.At.IsZero():
		return errors.New("it does not say when")
	}
	return nil
}

// Resume implements store.Store. It wakes up by and by, each part in its own transaction: what a crash leaves out is looked at
// within store.PauseLook anyhow.
func (s *Tables) Resume(ctx context.Context, p relay.Pause) (int, error) {
	err := checkPause(p)
	if err == nil {
		_, err = do(ctx, s, patient.on(p.Subject()), func(ctx context.Context, b *batch) (struct{}, error) { return struct{}{}, b.lower(ctx, p) })
	}
	woken := 0
	for _, wake := range []func(*batch, context.Context, int64, time.Time) ([]int64, error){(*batch).wakeAlerts, (*batch).wakeDeliveries} {
		for last, more := int64(0), true; more && err == nil; {
			var seqs []int64
			seqs, err = do(ctx, s, patient.on(p.Subject()), func(ctx context.Context, b *batch) ([]int64, error) { return wake(b, ctx, last, p.At) })
			woken += len(seqs)
			if more = len(seqs) == resumeSize; more {
				last = seqs[len(seqs)-1]
			}
		}
	}
	if err != nil {
		return woken, fmt.Errorf("resume %s: %w", p.Subject(), err)
	}
	return woken, nil
}

// lower deletes the pause, or every one where it covers everything.
func (b *batch) lower(ctx context.Context, p relay.Pause) error {
	n, err := b.Exec(ctx, "DELETE FROM pauses WHERE (channel = ? AND rule = ?) OR (? = '' AND ? = '')",
		string(p.Channel), p.Rule, string(p.Channel), p.Rule)
	if err != nil {
		return err
	}
	if n == 0 {
		return store.ErrNotFound
	}
	return b.note(ctx, relay.Audit{At: p.At, Who: p.By, Action: "resume", Subject: p.Subject()})
}

func (b *batch) wakeAlerts(ctx context.Context, last int64, now time.Time) ([]int64, error) {
	return b.wakeAll(ctx, sleepers{
		args: []any{last, resumeSize}, now: now,
		find: "SELECT seq, id, '' FROM alerts WHERE seq > ? AND state = 'held' AND reason = 'paused' ORDER BY seq LIMIT ? FOR UPDATE",
		set:  "UPDATE alerts SET due_at = ? WHERE id IN each(?)",
	})
}

func (b *batch) wakeDeliveries(ctx context.Context, last int64, now time.Time) ([]int64, error) {
	return b.wakeAll(ctx, sleepers{
		args: []any{last, resumeSize}, now: now,
		find: "SELECT seq, id, channel FROM deliveries WHERE seq > ? AND reason = 'paused' ORDER BY seq LIMIT ? FOR UPDATE",
		set:  wakeDelivery,
	})
}

const wakeDelivery = "UPDATE deliveries SET next_at = ? WHERE id IN each(?)"

// Wake implements store.Store.
func (s *Tables) Wake(ctx context.Context, channel relay.Channel, now time.Time, reasons ...relay.Reason) (int, error) {
	wanted := make([]string, len(reasons))
	for i, reason := range reasons {
		wanted[i] = string(reason)
	}
	woken, err := do(ctx, s, patient.on(string(channel)), func(ctx context.Context, b *batch) ([]int64, error) {
		return b.wakeAll(ctx, sleepers{
			args: []any{string(channel), micros(now), wanted, resumeSize}, now: now,
			find: `SELECT seq, id, channel FROM deliveries WHERE state = 'queued' AND channel = ? AND next_at > ? AND reason IN each(?)
				ORDER BY next_at, seq LIMIT ? FOR UPDATE`,
			set: wakeDelivery,
		})
	})
	if err != nil {
		return 0, fmt.Errorf("wake up what waits on %s: %w", channel, err)
	}
	return len(woken), nil
}

// sleepers says what is woken up.
type sleepers struct {
	args      []any
	now       time.Time
	find, set string
}

// wakeAll wakes up what it finds, and gives the numbers of what it did.
func (b *batch) wakeAll(ctx context.Context, p sleepers) ([]int64, error) {
	type sleeper struct {
		seq         int64
		id, channel string
	}
	found, err := All(ctx, b, func(row Scanner) (s sleeper, err error) { return s, row.Scan(&s.seq, &s.id, &s.channel) },
		p.find, p.args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	seqs, ids := make([]int64, len(found)), make([]string, len(found))
	for i, s := range found {
		seqs[i], ids[i] = s.seq, s.id
		if s.channel == "" {
			b.wake(store.DueArgs{AlertID: s.id}, store.QueueDue, p.now)
		} else {
			b.wake(store.DeliveryArgs{DeliveryID: s.id}, store.QueueOf(relay.Channel(s.channel)), p.now)
		}
	}
	_, err = b.Exec(ctx, p.set, micros(p.now), ids)
	return seqs, err
}

// Pauses implements store.Store.
func (s *Tables) Pauses(ctx context.Context) ([]relay.Pause, error) {
	pauses, err := readPauses(ctx, s.Read, "")
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	return pauses, nil
}

// lasting keeps the pauses until the transaction ends: what it holds for one of them is there to be woken up by Resume, which
// looks after the pause is gone.
const lasting = " FOR SHARE"

func readPauses(ctx context.Context, db DB, lock string) ([]relay.Pause, error) {
	var pauses []relay.Pause
	err := AskEach(ctx, db, []Ask{askPauses(&pauses, lock)})
	return pauses, err
}

func askPauses(found *[]relay.Pause, lock string) Ask {
	return Asking(into(found), func(row Scanner) (p relay.Pause, err error) {
		return p, row.Scan(&p.Channel, &p.Rule, &p.By, at{&p.At})
	}, "SELECT channel, rule, who, at FROM pauses ORDER BY channel, rule"+lock)
}

// stopped postpones a delivery that an operator's pause covers, and reports whether one does. It is asked right before an
// attempt.
func (b *batch) stopped(ctx context.Context, d *relay.Delivery) (bool, error) {
	pauses, err := readPauses(ctx, b, lasting)
	if err != nil {
		return false, fmt.Errorf("read pauses: %w", err)
	}
	for _, p := range pauses {
		if p.Covers(d.Rule, d.Channel) {
			next := store.Next{State: d.State, Reason: relay.ReasonPaused, NextAt: d.UpdatedAt.Add(store.PauseLook)}
			*d, err = b.move(ctx, *d, next)
			return true, err
		}
	}
	return false, nil
}

func checkAudit(a relay.Audit) error {
	switch {
	case a.Who == "":
		return errors.New("it does not say by whom")
	case a.Action == "":
		return errors.New("it does not say what was done")
	case a.At.IsZero():
		return errors.New("it does not say when")
	}
	return nil
}

// note keeps what somebody did.
func (b *batch) note(ctx context.Context, a relay.Audit) error {
	_, err := b.Exec(ctx, "INSERT INTO audit (at, who, action, subject) VALUES (?, ?, ?, ?)", micros(a.At), a.Who, a.Action, a.Subject)
	if err != nil {
		return fmt.Errorf("keep who did it: %w", err)
	}
	return nil
}

// Audit implements store.Store.
func (s *Tables) Audit(ctx context.Context, filter store.AuditFilter) ([]store.Audit, error) {
	l := latest{of: "what operators did", before: filter.Before, limit: filter.Limit}
	l.where("who = ?", filter.Who, filter.Who != "")
	l.where("action = ?", filter.Action, filter.Action != "")
	l.where("at >= ?", micros(filter.Since), !filter.Since.IsZero())
	l.where("at < ?", micros(filter.Until), !filter.Until.IsZero())
	return listLatest(ctx, s.Read, l, func(row Scanner) (store.Audit, error) {
		_, a, err := scanAuditRow(row)
		return store.Audit{Audit: a.Audit, Seq: a.seq}, err
	}, "SELECT seq, at, who, action, subject FROM audit")
}
