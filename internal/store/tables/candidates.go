package tables

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxCandidateBytes bounds the JSON that is decoded for one decision: one event may have 1 MiB of it.
const maxCandidateBytes = 32 << 20

// Finder finds where the candidates of a decision are. Each database has its own way to see quickly what was kept since they
// were read.
type Finder interface {
	// Snapshot lets read see what is kept at one time.
	Snapshot(ctx context.Context, read func(DB) error) error
	// Few asks for what all lookups find together, in any order and some perhaps twice, but for no more than so many of each.
	Few(search Search, most int, found *[]Place) ([]Ask, error)
	// Find gives for each lookup its newest relay.MaxCandidates, newest first: by when they were received, or in the order in which they were
	// kept, which differs by moments.
	Find(ctx context.Context, db DB, search Search) (Found, error)
	// Again gives what Find would give by now, in the transaction that keeps the decision, and whether it differs from before.
	Again(ctx context.Context, db DB, search Search, before Found) (now Found, changed bool, err error)
}

// Search asks for candidates.
type Search struct {
	Lookups []relay.Lookup
	// But is the ID of the alert's own event, which is none.
	But string
}

// Found is what a search finds.
type Found struct {
	// Places are, for each lookup, where its events are.
	Places [][]Place
	// Mark is what the finder needs to search again.
	Mark any
	// Anew says that the places of before may hold other events by now.
	Anew bool
}

// Place is where an event was found, and the size of its JSON.
type Place struct{ Seq, ReceivedAt, Size int64 }

// ScanPlace scans the columns seq, received_at and the length of raw.
func ScanPlace(s Scanner) (p Place, err error) { return p, s.Scan(&p.Seq, &p.ReceivedAt, &p.Size) }

// What is looked for in the transaction of a decision itself. To look ahead costs four statements, and nearly always finds nothing where an
// alert is due at once.
const (
	fewLookups        = 16
	fewCandidates     = 8
	fewCandidateBytes = 64 << 10
)

// ahead is what is read before the transaction of a decision begins.
type ahead struct {
	candidates

	// few says that nothing was: the candidates are looked for in the transaction, unless they turn out to be many.
	few bool
	// recipient is a relay.Recipient.Key.
	recipient string
}

// candidates are the kept events that a decision is made by, as they were when they were read.
type candidates struct {
	search Search
	found  Found
	// chosen are those found that count, and cut how many did not.
	chosen []Place
	cut    int
	// events are the chosen ones by seq; nil is one that cannot be decoded any more.
	events map[int64]*relay.Event
}

// readAhead reads and decodes the candidates of a decision outside the transaction that will keep it, since there a long
// conversation would hold up every other write.
func (s *Tables) readAhead(ctx context.Context, alertID string, q relay.Query) (a ahead, err error) {
	a.search, a.recipient = Search{Lookups: q.Lookups, But: q.EventID}, q.Recipient.Key()
	if q.EventID != "" && len(q.Lookups) == 0 {
		return a, nil
	}
	var rows []row
	err = s.Finder.Snapshot(ctx, func(db DB) (err error) {
		if q.EventID == "" {
			own, err := One(ctx, db, func(row Scanner) (p [2]string, err error) { return p, row.Scan(&p[0], &p[1]) },
				"SELECT event_id, recipient FROM alerts WHERE id = ?", alertID)
			if err != nil {
				return err
			}
			a.search.But, a.recipient = own[0], own[1]
		}
		if len(q.Lookups) == 0 {
			return nil
		}
		if a.found, err = s.Finder.Find(ctx, db, a.search); err != nil {
			return fmt.Errorf("find candidates: %w", err)
		}
		a.chosen, a.cut = choose(a.found.Places)
		rows, err = readRows(ctx, db, a.chosen)
		return err
	})
	if err != nil {
		return a, err
	}
	a.events = s.decodeAll(ctx, rows)
	return a, nil
}

// notAhead is what a decision begins with whose candidates are few.
func notAhead(q relay.Query) ahead {
	return ahead{candidates: candidates{search: Search{Lookups: q.Lookups, But: q.EventID}}, recipient: q.Recipient.Key(), few: true}
}

