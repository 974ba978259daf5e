package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// console makes the web pages for the settings of a reload.
func (a *App) console(c config.Config, guard *access.Guard) http.Handler {
	v := views{NewReader(a.store)}
	o := console.Options{
		Overview: deskOverview{overview{a}, a.store}, Switches: deskSwitches{switches{a}}, Lists: v, Counter: v, Details: v, Finder: v,
		Bulk: deskBulk{bulk{a.store, time.Now}}, Suppressions: deskSuppressions{suppressions{a.store}}, Audit: deskAudit{v},
		Rules: a.rulesPage(), Playground: a.playground(c), Inbox: a.inbox(c), Version: a.Version, Logger: a.Logger, Now: time.Now,
	}
	if guard.Logins() {
		o.Sessions = guard
	}
	return console.New(o)
}

// shown makes a refusal of the API one of the pages.
func shown(err error) error {
	refusal, ok := errors.AsType[*server.Refusal](err)
	if !ok {
		return err
	}
	message := refusal.Message
	if message != "" {
		message = strings.ToUpper(message[:1]) + strings.TrimSuffix(message[1:], ".") + "."
	}
	return &console.Refusal{Status: refusal.Status, Message: message, RetryAfter: refusal.RetryAfter}
}

// deskOverview is the overview with a stamp.
type deskOverview struct {
	overview

	store store.Store
}

// stampEvery is how long a stamp stays the same where nothing is seen to change: what it does not see is shown that late.
const stampEvery = 15 * time.Second

// Stamp implements console.Overview. It is made of what is read from the ends of indexes: the newest event, the newest delivery, what was done
// by operators, what is paused, what is in force, and the counters of the last slots. A change that shows in none of them, such as a
// second attempt, is seen when the time is over.
func (d deskOverview) Stamp(ctx context.Context) (string, error) {
	now := time.Now()
	standing := d.app.inForce.Load()
	parts := []string{now.Truncate(stampEvery).String(), standing.Hash, standing.LoadedAt.String(), standing.Refused}
	events, err := d.store.Events(ctx, store.Filter{Limit: 1})
	if err != nil {
		return "", fmt.Errorf("read the newest event: %w", err)
	}
	for _, e := range events {
		parts = append(parts, e.ID)
	}
	deliveries, err := d.store.Deliveries(ctx, store.Filter{Limit: 1})
	if err != nil {
		return "", fmt.Errorf("read the newest delivery: %w", err)
	}
	for _, e := range deliveries {
		parts = append(parts, e.ID, string(e.State), e.UpdatedAt.String())
	}
	audit, err := d.store.Audit(ctx, store.AuditFilter{Limit: 1})
	if err != nil {
		return "", fmt.Errorf("read the audit: %w", err)
	}
	for _, e := range audit {
		parts = append(parts, strconv.FormatInt(e.Seq, 10))
	}
	ended, err := d.tallies(ctx, tallyDelivery, store.TallyFilter{Since: now.Add(-2 * store.TallySlot)})
	if err != nil {
		return "", err
	}
	for _, t := range ended {
		parts = append(parts, fmt.Sprint(t.Of, t.By, t.As, t.N))
	}
	return settingsHash(parts...), nil
}

// deskSwitches are the stop switches for the pages.
type deskSwitches struct{ switches }

// Pause implements console.Switches.
func (d deskSwitches) Pause(ctx context.Context, p view.Pause) error {
	_, _, err := d.switches.Pause(ctx, relay.Pause(p))
	return shown(err)
}

// Resume implements console.Switches.
func (d deskSwitches) Resume(ctx context.Context, p view.Pause) (int, error) {
	_, woken, err := d.switches.Resume(ctx, relay.Pause(p))
	return woken, shown(err)
}

// deskBulk does the same to many for the pages.
type deskBulk struct{ bulk }

// Count implements console.Bulk.
func (d deskBulk) Count(ctx context.Context, order view.BulkOrder) (view.BulkCount, error) {
	count, err := d.bulk.Count(ctx, order)
	return count, shown(err)
}

// Bulk implements console.Bulk.
func (d deskBulk) Bulk(ctx context.Context, order view.BulkOrder, progress func(done, of int)) (view.BulkResult, error) {
	result, err := d.bulk.Bulk(ctx, order, progress)
	return result, shown(err)
}

// deskSuppressions are the suppressions for the pages.
type deskSuppressions struct{ suppressions }

// suppressionsPage is how many are on a page.
const suppressionsPage = 50

// Suppressions implements console.Suppressions.
func (d deskSuppressions) Suppressions(ctx context.Context, query console.SuppressionQuery, by string) (view.Page[console.Suppression], error) {
	var page view.Page[console.Suppression]
	wanted := server.SuppressionsQuery{Channel: query.Channel, Reason: query.Reason, Limit: suppressionsPage, Reveal: by != "", By: by}
	if query.After != "" {
		var err error
		if wanted.After, err = strconv.ParseInt(query.After, 10, 64); err != nil || wanted.After < 1 {
			return page, &console.Refusal{Status: http.StatusBadRequest, Message: "This is no place in the list of suppressions."}
		}
	}
	found, err := d.suppressions.Suppressions(ctx, wanted)
	if err != nil {
		return page, shown(err)
	}
	page.Next = found.Next
	for _, s := range found.Suppressions {
		page.Items = append(page.Items, console.Suppression(s))
	}
	return page, nil
}

// Suppress implements console.Suppressions.
func (d deskSuppressions) Suppress(ctx context.Context, one console.Suppression, by string) error {
	_, err := d.suppressions.Suppress(ctx, server.SuppressOrder{
		Suppressions: []server.SuppressionView{{Channel: one.Channel, Address: one.Address, Reason: one.Reason}},
		Source:       relay.SuppressedByOperator, By: by,
	})
	return shown(err)
}

// Lift implements console.Suppressions.
func (d deskSuppressions) Lift(ctx context.Context, one console.Suppression, force bool, by string) error {
	_, err := d.suppressions.Lift(ctx, server.LiftOrder{Channel: one.Channel, Address: one.Address, Force: force, By: by})
	return shown(err)
}

// deskAudit is the audit for the pages.
type deskAudit struct{ views views }

// Audit implements console.Audit.
func (d deskAudit) Audit(ctx context.Context, query console.AuditQuery) (view.Page[view.Audit], error) {
	return d.views.Audit(ctx, view.AuditQuery{
		Who: query.Who, Action: query.Action, Since: query.Since, Until: query.Until, After: query.After,
	})
}
