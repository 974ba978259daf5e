package store

import (
	"context"
	"errors"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// ErrUnderWay says that attempts are being made that concern the person; their outcome is waited for.
var ErrUnderWay = errors.New("attempts are under way")

// Privacy is the part of a Store that keeps things for no longer than they are needed.
type Privacy interface {
	// Blank takes message and address out of deliveries that are done, were created before the given time, and are of an alert
	// that is not decided again; at most limit. It returns how many. What the sandbox took before that time goes, too, unless its
	// delivery is under way.
	Blank(ctx context.Context, before time.Time, limit int) (int, error)
	// PruneAudit deletes what operators did before the given time, at most limit entries, and returns how many.
	PruneAudit(ctx context.Context, before time.Time, limit int) (int, error)

	// AddressesOf gives the addresses that deliveries to a uid went to, as far as they are kept, and those noted by a Forget of the
	// uid that did not come to its end.
	AddressesOf(ctx context.Context, uid string) ([]relay.Address, error)
	// Forget removes a person, part by part, each in its own transaction: what a crash leaves the next Forget removes. Suppressions
	// of their addresses stay, hashed by the first key. ErrUnderWay where an attempt that concerns them does not end within the
	// patience: all else is gone by then, and the next Forget goes on.
	Forget(ctx context.Context, forgetting Forgetting) (Forgotten, error)
	// Scrub rewrites the database, so that nothing that was deleted can be read from its files. It keeps writes waiting for as long
	// as that takes.
	Scrub(ctx context.Context) error
	// Visit shows all that is kept of a person, kind by kind in the order of the Visitor's methods, oldest first, and stops at the first error.
	Visit(ctx context.Context, visit Visit) error
	// Note keeps what an operator did.
	Note(ctx context.Context, audit relay.Audit) error
	// HashedBy counts suppressions of people who were forgotten by the ID of the key that hashed their addresses.
	HashedBy(ctx context.Context) (map[string]int, error)
}

// Person recognises one person.
type Person interface {
	// UID and Recipient report whether they are meant.
	UID(uid string) bool
	Recipient(recipient relay.Recipient) bool
	// Address reports whether it is theirs, and Addresses lists those.
	Address(address relay.Address) bool
	Addresses() []relay.Address
	// In reports whether JSON names them, and Text whether a text does.
	In(raw []byte) bool
	Text(text string) bool
	// Redact puts other words in the place of their uid.
	Redact(text, with string) string
}

// Forgetting says whom to forget and how.
type Forgetting struct {
	UID    string
	Person Person
	// Keys hash the addresses of their suppressions. The first one must be there.
	Keys relay.HashKeys
	// By is who asked for it, At when; both are kept in the audit, with a keyed hash in the place of the uid.
	By string
	At time.Time
	// DryRun removes nothing and counts what would be.
	DryRun bool
	// Patience is how long attempts under way are waited for. Alone says that there are none, because nobody else works on the
	// database: what is being sent was left so by a crash.
	Patience time.Duration
	Alone    bool
	// Progress is told of each kind how much of it was looked through; nil tells nobody.
	Progress func(what string, done, of int)
}

// Forgotten counts what was removed, by kind.
type Forgotten struct {
	Events, Keys, Alerts, Deliveries, Attempts, Claims, Counters, Receipts, Outbox, Preferences int
	// Blanked are messages to others that told of the person among other things, and lost their text.
	Blanked int
	// Waiting are alerts of others that went along in such a message, and are decided anew.
	Waiting int
	// Suppressions are kept, hashed; Audit entries are kept without the uid.
	Suppressions, Audit int
}

// Visit says of whom what is kept is shown, and to whom.
type Visit struct {
	UID     string
	Person  Person
	Keys    relay.HashKeys
	Visitor Visitor
}

// Visitor is shown what is kept of a person.
type Visitor interface {
	Event(event relay.Event) error
	Alert(alert relay.Alert) error
	Delivery(delivery relay.Delivery, attempts []relay.Attempt, receipts []relay.Receipt) error
	Outbox(message relay.OutboxMessage) error
	Suppression(suppression relay.Suppression) error
	Preferences(preferences relay.Preferences) error
	Audit(audit relay.Audit) error
}

// Kept is one kind of what is kept, with its table.
type Kept struct {
	Table string
	// What is kept, in words, and For how long: names of settings, or words.
	What, For string
}

// Everything lists what is kept and for how long: every table but those of the queue, which carries IDs, and of the migrations.
func Everything() []Kept {
	const (
		events   = "`BECKON_RETENTION`"
		forGood  = "until it is lifted, also past `forget`, then as a keyed hash"
		messages = "`BECKON_RETENTION_MESSAGES`"
	)
	return []Kept{
		{"events", "webhooks as they came: uids, names, texts", events},
		{"event_keys", "uids, conversations, messages and calls, by which an event is found again", "with its event"},
		{"alerts", "whom a rule wanted to tell, and how that was decided", "with its event"},
		{"deliveries", "messages with their texts and addresses; what became of them stays with the event", messages},
		{"attempts", "calls to providers, without address and text", "with its delivery's event"},
		{"claims", "what a message told whom of, so that nobody is told twice", "with its delivery's event"},
		{"released", "what a message that did not go out would have told whom of, for the case that it is retried", "with its delivery's event"},
		{"counted", "what limits count, hashed", "with its delivery's event"},
		{"receipts", "what providers reported, without address and text", "with its delivery's event, else " + events},
		{"outbox", "what the sandbox took in the place of a provider, with texts and addresses", messages},
		{"suppressions", "addresses that must not be written to", forGood},
		{"preferences", "what people want: channels, quiet hours, mutes, locale, time zone", "until it is taken back, or `forget`"},
		{"audit", "what operators did, and people by the page behind a mail; uids, of people who were exported or forgotten as a keyed hash", "`BECKON_RETENTION_AUDIT`"},
		{"forgetting", "the uid and addresses of somebody whom `forget` is at work on", "until `forget` is through"},
		{"generations", "rules and templates that were in force", "as long as an event or an alert names them"},
		{"pauses", "what is paused, and who did it", "until it is resumed"},
		{"tallies", "how many of what happened within five minutes, by trigger, rule, channel and provider; no person", events + ", at most 30 days"},
		{"spending", "how many SMS segments went out on a day", "for good"},
		{"heartbeat", "when the file was last tried to be written to (SQLite)", "one row"},
		{"replicas", "which processes work (PostgreSQL)", "an hour"},
	}
}
