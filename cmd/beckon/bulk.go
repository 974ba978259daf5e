package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/view"
)

// bulkFlags are what commands have in common that do the same to one or to many.
type bulkFlags struct {
	relayFlags

	order       view.BulkOrder
	all         bool
	since       time.Duration
	dryRun, yes bool
	states      []string
}

const bulkHelp = `

What it is for is named by ID, as the list prints it, or by --all with what narrows it. It counts first and asks; what comes in
afterwards is not touched. At most 10,000 are done at once, the newest first: the same once more does the rest.
It asks the relay that runs, on its admin listener; off loopback with the operator in BECKON_OPERATOR (name:secret), and is in the audit.`

func deliveriesRetryCommand() *cobra.Command {
	f := bulkFlags{
		order:  view.BulkOrder{Action: view.BulkRetry, Of: "deliveries"},
		states: []string{string(relay.DeliveryDead), string(relay.DeliveryUndelivered), string(relay.DeliverySuppressed)},
	}
	c := f.command("Attempt deliveries again that are dead or did not arrive", `Have deliveries attempted again that are dead or undelivered, or were held back since the texts of a day were used up. Before one goes
out it is looked at once more: what was read, deleted or muted meanwhile is not told. The message is the same as before. Left out are
those past their time (unless --late), those whose text is past its retention, and what somebody else told of meanwhile.`,
		"  beckon deliveries retry --all --state dead --reason rejected --since 2h --dry-run\n  beckon deliveries retry dl_4be1c90a7f3d52e88b6a01c4d2f97e35")
	c.Flags().BoolVar(&f.order.Late, "late", false, "retry also what is past its time, which gets as long again")
	return c
}

func deliveriesCancelCommand() *cobra.Command {
	f := bulkFlags{
		order:  view.BulkOrder{Action: view.BulkCancel, Of: "deliveries"},
		states: []string{string(relay.DeliveryQueued), view.Retrying, string(relay.DeliveryUnknown)},
	}
	return f.command("End deliveries that wait", `End deliveries that are queued, or wait for an answer that was lost; the latter may have arrived all the same. What is being sent is
left alone. It can be taken back by beckon deliveries retry.`,
		"  beckon deliveries cancel --all --state queued --channel sms\n  beckon deliveries cancel dl_4be1c90a7f3d52e88b6a01c4d2f97e35 --yes")
}

func alertsCancelCommand() *cobra.Command {
	f := bulkFlags{order: view.BulkOrder{Action: view.BulkCancel, Of: "alerts"}, states: []string{string(relay.AlertHeld)}}
	return f.command("End alerts that are held", "End alerts that are held: nobody is told, and a digest goes out without them. It cannot be taken back.",
		"  beckon alerts cancel --all --rule missed-call\n  beckon alerts cancel al_7d02b4a93c1e55f0826b9d47e8c0135f --yes")
}

// command makes the command of an order.
func (f *bulkFlags) command(short, long, example string) *cobra.Command {
	c := &cobra.Command{
		Use: string(f.order.Action) + " [ID...]", Short: short, Long: long + bulkHelp, Args: cobra.ArbitraryArgs, Example: example,
		RunE: func(c *cobra.Command, ids []string) error {
			if err := f.complete(ids); err != nil {
				return err
			}
			return f.run(c)
		},
	}
	f.add(c)
	q := &f.order.Query
	flags := c.Flags()
	flags.BoolVar(&f.all, "all", false, "all that the other flags narrow it to")
	if len(f.states) > 1 {
		flags.StringVar(&q.State, "state", f.states[0], fmt.Sprintf("only this state, one of %v", f.states))
	}
	flags.StringVar((*string)(&q.Reason), "reason", "", "only this Reason")
	if f.order.Of == "deliveries" {
		flags.StringVar((*string)(&q.Channel), "channel", "", "only sms or email")
	} else {
		flags.StringVar((*string)(&q.Trigger), "trigger", "", "only this trigger")
	}
	flags.StringVar(&q.Rule, "rule", "", "only this rule")
	flags.StringVar(&q.To, "to", "", "only this uid")
	flags.StringVar(&q.Event, "event", "", "only this event")
	flags.DurationVar(&f.since, "since", 0, "only what is younger than this, such as 2h (default: all)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only count")
	addYes(c, &f.yes)
	return c
}

