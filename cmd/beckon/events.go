package main

import (
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
	var f listFlags
	c := &cobra.Command{
		Use: "list", Short: "List kept events, newest first", Args: args(cobra.NoArgs),
		Example: "  beckon events list --trigger user_mentioned --since 2h",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.complete(); err != nil {
				return err
			}
			return withStore(c.Context(), func(s store.Store) error {
				events, err := s.Events(c.Context(), f.filter)
				if err != nil {
					return fmt.Errorf("list events: %w", err)
				}
				return printEvents(c.OutOrStdout(), events, f.json)
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.trigger, "trigger", "", "only this trigger")
	return c
}

func printEvents(w io.Writer, events []relay.Event, asJSON bool) error {
	rows := make([]eventRow, 0, len(events))
	for _, e := range events {
		rows = append(rows, rowOf(e))
	}
	if asJSON {
		return printJSON(w, rows)
	}
	return table(w, "RECEIVED\tTRIGGER\tBY\tCONVERSATION\tNOISE\tID", func(row func(string, ...any)) {
		for _, r := range rows {
			row("%s\t%s\t%s\t%s\t%s\t%s", clock(r.ReceivedAt), r.Trigger, orDash(r.Sender), orDash(r.Where), orDash(string(r.Noise)), r.ID)
		}
	})
}

// eventDetail is everything known of one event.
type eventDetail struct {
	eventRow

	Alerts []alertDetail   `json:"alerts"`
	Raw    json.RawMessage `json:"raw,omitempty"`
}

type alertDetail struct {
	ID         string           `json:"id"`
	Rule       string           `json:"rule"`
	To         string           `json:"to"`
	State      relay.AlertState `json:"state"`
	Reason     relay.Reason     `json:"reason,omitempty"`
	DueAt      time.Time        `json:"due_at"`
	Trace      []relay.Step     `json:"trace"`
	Deliveries []deliveryRow    `json:"deliveries"`
}

func eventsShowCommand() *cobra.Command {
	var asJSON, raw bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show an event: which rule did what to whom, and why", Args: args(cobra.ExactArgs(1)),
		Example: "  beckon events show 2f6c... --raw",
		RunE: func(c *cobra.Command, given []string) error {
			return withStore(c.Context(), func(s store.Store) error {
				detail, err := detailOf(c, s, given[0])
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
		return eventDetail{}, fmt.Errorf("event %s: %w", id, err)
	}
	alerts, err := s.Alerts(c.Context(), store.Filter{EventID: id, Limit: store.MaxList})
	if err != nil {
		return eventDetail{}, fmt.Errorf("list alerts: %w", err)
	}
	detail := eventDetail{eventRow: rowOf(event), Raw: event.Raw, Alerts: []alertDetail{}}
	for _, a := range alerts {
		deliveries, err := s.Deliveries(c.Context(), store.Filter{AlertID: a.ID, Limit: store.MaxList})
		if err != nil {
			return eventDetail{}, fmt.Errorf("list deliveries: %w", err)
		}
		ad := alertDetail{
			ID: a.ID, Rule: a.Rule, To: whom(a.Recipient, a.Role), State: a.State, Reason: a.Reason, DueAt: a.DueAt,
			Trace: a.Trace, Deliveries: []deliveryRow{},
		}
		for _, d := range deliveries {
			ad.Deliveries = append(ad.Deliveries, deliveryRowOf(d))
		}
		detail.Alerts = append(detail.Alerts, ad)
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
	return "the " + string(role) + ", not known yet"
}

func printEvent(w io.Writer, e eventDetail) error {
	_, _ = fmt.Fprintf(w, "Event %s\n  %s, received %s, by %s in %s\n", e.ID, e.Trigger, clock(e.ReceivedAt), orDash(e.Sender),
		orDash(e.Where))
	if e.Noise != relay.ReasonNone {
		_, _ = fmt.Fprintf(w, "  noise, no rule is applied: %s\n", e.Noise)
	}
	if len(e.Alerts) == 0 {
		_, _ = fmt.Fprintln(w, "  no rule made an alert of it")
	}
	for _, a := range e.Alerts {
		_, _ = fmt.Fprintf(w, "\nAlert %s\n  rule %s, to %s: %s %s\n", a.ID, a.Rule, a.To, a.State, a.Reason)
		for _, step := range a.Trace {
			_, _ = fmt.Fprintf(w, "  %s  %s: %s %s\n", clock(step.At), step.Check, step.Result, step.Seen)
		}
		for _, d := range a.Deliveries {
			_, _ = fmt.Fprintf(w, "  delivery %s by %s to %s: %s %s\n", d.ID, d.Channel, orDash(d.To), d.State, d.Reason)
		}
	}
	if e.Raw != nil {
		_, _ = fmt.Fprintf(w, "\n%s\n", e.Raw)
	}
	return nil
}
