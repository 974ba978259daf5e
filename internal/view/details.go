package view

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// EventOf is an event as a list shows it.
func EventOf(e relay.Event) Event {
	row := Event{ID: e.ID, Trigger: e.Trigger, ReceivedAt: e.ReceivedAt, Noise: e.Noise}
	if e.Sender != nil {
		row.Sender = e.Sender.UID
	}
	if e.Conversation != nil {
		row.Conversation = e.Conversation.ID
	}
	return row
}

// AlertOf is an alert as a list shows it.
func AlertOf(a relay.Alert) Alert {
	return Alert{
		ID: a.ID, ReceivedAt: a.ReceivedAt, Trigger: a.Trigger, Rule: a.Rule, To: Whom(a.Recipient, a.Role), State: a.State,
		Reason: a.Reason, DueAt: a.DueAt, UpdatedAt: a.UpdatedAt, EventID: a.EventID, Lead: a.Lead,
	}
}

// DeliveryOf is a delivery as a list shows it.
func DeliveryOf(d relay.Delivery) Delivery {
	out := Delivery{
		ID: d.ID, CreatedAt: d.CreatedAt, Rule: d.Rule, Channel: d.Channel, Person: Whom(d.Recipient, relay.RoleFixed), To: d.Masked(),
		State: string(d.State), Reason: d.Reason, Attempts: d.Attempts, EventID: d.EventID, AlertID: d.AlertID, Provider: d.Provider,
	}
	if d.State == relay.DeliveryQueued && d.Attempts > 0 {
		out.State = Retrying
	}
	if !d.State.Done() {
		out.NextAt = d.NextAt
	}
	return out
}

// Event gives everything known of one event; the webhook itself only where raw asks for it. An unknown ID is a *Refusal.
func (r *Reader) Event(ctx context.Context, id string, raw bool) (EventDetail, error) {
	event, err := r.Store.Event(ctx, id)
	if err != nil {
		return EventDetail{}, gone(err, "event", id)
	}
	detail := EventDetail{Event: EventOf(event), Generation: event.Generation, Rules: []RuleAccount{}, Alerts: []AlertDetail{}}
	if raw {
		detail.Raw = sent(event.Raw)
	}
	alerts, err := r.Store.Alerts(ctx, store.Filter{EventID: id, Limit: store.MaxList})
	if err != nil {
		return detail, fmt.Errorf("list alerts: %w", err)
	}
	for _, a := range alerts {
		ad, err := r.alert(ctx, a)
		if err != nil {
			return detail, err
		}
		detail.Alerts = append(detail.Alerts, ad)
	}
	if unknown := r.account(ctx, event, &detail); unknown != nil { // what became of the event is known all the same
		detail.RulesUnknown = unknown.Error()
	}
	return detail, nil
}

// sent is a webhook as one line of JSON, so that it looks the same whichever way it comes.
func sent(raw []byte) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return asJSON(string(raw))
	}
	return out.Bytes()
}

// account says what the rules made of an event that were in force; an error says why that cannot be known any more.
func (r *Reader) account(ctx context.Context, event relay.Event, detail *EventDetail) error {
	if event.Generation == "" || r.Generation == nil {
		return errors.New("the event was kept by a version of Beckon that did not keep its rules; use explain with --current")
	}
	generation, err := r.Generation(ctx, event.Generation)
	if err != nil {
		return fmt.Errorf("%w; use explain with --current for the rules of BECKON_RULES", err)
	}
	for _, a := range generation.Explain(event) {
		detail.Rules = append(detail.Rules, AccountOf(a))
	}
	return nil
}

// Alert gives everything known of one alert. An unknown ID is a *Refusal.
func (r *Reader) Alert(ctx context.Context, id string) (AlertDetail, error) {
	a, err := r.Store.Alert(ctx, id)
	if err != nil {
		return AlertDetail{}, gone(err, "alert", id)
	}
	return r.alert(ctx, a)
}

