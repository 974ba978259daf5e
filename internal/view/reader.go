package view

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Reader shows what a store keeps.
type Reader struct {
	Store store.Store
	// Generation gives the rules and templates that were in force when an event was kept; nil says that they are not known.
	Generation func(ctx context.Context, hash string) (*engine.Generation, error)
	// Explain says what a provider's code means; nil explains none.
	Explain func(provider, code string) Explained
}

// listed are the rows of a page. One row more than the page has was read to know whether there are more; of the longest page, which
// the store gives no more of, that is not known, and a full one has a Next.
func listed[T, R any](found []T, limit int, row func(T) R, next func(last T) string) Page[R] {
	page := Page[R]{Items: make([]R, 0, len(found))}
	for _, t := range found[:min(limit, len(found))] {
		page.Items = append(page.Items, row(t))
	}
	if len(found) == read(limit) {
		page.Next = next(found[len(page.Items)-1])
	}
	return page
}

// read is how many rows are read for a page.
func read(limit int) int { return min(limit+1, store.MaxList) }

// Events lists events, newest first. The error of a query that cannot be is a *Refusal.
func (r *Reader) Events(ctx context.Context, q Query) (Page[Event], error) {
	f, err := q.Filter(OfEvents)
	if err != nil {
		return Page[Event]{}, err
	}
	limit := f.Limit
	f.Limit = read(limit)
	found, err := r.Store.Events(ctx, f)
	if err != nil {
		return Page[Event]{}, fmt.Errorf("list events: %w", err)
	}
	return listed(found, limit, EventOf, func(last relay.Event) string { return markOf(OfEvents, last.ReceivedAt, last.ID) }), nil
}

// Alerts lists alerts, newest first. The error of a query that cannot be is a *Refusal.
func (r *Reader) Alerts(ctx context.Context, q Query) (Page[Alert], error) {
	f, err := q.Filter(OfAlerts)
	if err != nil {
		return Page[Alert]{}, err
	}
	limit := f.Limit
	f.Limit = read(limit)
	found, err := r.Store.Alerts(ctx, f)
	if err != nil {
		return Page[Alert]{}, fmt.Errorf("list alerts: %w", err)
	}
	return listed(found, limit, AlertOf, func(last relay.Alert) string { return markOf(OfAlerts, last.ReceivedAt, last.ID) }), nil
}

// Deliveries lists deliveries, newest first. The error of a query that cannot be is a *Refusal.
func (r *Reader) Deliveries(ctx context.Context, q Query) (Page[Delivery], error) {
	f, err := q.Filter(OfDeliveries)
	if err != nil {
		return Page[Delivery]{}, err
	}
	limit := f.Limit
	f.Limit = read(limit)
	found, err := r.Store.Deliveries(ctx, f)
	if err != nil {
		return Page[Delivery]{}, fmt.Errorf("list deliveries: %w", err)
	}
	return listed(found, limit, DeliveryOf, func(last relay.Delivery) string { return markOf(OfDeliveries, last.CreatedAt, last.ID) }), nil
}

// Count counts what a query finds, no further than most.
func (r *Reader) Count(ctx context.Context, of string, q Query, most int) (int, error) {
	q.After, q.Limit = "", 0
	f, err := q.Filter(of)
	if err != nil {
		return 0, err
	}
	kind, err := kindOf(of)
	if err != nil {
		return 0, err
	}
	n, err := r.Store.Count(ctx, kind, f, most)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", of, err)
	}
	return n, nil
}

// MinID is how much of an ID must be given, without what marks its kind: less is a slip of the hand.
const MinID = 6

// marks are what the IDs of a kind begin with.
func mark(kind store.Kind) string {
	switch kind {
	case store.KindAlert:
		return "al_"
	case store.KindDelivery:
		return "dl_"
	default:
		return ""
	}
}

// CheckID says whether enough of an ID was given. The error is a *Refusal.
func CheckID(kind store.Kind, given string) error {
	if len(strings.TrimPrefix(given, mark(kind))) < MinID {
		return &Refusal{Code: BadID, Message: fmt.Sprintf("%.60q is too short: give the ID of the %s, or at least %d characters of it",
			given, kind, MinID)}
	}
	return nil
}

// Resolve gives the ID that is meant: the given one, or the only one of its kind that begins so. The error is a *Refusal where there is
// none, or more than one.
func (r *Reader) Resolve(ctx context.Context, kind store.Kind, given string) (string, error) {
	if err := CheckID(kind, given); err != nil {
		return "", err
	}
	if len(given) > maxField {
		return "", &Refusal{Code: NotFound, Message: fmt.Sprintf("no %s has so long an ID", kind)}
	}
	found, err := r.Store.IDs(ctx, kind, given, store.MaxList)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", kind, err)
	case len(found) == 0:
		return "", &Refusal{Code: NotFound, Message: fmt.Sprintf("no %s begins with %q", kind, given)}
	case len(found) == 1, found[0] == given:
		return found[0], nil
	}
	more := ""
	if len(found) == store.MaxList {
		more = " or more"
	}
	return "", &Refusal{Code: Ambiguous, Message: fmt.Sprintf("%d%s IDs begin with %q, such as %s and %s: give more of it",
		len(found), more, given, found[0], found[1])}
}

// Find gives also what an ID, or the beginning of one, names: OfEvents, OfAlerts or OfDeliveries.
func (r *Reader) Find(ctx context.Context, given string) (of, id string, err error) {
	of, kind := OfEvents, store.KindEvent
	switch {
	case strings.HasPrefix(given, mark(store.KindAlert)):
		of, kind = OfAlerts, store.KindAlert
	case strings.HasPrefix(given, mark(store.KindDelivery)):
		of, kind = OfDeliveries, store.KindDelivery
	}
	id, err = r.Resolve(ctx, kind, given)
	return of, id, err
}

// meaning explains a Reason.
func meaning(reason relay.Reason) string {
	docs := relay.Reasons()
	if i := slices.IndexFunc(docs, func(d relay.ReasonDoc) bool { return d.Reason == reason }); i >= 0 {
		return docs[i].Meaning
	}
	return ""
}
