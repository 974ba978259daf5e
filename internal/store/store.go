// Package store says what Beckon keeps and how it is asked for: the contract that every database behind it meets
// (packages sqlite and postgres), proved by the suite in storetest.
//
// Our tables are the truth. A River job is only a wake-up that carries an ID, inserted in the same transaction as
// what it wakes up for.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Errors a caller branches on. Everything else means that the store is in trouble and nothing was kept.
var (
	// ErrNotFound: there is no such event, alert or delivery.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else moved it meanwhile, or it is not in a state that allows this.
	ErrConflict = errors.New("already taken or done")
	// ErrSuppressed: the address must not be written to, and the delivery was moved to suppressed.
	ErrSuppressed = errors.New("the address must not be written to")
	// ErrHeld: the provider's message is another delivery's.
	ErrHeld = errors.New("the message is another delivery's")
	// ErrPaused: an operator stopped what the delivery belongs to. It waits as it did, with a later time.
	ErrPaused = errors.New("paused by an operator")
	// ErrDiskFull: there is too little room left on the disk to take in more. Nothing was kept. Only Accept gives it: what is
	// under way goes on as long as it can.
	ErrDiskFull = errors.New("too little room on the disk")
	// ErrOverloaded: too many writes are waiting. Nothing was kept; try again later. Only Accept and Ping give it: every other
	// write waits for its turn until ctx ends.
	ErrOverloaded = errors.New("too many writes are waiting")
)

// Accepted is what became of an event that was handed in.
type Accepted struct {
	// ID of the event; of the first copy where it is a repeat.
	ID        string
	Duplicate bool
	// Alerts is how many alerts were planned with it, 0 for a repeat.
	Alerts int
}

