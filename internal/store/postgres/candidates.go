package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// finder finds candidates. Numbers are not given in the order of commits here, so "kept since" cannot be asked: places are
// found again, by the index alone, and only events not seen before are read. A number is never given again.
type finder struct {
	read    *pgxpool.Pool
	dialect *dialect
}

// Snapshot implements tables.Finder. It needs none: what is gone in between is not found again either.
func (f finder) Snapshot(_ context.Context, read func(tables.DB) error) error {
	return read(reader{f.read, f.dialect})
}

// Few implements tables.Finder. It asks for each lookup on its own, by a statement that is planned once: the one for all of them is planned
// anew for each decision, which took a tenth of the server's time.
func (f finder) Few(search tables.Search, most int, found *[]tables.Place) ([]tables.Ask, error) {
	asks := make([]tables.Ask, len(search.Lookups))
	for i, l := range search.Lookups {
		asks[i] = tables.Asking(func(places []tables.Place) { *found = append(*found, places...) }, tables.ScanPlace,
			`SELECT k.event, k.received_at, CAST(octet_length(e.raw) AS BIGINT) FROM event_keys k JOIN events e ON e.seq = k.event
			WHERE k.key = ? AND k.trigger = ? AND e.id <> ? ORDER BY k.received_at DESC, k.event DESC LIMIT `+strconv.Itoa(most),
			tables.KeyText(l.Key), string(l.Trigger), search.But)
	}
	return asks, nil
}

// Find implements tables.Finder.
func (f finder) Find(ctx context.Context, db tables.DB, search tables.Search) (tables.Found, error) {
	places, err := f.places(ctx, db, search)
	if err != nil {
		return tables.Found{}, err
	}
	return tables.Found{Places: places}, f.measure(ctx, db, places, nil)
}

// Again implements tables.Finder.
func (f finder) Again(ctx context.Context, db tables.DB, search tables.Search, before tables.Found) (
	tables.Found, bool, error,
) {
	places, err := f.places(ctx, db, search)
	if err != nil {
		return before, false, err
	}
	return tables.Found{Places: places}, true, f.measure(ctx, db, places, before.Places)
}

// places finds where the events are, without their sizes. For each lookup the index gives the newest without sorting.
func (f finder) places(ctx context.Context, db tables.DB, search tables.Search) ([][]tables.Place, error) {
	keys, triggers := make([]string, len(search.Lookups)), make([]string, len(search.Lookups))
	for i, l := range search.Lookups {
		keys[i], triggers[i] = tables.KeyText(l.Key), string(l.Trigger)
	}
	found := make([][]tables.Place, len(search.Lookups))
	_, err := tables.All(ctx, db, func(s tables.Scanner) (none struct{}, err error) {
		var i int
		var p tables.Place
		if err = s.Scan(&i, &p.Seq, &p.ReceivedAt); err == nil {
			found[i] = append(found[i], p)
		}
		return none, err
	}, `SELECT l.n - 1, k.event, k.received_at
		FROM unnest(CAST(? AS text[]), CAST(? AS text[])) WITH ORDINALITY AS l (key, trigger, n)
		CROSS JOIN LATERAL (
			SELECT event, received_at FROM event_keys
			WHERE key = l.key COLLATE "C" AND trigger = l.trigger COLLATE "C"
				AND event IS DISTINCT FROM (SELECT seq FROM events WHERE id = ?)
			ORDER BY received_at DESC, event DESC LIMIT ?
		) k ORDER BY l.n, k.received_at DESC, k.event DESC`, keys, triggers, search.But, relay.MaxCandidates)
	return found, err
}

// measure fills in the sizes of places: from those known, else from the events.
func (f finder) measure(ctx context.Context, db tables.DB, places, known [][]tables.Place) error {
	sizes := map[int64]int64{}
	for _, list := range known {
		for _, p := range list {
			sizes[p.Seq] = p.Size
		}
	}
	var asked []int64
	for _, list := range places {
		for _, p := range list {
			if _, ok := sizes[p.Seq]; !ok {
				sizes[p.Seq] = 0
				asked = append(asked, p.Seq)
			}
		}
	}
	if len(asked) > 0 {
		measured, err := tables.All(ctx, db, tables.ScanPlace,
			"SELECT seq, received_at, CAST(octet_length(raw) AS BIGINT) FROM events WHERE seq IN each(?)", asked)
		if err != nil {
			return err
		}
		for _, p := range measured {
			sizes[p.Seq] = p.Size
		}
	}
	for _, list := range places {
		for i := range list {
			list[i].Size = sizes[list[i].Seq]
		}
	}
	return nil
}
