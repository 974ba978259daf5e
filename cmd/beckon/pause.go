package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// switchFlags are what `pause` and `resume` have in common.
type switchFlags struct {
	relayFlags

	channel, rule string
}

func (f *switchFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.channel, "channel", "", "only this channel: sms or email")
	c.Flags().StringVar(&f.rule, "rule", "", "only this rule")
	f.relayFlags.add(c)
}

const switchHelp = `

It asks the relay that runs, on its admin listener; where that asks who it is, as BECKON_OPERATOR (name:secret) or BECKON_TOKEN. It is kept in the
database, obeyed by all replicas, and stands in the audit.`

func pauseCommand() *cobra.Command {
	var f switchFlags
	var list, history bool
	c := &cobra.Command{
		Use:   "pause",
		Short: "Hold all messages, or those of a channel or a rule, until `resume`",
		Long: "Hold all messages, or those of a channel or a rule, until `beckon resume`. Events are taken in as before; alerts that fall due\n" +
			"are held with the Reason paused, and end as expired where the pause outlasts them." + switchHelp,
		Args:    args(cobra.NoArgs),
		Example: "  beckon pause\n  beckon pause --channel sms\n  beckon pause --rule missed-call --channel sms\n  beckon pause --list\n  beckon pause --history",
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case list:
				return listPauses(c, f)
			case history:
				return showAudit(c, f)
			}
			var answer server.PausedView
			if err := f.post(c, "/-/pause", &answer); err != nil || f.asJSON {
				return err
			}
			if answer.Already {
				_, _ = fmt.Fprintf(c.OutOrStdout(), "%s was paused already, by %s since %s\n", pausedSubject(answer.PauseView), answer.By,
					answer.At.UTC().Format(time.RFC3339))
				return nil
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "paused: %s\n", pausedSubject(answer.PauseView))
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&list, "list", false, "show what is paused")
	c.Flags().BoolVar(&history, "history", false, "show who paused and resumed what, newest first")
	return c
}

func resumeCommand() *cobra.Command {
	var f switchFlags
	c := &cobra.Command{
		Use:   "resume",
		Short: "End a pause, or all of them",
		Long: "End a pause, named as it was made, or all of them. What was held for it is looked at again at once, and goes out if it is\n" +
			"still true." + switchHelp,
		Args: args(cobra.NoArgs), Example: "  beckon resume\n  beckon resume --channel sms",
		RunE: func(c *cobra.Command, _ []string) error {
			var answer server.ResumedView
			if err := f.post(c, "/-/resume", &answer); err != nil || f.asJSON {
				return err
			}
			ended := make([]string, 0, len(answer.Ended))
			for _, p := range answer.Ended {
				ended = append(ended, pausedSubject(p))
			}
			_, _ = fmt.Fprintf(c.OutOrStdout(), "resumed: %s; alerts and deliveries looked at again: %d\n", strings.Join(ended, ", "),
				answer.Woken)
			return nil
		},
	}
	f.add(c)
	return c
}

func (f switchFlags) post(c *cobra.Command, path string, into any) error {
	if err := oneOf("--channel", f.channel, relay.Channels()); err != nil {
		return err
	}
	body, err := json.Marshal(server.PauseView{Channel: relay.Channel(f.channel), Rule: f.rule})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return f.ask(c, http.MethodPost, path, body, into)
}

func listPauses(c *cobra.Command, f switchFlags) error {
	var answer server.PausesView
	if err := f.ask(c, http.MethodGet, "/-/pauses", nil, &answer); err != nil || f.asJSON {
		return err
	}
	if len(answer.Pauses) == 0 {
		_, _ = fmt.Fprintln(c.OutOrStdout(), "nothing is paused")
		return nil
	}
	return table(c.OutOrStdout(), "PAUSED\tBY\tSINCE", func(row func(string, ...any)) {
		for _, p := range answer.Pauses {
			row("%s\t%s\t%s", pausedSubject(p), p.By, p.At.UTC().Format(time.RFC3339))
		}
	})
}

func showAudit(c *cobra.Command, f switchFlags) error {
	var answer server.AuditsView
	if err := f.ask(c, http.MethodGet, "/-/audit", nil, &answer); err != nil || f.asJSON {
		return err
	}
	return table(c.OutOrStdout(), "AT\tWHO\tDID\tTO", func(row func(string, ...any)) {
		for _, a := range answer.Audit {
			row("%s\t%s\t%s\t%s", a.At.UTC().Format(time.RFC3339), a.Who, a.Action, a.Subject)
		}
	})
}

func pausedSubject(p server.PauseView) string { return relay.Pause(p).Subject() }
