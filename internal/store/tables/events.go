package tables

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// maxKeys bounds the keys of an event.
const maxKeys = 256

// Accept implements store.Store. A full queue refuses at once with store.ErrOverloaded, a disk that is nearly full with store.ErrDiskFull.
func (s *Tables) Accept(ctx context.Context, plan relay.Plan) (store.Accepted, error) {
	if err := checkPlan(plan); err != nil {
		return store.Accepted{}, fmt.Errorf("accept event %q: %w", plan.Event.ID, err)
	}
	if err := s.Room.Check(); err != nil {
		return store.Accepted{}, fmt.Errorf("accept event %q: %w", plan.Event.ID, err)
	}
	accepted, err := do(ctx, s, hasty.on(plan.Event.ID, repeatLock(plan.Event)...), func(ctx context.Context, b *batch) (store.Accepted, error) {
		return b.accept(ctx, plan)
	})
	if err != nil {
		return store.Accepted{}, fmt.Errorf("accept event %q: %w", plan.Event.ID, err)
	}
	return accepted, nil
}

func checkPlan(plan relay.Plan) error {
	switch e := plan.Event; {
	case e.ID == "":
		return errors.New("it has no ID")
	case e.Trigger == "":
		return errors.New("it has no trigger")
	case e.ReceivedAt.IsZero():
		return errors.New("it does not say when it was received")
	case len(plan.Keys) > maxKeys:
		return fmt.Errorf("it has %d keys; at most %d are kept", len(plan.Keys), maxKeys)
	case e.Repeat.Window < 0:
		return fmt.Errorf("a repeat within %s cannot be", e.Repeat.Window)
	}
	for _, a := range plan.Alerts {
		if err := checkAlert(a, plan.Event.ID); err != nil {
			return err
		}
	}
	return nil
}

// repeatLock lets one event at a time look whether it repeats another that has the same key, and be kept.
func repeatLock(e relay.Event) []string {
	if e.Repeat.Key == "" {
		return nil
	}
	return []string{"repeat " + string(e.Trigger) + " " + string(e.Repeat.Key)}
}

func (b *batch) accept(ctx context.Context, plan relay.Plan) (store.Accepted, error) {
	e := plan.Event
	if e.Repeat.Key != "" {
		first, err := b.firstCopy(ctx, e)
		switch {
		case err == nil:
			return store.Accepted{ID: first, Duplicate: true}, nil
		case !errors.Is(err, store.ErrNotFound):
			return store.Accepted{}, fmt.Errorf("look for a first copy: %w", err)
		}
	}
	switch kept, err := b.insertEvent(ctx, plan); {
	case err != nil:
		return store.Accepted{}, err
	case !kept:
		return store.Accepted{ID: e.ID, Duplicate: true}, nil
	}
	alerts, err := b.addAlerts(ctx, plan.Alerts)
	return store.Accepted{ID: e.ID, Alerts: alerts}, err
}

// firstCopy finds the kept event that this one repeats: of several, the one received nearest to it. It looks both ways, since
// two copies may be kept in another order than they were received in.
func (b *batch) firstCopy(ctx context.Context, e relay.Event) (string, error) {
	id, err := One(ctx, b, scanString, "SELECT id FROM events WHERE id = ?", e.ID)
	if !errors.Is(err, store.ErrNotFound) {
		return id, err
	}
	return One(ctx, b, scanString, `SELECT e.id FROM event_keys k JOIN events e ON e.seq = k.event
		WHERE k.key = ? AND k.trigger = ? AND k.received_at BETWEEN ? AND ?
		ORDER BY abs(k.received_at - ?), k.event LIMIT 1`,
		KeyText(e.Repeat.Key), string(e.Trigger), micros(e.ReceivedAt.Add(-e.Repeat.Window)),
		micros(e.ReceivedAt.Add(e.Repeat.Window)), micros(e.ReceivedAt))
}