// Store keeps events, alerts, deliveries and attempts. All methods may be called from many goroutines. A write that
// returned nil is on disk; one that returned an error has changed nothing.
type Store interface {
	// Accept keeps an event with its keys, its alerts and a wake-up for each, or nothing where it is a repeat: of the same ID, or
	// of the same relay.Repeat and trigger as a kept one received within the window before or after it, since two posts may be
	// kept in another order than they were received in. Concurrent calls share a transaction.
	Accept(ctx context.Context, plan relay.Plan) (Accepted, error)

	// Decide takes an alert whose relay.Alert.LookAt is not later than now (held and due, or decided before and to be decided again, or
	// unresolved and to be looked up), reads the facts
	// that the query names, asks decide, and keeps what it says, in one transaction that locks the recipient. Candidates may
	// be read before it begins, but those kept meanwhile are shown all the same. Each Lookup finds its newest
	// relay.MaxCandidates; of events too large to read together the oldest are left out, and that is logged. decide must be
	// pure and quick. ErrConflict when the alert is in neither state, or goes along with another: its lead is decided for both.
	// Claims are taken here: a delivery one of whose claims is taken meanwhile comes back suppressed as collapsed, and claims
	// none. What a queued delivery counts against is counted here, at its CreatedAt, until it is dead or suppressed.
	//
	// Facts.Members are those of the query's members that are held, of the alert's digest and never decided "send" before; or,
	// where the alert was, those that it leads and that have not ended, but for sent. What the decision rules on any other is
	// left out. A member that is sent goes to due with its Lead set, and from then on has the state of its lead, but stays due
	// while that is held; it cannot be held alone any more. A member that is held has its own wake-up still to come, and gets
	// another where it is due earlier now. Deliveries belong to Decision.Lead, which is the decided alert or a member that is
	// sent; where the alert was decided before it can only be the alert itself.
	//
	// Of an alert that was decided before and is sent, a decision changes neither state nor Reason: it adds to the trace and
	// may add deliveries. Otherwise hold takes it back to held, and send rolls it up over all its deliveries; it cannot be
	// cancelled or suppressed while one of them is under way, and stays due then. AgainAt becomes the decision's Again, or Until
	// of one that is held; a wake-up comes then. An alert that has ended has none.
	//
	// Decision.Fallback is kept with the lead until it is decided "send" again. Where it is set and the deliveries of the lead
	// have come to relay.FellThrough by what became of one (FinishAttempt, Settle, BeginAttempt), the alert is to be decided
	// again at once: it stays due, held or sent, and gets an AgainAt and a wake-up unless it is held until later.
	//
	// An unresolved alert with an AgainAt is woken up for then. Held, it keeps its DueAt and gets another AgainAt. relay.ActResolve
	// keeps those of the Resolved that are not kept yet, and deletes the unresolved alert unless there are More to come.
	// relay.ActAsk changes nothing.
	//
	// It wakes up for a queued delivery with a NextAt, and nobody for one without: the due job that decided attempts those, and
	// again when it is run again.
	Decide(ctx context.Context, alertID string, query relay.Query, now time.Time,
		decide func(relay.Alert, relay.Facts) relay.Decision) (relay.Decision, error)
	// DecideAndBegin is Decide and, in the same transaction, BeginAttempt for those of the decision's deliveries that decide names
	// with it, of which it tells. Where one cannot begin, for whatever reason, it is kept as by Decide.
	DecideAndBegin(ctx context.Context, alertID string, query relay.Query, now time.Time,
		decide func(relay.Alert, relay.Facts) (relay.Decision, []Start)) (relay.Decision, []Begun, error)

	// BeginAttempt moves a delivery that is queued or unknown, and has reached its NextAt if it has one, to sending and writes
	// down the attempt before the call is made. ErrConflict when the delivery is in another state or its time has not come.
	// ErrSuppressed when its address must not be written to by now, or the day's segments are used up: the delivery is suppressed
	// for good then, and comes back so. ErrPaused when a pause covers it: it stays in its state, with Reason paused, and is looked
	// at again after PauseLook, or when Resume wakes it up.
	BeginAttempt(ctx context.Context, start Start) (relay.Delivery, relay.Attempt, error)
	// FinishAttempt writes down the attempt's outcome and moves the delivery and, by relay.RollUp, its alert. A next
	// state of queued or unknown needs a NextAt and gets a wake-up; dead and suppressed release the claim, but dead with
	// relay.ReasonNoAnswer keeps it, since the message may have arrived. An answer that comes after Orphaned gave the attempt up
	// is taken as long as no newer attempt was begun: what was accepted must not be sent again. Where a receipt has moved the
	// delivery on meanwhile the outcome is written down, and moves nothing. A permanent outcome that blames the recipient
	// suppresses the address. What the attempt counted against the day's segments is given back unless it was, or may have been,
	// taken. ErrConflict for every other attempt that is not under way.
	FinishAttempt(ctx context.Context, attempt relay.Attempt, next Next) error
	// Settle moves a delivery that no attempt is under way for, as FinishAttempt does: a queued or unknown one anywhere but to
	// sending, such as to dead when it has expired, but to queued only one that has had neither an attempt nor a NextAt; and a sent
	// one forward by relay.DeliveryState.Rank. ErrConflict otherwise; ErrHeld where Next names a message that another delivery has,
	// whichever replica took it.
	Settle(ctx context.Context, deliveryID string, next Next, now time.Time) error
	// Orphaned moves deliveries that are sending since before the given time to unknown, with an empty outcome at their attempt, and
	// wakes them up at wakeAt, also those that began in the future, by a clock that was put back. It returns how many.
	Orphaned(ctx context.Context, before, now, wakeAt time.Time) (int, error)

	// Receive keeps receipts, each once by its Provider and Key, and does what they say, in their order. A delivery moves forward
	// by relay.DeliveryState.Rank and never back, whatever state it is in, if anything was ever sent for it; its alert is rolled
	// up, and becomes sent even where it was given up before. Addresses are suppressed, or lifted if they were suppressed for that Reason. A
	// receipt of a delivery that is not kept is kept all the same. Of many some are kept where it fails; the rest does when all come
	// again. It returns the deliveries that moved, as they are then.
	Receive(ctx context.Context, receipts []relay.Receipt) ([]relay.Delivery, error)
	// Receipts of a delivery, in the order they came in; without what they said of an address.
	Receipts(ctx context.Context, deliveryID string) ([]relay.Receipt, error)
	// Holders tells which of a provider's messages belong to a delivery already, and to which.
	Holders(ctx context.Context, provider string, providerIDs []string) (map[string]string, error)

	// Pause stops what it covers until Resume, for all replicas; to pause it again changes nothing. Resume ends that very pause, or all
	// of them where it covers everything, and wakes up what was held for one, telling how many; ErrNotFound where there is none.
	// Both are kept in the audit, with who did it and when.
	Pause(ctx context.Context, pause relay.Pause) error
	Resume(ctx context.Context, pause relay.Pause) (woken int, err error)
	Pauses(ctx context.Context) ([]relay.Pause, error)
	// Audit lists what operators did, newest first.
	Audit(ctx context.Context, filter AuditFilter) ([]Audit, error)
	// Beat says that a replica works, and tells how many did within the last BeatFor by the database's clock, itself included.
	Beat(ctx context.Context, replica string) (live int, err error)

	// Suppress keeps that an address must not be written to. Of several for one address the first stays. Nothing that Prune
	// deletes takes it along.
	Suppress(ctx context.Context, suppression relay.Suppression) error
	// Suppressed tells for each of the addresses that must not be written to why; for every such address where none is given.
	Suppressed(ctx context.Context, addresses ...relay.Address) (map[relay.Address]relay.Reason, error)

	// SuppressAll keeps 1 to MaxList suppressions at once, as Suppress does, and tells how many of them changed anything. Lift lets an
	// address be written to again and gives what it was suppressed for; ErrNotFound where it is not, or not as Lift says. Both are
	// kept in the audit, in the same transaction.
	SuppressAll(ctx context.Context, suppressions []relay.Suppression, audit relay.Audit) (changed int, err error)
	Lift(ctx context.Context, lift Lift, audit relay.Audit) (relay.Suppression, error)
	// Suppressions lists the newest first.
	Suppressions(ctx context.Context, filter SuppressionFilter) ([]Suppression, error)

	// Preferences gives what is kept of a person's wishes; where that is nothing, all but UID is zero. A uid is the same in upper and
	// lower case.
	Preferences(ctx context.Context, uid string) (relay.Preferences, error)
	// ChangePreferences asks change what is to be kept from now on, which no other change comes in between, and keeps it at the audit's
	// time, with the audit. change must be pure and quick; it may refuse with ErrConflict, and then nothing is kept.
	ChangePreferences(ctx context.Context, uid string, audit relay.Audit,
		change func(relay.Preferences) (relay.Preferences, error)) (relay.Preferences, error)

	// Members gives the other alerts of an alert's digest, oldest first, each with its event, fewer than relay.MaxMembers: those
	// that Facts.Members could be. An event that cannot be decoded any more is left out with its alert, and so are the youngest
	// where their events are too large to read together.
	Members(ctx context.Context, alert relay.Alert) ([]relay.Member, error)

	// KeepGeneration keeps the files of a generation of rules and templates under its hash; of a known one only its KeptAt
	// changes. Generation gives them back. Prune deletes generations kept before its time that no event and no alert names, but
	// not the one kept last, which is in force.
	KeepGeneration(ctx context.Context, generation Generation) error
	Generation(ctx context.Context, hash string) (Generation, error)

	// Case gives an alert with what is to be known of it before it is decided, read at one time.
	Case(ctx context.Context, alertID string) (Case, error)

	Event(ctx context.Context, id string) (relay.Event, error)
	Alert(ctx context.Context, id string) (relay.Alert, error)
	Delivery(ctx context.Context, id string) (relay.Delivery, error)
	// Attempts of a delivery, oldest first.
	Attempts(ctx context.Context, deliveryID string) ([]relay.Attempt, error)
	// Events, Alerts and Deliveries list newest first. A filter that a list cannot follow is refused.
	Events(ctx context.Context, filter Filter) ([]relay.Event, error)
	Alerts(ctx context.Context, filter Filter) ([]relay.Alert, error)
	Deliveries(ctx context.Context, filter Filter) ([]relay.Delivery, error)
	// Count tells how many of a kind a filter finds, whatever its After and Limit, but counts no further than most, which is 1 to
	// MaxCount.
	Count(ctx context.Context, kind Kind, filter Filter, most int) (int, error)
	// IDs gives the IDs of a kind that begin with prefix, in the order of the alphabet, so that one which is the prefix itself
	// comes first. limit is 1 to MaxList.
	IDs(ctx context.Context, of Kind, prefix string, limit int) ([]string, error)
	// Stats counts what is waiting, for metrics.
	Stats(ctx context.Context) (Stats, error)
	// Ping reports whether the store can be written to. ErrOverloaded says that it can, but has too much to do.
	Ping(ctx context.Context) error
	Privacy
	Bulk

	// Prune deletes events received before the given time, and all that belongs to them, unless an alert or a delivery
	// of theirs is still under way; at most limit events. It returns how many.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)

	// KeepOutbox and Outbox serve the sandbox provider. KeepOutbox gives ErrConflict for an ID that is kept already. Outbox lists
	// newest first.
	KeepOutbox(ctx context.Context, message relay.OutboxMessage) error
	Outbox(ctx context.Context, filter OutboxFilter) ([]OutboxMessage, error)

	// Tally adds to counters of five minutes, at most MaxTallies of them at once; several replicas add to the same ones without
	// waiting for each other. Tallies reads them. They are for looking: what they count is lost where nobody could keep it in time.
	// PruneTallies deletes those of slots that began before the given time, at most limit, and returns how many.
	Tally(ctx context.Context, tallied []Tallied) error
	Tallies(ctx context.Context, filter TallyFilter) ([]Tallied, error)
	PruneTallies(ctx context.Context, before time.Time, limit int) (int, error)

	// Wake makes ready at once what is queued on a channel for later because of one of the reasons, those first whose time would come
	// first, and tells how many those were; a few hundred at the most.
	Wake(ctx context.Context, channel relay.Channel, now time.Time, reasons ...relay.Reason) (int, error)

	// Waiting lists deliveries of a channel that wait, those first whose NextAt is the earliest.
	Waiting(ctx context.Context, waiting Waiting) ([]relay.Delivery, error)

	// Shared tells whether other processes may be working on the same database.
	Shared() bool
	// Start works the wake-ups with the workers and queues of the configuration; the store fills in what its database
	// needs. Stop waits for the workers until ctx ends.
	Start(ctx context.Context, config *river.Config) error
	// Queue lets this process work the wake-ups of a channel with so many workers at once, or with 0 none of them until it is called
	// again: they wait, and other replicas go on. It then waits until ctx ends for those under way, so a worker must not call
	// it; where that is in vain it fails, and is to be called again. Not started, it does nothing. The queue must not be one that
	// Start was given: River waits for ever for one of those that is gone before it began.
	Queue(ctx context.Context, channel relay.Channel, workers int) error
	Stop(ctx context.Context) error
	Close() error
}

