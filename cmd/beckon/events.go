package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func eventsCommand() *cobra.Command {
	return group("events", "Look at the webhooks that were kept, and what was made of each",
		eventsListCommand(), eventsShowCommand())
}

// eventRow is an event as a list shows it.
type eventRow struct {
	ID         string        `json:"id"`
	Trigger    relay.Trigger `json:"trigger"`
	ReceivedAt time.Time     `json:"received_at"`
	Sender     string        `json:"sender,omitempty"`
	Where      string        `json:"conversation,omitempty"`
	Noise      relay.Reason  `json:"noise,omitempty"`
}

func rowOf(e relay.Event) eventRow {
	row := eventRow{ID: e.ID, Trigger: e.Trigger, ReceivedAt: e.ReceivedAt, Noise: e.Noise}
	if e.Sender != nil {
		row.Sender = e.Sender.UID
	}
	if e.Conversation != nil {
		row.Where = e.Conversation.ID
	}
	return row
}

func eventsListCommand() *cobra.Command {
	return listing[relay.Event, eventRow]{
		short: "List kept events, newest first", example: "  beckon events list --trigger user_mentioned --since 2h",
		flags: func(c *cobra.Command, f *listFlags) {
			c.Flags().StringVar(&f.trigger, "trigger", "", "only this trigger")
		},
		check: func(*listFlags) error { return nil },
		read: func(ctx context.Context, s store.Store, filter store.Filter) ([]relay.Event, error) {
			return s.Events(ctx, filter)
		},
		row: rowOf, header: "RECEIVED\tTRIGGER\tBY\tCONVERSATION\tNOISE\tID",
		columns: func(r eventRow) []any {
			return []any{clock(r.ReceivedAt), r.Trigger, orDash(r.Sender), orDash(r.Where), orDash(string(r.Noise)), r.ID}
		},
	}.command()
}

// eventDetail is everything known of one event.
type eventDetail struct {
	eventRow

	Generation string `json:"generation,omitempty"`
	// Rules says what each rule that was in force made of it; where that cannot be known any more, RulesUnknown says why.
	Rules        []ruleAccount   `json:"rules"`
	RulesUnknown string          `json:"rules_unknown,omitempty"`
	Alerts       []alertDetail   `json:"alerts"`
	Raw          json.RawMessage `json:"raw,omitempty"`
}

func eventsShowCommand() *cobra.Command {
	var asJSON, raw bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show an event: which rule did what to whom, and why", Args: oneArg("ID"),
		Example: "  beckon events show 2f6c81 --raw",
		RunE: func(c *cobra.Command, given []string) error {
			return withStore(c.Context(), func(s store.Store) error {
				id, err := resolveID(c.Context(), s, store.KindEvent, given[0])
				if err != nil {
					return err
				}
				detail, err := detailOf(c, s, id)
				if err != nil {
					return err
				}
				if !raw {
					detail.Raw = nil
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), detail)
				}
				return printEvent(c.OutOrStdout(), detail)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&raw, "raw", false, "also the webhook as it was sent; it holds what people wrote, in clear")
	return c
}

func detailOf(c *cobra.Command, s store.Store, id string) (eventDetail, error) {
	event, err := s.Event(c.Context(), id)
	if err != nil {
		return eventDetail{}, fmt.Errorf("read it: %w", err)
	}
	alerts, err := s.Alerts(c.Context(), store.Filter{EventID: id, Limit: store.MaxList})
	if err != nil {
		return eventDetail{}, fmt.Errorf("list alerts: %w", err)
	}
	detail := eventDetail{eventRow: rowOf(event), Generation: event.Generation, Raw: event.Raw, Alerts: []alertDetail{}}
	for _, a := range alerts {
		ad, err := alertDetailOf(c, s, a)
		if err != nil {
			return eventDetail{}, err
		}
		detail.Alerts = append(detail.Alerts, ad)
	}
	detail.Rules = []ruleAccount{}
	generation, unknown := generationOf(c, s, event)
	if unknown != nil { // what became of the event is known all the same
		detail.RulesUnknown = unknown.Error()
		return detail, nil //nolint:nilerr // it is told in the detail
	}
	for _, account := range generation.Explain(event) {
		detail.Rules = append(detail.Rules, accountOf(account))
	}
	return detail, nil
}

// whom names a recipient without an address in clear.
func whom(r relay.Recipient, role relay.Role) string {
	switch {
	case r.UID != "":
		return r.UID
	case r.Email != "":
		return r.Email.String()
	case r.Phone != "":
		return r.Phone.String()
	}
	switch role {
	case relay.RoleGroupMembers:
		return "everybody in the group, looked up when it happens"
	case relay.RoleAuthor:
		return "the author of the message, looked up when it happens"
	default:
		return "the " + string(role) + ", not known yet"
	}
}

func printEvent(w io.Writer, e eventDetail) error {
	_, _ = fmt.Fprintf(w, "Event %s\n  %s, received %s, by %s in %s\n", e.ID, e.Trigger, clock(e.ReceivedAt), orDash(e.Sender),
		orDash(e.Where))
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
