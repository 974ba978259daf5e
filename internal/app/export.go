package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// export writes all that is kept of a person as one JSON document, piece by piece.
func (k *archives) export(ctx context.Context, uid string, person *privacy.Person, w io.Writer) error {
	d := &document{w: bufio.NewWriter(w), person: person}
	addresses := []string{}
	for _, a := range person.Addresses() {
		addresses = append(addresses, a.Reveal())
	}
	d.print(`{"uid":%s,"exported_at":%s,"addresses":%s`, uid, time.Now().UTC(), addresses)
	err := k.store.Visit(ctx, store.Visit{UID: uid, Person: person, Keys: k.keys, Visitor: d})
	if err != nil {
		return err
	}
	d.close()
	d.print("}\n")
	if d.err == nil {
		d.err = d.w.Flush()
	}
	if d.err != nil {
		return fmt.Errorf("write the export: %w", d.err)
	}
	return nil
}

// document is a store.Visitor that writes a list for each kind.
type document struct {
	w      *bufio.Writer
	person *privacy.Person
	// kind is the list that is open.
	kind string
	err  error
}

// print writes text with values as JSON in the place of each %s.
func (d *document) print(format string, values ...any) {
	texts := make([]any, len(values))
	for i, value := range values {
		text, err := json.Marshal(value)
		if err != nil && d.err == nil {
			d.err = err
		}
		texts[i] = text
	}
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format, texts...)
	}
}

func (d *document) close() {
	if d.kind != "" {
		d.print("\n]")
	}
}

// add writes a value into the list of its kind.
func (d *document) add(kind string, value any) error {
	if kind == d.kind {
		d.print(",\n%s", value)
		return d.err
	}
	d.close()
	d.kind = kind
	d.print(",\n%s:[\n%s", kind, value)
	return d.err
}

type exportedEvent struct {
	ID         string          `json:"id"`
	Trigger    relay.Trigger   `json:"trigger"`
	ReceivedAt time.Time       `json:"received_at"`
	Webhook    json.RawMessage `json:"webhook,omitempty"`
	// Text is a webhook that is no JSON.
	Text string `json:"text,omitempty"`
}

// Event implements store.Visitor.
func (d *document) Event(e relay.Event) error {
	out := exportedEvent{ID: e.ID, Trigger: e.Trigger, ReceivedAt: e.ReceivedAt, Webhook: e.Raw}
	if !json.Valid(e.Raw) {
		out.Webhook, out.Text = nil, string(e.Raw)
	}
	return d.add("events", out)
}

type exportedAlert struct {
	ID         string           `json:"id"`
	EventID    string           `json:"event"`
	Rule       string           `json:"rule"`
	Role       relay.Role       `json:"role"`
	Person     string           `json:"person"`
	State      relay.AlertState `json:"state"`
	Reason     relay.Reason     `json:"reason,omitempty"`
	ReceivedAt time.Time        `json:"received_at"`
	DueAt      time.Time        `json:"due_at"`
	UpdatedAt  time.Time        `json:"updated_at"`
	Trace      []relay.Step     `json:"trace"`
}

// Alert implements store.Visitor.
func (d *document) Alert(a relay.Alert) error {
	return d.add("alerts", exportedAlert{
		ID: a.ID, EventID: a.EventID, Rule: a.Rule, Role: a.Role, Person: d.who(a.Recipient), State: a.State, Reason: a.Reason,
		ReceivedAt: a.ReceivedAt, DueAt: a.DueAt, UpdatedAt: a.UpdatedAt, Trace: a.Trace,
	})
}

// who names a recipient: the addresses of others are theirs.
func (d *document) who(r relay.Recipient) string {
	switch {
	case r.UID != "":
		return r.UID
	case d.person.Recipient(r):
		return r.Email.Reveal() + r.Phone.Reveal()
	}
	return r.Email.String() + r.Phone.String()
}

// where gives an address, masked where it is somebody else's.
func (d *document) where(a relay.Address) string {
	if d.person.Address(a) {
		return a.Reveal()
	}
	return a.String()
}

