package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/view"
)

func deliveriesCommand() *cobra.Command {
	return group("deliveries", "Look at the messages that were sent, or were not; retry or cancel them", deliveriesListCommand(), deliveriesShowCommand(),
		deliveriesRetryCommand(), deliveriesCancelCommand())
}

func deliveriesListCommand() *cobra.Command {
	return listing[view.Delivery]{
		of: view.OfDeliveries, short: "List deliveries, newest first",
		example: "  beckon deliveries list --state dead --since 24h --json\n  beckon deliveries list --state retrying --server http://127.0.0.1:8081",
		flags: func(c *cobra.Command, f *listFlags) {
			c.Flags().StringVar(&f.query.State, "state", "", "only this state, such as dead; retrying is queued after an attempt")
			c.Flags().StringVar((*string)(&f.query.Reason), "reason", "", "only this Reason, such as no_phone")
			c.Flags().StringVar((*string)(&f.query.Channel), "channel", "", "only sms or email")
			c.Flags().StringVar(&f.query.Rule, "rule", "", "only this rule")
			c.Flags().StringVar(&f.query.To, "to", "", "only this uid")
			c.Flags().StringVar(&f.query.Address, "address", "", "only this number or mail address, exactly")
			c.Flags().StringVar(&f.query.Event, "event", "", "only this event")
			c.Flags().StringVar(&f.query.Alert, "alert", "", "only this alert")
		},
		read: func(ctx context.Context, s source, q view.Query) (view.Page[view.Delivery], error) {
			return s.Deliveries(ctx, q)
		},
		header: "CREATED\tSTATE\tREASON\tCHANNEL\tTO\tRULE\tATTEMPTS\tID",
		columns: func(r view.Delivery) []any {
			return []any{clock(r.CreatedAt), r.State, orDash(string(r.Reason)), r.Channel, orDash(r.To), r.Rule, r.Attempts, r.ID}
		},
	}.command()
}

func deliveriesShowCommand() *cobra.Command {
	var asJSON, reveal bool
	var server string
	c := &cobra.Command{
		Use: "show ID", Short: "Show a delivery, its attempts and its receipts", Args: oneArg("ID"),
		Example: "  beckon deliveries show dl_4be1c9 --reveal",
		RunE: func(c *cobra.Command, given []string) error {
			return withSource(c, server, func(s source) error {
				detail, err := s.Delivery(c.Context(), given[0], reveal)
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
	c.Flags().BoolVar(&reveal, "reveal", false, "show the address and the message in clear; a relay keeps in its audit who asked")
	addSource(c, &server)
	return c
}

func printDelivery(w io.Writer, d view.DeliveryDetail) {
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
	for _, a := range d.AttemptsMade {
		p("  attempt %d by %s at %s: %s", a.N, a.Provider, clock(a.StartedAt), ended(orDash(string(a.Outcome)), a.Reason))
		if a.Status != 0 {
			p(" (%s)", strings.TrimSpace(fmt.Sprintf("HTTP %d %s", a.Status, a.Code)))
		}
		if a.Detail != "" {
			p(" %s", a.Detail)
		}
		p("\n")
		printLink(w, a.Explained)
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
		printLink(w, r.Explained)
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

// printLink names the provider's page about a code.
func printLink(w io.Writer, e view.Explained) {
	if e.Link != "" {
		_, _ = fmt.Fprintf(w, "    see %s\n", e.Link)
	}
}
