package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

const suppressionsPath = "/console/api/suppressions"

const suppressionsHelp = `

It asks the relay that runs, on its admin listener; where that asks who it is, as BECKON_OPERATOR (name:secret) or BECKON_TOKEN. All replicas obey
at once, and each change stands in the audit (beckon pause --history), where addresses are masked.`

func suppressionsCommand() *cobra.Command {
	return group("suppressions", "The addresses that must not be written to: STOP, unsubscribed, bounced, complained",
		suppressionsListCommand(), suppressionsAddCommand(), suppressionsRemoveCommand(), suppressionsImportCommand(),
		suppressionsExportCommand())
}

func suppressionsListCommand() *cobra.Command {
	var f relayFlags
	var query server.SuppressionsQuery
	var channel, reason string
	c := &cobra.Command{
		Use: "list", Short: "List the addresses that must not be written to, newest first", Args: args(cobra.NoArgs),
		Long:    "List the addresses that must not be written to, newest first. Addresses are masked; --reveal shows them, which the audit notes." + suppressionsHelp,
		Example: "  beckon suppressions list --channel sms --reason opted_out\n  beckon suppressions list --reveal --json",
		RunE: func(c *cobra.Command, _ []string) error {
			if query.Limit < 1 || query.Limit > store.MaxList {
				return usageError{fmt.Errorf("--limit must be 1 to %d", store.MaxList)}
			}
			if err := errors.Join(oneOf("--channel", channel, relay.Channels()), oneOf("--reason", reason, relay.SuppressionReasons())); err != nil {
				return err
			}
			query.Channel, query.Reason = relay.Channel(channel), relay.Reason(reason)
			var page server.SuppressionsView
			if err := f.ask(c, http.MethodGet, pagePath(query), nil, &page); err != nil || f.asJSON {
				return err
			}
			return printSuppressions(c, page)
		},
	}
	f.add(c)
	c.Flags().StringVar(&channel, "channel", "", "only this channel: sms or email")
	c.Flags().StringVar(&reason, "reason", "", "only this reason, such as opted_out")
	c.Flags().IntVar(&query.Limit, "limit", 50, fmt.Sprintf("how many at most (up to %d)", store.MaxList))
	c.Flags().Int64Var(&query.After, "after", 0, "the next page: what the page before ended with")
	c.Flags().BoolVar(&query.Reveal, "reveal", false, "show addresses in clear")
	return c
}

// pagePath is where a page of suppressions is.
func pagePath(q server.SuppressionsQuery) string {
	values := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	for name, value := range map[string]string{"channel": string(q.Channel), "reason": string(q.Reason)} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.After != 0 {
		values.Set("after", strconv.FormatInt(q.After, 10))
	}
	if q.Reveal {
		values.Set("reveal", "true")
	}
	return suppressionsPath + "?" + values.Encode()
}

func printSuppressions(c *cobra.Command, page server.SuppressionsView) error {
	if len(page.Suppressions) == 0 {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "no address is suppressed so")
		return nil
	}
	err := table(c.OutOrStdout(), "AT\tCHANNEL\tADDRESS\tREASON\tSOURCE", func(row func(string, ...any)) {
		for _, s := range page.Suppressions {
			row("%s\t%s\t%s\t%s\t%s", s.At.UTC().Format(time.RFC3339), s.Channel, s.Address, s.Reason, s.Source)
		}
	})
	if page.Next != "" {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "there may be more: --after %s\n", page.Next)
	}
	return err
}