// Generation is the files that rules and templates were loaded from, so that what was decided by them can be explained when
// they are long changed.
type Generation struct {
	Hash string
	// Files is an archive of them in a form that the store does not look into, at most MaxGeneration bytes.
	Files  []byte
	KeptAt time.Time
}

// MaxGeneration is the largest archive of a generation, in bytes.
const MaxGeneration = 16 << 20

// Case is an alert before it is decided.
type Case struct {
	Alert relay.Alert
	// Event is the alert's; zero where it cannot be decoded any more, and then Unreadable says why.
	Event      relay.Event
	Unreadable error
	// Preferences are the recipient's, as Store.Preferences gives them; zero for one without a uid.
	Preferences relay.Preferences
}

// Start is an attempt that is to begin.
type Start struct {
	DeliveryID string
	Provider   string
	Now        time.Time
	// Segments is how many SMS segments all attempts of a day (UTC) may have together; 0 is no bound.
	Segments int
}

// Begun is an attempt that was written down, with its delivery as it is then.
type Begun struct {
	Delivery relay.Delivery
	Attempt  relay.Attempt
}

// PauseLook is how long after it was found paused a delivery is looked at again, should nothing wake it up before.
const PauseLook = 15 * time.Minute

// BeatFor is how long a replica counts as at work after it said so.
const BeatFor = 30 * time.Second

