package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func deliveriesCommand() *cobra.Command {
	return group("deliveries", "Look at the messages that were sent, or were not; retry or cancel them", deliveriesListCommand(), deliveriesShowCommand(),
		deliveriesRetryCommand(), deliveriesCancelCommand())
}

// deliveryRow is a delivery as a list shows it.
type deliveryRow struct {
	ID        string              `json:"id"`
	CreatedAt time.Time           `json:"created_at"`
	Rule      string              `json:"rule"`
	Channel   relay.Channel       `json:"channel"`
	Person    string              `json:"person"`
	To        string              `json:"to"`
	State     relay.DeliveryState `json:"state"`
	Reason    relay.Reason        `json:"reason,omitempty"`
	Attempts  int                 `json:"attempts"`
	EventID   string              `json:"event"`
	AlertID   string              `json:"alert"`
}

func deliveryRowOf(d relay.Delivery) deliveryRow {
	return deliveryRow{
		ID: d.ID, CreatedAt: d.CreatedAt, Rule: d.Rule, Channel: d.Channel, Person: whom(d.Recipient, relay.RoleFixed),
		To: d.Masked(), State: d.State, Reason: d.Reason, Attempts: d.Attempts, EventID: d.EventID, AlertID: d.AlertID,
	}
}

func deliveriesListCommand() *cobra.Command {
	return listing[relay.Delivery, deliveryRow]{
		short: "List deliveries, newest first", example: "  beckon deliveries list --state dead --since 24h --json",
		flags: func(c *cobra.Command, f *listFlags) {
			c.Flags().StringVar(&f.filter.State, "state", "", "only this state, such as dead")
			c.Flags().StringVar(&f.reason, "reason", "", "only this Reason, such as no_phone")
			c.Flags().StringVar(&f.channel, "channel", "", "only sms or email")
			c.Flags().StringVar(&f.filter.Rule, "rule", "", "only this rule")
			c.Flags().StringVar(&f.filter.Recipient, "to", "", "only this uid")
			c.Flags().StringVar(&f.filter.EventID, "event", "", "only this event")
		},
		check: func(f *listFlags) error {
			return errors.Join(oneOf("--state", f.filter.State, relay.DeliveryStates()), oneOf("--reason", f.reason, reasons()),
				oneOf("--channel", f.channel, relay.Channels()))
		},
		read: func(ctx context.Context, s store.Store, filter store.Filter) ([]relay.Delivery, error) {
			return s.Deliveries(ctx, filter)
		},
		row: deliveryRowOf, header: "CREATED\tSTATE\tREASON\tCHANNEL\tTO\tRULE\tATTEMPTS\tID",
		columns: func(r deliveryRow) []any {
			return []any{clock(r.CreatedAt), r.State, orDash(string(r.Reason)), r.Channel, orDash(r.To), r.Rule, r.Attempts, r.ID}
		},
	}.command()
}

type attemptRow struct {
	N         int               `json:"n"`
	Provider  string            `json:"provider"`
	StartedAt time.Time         `json:"started_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"`
	Outcome   relay.OutcomeKind `json:"outcome,omitempty"`
	Reason    relay.Reason      `json:"reason,omitempty"`
	Status    int               `json:"status,omitempty"`
	Code      string            `json:"code,omitempty"`
	Detail    string            `json:"detail,omitempty"`
}

// receiptRow is what the provider said afterwards.
type receiptRow struct {
	At     time.Time           `json:"at"`
	Status string              `json:"status"`
	State  relay.DeliveryState `json:"state,omitempty"`
	Reason relay.Reason        `json:"reason,omitempty"`
	Code   string              `json:"code,omitempty"`
	Detail string              `json:"detail,omitempty"`
	// ProviderID tells two messages of one delivery apart.
	ProviderID string `json:"provider_id,omitempty"`
}

func receiptRows(receipts []relay.Receipt) []receiptRow {
	rows := make([]receiptRow, 0, len(receipts))
	for _, r := range receipts {
		rows = append(rows, receiptRow{
			At: r.At, Status: r.Status, State: r.State, Reason: r.Reason, Code: r.Code, Detail: r.Detail, ProviderID: r.ProviderID,
		})
	}
	return rows
}

// deliveryDetail is everything known of one delivery.
type deliveryDetail struct {
	deliveryRow

	Provider   string       `json:"provider,omitempty"`
	ProviderID string       `json:"provider_id,omitempty"`
	NextAt     time.Time    `json:"next_at,omitzero"`
	Template   string       `json:"template"`
	Locale     string       `json:"locale,omitempty"`
	Encoding   string       `json:"encoding,omitempty"`
	Segments   int          `json:"segments,omitempty"`
	Subject    string       `json:"subject,omitempty"`
	Text       string       `json:"text,omitempty"`
	HTML       string       `json:"html,omitempty"`
	BlankedAt  time.Time    `json:"blanked_at,omitzero"`
	Attempts   []attemptRow `json:"attempts_made"`
	Receipts   []receiptRow `json:"receipts"`
}

