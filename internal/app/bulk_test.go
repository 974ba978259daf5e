package app

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
	"github.com/beckon-relay/beckon/internal/view"
)

// deadOnes is a store with n dead deliveries, made a second apart from noon on 2 March 2026, and the service on it.
func deadOnes(t *testing.T, n int) bulk {
	t.Helper()
	kept, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlitetest.New(t), Decode: cometchat.Decode})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kept.Close()) })
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for i := range n {
		plan := relay.Plan{Event: storetest.NewEvent(fmt.Sprint("e", i))}
		plan.Alerts = []relay.Alert{storetest.NewAlert(plan.Event, "mention", "lee")}
		_, err := kept.Accept(t.Context(), plan)
		require.NoError(t, err)
		d := storetest.NewDelivery(plan.Alerts[0], "t")
		d.CreatedAt = noon.Add(time.Duration(i) * time.Second)
		_, err = kept.Decide(t.Context(), plan.Alerts[0].ID, relay.Query{}, noon.Add(time.Minute), func(relay.Alert, relay.Facts) relay.Decision {
			return relay.Decision{Action: relay.ActSend, Deliveries: []relay.Delivery{d}}
		})
		require.NoError(t, err)
		require.NoError(t, kept.Settle(t.Context(), d.ID, store.Next{State: relay.DeliveryDead, Reason: relay.ReasonRejected}, noon.Add(time.Minute)))
	}
	return bulk{store: kept, now: func() time.Time { return noon.Add(time.Hour) }}
}

func retryDead() view.BulkOrder {
	return view.BulkOrder{
		Action: view.BulkRetry, Of: "deliveries", By: "kim",
		Query: view.Query{State: "dead", Reason: relay.ReasonRejected, To: "lee", Address: "+1 415 555 0177"},
	}
}

func TestABulkOrderDoesWhatItCounted(t *testing.T) {
	t.Parallel()
	s := deadOnes(t, 3)
	order := retryDead()
	order.MadeBefore = time.Date(2026, 3, 2, 12, 0, 2, 0, time.UTC)
	count, err := s.Count(t.Context(), order)
	require.NoError(t, err)
	require.Equal(t, view.BulkCount{Found: 2}, count, "what came after the operator looked is left out")
	var told []int
	result, err := s.Bulk(t.Context(), order, func(done, of int) { told = append(told, done, of) })
	require.NoError(t, err)
	require.Equal(t, view.BulkResult{Done: 2, Skipped: map[string]int{}}, result)
	require.Equal(t, []int{2, 2}, told)
	audit, err := s.store.Audit(t.Context(), store.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, audit, 1)
	require.Equal(t, "kim", audit[0].Who)
	require.Equal(t, "2 deliveries (reason rejected, state dead, for one person, to one address)", audit[0].Subject, "it names nobody")
	result, err = s.Bulk(t.Context(), order, func(int, int) {})
	require.NoError(t, err)
	require.Zero(t, result.Done)
}

func TestABulkOrderThatIsBrokenOffSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	s := deadOnes(t, bulkChunk+5)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	result, err := s.Bulk(ctx, retryDead(), func(int, int) { stop() })
	require.NoError(t, err)
	require.Equal(t, view.BulkResult{Done: bulkChunk, Skipped: map[string]int{}, Left: 5}, result)
	count, err := s.Count(t.Context(), retryDead())
	require.NoError(t, err)
	require.Equal(t, 5, count.Found, "the same once more does the rest")
	result, err = s.Bulk(t.Context(), retryDead(), func(int, int) {})
	require.NoError(t, err)
	require.Equal(t, 5, result.Done)
}

func TestABulkOrderThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := deadOnes(t, 0)
	for want, change := range map[string]func(*view.BulkOrder){
		`"retry" of "alerts" cannot be ordered`:                          func(o *view.BulkOrder) { o.Of = "alerts" },
		`"shred" of "deliveries" cannot be ordered`:                      func(o *view.BulkOrder) { o.Action = "shred" },
		"the order does not say whose it is":                             func(o *view.BulkOrder) { o.By = "" },
		"narrow them to one of the states dead, undelivered, suppressed": func(o *view.BulkOrder) { o.Query.State = "" },
		"narrow them to one of the states queued, retrying, unknown":     func(o *view.BulkOrder) { o.Action = view.BulkCancel },
		"late is for what is retried": func(o *view.BulkOrder) {
			o.Action, o.Query.State, o.Late = view.BulkCancel, "queued", true
		},
		"these are 10001 IDs; send at most 10000 at once": func(o *view.BulkOrder) { o.IDs = make([]string, view.MaxBulk+1) },
		"one of the IDs is empty":                         func(o *view.BulkOrder) { o.IDs = []string{""} },
		"deliveries are not narrowed by trigger":          func(o *view.BulkOrder) { o.Query.Trigger = relay.UserMentioned },
		"address: ":                                       func(o *view.BulkOrder) { o.Query.Address = "lee at home" },
	} {
		order := retryDead()
		change(&order)
		_, err := s.Count(t.Context(), order)
		var refusal *server.Refusal
		require.ErrorAs(t, err, &refusal, want)
		require.Equal(t, http.StatusUnprocessableEntity, refusal.Status)
		require.Contains(t, refusal.Message, want)
		_, err = s.Bulk(t.Context(), order, func(int, int) {})
		require.ErrorAs(t, err, &refusal, want)
	}
	order := view.BulkOrder{Action: view.BulkCancel, Of: "deliveries", By: "kim", Query: view.Query{State: view.Retrying}}
	_, err := s.Count(t.Context(), order)
	require.NoError(t, err)
	order = view.BulkOrder{Action: view.BulkCancel, Of: "alerts", By: "kim"}
	_, err = s.Count(t.Context(), order)
	require.NoError(t, err, "alerts are those that are held")
	order.IDs = []string{"al_gone"}
	_, err = s.Bulk(t.Context(), order, func(int, int) {})
	var refusal *server.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, http.StatusNotFound, refusal.Status)
}