// Next says where a delivery goes.
type Next struct {
	State  relay.DeliveryState
	Reason relay.Reason
	// NextAt is when it is looked at again: the next attempt of a queued one, the resend of an unknown one.
	NextAt time.Time
	// Provider and ProviderID are set with DeliverySent.
	Provider   string
	ProviderID string
	// Trace is added to that of the alert.
	Trace []relay.Step
}

// Waiting narrows what waits on a channel. Zero fields do not narrow.
type Waiting struct {
	Channel relay.Channel
	// State is relay.DeliveryQueued or relay.DeliveryUnknown.
	State relay.DeliveryState
	// ReadyBy: their NextAt is not later, or they have none. MadeBefore: they were created before. ExpiredBy: they expire by then.
	ReadyBy, MadeBefore, ExpiredBy time.Time
	// Fallback: only those whose alert has channels left to try.
	Fallback bool
	// Limit is 1 to MaxList.
	Limit int
}

// Suppression is one that is kept.
type Suppression struct {
	relay.Suppression

	// Seq grows with each that is kept.
	Seq int64
}

// Lift says which suppression is lifted.
type Lift struct {
	Address relay.Address
	// Reasons and Sources are those of which it must have one; none does not narrow.
	Reasons []relay.Reason
	Sources []relay.SuppressionSource
}

