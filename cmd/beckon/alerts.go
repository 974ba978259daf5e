package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/view"
)

func alertsCommand() *cobra.Command {
	return group("alerts", "Look at who was to be told of what, and what came of it", alertsListCommand(), alertsShowCommand(),
		alertsCancelCommand())
}

func alertsListCommand() *cobra.Command {
	return listing[view.Alert]{
		of: view.OfAlerts, short: "List alerts, newest first",
		example: "  beckon alerts list --state cancelled --reason read --since 2h\n  beckon alerts list --to cometchat-uid-5",
		flags: func(c *cobra.Command, f *listFlags) {
			c.Flags().StringVar(&f.query.State, "state", "", "only this state, such as held")
			c.Flags().StringVar((*string)(&f.query.Reason), "reason", "", "only this Reason, such as read")
			c.Flags().StringVar((*string)(&f.query.Trigger), "trigger", "", "only this trigger")
			c.Flags().StringVar(&f.query.Rule, "rule", "", "only this rule")
			c.Flags().StringVar(&f.query.To, "to", "", "only this uid")
			c.Flags().StringVar(&f.query.Event, "event", "", "only this event")
		},
		read: func(ctx context.Context, s source, q view.Query) (view.Page[view.Alert], error) {
			return s.Alerts(ctx, q)
		},
		header: "RECEIVED\tSTATE\tREASON\tTO\tRULE\tDUE\tID",
		columns: func(r view.Alert) []any {
			return []any{clock(r.ReceivedAt), r.State, orDash(string(r.Reason)), r.To, r.Rule, clock(r.DueAt), r.ID}
		},
	}.command()
}

func alertsShowCommand() *cobra.Command {
	var asJSON bool
	var server string
	c := &cobra.Command{
		Use: "show ID", Short: "Show an alert: how it was decided, and why", Args: oneArg("ID"),
		Example: "  beckon alerts show al_7d02b4",
		RunE: func(c *cobra.Command, given []string) error {
			return withSource(c, server, func(s source) error {
				detail, err := s.Alert(c.Context(), given[0])
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
	addSource(c, &server)
	return c
}

func printAlert(w io.Writer, a view.AlertDetail) {
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