// complete checks the flags and makes the order of them.
func (f *bulkFlags) complete(ids []string) error {
	q := &f.order.Query
	switch {
	case len(ids) > 0 && f.all:
		return usageError{errors.New("name IDs, or --all: not both")}
	case len(ids) == 0 && !f.all:
		return usageError{errors.New("name what it is for: IDs, or --all with what narrows it")}
	case f.since < 0:
		return usageError{errors.New("--since must not be negative")}
	}
	now := time.Now()
	if f.since > 0 {
		q.Since = now.Add(-f.since)
	}
	f.order.IDs, f.order.MadeBefore = ids, now
	return errors.Join(oneOf("--state", q.State, f.states), oneOf("--reason", string(q.Reason), reasons()),
		oneOf("--channel", string(q.Channel), relay.Channels()))
}

func (f *bulkFlags) path() string { return "/console/api/" + f.order.Of + "/" + string(f.order.Action) }

func (f *bulkFlags) run(c *cobra.Command) error {
	count, err := f.count(c)
	if err != nil {
		return err
	}
	if f.dryRun && f.asJSON {
		return printJSON(c.OutOrStdout(), count)
	}
	if f.dryRun {
		f.printCount(c.OutOrStdout(), count)
		return nil
	}
	if len(f.order.IDs) > 0 && count.Found == 0 {
		return fmt.Errorf("there are no such %s: give whole IDs, as beckon %s list prints them", f.order.Of, f.order.Of)
	}
	if !f.asJSON {
		f.printCount(c.ErrOrStderr(), count)
	}
	if count.Found > 0 {
		if err := confirm(c, map[view.BulkAction]string{view.BulkRetry: "Retry them?", view.BulkCancel: "Cancel them?"}[f.order.Action], f.yes); err != nil {
			return err
		}
	}
	result, err := f.do(c)
	if err != nil {
		return err
	}
	if f.asJSON {
		err = printJSON(c.OutOrStdout(), result)
	} else {
		f.printResult(c.OutOrStdout(), result)
	}
	if err == nil && result.Left > 0 {
		err = fmt.Errorf("it was broken off: %d were not looked at; run it again", result.Left)
	}
	return err
}

func (f *bulkFlags) count(c *cobra.Command) (count view.BulkCount, err error) {
	body, err := json.Marshal(server.BulkRequest{BulkOrder: f.order, DryRun: true})
	if err != nil {
		return count, fmt.Errorf("encode: %w", err)
	}
	answer, err := f.fetch(c, http.MethodPost, f.path(), body)
	if err != nil {
		return count, err
	}
	return count, understood(answer, &count)
}

// do has it done, and shows progress.
func (f *bulkFlags) do(c *cobra.Command) (view.BulkResult, error) {
	cfg, err := settings("BECKON_ADMIN_LISTEN", "BECKON_OPERATOR")
	if err != nil {
		return view.BulkResult{}, err
	}
	body, err := json.Marshal(server.BulkRequest{BulkOrder: f.order})
	if err != nil {
		return view.BulkResult{}, fmt.Errorf("encode: %w", err)
	}
	answer, err := f.open(c.Context(), cfg, adminRequest{method: http.MethodPost, path: f.path(), body: body})
	if err != nil {
		return view.BulkResult{}, err
	}
	defer answer.Close() //nolint:errcheck // it was only read
	bar := newMeter(c.ErrOrStderr())
	defer bar.clear()
	decoder := json.NewDecoder(answer)
	for {
		var line server.BulkLine
		if err := decoder.Decode(&line); err != nil {
			return view.BulkResult{}, fmt.Errorf("the relay's answer broke off; what was done stays, and the same once more does the rest: %w", err)
		}
		switch {
		case line.Error != nil:
			return view.BulkResult{}, fmt.Errorf("%s; what was done until then stays", line.Error.Message)
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil:
			bar.tell(line.Progress.What, line.Progress.Done, line.Progress.Of)
		}
	}
}

func (f *bulkFlags) printCount(w io.Writer, count view.BulkCount) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("found: %d %s\n", count.Found, f.order.Of)
	if count.More {
		p("  and more, which the same once more is for\n")
	}
	if count.Unsure > 0 {
		p("  %d may have arrived: no answer came\n", count.Unsure)
	}
	if f.order.Action != view.BulkRetry {
		return
	}
	if count.Late > 0 && !f.order.Late {
		p("  %d are past their time and left out (--late takes them, too)\n", count.Late)
	}
	if count.Blank > 0 {
		p("  %d have no message any more and are left out\n", count.Blank)
	}
}

func (f *bulkFlags) printResult(w io.Writer, result view.BulkResult) {
	what := map[view.BulkAction]string{view.BulkRetry: "queued again", view.BulkCancel: "cancelled"}[f.order.Action]
	_, _ = fmt.Fprintf(w, "%s: %d\n", what, result.Done)
	for _, why := range slices.Sorted(maps.Keys(result.Skipped)) {
		_, _ = fmt.Fprintf(w, "left out, %s: %d\n", why, result.Skipped[why])
	}
}
