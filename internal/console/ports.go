package console

import (
	"context"
	"net/http"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// What the pages ask for. An error that is a *Refusal or a *view.Refusal is shown in its words; any other is taken for the store being
// away: it is logged, and the page says 503.

// Overview is what the first page shows.
type Overview interface {
	Overview(ctx context.Context) (view.Overview, error)
	// Stamp changes when something changed that pages show. It is asked every two seconds and must cost next to nothing.
	Stamp(ctx context.Context) (string, error)
}

// Switches stop messages and let them go on, and read the rules anew. Pause and Resume are kept in the audit.
type Switches interface {
	// Pause stops what p covers; p.By is who does it.
	Pause(ctx context.Context, p view.Pause) error
	// Resume ends that very pause, or all where p covers everything, and tells how many held messages it woke up.
	Resume(ctx context.Context, p view.Pause) (woken int, err error)
}

// Lists are what is kept, newest first.
type Lists interface {
	Deliveries(ctx context.Context, query view.Query) (view.Page[view.Delivery], error)
	Alerts(ctx context.Context, query view.Query) (view.Page[view.Alert], error)
	Events(ctx context.Context, query view.Query) (view.Page[view.Event], error)
}

// Counter counts what a query finds, no further than most; of is "deliveries", "alerts" or "events".
type Counter interface {
	Count(ctx context.Context, of string, query view.Query, most int) (int, error)
}

// Details are everything known of one thing. Where by is not empty that operator sees it in clear, and the audit says so.
type Details interface {
	Event(ctx context.Context, id, by string) (view.EventDetail, error)
	Alert(ctx context.Context, id string) (view.AlertDetail, error)
	Delivery(ctx context.Context, id, by string) (view.DeliveryDetail, error)
}

// Finder tells what an ID, or the beginning of one, names: "events", "alerts" or "deliveries", and the whole ID. A *Refusal with 404
// says that it names nothing, and with 409 that it names several.
type Finder interface {
	Find(ctx context.Context, id string) (of, whole string, err error)
}

// Bulk does the same to many at once; see view.BulkOrder. What was done is kept in the audit.
type Bulk interface {
	Count(ctx context.Context, order view.BulkOrder) (view.BulkCount, error)
	// Bulk tells progress now and then.
	Bulk(ctx context.Context, order view.BulkOrder, progress func(done, of int)) (view.BulkResult, error)
}

// Suppressions are the addresses that must not be written to.
type Suppressions interface {
	// Suppressions lists them, newest first, masked; in clear, and kept in the audit, where by is not empty.
	Suppressions(ctx context.Context, query SuppressionQuery, by string) (view.Page[Suppression], error)
	// Suppress and Lift are kept in the audit. Both refuse with 422 what is no address. Lift refuses with 404 what is not suppressed,
	// and with 409 one whose owner reported a mail as spam, unless force is set.
	Suppress(ctx context.Context, order Suppression, by string) error
	Lift(ctx context.Context, order Suppression, force bool, by string) error
}

// Audit is what operators did, newest first.
type Audit interface {
	Audit(ctx context.Context, query AuditQuery) (view.Page[view.Audit], error)
}

// Sessions let people in and out, as access.Guard does: Login gives access.ErrWrong, access.ErrTooMany or access.ErrNoLogin.
type Sessions interface {
	Login(w http.ResponseWriter, r *http.Request, client, name, secret string) error
	Logout(w http.ResponseWriter, r *http.Request)
}

// Suppression is an address that must not be written to.
type Suppression struct {
	Channel relay.Channel
	// Address is masked unless it was asked for in clear.
	Address string
	Reason  relay.Reason
	Source  relay.SuppressionSource
	At      time.Time
}

// SuppressionQuery narrows the list. Zero fields do not narrow.
type SuppressionQuery struct {
	Channel relay.Channel
	Reason  relay.Reason
	After   string
}

// AuditQuery narrows the audit. Zero fields do not narrow.
type AuditQuery struct {
	Who, Action  string
	Since, Until time.Time
	After        string
}
