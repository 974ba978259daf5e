package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// maxCandidateBytes bounds the JSON that is decoded for one decision: one event may have 1 MiB of it.
const maxCandidateBytes = 32 << 20

// candidates are the kept events that a decision is made by, as they were when they were read.
type candidates struct {
	lookups []relay.Lookup
	// asked are the lookups as JSON: pairs of key and trigger.
	asked string
	// but is the ID of the alert's own event.
	but string
	// last is the event kept last: those kept since have a greater seq.
	last mark
	// found is for each lookup what it finds, newest first; chosen are those of them that count, and cut how many did not.
	found  [][]place
	chosen []place
	cut    int
	// events are the chosen ones by seq; nil is one that cannot be decoded any more.
	events map[int64]*relay.Event
}

// mark names an event by seq and ID, because a seq is given again once the newest event has been pruned.
type mark struct {
	seq int64
	id  string
}

// place is where an event was found, and the size of its JSON.
type place struct{ seq, receivedAt, size int64 }

// readAhead reads and decodes the candidates of a decision outside the transaction that will keep it, since there a long
// conversation would hold up every other write.
func (s *Store) readAhead(ctx context.Context, alertID string, q relay.Query) (candidates, error) {
	c := candidates{lookups: q.Lookups}
	if len(c.lookups) == 0 {
		return c, nil
	}
	pairs := make([][2]string, len(c.lookups))
	for i, l := range c.lookups {
		pairs[i] = [2]string{string(l.Key), string(l.Trigger)}
	}
	c.asked = listed(pairs)
	rows, err := s.search(ctx, alertID, &c)
	if err != nil {
		return c, err
	}
	c.events = s.decodeAll(ctx, rows)
	return c, nil
}

// search fills in all but the events, whose rows it returns. One snapshot serves all its reads, so that none finds what is
// younger than the mark.
func (s *Store) search(ctx context.Context, alertID string, c *candidates) ([]row, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("begin reading: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has nothing to keep
	if c.but, err = one(ctx, tx, scanString, "SELECT event_id FROM alerts WHERE id = ?", alertID); err != nil {
		return nil, err
	}
	if c.last, err = one(ctx, tx, scanMark, "SELECT seq, id FROM events ORDER BY seq DESC LIMIT 1"); err != nil {
		return nil, fmt.Errorf("read which event is the newest: %w", err)
	}
	if c.found, err = c.findAll(ctx, tx); err != nil {
		return nil, err
	}
	c.chosen, c.cut = choose(c.found)
	return readRows(ctx, tx, c.chosen)
}

// catchUp gives the candidates as they are now, in the transaction that keeps the decision: what was read ahead and what
// was kept since. It leaves c as it is, since a write may run twice.
func (s *Store) catchUp(ctx context.Context, b *batch, c candidates) ([]relay.Event, error) {
	if len(c.lookups) == 0 {
		return nil, nil
	}
	c, err := c.since(ctx, b)
	if err != nil {
		return nil, err
	}
	rows, err := readRows(ctx, b, slices.DeleteFunc(slices.Clone(c.chosen), func(p place) bool {
		_, read := c.events[p.seq]
		return read
	}))
	if err != nil {
		return nil, err
	}
	young := s.decodeAll(ctx, rows)
	events := make([]relay.Event, 0, len(c.chosen))
	for _, p := range c.chosen {
		if e := cmp.Or(young[p.seq], c.events[p.seq]); e != nil {
			events = append(events, *e)
		}
	}
	if c.cut > 0 {
		s.log.WarnContext(ctx, "too much to decide by: the oldest candidates are not looked at", "event", c.but,
			"candidates", len(c.chosen), "left_out", c.cut, "max_bytes", maxCandidateBytes)
	}
	return events, nil
}

// since finds what counts by now. Where the event kept last was pruned meanwhile, seqs may have been given again: then it
// finds all anew, and events is empty.
func (c candidates) since(ctx context.Context, b *batch) (candidates, error) {
	id, err := one(ctx, b, scanString, "SELECT id FROM events WHERE seq = ?", c.last.seq)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return c, fmt.Errorf("read which event was the newest: %w", err)
	}
	if id != c.last.id {
		c.events = nil
		if c.found, err = c.findAll(ctx, b); err == nil {
			c.chosen, c.cut = choose(c.found)
		}
		return c, err
	}
	young, err := c.findYounger(ctx, b)
	if err != nil || !slices.ContainsFunc(young, func(found []place) bool { return len(found) > 0 }) {
		return c, err
	}
	merged := make([][]place, len(young))
	for i := range young {
		both := slices.Concat(young[i], c.found[i])
		slices.SortFunc(both, newestFirst)
		merged[i] = both[:min(len(both), relay.MaxCandidates)]
	}
	c.chosen, c.cut = choose(merged)
	return c, nil
}