func (r *Reader) alert(ctx context.Context, a relay.Alert) (AlertDetail, error) {
	detail := AlertDetail{
		Alert: AlertOf(a), Meaning: meaning(a.Reason), Generation: a.Generation, ExpiresAt: a.ExpiresAt, Trace: a.Trace, Deliveries: []Delivery{},
	}
	if detail.Trace == nil {
		detail.Trace = []relay.Step{}
	}
	of := a.ID
	if a.Lead != "" {
		of = a.Lead
	}
	deliveries, err := r.Store.Deliveries(ctx, store.Filter{AlertID: of, Limit: store.MaxList})
	if err != nil {
		return detail, fmt.Errorf("list deliveries: %w", err)
	}
	for _, d := range deliveries {
		detail.Deliveries = append(detail.Deliveries, DeliveryOf(d))
	}
	with, err := r.Store.Alerts(ctx, store.Filter{Lead: a.ID, Limit: store.MaxList})
	if err != nil {
		return detail, fmt.Errorf("list the alerts of the digest: %w", err)
	}
	for _, other := range with {
		detail.With = append(detail.With, AlertOf(other))
	}
	return detail, nil
}

// Delivery gives everything known of one delivery, with address and message in clear where reveal asks for it. An unknown ID is a
// *Refusal.
func (r *Reader) Delivery(ctx context.Context, id string, reveal bool) (DeliveryDetail, error) {
	d, err := r.Store.Delivery(ctx, id)
	if err != nil {
		return DeliveryDetail{}, gone(err, "delivery", id)
	}
	attempts, err := r.Store.Attempts(ctx, id)
	if err != nil {
		return DeliveryDetail{}, fmt.Errorf("list attempts: %w", err)
	}
	receipts, err := r.Store.Receipts(ctx, id)
	if err != nil {
		return DeliveryDetail{}, fmt.Errorf("list receipts: %w", err)
	}
	detail := DeliveryDetail{
		Delivery: DeliveryOf(d), Meaning: meaning(d.Reason), ProviderID: d.ProviderID, ExpiresAt: d.ExpiresAt, Template: d.Template,
		Locale: d.Content.Locale, Encoding: d.Content.Encoding, Segments: d.Content.Segments,
		Subject: d.Content.Subject.String(), Text: d.Content.Text.String(), BlankedAt: d.BlankedAt, Revealed: reveal,
		AttemptsMade: make([]Attempt, 0, len(attempts)), Receipts: make([]Receipt, 0, len(receipts)),
	}
	if reveal {
		detail.To, detail.Subject, detail.Text = d.Address(), d.Content.Subject.Reveal(), d.Content.Text.Reveal()
		detail.HTML = d.Content.HTML.Reveal()
	}
	for _, a := range attempts {
		o := a.Outcome
		detail.AttemptsMade = append(detail.AttemptsMade, Attempt{
			N: a.N, Provider: a.Provider, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: o.Kind, Reason: o.Reason,
			Status: o.Status, Code: o.Code, Detail: o.Detail, Explained: r.attempt(a),
		})
	}
	for _, s := range receipts {
		detail.Receipts = append(detail.Receipts, Receipt{
			At: s.At, Status: s.Status, State: s.State, Reason: s.Reason, Code: s.Code, Detail: s.Detail, ProviderID: s.ProviderID,
			Explained: r.explain(s.Provider, s.Code),
		})
	}
	return detail, nil
}

// attempt explains the answer to an attempt: its code, or where a provider has none the status.
func (r *Reader) attempt(a relay.Attempt) Explained {
	if a.Outcome.Kind == relay.Accepted {
		return Explained{}
	}
	if a.Outcome.Code == "" && a.Outcome.Status != 0 {
		return r.explain(a.Provider, strconv.Itoa(a.Outcome.Status))
	}
	return r.explain(a.Provider, a.Outcome.Code)
}

func (r *Reader) explain(provider, code string) Explained {
	if r.Explain == nil || code == "" {
		return Explained{}
	}
	return r.Explain(provider, code)
}
