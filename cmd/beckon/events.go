package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

func eventsCommand() *cobra.Command {
	return group("events", "Look at the webhooks that were kept, and what was made of each",
		eventsListCommand(), eventsShowCommand())
}

func eventsListCommand() *cobra.Command {
	return listing[view.Event]{
		of: view.OfEvents, short: "List kept events, newest first", example: "  beckon events list --trigger user_mentioned --since 2h",
		flags: func(c *cobra.Command, f *listFlags) {
			c.Flags().StringVar((*string)(&f.query.Trigger), "trigger", "", "only this trigger")
		},
		read: func(ctx context.Context, s source, q view.Query) (view.Page[view.Event], error) {
			return s.Events(ctx, q)
		},
		header: "RECEIVED\tTRIGGER\tBY\tCONVERSATION\tNOISE\tID",
		columns: func(r view.Event) []any {
			return []any{clock(r.ReceivedAt), r.Trigger, orDash(r.Sender), orDash(r.Conversation), orDash(string(r.Noise)), r.ID}
		},
	}.command()
}

func eventsShowCommand() *cobra.Command {
	var asJSON, raw bool
	var server string
	c := &cobra.Command{
		Use: "show ID", Short: "Show an event: which rule did what to whom, and why", Args: oneArg("ID"),
		Example: "  beckon events show 2f6c81 --raw",
		RunE: func(c *cobra.Command, given []string) error {
			return withSource(c, server, func(s source) error {
				detail, err := s.Event(c.Context(), given[0], raw)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), detail)
				}
				return printEvent(c.OutOrStdout(), detail)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&raw, "raw", false, "also the webhook as it was sent; it holds what people wrote, in clear; a relay keeps in its audit who asked")
	addSource(c, &server)
	return c
}

func printEvent(w io.Writer, e view.EventDetail) error {
	_, _ = fmt.Fprintf(w, "Event %s\n  %s, received %s, by %s in %s\n", e.ID, e.Trigger, clock(e.ReceivedAt), orDash(e.Sender),
		orDash(e.Conversation))
	if e.Noise != relay.ReasonNone {
		_, _ = fmt.Fprintf(w, "  noise, no rule is applied: %s\n", e.Noise)
	}
	_, _ = fmt.Fprintf(w, "\nRules in force then (generation %s)\n", orDash(e.Generation))
	if e.RulesUnknown != "" {
		_, _ = fmt.Fprintf(w, "  not known: %s\n", e.RulesUnknown)
	}
	printAccounts(w, e.Rules)
	if len(e.Alerts) == 0 {
		_, _ = fmt.Fprintln(w, "\nNo rule made an alert of it.")
	}
	for _, a := range e.Alerts {
		_, _ = fmt.Fprintln(w)
		printAlert(w, a)
	}
	if e.Raw != nil {
		_, _ = fmt.Fprintf(w, "\n%s\n", e.Raw)
	}
	return nil
}
