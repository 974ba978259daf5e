package console

import (
	"context"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// Rules are the rules in force; addresses in them are masked for a viewer.
type Rules interface {
	Rules(ctx context.Context, viewer bool) (view.Rules, error)
}

// Playground tries rules and templates out. Nothing is sent, and nothing kept but who looked at whom.
type Playground interface {
	// Desk is what it begins with; a viewer is not shown the addresses in the rules.
	Desk(ctx context.Context, viewer bool) view.Desk
	// Kept gives the JSON of a kept event to the operator by, which the audit says.
	Kept(ctx context.Context, id, by string) (string, error)
	// Try says what comes of a trial. What is wrong with the trial itself is in what it gives.
	Try(ctx context.Context, trial view.Trial) (view.Tried, error)
}

// Inbox is what the built-in sandbox took, newest first, masked. It is in clear where nothing in it is real, and where by is not
// empty: that operator sees it, and the audit says so.
type Inbox interface {
	Messages(ctx context.Context, query InboxQuery, by string) (view.Page[view.OutboxMessage], error)
	// Message gives the one with that Seq.
	Message(ctx context.Context, seq int64, by string) (view.OutboxMessage, error)
}

// InboxQuery narrows the inbox. Zero fields do not narrow.
type InboxQuery struct {
	Channel relay.Channel
	// After is the Next of the page before.
	After string
}