// insertEvent keeps an event with its keys, unless one of its ID is kept.
func (b *batch) insertEvent(ctx context.Context, plan relay.Plan) (kept bool, err error) {
	e, received := plan.Event, micros(plan.Event.ReceivedAt)
	seq, err := b.Insert(ctx, "INSERT INTO events (id, trigger, app_id, noise, received_at, raw, generation) VALUES ("+
		marks(7)+") ON CONFLICT (id) DO NOTHING",
		e.ID, string(e.Trigger), e.AppID, string(e.Noise), received, nonNil(e.Raw), plan.Generation)
	switch {
	case err != nil:
		return false, fmt.Errorf("keep the event: %w", err)
	case seq == 0:
		return false, nil
	}
	keys := slices.Clip(plan.Keys)
	if e.Repeat.Key != "" {
		keys = append(keys, e.Repeat.Key)
	}
	for _, key := range keys {
		if err := b.Add(ctx, "event_keys (key, trigger, received_at, event)", KeyText(key), string(e.Trigger), received, seq); err != nil {
			return false, fmt.Errorf("keep the event's keys: %w", err)
		}
	}
	return true, nil
}

func scanSeq(row Scanner) (seq int64, err error) { return seq, row.Scan(&seq) }

// maxKeyText is what an index of PostgreSQL takes, and some to spare.
const maxKeyText = 1000

// KeyText is how a key is kept. What it is made of comes from outside, and may be of any length.
func KeyText(k relay.Key) string {
	if len(k) <= maxKeyText {
		return string(k)
	}
	sum := sha256.Sum256([]byte(k))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// nonNil keeps an event without JSON, which only tests have, as an empty value: NULL would be refused.
func nonNil(raw []byte) []byte {
	if raw == nil {
		return []byte{}
	}
	return raw
}

// row is an event as it is kept.
type row struct {
	seq                       int64
	id, trigger, appID, noise string
	receivedAt                time.Time
	raw                       []byte
	generation                string
}

const eventColumns = "seq, id, trigger, app_id, noise, received_at, raw, generation"

func scanEvent(s Scanner) (r row, err error) { return r, s.Scan(intoRow(&r)...) }

// intoRow takes in eventColumns.
func intoRow(r *row) []any {
	return []any{&r.seq, &r.id, &r.trigger, &r.appID, &r.noise, at{&r.receivedAt}, &r.raw, &r.generation}
}

// decode gives the event of a row. What its ID was when it was accepted stays true, whatever derives IDs now.
func (s *Tables) decode(r row) (relay.Event, error) {
	e, err := s.Decode(r.raw, r.receivedAt)
	if err != nil {
		return relay.Event{}, fmt.Errorf("decode event %q: %w", r.id, err)
	}
	e.ID, e.ReceivedAt, e.Generation = r.id, r.receivedAt, r.generation
	return e, nil
}

// Event implements store.Store.
func (s *Tables) Event(ctx context.Context, id string) (relay.Event, error) {
	r, err := One(ctx, s.Read, scanEvent, "SELECT "+eventColumns+" FROM events WHERE id = ?", id)
	if err != nil {
		return relay.Event{}, fmt.Errorf("event %q: %w", id, err)
	}
	return s.decode(r)
}

// Events implements store.Store. Of an event that cannot be decoded any more the envelope and the JSON come back.
func (s *Tables) Events(ctx context.Context, filter store.Filter) ([]relay.Event, error) {
	n := narrowEvents(filter)
	rows, err := list(ctx, s.Read, &n, scanEvent, eventColumns)
	if err != nil {
		return nil, err
	}
	events := make([]relay.Event, 0, len(rows))
	for _, r := range rows {
		e, err := s.decode(r)
		if err != nil {
			s.Logger.ErrorContext(ctx, "a kept event is listed without its fields", "event", r.id, "error", err)
			e = relay.Event{
				ID: r.id, Trigger: relay.Trigger(r.trigger), AppID: r.appID, ReceivedAt: r.receivedAt, Raw: r.raw,
				Noise: relay.Reason(r.noise), Generation: r.generation,
			}
		}
		events = append(events, e)
	}
	return events, nil
}