func suppressionsAddCommand() *cobra.Command {
	var f relayFlags
	var channel, reason string
	c := &cobra.Command{
		Use: "add ADDRESS...", Short: "Never write to an address again", Args: someArgs("ADDRESS"),
		Long:    "Never write to an address again, a phone number with its country code or a mail address, until it is removed." + suppressionsHelp,
		Example: "  beckon suppressions add +14155550123\n  beckon suppressions add ann@example.com --reason complained",
		RunE: func(c *cobra.Command, given []string) error {
			if err := errors.Join(oneOf("--channel", channel, relay.Channels()), oneOf("--reason", reason, relay.SuppressionReasons())); err != nil {
				return err
			}
			order := server.SuppressOrder{Source: relay.SuppressedByOperator}
			for _, address := range given {
				order.Suppressions = append(order.Suppressions, server.SuppressionView{
					Channel: relay.Channel(channel), Address: address, Reason: relay.Reason(reason),
				})
			}
			var answer server.SuppressedView
			if err := f.send(c, http.MethodPost, order, &answer); err != nil || f.asJSON {
				return err
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "suppressed: %d; known before: %d\n", answer.Added, answer.Known)
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&channel, "channel", "", "sms or email (default: told by the address)")
	c.Flags().StringVar(&reason, "reason", "", "why, such as complained (default opted_out)")
	return c
}

// send asks with a JSON body.
func (f relayFlags) send(c *cobra.Command, method string, order, into any) error {
	body, err := json.Marshal(order)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return f.ask(c, method, suppressionsPath, body, into)
}

func suppressionsRemoveCommand() *cobra.Command {
	var f relayFlags
	var order server.LiftOrder
	var channel string
	var yes bool
	c := &cobra.Command{
		Use: "remove ADDRESS...", Short: "Let an address be written to again", Args: someArgs("ADDRESS"),
		Long: `Let an address be written to again. It shows why each is suppressed, and asks; where one is not suppressed, none is removed. Whoever
reported a mail as spam is only removed with --force. A number whose owner wrote STOP is blocked at Twilio as well, until START.` + suppressionsHelp,
		Example: "  beckon suppressions remove +14155550123 --dry-run\n  beckon suppressions remove ann@example.com --yes",
		RunE: func(c *cobra.Command, given []string) error {
			if err := oneOf("--channel", channel, relay.Channels()); err != nil {
				return err
			}
			order.Channel = relay.Channel(channel)
			return removeSuppressions(c, f, removal{LiftOrder: order, addresses: given, yes: yes})
		},
	}
	f.add(c)
	c.Flags().StringVar(&channel, "channel", "", "sms or email (default: told by the address)")
	c.Flags().BoolVar(&order.Force, "force", false, "also who reported a mail as spam")
	c.Flags().BoolVar(&order.DryRun, "dry-run", false, "only show what would be removed")
	addYes(c, &yes)
	return c
}

// removal is what `suppressions remove` was asked for.
type removal struct {
	server.LiftOrder

	addresses []string
	yes       bool
}

// removeSuppressions looks at all of them before it removes the first.
func removeSuppressions(c *cobra.Command, f relayFlags, r removal) error {
	asJSON := f.asJSON
	f.asJSON = false
	lift := func(dryRun bool) (lifted []server.SuppressionView, err error) {
		for _, address := range r.addresses {
			order := r.LiftOrder
			order.Address, order.DryRun = address, dryRun
			var answer server.LiftedView
			if wrong := f.send(c, http.MethodDelete, order, &answer); wrong != nil {
				err = errors.Join(err, wrong)
				if !dryRun {
					break
				}
				continue
			}
			lifted = append(lifted, answer.Lifted)
		}
		return lifted, err
	}
	found, err := lift(true)
	if err != nil {
		return err
	}
	if !asJSON {
		if err := printSuppressions(c, server.SuppressionsView{Suppressions: found}); err != nil {
			return err
		}
	}
	if !r.DryRun {
		if err := confirm(c, fmt.Sprintf("Let %d addresses be written to again?", len(found)), r.yes); err != nil {
			return err
		}
		if found, err = lift(false); err != nil {
			return fmt.Errorf("%d of %d were removed: %w", len(found), len(r.addresses), err)
		}
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), map[string]any{"removed": found, "dry_run": r.DryRun})
	}
	if r.DryRun {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "nothing was removed; without --dry-run it would be %d\n", len(found))
		return nil
	}
	_, _ = fmt.Fprintf(c.OutOrStdout(), "removed: %d\n", len(found))
	return nil
}

// someArgs wants one argument or more, which are called so.
func someArgs(name string) cobra.PositionalArgs {
	return args(func(c *cobra.Command, given []string) error {
		if len(given) == 0 {
			return fmt.Errorf("%s is missing: %s", name, c.UseLine())
		}
		return nil
	})
}
