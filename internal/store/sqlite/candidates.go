package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// finder finds candidates. Events are kept one after the other, so those kept since a search have a greater seq.
type finder struct{ read *sql.DB }

// mark is how far a search has seen.
type mark struct {
	// seq and id name the event kept last, because a seq is given again once the newest event has been pruned.
	seq int64
	id  string
	// asked are the lookups as JSON: pairs of key and trigger.
	asked string
}

// Snapshot implements tables.Finder: none of its reads finds what is younger than the mark.
func (f finder) Snapshot(ctx context.Context, read func(tables.DB) error) error {
	return within(ctx, f.read, toRead, func(on span) error { return read(reader{on}) })
}

// listed are lookups as JSON.
func listed(lookups []relay.Lookup) (string, error) {
	pairs := make([][2]string, len(lookups))
	for i, l := range lookups {
		pairs[i] = [2]string{tables.KeyText(l.Key), string(l.Trigger)}
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		return "", fmt.Errorf("list lookups: %w", err)
	}
	return string(text), nil
}

// Few implements tables.Finder. What is one event for two lookups counts twice.
func (f finder) Few(search tables.Search, most int, found *[]tables.Place) ([]tables.Ask, error) {
	asked, err := listed(search.Lookups)
	return []tables.Ask{tables.Asking(func(places []tables.Place) { *found = places }, tables.ScanPlace, `SELECT k.event, k.received_at, length(e.raw)
		FROM json_each(?) l CROSS JOIN event_keys k ON k.key = l.value ->> 0 AND k.trigger = l.value ->> 1
		JOIN events e ON e.seq = k.event WHERE e.id <> ? LIMIT ?`, asked, search.But, most)}, err
}

// Find implements tables.Finder.
func (f finder) Find(ctx context.Context, db tables.DB, search tables.Search) (found tables.Found, err error) {
	asked, err := listed(search.Lookups)
	if err != nil {
		return found, err
	}
	last, err := tables.One(ctx, db, scanMark, "SELECT seq, id FROM events ORDER BY seq DESC LIMIT 1")
	if err != nil {
		return found, fmt.Errorf("read which event is the newest: %w", err)
	}
	last.asked = asked
	found.Mark = last
	found.Places, err = findAll(ctx, db, search)
	return found, err
}

// Again implements tables.Finder. Where the event kept last was pruned meanwhile, seqs may have been given again: then it
// finds all anew.
func (f finder) Again(ctx context.Context, db tables.DB, search tables.Search, before tables.Found) (
	tables.Found, bool, error,
) {
	last, ok := before.Mark.(mark)
	if !ok {
		return before, false, fmt.Errorf("a search was marked by %T", before.Mark)
	}
	id, err := tables.One(ctx, db, scanID, "SELECT id FROM events WHERE seq = ?", last.seq)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return before, false, fmt.Errorf("read which event was the newest: %w", err)
	}
	if id != last.id {
		places, err := findAll(ctx, db, search)
		return tables.Found{Places: places, Mark: last, Anew: true}, true, err
	}
	young, err := findYounger(ctx, db, search, last)
	if err != nil || !slices.ContainsFunc(young, func(found []tables.Place) bool { return len(found) > 0 }) {
		return before, false, err
	}
	merged := make([][]tables.Place, len(young))
	for i := range young {
		both := slices.Concat(young[i], before.Places[i])
		merged[i] = both[:min(len(both), relay.MaxCandidates)]
	}
	return tables.Found{Places: merged, Mark: last}, true, nil
}

// findAll asks for each lookup on its own, since only so the index gives the newest, which were kept last, without sorting all.
func findAll(ctx context.Context, db tables.DB, search tables.Search) ([][]tables.Place, error) {
	found := make([][]tables.Place, len(search.Lookups))
	for i, l := range search.Lookups {
		var err error
		found[i], err = tables.All(ctx, db, tables.ScanPlace, `SELECT k.event, k.received_at, length(e.raw)
			FROM event_keys k JOIN events e ON e.seq = k.event
			WHERE k.key = ? AND k.trigger = ? AND e.id <> ? ORDER BY k.event DESC LIMIT ?`,
			tables.KeyText(l.Key), string(l.Trigger), search.But, relay.MaxCandidates)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// findYounger asks for all lookups at once, since this is while everybody waits. The index leads past what was kept before.
func findYounger(ctx context.Context, db tables.DB, search tables.Search, last mark) ([][]tables.Place, error) {
	found := make([][]tables.Place, len(search.Lookups))
	_, err := tables.All(ctx, db, func(s tables.Scanner) (none struct{}, err error) {
		var i int
		var p tables.Place
		if err = s.Scan(&i, &p.Seq, &p.ReceivedAt, &p.Size); err == nil {
			found[i] = append(found[i], p)
		}
		return none, err
	}, `SELECT l.key, k.event, k.received_at, length(e.raw)
		FROM json_each(?) l CROSS JOIN event_keys k
			ON k.key = l.value ->> 0 AND k.trigger = l.value ->> 1 AND k.event > ?
		JOIN events e ON e.seq = k.event WHERE e.id <> ? ORDER BY k.event DESC`, last.asked, last.seq, search.But)
	if err != nil {
		return nil, err
	}
	return found, nil
}

func scanMark(s tables.Scanner) (m mark, err error) { return m, s.Scan(&m.seq, &m.id) }

func scanID(s tables.Scanner) (id string, err error) { return id, s.Scan(&id) }
