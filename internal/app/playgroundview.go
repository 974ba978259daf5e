package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/view"
)

// rowOfEvent is an event as lists show it.
func rowOfEvent(e relay.Event) view.Event {
	row := view.Event{ID: e.ID, Trigger: e.Trigger, ReceivedAt: e.ReceivedAt, Conversation: e.Conversation.ID, Noise: e.Noise}
	if e.Sender != nil {
		row.Sender = e.Sender.UID
	}
	return row
}

// viewFindings are findings as they are shown.
func viewFindings(found []rules.Finding) []view.Finding {
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
	out := view.RuleAccount{Rule: a.Rule, Matched: a.Matched, Why: a.Why}
	for _, p := range a.Parts {
		out.Parts = append(out.Parts, viewPart(p))
	}
	if !a.Matched {
		return out
	}
	for _, alert := range a.Alerts {
		out.To = append(out.To, toldTo(alert.Recipient, alert.Role))
	}
	if len(a.Actors) > 0 {
		out.Besides = append(out.Besides, strings.Join(a.Actors, ", ")+" did it, and is not told")
	}
	for _, role := range a.Empty {
		out.Besides = append(out.Besides, "the event names no "+string(role))
	}
	return out
}

func viewPart(p rules.Part) view.RulePart {
	out := view.RulePart{Text: p.Text, Holds: p.Holds}
	if p.Err != nil {
		out.Error = p.Err.Error()
	}
	saw := make([]string, 0, len(p.Seen))
	for _, s := range p.Seen {
		saw = append(saw, s.Path+" is "+seenValue(s.Value))
	}
	out.Saw = strings.Join(saw, "; ")
	return out
}

func seenValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "not there"
	case string:
		return fmt.Sprintf("%q", v)
	case relay.Text:
		return fmt.Sprintf("%q", v.Reveal())
	case time.Time:
		return v.Format(time.RFC3339)
	default:
		return fmt.Sprint(v)
	}
}

// toldTo names whom an alert is for; an address is masked, and a role stands for people who become known later.
func toldTo(r relay.Recipient, role relay.Role) string {
	switch {
	case r.UID != "":
		return r.UID
	case r.Email != "":
		return r.Email.String()
	case r.Phone != "":
		return r.Phone.String()
	case role == relay.RoleGroupMembers:
		return "everybody in the group, looked up when it happens"
	case role == relay.RoleAuthor:
		return "the author, looked up when it happens"
	}
	return "the " + string(role) + " of the call, known when it is due"
}

// viewOutcome is how an alert would end. Addresses are in clear where they are invented.
func viewOutcome(f Foreseen, clear bool) view.Outcome {
	a := f.Alert
	out := view.Outcome{
		Rule: a.Rule, To: toldTo(a.Recipient, a.Role), Trigger: a.Trigger, State: a.State, Reason: a.Reason, Meaning: meaningOf(a.Reason),
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
