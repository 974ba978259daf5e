package relay

import "time"

// Key is a name under which an event is found again: a conversation, a call session, a message, or who sent it.
type Key string

// Plan is what is to be kept of an event: the alerts that rules make of it and the keys to find it by.
type Plan struct {
	Event  Event
	Alerts []Alert
	Keys   []Key
	// Wanted says whether any rule names its trigger, in `trigger` or in `unless`.
	Wanted bool
	// Generation is the hash of the rules and templates it was planned by.
	Generation string
}

// Counter is what deliveries are counted under for a limit: a hash, since it is made of addresses too.
type Counter string

// Count asks how many deliveries were made under a counter within the time before now; no more than Max matter.
type Count struct {
	Counter Counter
	Per     time.Duration
	Max     int
	// Shared says that deliveries to other recipients count under it as well.
	Shared bool
}

// Member is an alert of a digest with its event.
type Member struct {
	Alert Alert
	Event Event
}

// MaxMembers is how many alerts go out in one digest at most; what is beyond opens the next one.
const MaxMembers = 1000

// MaxAsked is how long each list of a Query and of a Delivery may be.
const MaxAsked = 8 * MaxMembers

// Query says what must be known to decide an alert.
type Query struct {
	// EventID and Recipient are the alert's, which never change; where they are not given they are looked up.
	EventID   string
	Recipient Recipient
	// Lookups select the kept events that may cancel it, or that say who took part in its call; of each the newest
	// MaxCandidates are read.
	Lookups []Lookup
	// Few says that they find few events, such as those about one message. It is a guess, and spares looking for them twice.
	Few bool
	// Claims are the collapse keys that its deliveries would take.
	Claims []string
	// Addresses are where its deliveries would go.
	Addresses []Address
	// Counts are for the limits that must hold.
	Counts []Count
	// Members are the IDs of the other alerts of its digest.
	Members []string
}

// Lookup selects the kept events of a trigger that are found under a key.
type Lookup struct {
	Key     Key
	Trigger Trigger
}

// MaxCandidates is how many kept events of one Lookup are looked at when an alert is decided, newest first. Each Lookup has its
// own share, so that a flood of one kind does not hide the one receipt that matters.
const MaxCandidates = 1000

// Link says what a later event must share with an alert to bear on it.
type Link string

// Links.
const (
	// LinkRecipient: the recipient did it.
	LinkRecipient Link = "recipient"
	// LinkParticipant: the recipient did it, in the same conversation. Whoever reads a thousand conversations a day has few such.
	LinkParticipant Link = "participant"
	// LinkConversation, LinkSession and LinkMessage: it is about the same one as the alert's event.
	LinkConversation Link = "conversation"
	LinkSession      Link = "session"
	LinkMessage      Link = "message"
)

// Facts is what is known at the moment an alert is decided: read in the transaction that keeps the decision, or ahead of it
// and completed there with what was kept since.
type Facts struct {
	// Candidates are the kept events that any Lookup of the Query selects, newest first, each once, never the alert's own.
	Candidates []Event
	// Claimed tells for each claim of the Query that is taken which delivery has it.
	Claimed map[string]string
	// Suppressed tells for each address of the Query that must not be written to why.
	Suppressed map[Address]Reason
	// Counted tells for each Count of the Query when deliveries were made under its counter within its time, newest first, at
	// most its Max.
	Counted map[Count][]time.Time
	// Paused is what operators have stopped.
	Paused []Pause
	// Members are those of the Query's members that still wait with the alert, or are led by it where it was decided before, as
	// they are now.
	Members []Alert
	// Deliveries are those that the alert has already, in the order they were made: it was decided before, and is again
	// for its fallback.
	Deliveries []Delivery
}

// Action is what a decision does with an alert.
type Action string

// Actions.
const (
	// ActSend makes the Deliveries; those that are not suppressed go out. With none it only says that nothing is left to try,
	// and the alert ends as its deliveries did.
	ActSend Action = "send"
	// ActHold decides anew at Until.
	ActHold Action = "hold"
	// ActCancel ends it: no longer true, or too late.
	ActCancel Action = "cancel"
	// ActSuppress ends it: the person or a limit forbids it.
	ActSuppress Action = "suppress"
	// ActResolve replaces an unresolved alert with one alert per person, in Resolved.
	ActResolve Action = "resolve"
	// ActAsk keeps nothing: what is in Asks has to be found out first, and then the alert is decided anew.
	ActAsk Action = "ask"
)

// Decision is what is to be done with an alert that fell due, and why.
type Decision struct {
	Action Action
	Reason Reason
	// Until is when a held alert is looked at again.
	Until      time.Time
	Deliveries []Delivery
	// Lead is the ID of the alert that the Deliveries belong to, where that is not the one decided: in a digest the first that
	// is still true.
	Lead string
	// Fallback says that the rule has channels left to try where none of the deliveries arrives: the lead is decided again then.
	Fallback bool
	// Again is when the lead is decided again in any case, because no receipt may come; zero where it is not.
	Again    time.Time
	Resolved []Alert
	// More says that Resolved is not everybody yet, so the unresolved alert stays until the rest comes.
	More bool
	// Asks is what ActAsk wants to know.
	Asks  []Question
	Trace []Step
	// Members says what becomes of the other alerts of the digest.
	Members []Ruling
}

// Ruling is what becomes of one more alert of a digest. Action is ActSend (it goes along with the lead), ActHold, ActCancel
// or ActSuppress; ActSend for the lead itself says that the Deliveries are its own.
type Ruling struct {
	AlertID string
	Action  Action
	Reason  Reason
	Until   time.Time
	Trace   []Step
}

// OutboxMessage is a message that the built-in sandbox took instead of a provider.
type OutboxMessage struct {
	// ID is the outbox's own, as a provider would give one; a message sent twice is kept twice.
	ID         string
	DeliveryID string
	Channel    Channel
	Phone      Phone
	Email      Email
	Content    Content
	ReceivedAt time.Time
}