type exportedAttempt struct {
	N         int               `json:"n"`
	Provider  string            `json:"provider"`
	StartedAt time.Time         `json:"started_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"`
	Outcome   relay.OutcomeKind `json:"outcome,omitempty"`
	Reason    relay.Reason      `json:"reason,omitempty"`
	Detail    string            `json:"detail,omitempty"`
}

type exportedReceipt struct {
	At     time.Time    `json:"at"`
	Status string       `json:"status"`
	Reason relay.Reason `json:"reason,omitempty"`
	Detail string       `json:"detail,omitempty"`
}

type exportedDelivery struct {
	ID         string              `json:"id"`
	AlertID    string              `json:"alert"`
	EventID    string              `json:"event"`
	Rule       string              `json:"rule"`
	Channel    relay.Channel       `json:"channel"`
	Person     string              `json:"person"`
	To         string              `json:"to"`
	State      relay.DeliveryState `json:"state"`
	Reason     relay.Reason        `json:"reason,omitempty"`
	CreatedAt  time.Time           `json:"created_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
	BlankedAt  time.Time           `json:"blanked_at,omitzero"`
	Subject    string              `json:"subject,omitempty"`
	Text       string              `json:"text"`
	HTML       string              `json:"html,omitempty"`
	Provider   string              `json:"provider,omitempty"`
	ProviderID string              `json:"provider_id,omitempty"`
	Attempts   []exportedAttempt   `json:"attempts"`
	Receipts   []exportedReceipt   `json:"receipts"`
}

// Delivery implements store.Visitor.
func (d *document) Delivery(of relay.Delivery, attempts []relay.Attempt, receipts []relay.Receipt) error {
	out := exportedDelivery{
		ID: of.ID, AlertID: of.AlertID, EventID: of.EventID, Rule: of.Rule, Channel: of.Channel, Person: d.who(of.Recipient),
		To: d.where(relay.NewAddress(of.Channel, of.Address())), State: of.State, Reason: of.Reason, CreatedAt: of.CreatedAt,
		UpdatedAt: of.UpdatedAt, BlankedAt: of.BlankedAt, Subject: of.Content.Subject.Reveal(), Text: of.Content.Text.Reveal(),
		HTML: of.Content.HTML.Reveal(), Provider: of.Provider, ProviderID: of.ProviderID,
		Attempts: []exportedAttempt{}, Receipts: []exportedReceipt{},
	}
	for _, a := range attempts {
		out.Attempts = append(out.Attempts, exportedAttempt{
			N: a.N, Provider: a.Provider, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: a.Outcome.Kind,
			Reason: a.Outcome.Reason, Detail: a.Outcome.Detail,
		})
	}
	for _, r := range receipts {
		out.Receipts = append(out.Receipts, exportedReceipt{At: r.At, Status: r.Status, Reason: r.Reason, Detail: r.Detail})
	}
	return d.add("deliveries", out)
}

// Outbox implements store.Visitor.
func (d *document) Outbox(m relay.OutboxMessage) error {
	return d.add("outbox", map[string]any{
		"id": m.ID, "channel": m.Channel, "to": m.Phone.Reveal() + m.Email.Reveal(), "received_at": m.ReceivedAt,
		"subject": m.Content.Subject.Reveal(), "text": m.Content.Text.Reveal(), "html": m.Content.HTML.Reveal(),
	})
}

// Suppression implements store.Visitor.
func (d *document) Suppression(s relay.Suppression) error {
	return d.add("suppressions", map[string]any{
		"channel": s.Address.Channel(), "address": s.Address.Reveal(), "reason": s.Reason, "source": s.Source, "at": s.At,
	})
}

// Preferences implements store.Visitor.
func (d *document) Preferences(p relay.Preferences) error {
	return d.add("preferences", struct {
		server.PreferencesView
		UpdatedAt time.Time `json:"updated_at"`
	}{preferencesView(p), p.UpdatedAt})
}

// Audit implements store.Visitor.
func (d *document) Audit(a relay.Audit) error {
	return d.add("audit", map[string]any{"at": a.At, "who": a.Who, "action": a.Action, "subject": a.Subject})
}
