// Package outbox is the built-in sandbox provider: it takes every message as a real provider would, keeps it and sends
// none. What it took can be listed and read.
package outbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Name is how deliveries and attempts name this provider.
const Name = "outbox"

// Keeper keeps messages. A message it returned nil for is kept for good.
type Keeper interface {
	KeepOutbox(ctx context.Context, message relay.OutboxMessage) error
}

// Outbox carries messages of every channel into a Keeper. It may be used from many goroutines.
type Outbox struct {
	keeper Keeper
	now    func() time.Time
}

// New makes a sandbox; now stamps the messages.
func New(keeper Keeper, now func() time.Time) *Outbox { return &Outbox{keeper: keeper, now: now} }

// Name is "outbox", whatever the channel.
func (o *Outbox) Name() string { return Name }

// Send keeps the message under an id of its own: one that is sent twice is kept twice, as a provider would. A keeper
// that fails has kept nothing, so the message can be tried again.
func (o *Outbox) Send(ctx context.Context, d relay.Delivery) relay.Outcome {
	message := relay.OutboxMessage{
		ID: "ob_" + uuid.NewString(), DeliveryID: d.ID, Channel: d.Channel, Phone: d.Phone, Email: d.Email,
		Content: d.Content, ReceivedAt: o.now(),
	}
	if err := o.keeper.KeepOutbox(ctx, message); err != nil {
		return relay.Outcome{
			Kind: relay.Retry, Blame: relay.BlameProvider, Reason: relay.ReasonProviderTrouble,
			Detail: "not kept: " + outbound.Scrub(err.Error()),
		}
	}
	return relay.Outcome{Kind: relay.Accepted, ProviderID: message.ID}
}
