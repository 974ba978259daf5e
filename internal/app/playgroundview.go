package app

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/view"
)

// maxFindings is how many findings are shown: a file that is wrong in every line has a thousand.
const maxFindings = 50

// viewFindings are findings as they are shown, errors first where there are too many.
func viewFindings(found []rules.Finding) []view.Finding {
	if len(found) > maxFindings {
		found = slices.Clone(found)
		slices.SortStableFunc(found, func(a, b rules.Finding) int { return cmp.Compare(a.Severity, b.Severity) })
		found[maxFindings-1].Message += fmt.Sprintf("; and %d more findings", len(found)-maxFindings)
		found = found[:maxFindings]
	}
	out := make([]view.Finding, 0, len(found))
	for _, f := range found {
		out = append(out, view.Finding{
			File: f.File, Line: max(f.Line, 1), Column: max(f.Column, 1), Warning: !isError(f), Rule: f.Rule, Message: f.Message, Hint: f.Hint,
			Excerpt: f.Excerpt,
		})
	}
	return out
}

// viewAccount is what a rule made of an event, with what its conditions saw in clear: it is for whoever wrote that event, or may
// see it.
func viewAccount(a engine.Account) view.RuleAccount {
	for i, part := range a.Parts {
		for j, seen := range part.Seen {
			if text, ok := seen.Value.(relay.Text); ok {
				a.Parts[i].Seen[j].Value = text.Reveal()
			}
		}
	}
	return view.AccountOf(a)
}

// viewOutcome is how an alert would end. Addresses are in clear where they are invented.
func viewOutcome(f Foreseen, clear bool) view.Outcome {
	a := f.Alert
	out := view.Outcome{
		Rule: a.Rule, To: view.Whom(a.Recipient, a.Role), Trigger: a.Trigger, State: a.State, Reason: a.Reason, Meaning: meaningOf(a.Reason),
		At: a.UpdatedAt, After: a.UpdatedAt.Sub(a.ReceivedAt).Round(time.Millisecond), Trace: a.Trace,
	}
	for _, d := range f.Deliveries {
		m := view.Message{
			Channel: d.Channel, To: d.Masked(), State: d.State, Reason: d.Reason, Meaning: meaningOf(d.Reason), Template: d.Template,
			Locale: d.Content.Locale, Subject: d.Content.Subject.Reveal(), Text: d.Content.Text.Reveal(), HTML: d.Content.HTML.Reveal(),
			SMS: sizeOf(d.Channel, d.Content),
		}
		if clear && !a.Recipient.Fixed() {
			m.To = d.Email.Reveal()
			if d.Channel == relay.ChannelSMS {
				m.To = d.Phone.Reveal()
			}
		}
		out.Messages = append(out.Messages, m)
	}
	return out
}

// meaningOf is what a Reason means, in words.
func meaningOf(reason relay.Reason) string {
	for _, doc := range relay.Reasons() {
		if doc.Reason == reason {
			return doc.Meaning
		}
	}
	return ""
}