// findAll asks for each lookup on its own, since only so the index gives the newest without sorting all.
func (c candidates) findAll(ctx context.Context, db queryer) ([][]place, error) {
	found := make([][]place, len(c.lookups))
	for i, l := range c.lookups {
		var err error
		found[i], err = all(ctx, db, scanPlace, `SELECT k.event, k.received_at, length(e.raw)
			FROM event_keys k JOIN events e ON e.seq = k.event
			WHERE k.key = ? AND k.trigger = ? AND e.id <> ? ORDER BY k.received_at DESC, k.event DESC LIMIT ?`,
			string(l.Key), string(l.Trigger), c.but, relay.MaxCandidates)
		if err != nil {
			return nil, fmt.Errorf("find candidates: %w", err)
		}
	}
	return found, nil
}

// findYounger asks for all lookups at once, since this is while everybody waits. The index leads past what was kept before.
func (c candidates) findYounger(ctx context.Context, db queryer) ([][]place, error) {
	found := make([][]place, len(c.lookups))
	_, err := all(ctx, db, func(s scanner) (none struct{}, err error) {
		var i int
		var p place
		if err = s.Scan(&i, &p.seq, &p.receivedAt, &p.size); err == nil {
			found[i] = append(found[i], p)
		}
		return none, err
	}, `SELECT l.key, k.event, k.received_at, length(e.raw)
		FROM json_each(?) l CROSS JOIN event_keys k INDEXED BY event_keys_since
			ON k.key = l.value ->> 0 AND k.trigger = l.value ->> 1 AND k.event > ?
		JOIN events e ON e.seq = k.event WHERE e.id <> ?`, c.asked, c.last.seq, c.but)
	if err != nil {
		return nil, fmt.Errorf("find candidates: %w", err)
	}
	return found, nil
}

// choose gives what any lookup has found, newest first and each once, and how many it cut off because they are too much.
func choose(found [][]place) (chosen []place, cut int) {
	chosen = slices.Concat(found...)
	slices.SortFunc(chosen, newestFirst)
	chosen = slices.Compact(chosen)
	all := len(chosen)
	chosen = together(chosen)
	return chosen, all - len(chosen)
}

// together gives the first of the places, as many as are not too much to be read together.
func together(places []place) []place {
	var size int64
	for i, p := range places {
		if size += p.size; size > maxCandidateBytes {
			return places[:i]
		}
	}
	return places
}

func newestFirst(a, b place) int {
	return cmp.Or(cmp.Compare(b.receivedAt, a.receivedAt), cmp.Compare(b.seq, a.seq))
}

func readRows(ctx context.Context, db queryer, places []place) ([]row, error) {
	if len(places) == 0 {
		return nil, nil
	}
	seqs := make([]int64, len(places))
	for i, p := range places {
		seqs[i] = p.seq
	}
	list, err := json.Marshal(seqs)
	if err != nil {
		return nil, fmt.Errorf("list candidates: %w", err)
	}
	rows, err := all(ctx, db, scanEvent,
		"SELECT "+eventColumns+" FROM events WHERE seq IN (SELECT value FROM json_each(?))", string(list))
	if err != nil {
		return nil, fmt.Errorf("read candidates: %w", err)
	}
	return rows, nil
}

// decodeAll decodes events by seq. One that cannot be decoded any more is left out: it would keep the alert from ever being
// decided.
func (s *Store) decodeAll(ctx context.Context, rows []row) map[int64]*relay.Event {
	events := make(map[int64]*relay.Event, len(rows))
	for _, r := range rows {
		e, err := s.decode(r)
		if err != nil {
			s.log.ErrorContext(ctx, "a kept event is ignored", "event", r.id, "error", err)
			events[r.seq] = nil
			continue
		}
		events[r.seq] = &e
	}
	return events
}

func scanMark(s scanner) (m mark, err error) { return m, s.Scan(&m.seq, &m.id) }

func scanPlace(s scanner) (p place, err error) { return p, s.Scan(&p.seq, &p.receivedAt, &p.size) }
