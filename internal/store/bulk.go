package store

import (
	"context"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// MaxBulk is how many one call of Retry or Cancel takes: no other write comes in between on SQLite.
const MaxBulk = 200

// MaxPick is how many IDs Pick gives and Survey takes at most.
const MaxPick = 20_000

// Bulk is what operators do by hand, to one or to many, and what is looked at before a message goes out that they had retried.
type Bulk interface {
	// Pick gives the IDs of what a filter finds, newest first, at most most of them (1 to MaxPick), whatever the filter's Limit.
	Pick(ctx context.Context, of Kind, filter Filter, most int) ([]string, error)
	// Survey says of alerts or deliveries what an order for them would meet.
	Survey(ctx context.Context, of Kind, ids []string, now time.Time) (Survey, error)

	// Retry has deliveries attempted again that are relay.Retriable: each is queued for the order's time, without its Reason, and a
	// little apart from the one before; its attempts stay, and those to come are counted anew (relay.Delivery.Before). It takes back
	// the claims that it released, and what it counted against limits is not counted again. Its alert is due again where it
	// relay.Reopens, and so are those that it leads and that ended with it; one that was sent stays so.
	//
	// Each is done or skipped, by compare-and-set: SkippedGone, SkippedBlank, SkippedExpired unless the order is Late, SkippedCollapsed where
	// a claim is taken by now, SkippedCancelled where its alert is true no longer; and otherwise by the Reason of a suppressed one, or
	// the state of any other.
	Retry(ctx context.Context, order Again) (Done, error)
	// Cancel ends alerts that are held, and deliveries that are relay.Cancellable, with relay.ReasonByHand: those of its kind that the order
	// names. An alert whose message is under way, while it is held for its fallback, only loses the fallback. A delivery that waited for
	// an answer keeps its claims, since it may have arrived. Others are skipped by their state, or as SkippedGone.
	Cancel(ctx context.Context, order Stop) (Done, error)

	// Carried gives the alerts that the deliveries of one carry beside it, oldest first, each with its event: those that it leads and
	// that have not ended otherwise. Events are left out as Members does.
	Carried(ctx context.Context, alertID string) ([]relay.Member, error)
	// Look gives the candidates that a query asks for, and the deliveries of the alert, as they are now.
	Look(ctx context.Context, alertID string, query relay.Query) (relay.Facts, error)
}

// Again is an order to retry.
type Again struct {
	// IDs are 1 to MaxBulk deliveries.
	IDs []string
	// Late takes also what is past its ExpiresAt, which gets as long again as its alert had.
	Late bool
	At   time.Time
	// Audit is kept in the same transaction, if anything was done; none where it has no Action.
	Audit relay.Audit
}

// Stop is an order to cancel.
type Stop struct {
	// Of is KindAlert or KindDelivery.
	Of Kind
	// IDs are 1 to MaxBulk.
	IDs []string
	At  time.Time
	// Audit is kept in the same transaction, if anything was done; none where it has no Action.
	Audit relay.Audit
}

// Why something is skipped, beside states and Reasons.
const (
	// SkippedGone: it is not kept.
	SkippedGone = "gone"
	// SkippedBlank: it has no message, or no address any more.
	SkippedBlank = "blank"
	// SkippedCancelled: its alert was found to be true no longer.
	SkippedCancelled = "alert_cancelled"
	// SkippedExpired and SkippedCollapsed are Reasons.
	SkippedExpired   = string(relay.ReasonExpired)
	SkippedCollapsed = string(relay.ReasonCollapsed)
)

// Done is what came of an order.
type Done struct {
	Done int
	// Skipped counts by why.
	Skipped map[string]int
}

// Survey is what an order would meet. Those that do not exist are in none of the numbers.
type Survey struct {
	Found int
	// Unsure may have arrived: no answer came. Late are past their time, and Blank have no message or no address any more.
	Unsure, Late, Blank int
}