func deliveriesShowCommand() *cobra.Command {
	var asJSON, reveal bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show a delivery, its attempts and its receipts", Args: oneArg("ID"),
		Example: "  beckon deliveries show dl_4be1c9 --reveal",
		RunE: func(c *cobra.Command, given []string) error {
			return withStore(c.Context(), func(s store.Store) error {
				id, err := resolveID(c.Context(), s, store.KindDelivery, given[0])
				if err != nil {
					return err
				}
				detail, err := deliveryDetailOf(c, s, id, reveal)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), detail)
				}
				printDelivery(c.OutOrStdout(), detail)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&reveal, "reveal", false, "show the address and the message in clear")
	return c
}

func deliveryDetailOf(c *cobra.Command, s store.Store, id string, reveal bool) (deliveryDetail, error) {
	d, err := s.Delivery(c.Context(), id)
	if err != nil {
		return deliveryDetail{}, fmt.Errorf("delivery %s: %w", id, err)
	}
	attempts, err := s.Attempts(c.Context(), id)
	if err != nil {
		return deliveryDetail{}, fmt.Errorf("list attempts: %w", err)
	}
	receipts, err := s.Receipts(c.Context(), id)
	if err != nil {
		return deliveryDetail{}, fmt.Errorf("list receipts: %w", err)
	}
	detail := deliveryDetail{
		deliveryRow: deliveryRowOf(d), Provider: d.Provider, ProviderID: d.ProviderID, Template: d.Template,
		Locale: d.Content.Locale, Encoding: d.Content.Encoding, Segments: d.Content.Segments,
		Subject: d.Content.Subject.String(), Text: d.Content.Text.String(), Attempts: []attemptRow{},
		Receipts: receiptRows(receipts), BlankedAt: d.BlankedAt,
	}
	if !d.State.Done() {
		detail.NextAt = d.NextAt
	}
	if reveal {
		detail.To, detail.Subject, detail.Text = d.Address(), d.Content.Subject.Reveal(), d.Content.Text.Reveal()
		detail.HTML = d.Content.HTML.Reveal()
	}
	for _, a := range attempts {
		o := a.Outcome
		detail.Attempts = append(detail.Attempts, attemptRow{
			N: a.N, Provider: a.Provider, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: o.Kind, Reason: o.Reason,
			Status: o.Status, Code: o.Code, Detail: o.Detail,
		})
	}
	return detail, nil
}

func printDelivery(w io.Writer, d deliveryDetail) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("Delivery %s\n  %s to %s (%s), rule %s, template %s\n  %s\n", d.ID, d.Channel, orDash(d.To), d.Person, d.Rule,
		strings.TrimSpace(d.Template+" "+d.Locale), ended(d.State, d.Reason))
	p("  event %s\n  alert %s\n", d.EventID, d.AlertID)
	if d.ProviderID != "" {
		p("  %s knows it as %s\n", d.Provider, d.ProviderID)
	}
	if !d.NextAt.IsZero() {
		p("  next look %s\n", clock(d.NextAt))
	}
	for _, a := range d.Attempts {
		p("  attempt %d by %s at %s: %s", a.N, a.Provider, clock(a.StartedAt), ended(orDash(string(a.Outcome)), a.Reason))
		if a.Status != 0 {
			p(" (%s)", strings.TrimSpace(fmt.Sprintf("HTTP %d %s", a.Status, a.Code)))
		}
		if a.Detail != "" {
			p(" %s", a.Detail)
		}
		p("\n")
	}
	for _, r := range d.Receipts {
		p("  receipt at %s: %s", clock(r.At), ended(r.Status, r.Reason))
		if r.ProviderID != d.ProviderID {
			p(" (of %s)", orDash(r.ProviderID))
		}
		if r.Detail != "" {
			p(" %s", r.Detail)
		}
		p("\n")
	}
	if d.Segments > 0 {
		p("  %d segment(s), %s\n", d.Segments, d.Encoding)
	}
	if d.Subject != "" {
		p("  Subject: %s\n", d.Subject)
	}
	if !d.BlankedAt.IsZero() {
		p("  Text: past its retention, taken out with the address at %s\n", clock(d.BlankedAt))
		return
	}
	p("  Text: %s\n", orDash(d.Text))
}
