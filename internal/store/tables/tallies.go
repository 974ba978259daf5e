package tables

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// maxTallyName bounds what a counter is named by, in bytes.
	maxTallyName = 200
	// maxTalliesRead bounds what Tallies gives back.
	maxTalliesRead = 100_000
)

// Tally implements store.Store. The key of a counter has the process in it that adds, so nobody waits for a row of somebody else;
// whoever reads sums up.
func (s *Tables) Tally(ctx context.Context, tallied []store.Tallied) error {
	if len(tallied) == 0 {
		return nil
	}
	if err := checkTallied(tallied); err != nil {
		return fmt.Errorf("tally: %w", err)
	}
	_, err := do(ctx, s, patient.on("tally"), func(ctx context.Context, b *batch) (struct{}, error) {
		for _, t := range tallied {
			err := b.Later(ctx, `INSERT INTO tallies (what, at, named, carrier, outcome, teller, n, last_at) VALUES (`+marks(8)+`)
				ON CONFLICT (what, at, named, carrier, outcome, teller) DO UPDATE SET n = tallies.n + excluded.n,
				last_at = CASE WHEN excluded.last_at > tallies.last_at THEN excluded.last_at ELSE tallies.last_at END`,
				t.What, micros(t.At), t.Of, t.By, t.As, s.Teller, t.N, micros(t.LastAt))
			if err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	if err != nil {
		return fmt.Errorf("tally: %w", err)
	}
	return nil
}

func checkTallied(tallied []store.Tallied) error {
	if len(tallied) > store.MaxTallies {
		return fmt.Errorf("these are %d counters; at most %d at once", len(tallied), store.MaxTallies)
	}
	for _, t := range tallied {
		switch {
		case t.What == "":
			return fmt.Errorf("a counter does not say what it counts: %+v", t)
		case t.N < 0:
			return fmt.Errorf("%s %q would be counted back by %d", t.What, t.Of, t.N)
		case !wholeSlots(t.At.UnixMicro()) || t.At.IsZero():
			return fmt.Errorf("%s %q: %s is not when a slot of %s begins", t.What, t.Of, t.At, store.TallySlot)
		case max(len(t.What), len(t.Of), len(t.By), len(t.As)) > maxTallyName:
			return fmt.Errorf("a counter of %s has a name of more than %d bytes", cmp.Or(t.What[:min(len(t.What), 20)], "?"), maxTallyName)
		}
	}
	return nil
}

func wholeSlots(micros int64) bool { return micros%store.TallySlot.Microseconds() == 0 }

// Tallies implements store.Store, by slot and then by name.
func (s *Tables) Tallies(ctx context.Context, f store.TallyFilter) ([]store.Tallied, error) {
	if f.Step < 0 || !wholeSlots(f.Step.Microseconds()) {
		return nil, fmt.Errorf("read tallies: a step of %s; want a multiple of %s", f.Step, store.TallySlot)
	}
	slot, args := "0", []any{}
	if step := f.Step.Microseconds(); step > 0 {
		slot, args = "at / ? * ?", []any{step, step}
	}
	var conditions []string
	where := func(condition string, value any, set bool) {
		if set {
			conditions, args = append(conditions, condition), append(args, value)
		}
	}
	where("what = ?", f.What, f.What != "")
	where("named = ?", f.Of, f.Of != "")
	where("at >= ?", micros(f.Since), !f.Since.IsZero())
	where("at < ?", micros(f.Until), !f.Until.IsZero())
	query := "SELECT CAST(" + slot + " AS BIGINT) AS slot, what, named, carrier, outcome, CAST(sum(n) AS BIGINT), max(last_at) FROM tallies"
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	found, err := All(ctx, s.Read, scanTallied, query+" GROUP BY 1, what, named, carrier, outcome LIMIT ?", append(args, maxTalliesRead+1)...)
	if err == nil && len(found) > maxTalliesRead {
		err = fmt.Errorf("there are more than %d; ask for a shorter time or a longer step", maxTalliesRead)
	}
	if err != nil {
		return nil, fmt.Errorf("read tallies: %w", err)
	}
	slices.SortFunc(found, func(a, b store.Tallied) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.What, b.What), cmp.Compare(a.Of, b.Of), cmp.Compare(a.By, b.By), cmp.Compare(a.As, b.As))
	})
	return found, nil
}

func scanTallied(row Scanner) (t store.Tallied, err error) {
	return t, row.Scan(at{&t.At}, &t.What, &t.Of, &t.By, &t.As, &t.N, at{&t.LastAt})
}

// PruneTallies implements store.Store, oldest first.
func (s *Tables) PruneTallies(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 {
		return 0, fmt.Errorf("prune tallies: limit %d; want at least 1", limit)
	}
	n, err := do(ctx, s, patient.on("", "prune"), func(ctx context.Context, b *batch) (int, error) {
		// The slot of the limit-th goes as a whole, so this may be a few more.
		return b.Exec(ctx, `DELETE FROM tallies WHERE at <= (SELECT max(at) FROM (SELECT at FROM tallies WHERE at < ? ORDER BY at LIMIT ?) oldest)`,
			micros(before), limit)
	})
	if err != nil {
		return 0, fmt.Errorf("prune tallies: %w", err)
	}
	return n, nil
}