// readFew gives the candidates that were found in the transaction; false where they are too many to be read in it.
func (s *Tables) readFew(ctx context.Context, b *batch, found []Place) (events []relay.Event, few bool, err error) {
	chosen, _ := choose([][]Place{found})
	var size int64
	for _, p := range chosen {
		size += p.Size
	}
	if len(found) > fewCandidates || size > fewCandidateBytes {
		return nil, false, nil
	}
	rows, err := readRows(ctx, b, chosen)
	if err != nil {
		return nil, false, err
	}
	decoded := s.decodeAll(ctx, rows)
	for _, p := range chosen {
		if e := decoded[p.Seq]; e != nil {
			events = append(events, *e)
		}
	}
	return events, true, nil
}

// catchUp gives the candidates as they are now, in the transaction that keeps the decision: what was read ahead and what
// was kept since. It leaves c as it is, since a write may run twice.
func (s *Tables) catchUp(ctx context.Context, b *batch, c candidates) ([]relay.Event, error) {
	if len(c.search.Lookups) == 0 {
		return nil, nil
	}
	found, changed, err := s.Finder.Again(ctx, b, c.search, c.found)
	if err != nil {
		return nil, fmt.Errorf("find candidates: %w", err)
	}
	if changed {
		c.chosen, c.cut = choose(found.Places)
	}
	if found.Anew {
		c.events = nil
	}
	rows, err := readRows(ctx, b, slices.DeleteFunc(slices.Clone(c.chosen), func(p Place) bool {
		_, read := c.events[p.Seq]
		return read
	}))
	if err != nil {
		return nil, err
	}
	young := s.decodeAll(ctx, rows)
	events := make([]relay.Event, 0, len(c.chosen))
	for _, p := range c.chosen {
		if e := cmp.Or(young[p.Seq], c.events[p.Seq]); e != nil {
			events = append(events, *e)
		}
	}
	if c.cut > 0 {
		s.Logger.WarnContext(ctx, "too much to decide by: the oldest candidates are not looked at", "event", c.search.But,
			"candidates", len(c.chosen), "left_out", c.cut, "max_bytes", maxCandidateBytes)
	}
	return events, nil
}

// choose gives what any lookup has found, newest first and each once, and how many it cut off because they are too much.
func choose(found [][]Place) (chosen []Place, cut int) {
	chosen = slices.Concat(found...)
	slices.SortFunc(chosen, NewestFirst)
	chosen = slices.Compact(chosen)
	all := len(chosen)
	chosen = together(chosen)
	return chosen, all - len(chosen)
}

// together gives the first of the places, as many as are not too much to be read together.
func together(places []Place) []Place {
	var size int64
	for i, p := range places {
		if size += p.Size; size > maxCandidateBytes {
			return places[:i]
		}
	}
	return places
}

// NewestFirst orders places.
func NewestFirst(a, b Place) int {
	return cmp.Or(cmp.Compare(b.ReceivedAt, a.ReceivedAt), cmp.Compare(b.Seq, a.Seq))
}

func readRows(ctx context.Context, db DB, places []Place) ([]row, error) {
	if len(places) == 0 {
		return nil, nil
	}
	seqs := make([]int64, len(places))
	for i, p := range places {
		seqs[i] = p.Seq
	}
	rows, err := All(ctx, db, scanEvent,
		"SELECT "+eventColumns+" FROM events WHERE seq IN each(?)", seqs)
	if err != nil {
		return nil, fmt.Errorf("read candidates: %w", err)
	}
	return rows, nil
}

// decodeAll decodes events by seq. One that cannot be decoded any more is left out: it would keep the alert from ever being
// decided.
func (s *Tables) decodeAll(ctx context.Context, rows []row) map[int64]*relay.Event {
	events := make(map[int64]*relay.Event, len(rows))
	for _, r := range rows {
		e, err := s.decode(r)
		if err != nil {
			s.Logger.ErrorContext(ctx, "a kept event is ignored", "event", r.id, "error", err)
			events[r.seq] = nil
			continue
		}
		events[r.seq] = &e
	}
	return events
}
