package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// explanation is what `beckon explain` prints. Messages are in clear, as they would be sent; what rules saw of texts is not.
type explanation struct {
	Event      view.Event         `json:"event"`
	Generation string             `json:"generation"`
	Rules      []view.RuleAccount `json:"rules"`
	Outcomes   []foreseen         `json:"outcomes"`
	// Invented says that nobody's contact is known.
	Invented bool `json:"people_invented,omitempty"`
	// StandsIn says that one person stands in for all whom only CometChat knows.
	StandsIn bool `json:"stand_in,omitempty"`
	// Kept says that the event is in the database.
	Kept bool `json:"kept,omitempty"`
}

// foreseen is an alert as it would end.
type foreseen struct {
	Rule     string           `json:"rule"`
	To       string           `json:"to"`
	State    relay.AlertState `json:"state"`
	Reason   relay.Reason     `json:"reason,omitempty"`
	At       time.Time        `json:"at"`
	After    string           `json:"after"`
	Trace    []relay.Step     `json:"trace"`
	Messages []message        `json:"messages"`
}

type message struct {
	Channel  relay.Channel       `json:"channel"`
	To       string              `json:"to,omitempty"`
	State    relay.DeliveryState `json:"state"`
	Reason   relay.Reason        `json:"reason,omitempty"`
	Locale   string              `json:"locale,omitempty"`
	Segments int                 `json:"segments,omitempty"`
	Encoding string              `json:"encoding,omitempty"`
	Subject  string              `json:"subject,omitempty"`
	Text     string              `json:"text,omitempty"`
}

func explanationOf(g *engine.Generation, event relay.Event, explained app.Explained, only string) explanation {
	out := explanation{Event: view.EventOf(event), Generation: g.Hash, Rules: []view.RuleAccount{}, Outcomes: []foreseen{}}
	for _, a := range explained.Rules {
		if only == "" || a.Rule == only {
			out.Rules = append(out.Rules, view.AccountOf(a))
		}
	}
	for _, f := range explained.Outcomes {
		if only == "" || f.Alert.Rule == only {
			out.Outcomes = append(out.Outcomes, foreseenOf(f))
			out.StandsIn = out.StandsIn || sim.StandsIn(f.Alert.Recipient.UID)
		}
	}
	return out
}

func foreseenOf(f app.Foreseen) foreseen {
	a := f.Alert
	out := foreseen{
		Rule: a.Rule, To: view.Whom(a.Recipient, a.Role), State: a.State, Reason: a.Reason, At: a.UpdatedAt,
		After: a.UpdatedAt.Sub(a.ReceivedAt).Round(time.Millisecond).String(), Trace: a.Trace, Messages: []message{},
	}
	for _, d := range f.Deliveries {
		out.Messages = append(out.Messages, message{
			Channel: d.Channel, To: d.Masked(), State: d.State, Reason: d.Reason, Locale: d.Content.Locale,
			Segments: d.Content.Segments, Encoding: d.Content.Encoding, Subject: d.Content.Subject.Reveal(),
			Text: d.Content.Text.Reveal(),
		})
	}
	return out
}

func printExplanation(w io.Writer, e explanation) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("Event %s\n  %s, received %s, by %s in %s\n", e.Event.ID, e.Event.Trigger, clock(e.Event.ReceivedAt), orDash(e.Event.Sender),
		orDash(e.Event.Conversation))
	if e.Event.Noise != relay.ReasonNone {
		p("  noise, no rule is applied: %s\n", e.Event.Noise)
	}
	p("\nRules (generation %s)\n", e.Generation)
	printAccounts(w, e.Rules)
	p("\nIf nothing else happens\n")
	if len(e.Outcomes) == 0 {
		p("  nobody is told\n")
	}
	for _, f := range e.Outcomes {
		printForeseen(w, f)
	}
	if e.Kept {
		p("\nWhat became of it is shown by: beckon events show %s\n", e.Event.ID)
	}
	if e.StandsIn {
		p("\nCometChat was not asked: one person stands in for all who are looked up when it happens.\n")
	}
	if e.Invented {
		p("\nNo directory is set (BECKON_DIRECTORY), so everybody is taken to be reachable on every channel.\n")
	}
}

// printAccounts says of each rule whether it matched, and of its condition what each part saw.
func printAccounts(w io.Writer, accounts []view.RuleAccount) {
	for _, a := range accounts {
		verdict := "no "
		if a.Matched {
			verdict = "yes"
		}
		_, _ = fmt.Fprintf(w, "  %s  %s: %s\n", verdict, a.Rule, whyText(a))
		for _, part := range a.Parts {
			_, _ = fmt.Fprintf(w, "         %-5t  %s%s\n", part.Holds, part.Text, seenText(part))
		}
	}
}

// whyText says why a rule did not match, or whom it is for and who is left out.
func whyText(a view.RuleAccount) string {
	why := []string{a.Why}
	if len(a.To) > 0 {
		why[0] = "for " + strings.Join(a.To, ", ")
	}
	if len(a.Actors) > 0 {
		why = append(why, "not for "+strings.Join(a.Actors, ", ")+", who did it")
	}
	for _, role := range a.Empty {
		why = append(why, "the event names no "+string(role))
	}
	return strings.Join(why, "; ")
}

func seenText(part view.RulePart) string {
	seen := part.Saw
	if part.Error != "" {
		seen = strings.TrimPrefix(seen+"; "+part.Error, "; ")
	}
	if seen == "" {
		return ""
	}
	return "   (" + seen + ")"
}

func printForeseen(w io.Writer, f foreseen) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("  %s to %s: %s after %s, %s\n", f.Rule, f.To, ended(f.State, f.Reason), f.After, clock(f.At))
	printTrace(w, f.Trace)
	for _, m := range f.Messages {
		p("    %s to %s: %s", m.Channel, orDash(m.To), ended(m.State, m.Reason))
		if m.Segments > 0 {
			p(", segments: %d, %s", m.Segments, m.Encoding)
		}
		p("\n")
		if m.Subject != "" {
			p("      Subject: %s\n", m.Subject)
		}
		if m.Text != "" {
			p("      | %s\n", strings.ReplaceAll(m.Text, "\n", "\n      | "))
		}
	}
}

// ended is a state with its Reason, if it has one.
func ended[S ~string](state S, reason relay.Reason) string {
	return strings.TrimSpace(string(state) + " " + string(reason))
}

// printTrace prints how an alert was decided, oldest first.
func printTrace(w io.Writer, trace []relay.Step) {
	for _, step := range trace {
		line := strings.TrimSpace(fmt.Sprintf("%s: %s %s", step.Check, step.Result, step.Seen))
		_, _ = fmt.Fprintf(w, "    %s  %s\n", clock(step.At), line)
	}
}
