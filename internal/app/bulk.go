package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// bulk does to many what an operator orders by hand. What is to be done to whom is settled when it begins: what comes in later is not
// touched, and each is done by what it is by then.
type bulk struct {
	store store.Store
	now   func() time.Time
}

// bulkChunk is how many one transaction does.
const bulkChunk = store.MaxBulk

// Count says what an order would be for. It refuses with a *server.Refusal what makes no sense.
func (s bulk) Count(ctx context.Context, order view.BulkOrder) (view.BulkCount, error) {
	_, count, err := s.pick(ctx, order)
	return count, err
}

// Bulk does it, newest first, and tells progress. Where ctx ends before all is done, what was done stays, and Left says how much was not.
// It refuses with a *server.Refusal what makes no sense; any other error also leaves what was done.
func (s bulk) Bulk(ctx context.Context, order view.BulkOrder, progress func(done, of int)) (view.BulkResult, error) {
	result := view.BulkResult{Skipped: map[string]int{}}
	ids, count, err := s.pick(ctx, order)
	if err != nil {
		return result, err
	}
	audit := relay.Audit{At: s.now(), Who: order.By, Action: string(order.Action), Subject: bulkSubject(order, len(ids))}
	if gone := len(ids) - count.Found; gone > 0 && len(order.IDs) > 0 && len(ids) == 1 {
		return result, badOrder(http.StatusNotFound, "not_found", "there is no such thing: "+ids[0])
	}
	handled := 0
	for some := range slices.Chunk(ids, bulkChunk) {
		if ctx.Err() != nil {
			break
		}
		done, err := s.handle(ctx, order, some, audit)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			break // nothing of this part was done
		}
		if err != nil {
			result.Left = len(ids) - handled
			return result, err
		}
		if done.Done > 0 {
			audit = relay.Audit{} // one entry for all
		}
		handled += len(some)
		result.Done += done.Done
		for why, n := range done.Skipped {
			result.Skipped[why] += n
		}
		progress(handled, len(ids))
	}
	result.Left = len(ids) - handled
	return result, nil
}

func (s bulk) handle(ctx context.Context, order view.BulkOrder, ids []string, audit relay.Audit) (store.Done, error) {
	if order.Action == view.BulkRetry {
		return s.store.Retry(ctx, store.Again{IDs: ids, Late: order.Late, At: s.now(), Audit: audit})
	}
	return s.store.Cancel(ctx, store.Stop{Of: bulkKind(order), IDs: ids, At: s.now(), Audit: audit})
}

// pick says whom an order is for, and what it would meet.
func (s bulk) pick(ctx context.Context, order view.BulkOrder) (ids []string, count view.BulkCount, err error) {
	if err = checkOrder(order); err != nil {
		return nil, count, err
	}
	ids = slices.Clone(order.IDs)
	if len(ids) == 0 {
		filter, err := s.filter(order)
		if err != nil {
			return nil, count, err
		}
		if ids, err = s.store.Pick(ctx, bulkKind(order), filter, view.MaxBulk+1); err != nil {
			return nil, count, err
		}
	}
	if len(ids) > view.MaxBulk {
		ids, count.More = ids[:view.MaxBulk], true
	}
	found, err := s.store.Survey(ctx, bulkKind(order), ids, s.now())
	count.Found, count.Unsure, count.Late, count.Blank = found.Found, found.Unsure, found.Late, found.Blank
	return ids, count, err
}

// filter is what an order's query asks the store for.
func (s bulk) filter(order view.BulkOrder) (store.Filter, error) {
	query := order.Query
	query.After, query.Limit = "", 0
	if order.Of == view.OfAlerts && query.State == "" {
		query.State = string(relay.AlertHeld)
	}
	filter, err := query.Filter(order.Of)
	if refusal, ok := errors.AsType[*view.Refusal](err); ok {
		return filter, badOrder(http.StatusUnprocessableEntity, "bad_order", refusal.Message)
	}
	if err != nil {
		return filter, err
	}
	filter.Limit = 0
	if before := order.MadeBefore; !before.IsZero() && (filter.Until.IsZero() || before.Before(filter.Until)) {
		filter.Until = before
	}
	return filter, nil
}

func bulkKind(order view.BulkOrder) store.Kind {
	if order.Of == view.OfAlerts {
		return store.KindAlert
	}
	return store.KindDelivery
}

// bulkStates are those that an order may ask for, by what is done to what.
func bulkStates(order view.BulkOrder) []string {
	switch {
	case order.Action == view.BulkRetry && order.Of == view.OfDeliveries:
		return []string{string(relay.DeliveryDead), string(relay.DeliveryUndelivered), string(relay.DeliverySuppressed)}
	case order.Action == view.BulkCancel && order.Of == view.OfDeliveries:
		return []string{string(relay.DeliveryQueued), view.Retrying, string(relay.DeliveryUnknown)}
	case order.Action == view.BulkCancel && order.Of == view.OfAlerts:
		return []string{string(relay.AlertHeld)}
	}
	return nil
}

func badOrder(status int, code, message string) *server.Refusal {
	return &server.Refusal{Status: status, Code: code, Message: message}
}

func checkOrder(order view.BulkOrder) error {
	states := bulkStates(order)
	const unprocessable = http.StatusUnprocessableEntity
	switch {
	case states == nil:
		return badOrder(unprocessable, "bad_order", fmt.Sprintf("%.40q of %.40q cannot be ordered: deliveries are retried or cancelled, and alerts "+
			"are cancelled", order.Action, order.Of))
	case order.By == "":
		return badOrder(unprocessable, "bad_order", "the order does not say whose it is")
	case order.Late && order.Action != view.BulkRetry:
		return badOrder(unprocessable, "bad_order", "late is for what is retried")
	case len(order.IDs) > view.MaxBulk:
		return badOrder(unprocessable, "too_many", fmt.Sprintf("these are %d IDs; send at most %d at once", len(order.IDs), view.MaxBulk))
	case slices.Contains(order.IDs, ""):
		return badOrder(unprocessable, "bad_order", "one of the IDs is empty")
	case len(order.IDs) > 0 || order.Of == view.OfAlerts && order.Query.State == "":
		return nil
	case !slices.Contains(states, order.Query.State):
		return badOrder(unprocessable, "bad_order", fmt.Sprintf("state %.40q: to %s %s, narrow them to one of the states %s",
			order.Query.State, order.Action, order.Of, strings.Join(states, ", ")))
	}
	return nil
}

// bulkSubject says for the audit what an order is for, without naming anybody.
func bulkSubject(order view.BulkOrder, n int) string {
	one := map[string]string{view.OfAlerts: "alert", view.OfDeliveries: "delivery"}[order.Of]
	if len(order.IDs) == 1 {
		return one + " " + order.IDs[0]
	}
	what := fmt.Sprintf("%d %s", n, order.Of)
	if len(order.IDs) > 0 {
		return what + " picked by ID"
	}
	q := order.Query
	parts := map[string]string{
		"state": q.State, "rule": q.Rule, "reason": string(q.Reason), "channel": string(q.Channel), "trigger": string(q.Trigger),
		"event": q.Event, "alert": q.Alert,
	}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			parts[name] = t.UTC().Format(time.RFC3339)
		}
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if parts[name] != "" {
			words = append(words, name+" "+parts[name])
		}
	}
	if q.To != "" {
		words = append(words, "for one person")
	}
	if q.Address != "" {
		words = append(words, "to one address")
	}
	if order.Late {
		words = append(words, "also late")
	}
	return strings.TrimSuffix(what+" ("+strings.Join(words, ", ")+")", " ()")
}
