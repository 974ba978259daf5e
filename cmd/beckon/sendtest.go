package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/relay"
)

// sendTestFlags are what `beckon send-test` was called with.
type sendTestFlags struct {
	to       string
	template string
	sample   string
	locale   string
	json     bool
}

func sendTestCommand() *cobra.Command {
	var f sendTestFlags
	c := &cobra.Command{
		Use:   "send-test --to ADDRESS",
		Short: "Really send one message, to see whether the provider takes it",
		Long: `Really send one message through the provider of the settings (BECKON_PROVIDERS, TWILIO_*, SENDGRID_*), to a phone number or a
mail address: a sentence that says that it is a test, or what a template makes of a sample. It costs what a message costs.
An address that said no, as kept in BECKON_DATABASE_URL, is not written to. Nothing is kept of the message.`,
		Example: "  beckon send-test --to +14155550123\n  beckon send-test --to ann@example.com --template mention --locale de",
		Args:    args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			sent, err := app.SendTest(c.Context(), o)
			if err != nil {
				return misnamed(fmt.Errorf("nothing was sent: %w", err))
			}
			noteLocale(c.ErrOrStderr(), o.Template, o.To.Channel(), sent.Wanted, sent.Content.Locale)
			return f.report(c.OutOrStdout(), sentRowOf(o.To, sent))
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.to, "to", "", "phone number with its country code, or mail address (required)")
	flags.StringVar(&f.template, "template", "", "send what this template makes of a sample")
	flags.StringVar(&f.sample, "sample", "", "the trigger of that sample (default: the one that the rules use the template for)")
	flags.StringVar(&f.locale, "locale", "", "the locale of the template (default: that of the rules)")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func (f *sendTestFlags) options() (app.SendTestOptions, error) {
	o := app.SendTestOptions{Template: f.template, Sample: relay.Trigger(f.sample), Locale: f.locale}
	if f.to == "" {
		return o, usageError{errors.New("--to is missing: whom to write to, such as +14155550123 or ann@example.com")}
	}
	if f.template == "" && (f.sample != "" || f.locale != "") {
		return o, usageError{errors.New("--sample and --locale are for a template: name one with --template")}
	}
	var err error
	if o.To, err = app.ParseAddress(f.to); err != nil {
		return o, usageError{fmt.Errorf("--to: %w", err)}
	}
	o.Config, err = settings("BECKON_RULES", "BECKON_TEMPLATES", "BECKON_DATABASE_URL", "BECKON_PUBLIC_URL", "BECKON_SECRET_KEY",
		"BECKON_PROVIDERS", "BECKON_ONLY_TO", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_FROM",
		"TWILIO_MESSAGING_SERVICE_SID", "BECKON_TWILIO_BASE_URL", "SENDGRID_API_KEY", "SENDGRID_FROM", "BECKON_SENDGRID_BASE_URL")
	return o, err
}

// sentRow is what became of a test message.
type sentRow struct {
	To       string            `json:"to"`
	Channel  relay.Channel     `json:"channel"`
	Provider string            `json:"provider"`
	Outcome  relay.OutcomeKind `json:"outcome"`
	// ProviderID is the provider's id of a message that was taken.
	ProviderID string       `json:"provider_id,omitempty"`
	Reason     relay.Reason `json:"reason,omitempty"`
	Meaning    string       `json:"meaning,omitempty"`
	Status     int          `json:"status,omitempty"`
	Code       string       `json:"code,omitempty"`
	Detail     string       `json:"detail,omitempty"`
	// Subject, of a mail, and Text are what was sent, in clear: they hold nobody's words.
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text,omitempty"`
}

// outcomeRefused stands in the place of an outcome where nobody was asked.
const outcomeRefused relay.OutcomeKind = "suppressed"

func sentRowOf(to relay.Address, sent app.SentTest) sentRow {
	row := sentRow{
		To: to.String(), Channel: to.Channel(), Provider: sent.Provider, Outcome: sent.Outcome.Kind, ProviderID: sent.Outcome.ProviderID,
		Reason: sent.Outcome.Reason, Status: sent.Outcome.Status, Code: sent.Outcome.Code, Detail: sent.Outcome.Detail,
		Subject: sent.Content.Subject.Reveal(), Text: sent.Content.Text.Reveal(),
	}
	if sent.Withheld != relay.ReasonNone {
		row.Reason = sent.Withheld
	}
	if sent.Suppressed != relay.ReasonNone {
		row.Outcome, row.Reason = outcomeRefused, sent.Suppressed
	}
	for _, doc := range relay.Reasons() {
		if doc.Reason == row.Reason {
			row.Meaning = doc.Meaning
		}
	}
	return row
}

// report prints what became of the message and fails where it was not taken.
func (f *sendTestFlags) report(w io.Writer, row sentRow) error {
	if f.json {
		if err := printJSON(w, row); err != nil {
			return err
		}
	} else {
		row.print(w)
	}
	if row.Outcome != relay.Accepted {
		return errSaid
	}
	return nil
}

func (r sentRow) print(w io.Writer) {
	switch r.Outcome {
	case relay.Accepted:
		_, _ = fmt.Fprintf(w, "%s took the message to %s under the id %s\n", r.Provider, r.To, orDash(r.ProviderID))
		if r.Subject != "" {
			_, _ = fmt.Fprintf(w, "  Subject: %s\n", r.Subject)
		}
		for line := range strings.SplitSeq(r.Text, "\n") {
			_, _ = fmt.Fprintf(w, "  | %s\n", line)
		}
		if r.Reason == relay.ReasonNotAllowedHere {
			_, _ = fmt.Fprintln(w, "BECKON_ONLY_TO does not name the address: nothing left the house")
		} else if r.Provider == app.OutboxProvider {
			_, _ = fmt.Fprintln(w, "BECKON_PROVIDERS=outbox: nothing left the house")
		}
		return
	case outcomeRefused:
		_, _ = fmt.Fprintf(w, "nothing was sent to %s: it must not be written to\n", r.To)
	case relay.Unknown:
		_, _ = fmt.Fprintf(w, "%s did not answer; the message to %s may have arrived\n", r.Provider, r.To)
	default:
		_, _ = fmt.Fprintf(w, "%s did not take the message to %s\n", r.Provider, r.To)
	}
	_, _ = fmt.Fprintf(w, "  reason: %s: %s\n", r.Reason, r.Meaning)
	if r.Status != 0 {
		_, _ = fmt.Fprintf(w, "  status: %d, code: %s\n", r.Status, orDash(r.Code))
	}
	if r.Detail != "" {
		_, _ = fmt.Fprintf(w, "  detail: %s\n", r.Detail)
	}
}
