package app

import (
	"context"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/channel/sendgrid"
	"github.com/beckon-relay/beckon/internal/channel/twilio"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// NewReader shows what a store keeps, also to those who look at it without a relay.
func NewReader(s store.Store) *view.Reader {
	return &view.Reader{
		Store:      s,
		Generation: func(ctx context.Context, hash string) (*engine.Generation, error) { return GenerationOf(ctx, s, hash) },
		Explain:    explainCode,
	}
}

// explainCode says what a provider's code means.
func explainCode(provider, code string) view.Explained {
	switch provider {
	case twilio.Name:
		means, link := twilio.Explain(code)
		return view.Explained{Means: means, Link: link}
	case sendgrid.Name:
		means, link := sendgrid.Explain(code)
		return view.Explained{Means: means, Link: link}
	default:
		return view.Explained{}
	}
}

// api shows what is kept, and how the relay does.
func (a *App) api() *server.API {
	v := views{NewReader(a.store)}
	return &server.API{Lists: v, Details: v, Records: v, Overview: overview{a}, Backtester: a.backtester()}
}

// views show what is kept, and keep in the audit who saw what in clear.
type views struct {
	*view.Reader
}

// revealed keeps who sees something in clear, before they do; nobody is asked for where nothing is.
func (v views) revealed(ctx context.Context, by, what, subject string) error {
	if by == "" {
		return nil
	}
	err := v.Store.Note(ctx, relay.Audit{At: time.Now(), Who: by, Action: "reveal " + what, Subject: subject})
	if err != nil {
		return fmt.Errorf("keep who saw it: %w", err)
	}
	return nil
}

// Event implements server.Details.
func (v views) Event(ctx context.Context, id, by string) (view.EventDetail, error) {
	id, err := v.Resolve(ctx, store.KindEvent, id)
	if err != nil {
		return view.EventDetail{}, err
	}
	detail, err := v.Reader.Event(ctx, id, by != "")
	if err == nil {
		err = v.revealed(ctx, by, "event", id)
	}
	if err != nil {
		return view.EventDetail{}, err
	}
	return detail, nil
}

// Alert implements server.Details.
func (v views) Alert(ctx context.Context, id string) (view.AlertDetail, error) {
	id, err := v.Resolve(ctx, store.KindAlert, id)
	if err != nil {
		return view.AlertDetail{}, err
	}
	return v.Reader.Alert(ctx, id)
}

// Delivery implements server.Details.
func (v views) Delivery(ctx context.Context, id, by string) (view.DeliveryDetail, error) {
	id, err := v.Resolve(ctx, store.KindDelivery, id)
	if err != nil {
		return view.DeliveryDetail{}, err
	}
	detail, err := v.Reader.Delivery(ctx, id, by != "")
	if err == nil {
		err = v.revealed(ctx, by, "delivery", id)
	}
	if err != nil {
		return view.DeliveryDetail{}, err
	}
	return detail, nil
}

// Outbox implements server.Records.
func (v views) Outbox(ctx context.Context, query view.OutboxQuery, by string) (view.Page[view.OutboxMessage], error) {
	page, err := v.Reader.Outbox(ctx, query, by != "")
	if err == nil && len(page.Items) > 0 {
		err = v.revealed(ctx, by, "outbox", fmt.Sprintf("%d messages", len(page.Items)))
	}
	if err != nil {
		return view.Page[view.OutboxMessage]{}, err
	}
	return page, nil
}

// OutboxMessage implements server.Records.
func (v views) OutboxMessage(ctx context.Context, seq int64, by string) (view.OutboxMessage, error) {
	message, err := v.Reader.OutboxMessage(ctx, seq, by != "")
	if err == nil {
		err = v.revealed(ctx, by, "outbox", message.ID)
	}
	if err != nil {
		return view.OutboxMessage{}, err
	}
	return message, nil
}
