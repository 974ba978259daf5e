package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func alertsCommand() *cobra.Command {
	return group("alerts", "Look at who was to be told of what, and what came of it", alertsListCommand(), alertsShowCommand(),
		alertsCancelCommand())
}

// alertRow is an alert as a list shows it.
type alertRow struct {
	ID         string           `json:"id"`
	ReceivedAt time.Time        `json:"received_at"`
	Trigger    relay.Trigger    `json:"trigger"`
	Rule       string           `json:"rule"`
	To         string           `json:"to"`
	State      relay.AlertState `json:"state"`
	Reason     relay.Reason     `json:"reason,omitempty"`
	DueAt      time.Time        `json:"due_at"`
	UpdatedAt  time.Time        `json:"updated_at"`
	EventID    string           `json:"event"`
	// Lead is the alert that it went out with, in a digest.
	Lead string `json:"lead,omitempty"`
}

func alertRowOf(a relay.Alert) alertRow {
	return alertRow{
		ID: a.ID, ReceivedAt: a.ReceivedAt, Trigger: a.Trigger, Rule: a.Rule, To: whom(a.Recipient, a.Role), State: a.State,
		Reason: a.Reason, DueAt: a.DueAt, UpdatedAt: a.UpdatedAt, EventID: a.EventID, Lead: a.Lead,
	}
}

func alertsListCommand() *cobra.Command {
	return listing[relay.Alert, alertRow]{
		short:   "List alerts, newest first",
		example: "  beckon alerts list --state cancelled --reason read --since 2h\n  beckon alerts list --to cometchat-uid-5",
		flags: func(c *cobra.Command, f *listFlags) {
			c.Flags().StringVar(&f.filter.State, "state", "", "only this state, such as held")
			c.Flags().StringVar(&f.reason, "reason", "", "only this Reason, such as read")
			c.Flags().StringVar(&f.trigger, "trigger", "", "only this trigger")
			c.Flags().StringVar(&f.filter.Rule, "rule", "", "only this rule")
			c.Flags().StringVar(&f.filter.Recipient, "to", "", "only this uid")
			c.Flags().StringVar(&f.filter.EventID, "event", "", "only this event")
		},
		check: func(f *listFlags) error {
			return errors.Join(oneOf("--state", f.filter.State, relay.AlertStates()), oneOf("--reason", f.reason, reasons()))
		},
		read: func(ctx context.Context, s store.Store, filter store.Filter) ([]relay.Alert, error) {
			return s.Alerts(ctx, filter)
		},
		row: alertRowOf, header: "RECEIVED\tSTATE\tREASON\tTO\tRULE\tDUE\tID",
		columns: func(r alertRow) []any {
			return []any{clock(r.ReceivedAt), r.State, orDash(string(r.Reason)), r.To, r.Rule, clock(r.DueAt), r.ID}
		},
	}.command()
}

// alertDetail is everything known of one alert.
type alertDetail struct {
	alertRow

	// Meaning explains the Reason.
	Meaning    string        `json:"meaning,omitempty"`
	Generation string        `json:"generation"`
	Trace      []relay.Step  `json:"trace"`
	Deliveries []deliveryRow `json:"deliveries"`
	// With are the alerts that went out with it, in a digest.
	With []alertRow `json:"with,omitempty"`
}

func alertsShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show an alert: how it was decided, and why", Args: oneArg("ID"),
		Example: "  beckon alerts show al_7d02b4",
		RunE: func(c *cobra.Command, given []string) error {
			return withStore(c.Context(), func(s store.Store) error {
				id, err := resolveID(c.Context(), s, store.KindAlert, given[0])
				if err != nil {
					return err
				}
				a, err := s.Alert(c.Context(), id)
				if err != nil {
					return fmt.Errorf("read it: %w", err)
				}
				detail, err := alertDetailOf(c, s, a)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), detail)
				}
				printAlert(c.OutOrStdout(), detail)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func alertDetailOf(c *cobra.Command, s store.Store, a relay.Alert) (alertDetail, error) {
	detail := alertDetail{alertRow: alertRowOf(a), Generation: a.Generation, Trace: a.Trace, Deliveries: []deliveryRow{}}
	for _, doc := range relay.Reasons() {
		if doc.Reason == a.Reason {
			detail.Meaning = doc.Meaning
		}
	}
	of := a.ID
	if a.Lead != "" {
		of = a.Lead
	}
	deliveries, err := s.Deliveries(c.Context(), store.Filter{AlertID: of, Limit: store.MaxList})
	if err != nil {
		return detail, fmt.Errorf("list deliveries: %w", err)
	}
	for _, d := range deliveries {
		detail.Deliveries = append(detail.Deliveries, deliveryRowOf(d))
	}
	with, err := s.Alerts(c.Context(), store.Filter{Lead: a.ID, Limit: store.MaxList})
	if err != nil {
		return detail, fmt.Errorf("list the alerts of the digest: %w", err)
	}
	for _, other := range with {
		detail.With = append(detail.With, alertRowOf(other))
	}
	return detail, nil
}

func printAlert(w io.Writer, a alertDetail) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("Alert %s\n  rule %s, to %s: %s", a.ID, a.Rule, a.To, ended(a.State, a.Reason))
	if a.Meaning != "" {
		p(": %s", a.Meaning)
	}
	p("\n  event %s, %s, received %s, due %s\n", a.EventID, a.Trigger, clock(a.ReceivedAt), clock(a.DueAt))
	printTrace(w, a.Trace)
	if a.Lead != "" {
		p("  goes out in the digest of alert %s\n", a.Lead)
	}
	for _, d := range a.Deliveries {
		p("  delivery %s by %s to %s: %s\n", d.ID, d.Channel, orDash(d.To), ended(d.State, d.Reason))
	}
	for _, other := range a.With {
		p("  with alert %s of event %s\n", other.ID, other.EventID)
	}
}