// Kind is what an ID names.
type Kind string

// Kinds of what is kept under an ID.
const (
	KindEvent    Kind = "event"
	KindAlert    Kind = "alert"
	KindDelivery Kind = "delivery"
)

// Stats is what is waiting.
type Stats struct {
	// Deliveries counts by channel and state, for the states that are not done, and dead.
	Deliveries map[relay.Channel]map[relay.DeliveryState]int
	// Alerts counts those held and due.
	Alerts map[relay.AlertState]int
	// OldestQueued is for each channel when the delivery was created that waits longest.
	OldestQueued map[relay.Channel]time.Time
	// Bytes is the size of the database on disk.
	Bytes int64
	// Segments is how many SMS segments of today (UTC) count against the bound of a day, 0 where there is none.
	Segments int
	// Free is how many bytes the disk has left for it, -1 where that is not known.
	Free int64
}

// DueArgs wakes up for an alert that falls due.
type DueArgs struct {
	AlertID string `json:"alert_id"`
	// Lookup says that its people are to be asked for, which may take longer than to decide.
	Lookup bool `json:"lookup,omitempty"`
	// Trace is as in DeliveryArgs.
	Trace string `json:"trace,omitempty"`
}

// Kind implements river.JobArgs.
func (DueArgs) Kind() string { return "due" }

// DeliveryArgs wakes up for a delivery: its next attempt, or the end of waiting for an answer.
type DeliveryArgs struct {
	DeliveryID string `json:"delivery_id"`
	// Trace names, as a traceparent, what it is in the wake of; empty where nothing is traced. It is for traces only.
	Trace string `json:"trace,omitempty"`
}

// Kind implements river.JobArgs.
func (DeliveryArgs) Kind() string { return "delivery" }

// QueueDue is the queue of alerts that fall due. Deliveries have one queue for each channel, named after it.
const QueueDue = "due"

// QueueOf names the queue of a channel's deliveries.
func QueueOf(channel relay.Channel) string { return string(channel) }

// NearFuture is how close a wake-up must be to be inserted without a scheduled time: River's scheduler looks every 5 s, so a
// job scheduled closer than that can be 4.8 s late. The worker snoozes the rest.
const NearFuture = 5 * time.Second
