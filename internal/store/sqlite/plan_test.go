package sqlite

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// explained writes down how each query is carried out.
type explained struct {
	tables.Tx
	s     *Store
	mu    sync.Mutex
	steps string
}

// Query implements tables.DB.
func (e *explained) Query(ctx context.Context, query string, args ...any) (tables.Rows, error) {
	if !strings.HasPrefix(query, "INSERT") {
		steps, err := tables.All(ctx, reader{e.s.read}, func(row tables.Scanner) (step string, err error) {
			var ignored int
			return step, row.Scan(&ignored, &ignored, &ignored, &step)
		}, "EXPLAIN QUERY PLAN "+query, append([]any{}, args...)...)
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		e.steps += strings.Join(steps, "; ") + "\n"
		e.mu.Unlock()
	}
	if e.Tx != nil {
		return e.Tx.Query(ctx, query, args...)
	}
	return reader{e.s.read}.Query(ctx, query, args...)
}

func TestWhatIsKeptMeanwhileIsFoundWithoutWalkingThroughTheRest(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	search := tables.Search{Lookups: []relay.Lookup{{Key: "k", Trigger: "t"}}}
	for name, tt := range map[string]struct {
		find func(context.Context, tables.DB) ([][]tables.Place, error)
		want string
	}{
		"all": {func(ctx context.Context, db tables.DB) ([][]tables.Place, error) {
			return findAll(ctx, db, search)
		}, "PRIMARY KEY (key=? AND trigger=?)"},
		"younger": {func(ctx context.Context, db tables.DB) ([][]tables.Place, error) {
			return findYounger(ctx, db, search, mark{asked: `[["k","t"]]`})
		}, "PRIMARY KEY (key=? AND trigger=? AND event>?)"},
	} {
		plan := &explained{s: s}
		_, err := tt.find(t.Context(), plan)
		require.NoError(t, err)
		require.Contains(t, plan.steps, tt.want, name)
		require.NotRegexp(t, "SCAN [ke]", plan.steps, name)
	}
}

// Ask explains what is asked together, too.
func (e *explained) Ask(ctx context.Context, asks ...tables.Ask) error {
	return tables.AskEach(ctx, e, asks)
}

func TestWhatADecisionAsksForIsFoundByIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	e := storetest.NewEvent("e1")
	alert := storetest.NewAlert(e, "mention", "lee")
	alert.Digest = "d"
	_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{alert}})
	require.NoError(t, err)
	plan, reading := &explained{s: s}, &explained{s: s}
	asking := s.tables(t.Context(), func(ctx context.Context) (_ tables.Tx, err error) {
		plan.Tx, err = s.begin(ctx)
		return plan, err
	})
	asking.Read = reading
	t.Cleanup(asking.CloseWriter)
	_, err = asking.Members(t.Context(), alert)
	require.NoError(t, err)
	query := relay.Query{
		Claims: []string{"c"}, Counts: []relay.Count{{Counter: "c", Per: time.Hour, Max: 5}}, Members: []string{"al_2"},
	}
	now := alert.DueAt
	_, err = asking.Decide(t.Context(), alert.ID, query, now, func(relay.Alert, relay.Facts) relay.Decision {
		return relay.Decision{Action: relay.ActSend, Again: now.Add(time.Hour), Deliveries: []relay.Delivery{
			storetest.NewDelivery(alert, "t"),
		}}
	})
	require.NoError(t, err)
	alert, err = s.Alert(t.Context(), alert.ID)
	require.NoError(t, err)
	require.False(t, alert.AgainAt.IsZero())
	_, err = asking.Members(t.Context(), alert)
	require.NoError(t, err)
	steps := plan.steps + reading.steps
	for _, want := range []string{
		"SEARCH alerts USING INDEX alerts_digest (digest=?)",
		"SEARCH alerts USING INDEX alerts_lead (lead=?)",
		"SEARCH counted USING PRIMARY KEY (counter=? AND at>?)",
		"SEARCH claims USING PRIMARY KEY (claim=?)",
	} {
		require.Contains(t, steps, want)
	}
	for step := range strings.SplitSeq(steps, "\n") {
		if strings.Contains(step, "alerts_digest") || strings.Contains(step, "alerts_lead") {
			require.NotContains(t, step, "TEMP B-TREE", "nothing is sorted")
		}
		require.NotRegexp(t, "SCAN (alerts|claims|counted|deliveries|events)", step)
	}
}

func TestListsAreFoundByIndexesWhateverNarrowsThem(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	// What walks through an index from its newest end, since nothing bounds it, and stops when the page is full.
	walks := map[string]string{
		"events/all": "events_received", "alerts/all": "alerts_received", "deliveries/all": "deliveries_created",
		"deliveries/tried": "deliveries_created", "deliveries/never_tried": "deliveries_created", "deliveries/retrying": "deliveries_retrying",
	}
	// The few rows of one event or alert are sorted.
	sorted := []string{"alerts/event", "deliveries/event", "deliveries/alert"}
	for _, kind := range []struct {
		name    string
		filters map[string]store.Filter
		ask     func(*tables.Tables, store.Filter) error
	}{
		{"events", storetest.EventFilters(), func(on *tables.Tables, f store.Filter) error {
			_, err := on.Events(t.Context(), f)
			return err
		}},
		{"alerts", storetest.AlertFilters(), func(on *tables.Tables, f store.Filter) error {
			_, err := on.Alerts(t.Context(), f)
			return err
		}},
		{"deliveries", storetest.DeliveryFilters(), func(on *tables.Tables, f store.Filter) error {
			_, err := on.Deliveries(t.Context(), f)
			return err
		}},
	} {
		for filter, f := range kind.filters {
			name := kind.name + "/" + filter
			plan := &explained{s: s}
			asking := s.tables(t.Context(), nil)
			asking.Read = plan
			require.NoError(t, kind.ask(asking, f), name)
			for step := range strings.SplitSeq(strings.TrimSpace(plan.steps), "; ") {
				switch {
				case strings.HasPrefix(step, "SCAN "+kind.name):
					require.Equal(t, "SCAN "+kind.name+" USING INDEX "+walks[name], step, name)
				case strings.HasPrefix(step, "SEARCH "+kind.name):
					require.Regexp(t, "USING ((COVERING )?INDEX|INTEGER PRIMARY KEY)", step, name)
				}
			}
			if !slices.Contains(sorted, name) {
				// What is merged is put in order again, but that is a page of each branch at the most; and so is what has the very same time.
				inner, _, _ := strings.Cut(plan.steps, "SCAN places")
				inner = strings.ReplaceAll(inner, "SCAN branch; USE TEMP B-TREE FOR ORDER BY", "")
				inner = strings.ReplaceAll(inner, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "")
				require.NotContains(t, inner, "TEMP B-TREE", "%s is sorted: %s", name, plan.steps)
			}
		}
	}
}

func TestWhatWaitsIsCountedFromIndexesAlone(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	plan := &explained{s: s}
	asking := s.tables(t.Context(), nil)
	asking.Read = plan
	_, err := asking.Stats(t.Context())
	require.NoError(t, err)
	require.Contains(t, plan.steps, "SEARCH deliveries USING COVERING INDEX deliveries_state (state=?)")
	require.Contains(t, plan.steps, "SEARCH alerts USING COVERING INDEX alerts_state (state=?)")
	_, err = asking.Tallies(t.Context(), store.TallyFilter{What: "rule", Since: time.Unix(300, 0)})
	require.NoError(t, err)
	require.Contains(t, plan.steps, "SEARCH tallies USING PRIMARY KEY (what=? AND at>?)")
}
