package app

import (
	"context"

	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// inbox shows what the sandbox took.
type inbox struct {
	views views
	// open shows everything in clear: in `dev` nothing is real, and nobody reaches it from elsewhere.
	open bool
	// from is the sender that is set for mails.
	from string
}

var _ console.Inbox = inbox{}

// inboxPage is how many messages are on a page.
const inboxPage = 40

// Messages implements console.Inbox.
func (i inbox) Messages(ctx context.Context, query console.InboxQuery, by string) (view.Page[view.OutboxMessage], error) {
	wanted := view.OutboxQuery{Channel: query.Channel, After: query.After, Limit: inboxPage}
	list := i.views.Outbox
	if i.open {
		list = func(ctx context.Context, query view.OutboxQuery, _ string) (view.Page[view.OutboxMessage], error) {
			return i.views.Reader.Outbox(ctx, query, true)
		}
	}
	return list(ctx, wanted, by)
}

// Message implements console.Inbox.
func (i inbox) Message(ctx context.Context, seq int64, by string) (view.OutboxMessage, error) {
	find := i.views.OutboxMessage
	if i.open {
		find = func(ctx context.Context, seq int64, _ string) (view.OutboxMessage, error) {
			return i.views.Reader.OutboxMessage(ctx, seq, true)
		}
	}
	message, err := find(ctx, seq, by)
	if err == nil && message.Channel == relay.ChannelEmail {
		message.From = i.from
	}
	return message, err
}
