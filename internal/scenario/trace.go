package scenario

import (
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// maxTrace bounds what is told of one failure, in lines.
const maxTrace = 20

// trace says how an alert was decided.
func (t *Test) trace(a *relay.Alert) []string {
	if a == nil {
		return nil
	}
	out := []string{fmt.Sprintf("%s to %s is %s%s", a.Rule, orNone(shownRecipient(a.Recipient)), a.State, inBrackets(string(a.Reason)))}
	for _, step := range a.Trace {
		out = append(out, fmt.Sprintf("  %-8s %s: %s%s", "+"+brief(step.At.Sub(t.Start)), step.Check, step.Result, inBrackets(step.Seen)))
	}
	return cut(out)
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func cut(lines []string) []string {
	if len(lines) > maxTrace {
		return append(lines[:maxTrace:maxTrace], fmt.Sprintf("... and %d more lines", len(lines)-maxTrace))
	}
	return lines
}

// whyNot says why what was expected did not come: how the alert that is most like it ended, or why the rule made none.
func (t *Test) whyNot(w *want, result sim.Result) []string {
	like := func(a relay.Alert, person bool) bool {
		return (w.rule == "" || a.Rule == w.rule) && (!person || w.to == "" || isTo(w.to, a.Recipient))
	}
	for _, person := range []bool{true, false} {
		i := slices.IndexFunc(result.Alerts, func(a relay.Alert) bool { return like(a, person) })
		if i >= 0 {
			return t.trace(&result.Alerts[i])
		}
	}
	var out []string
	for i := range t.events {
		out = append(out, t.verdicts(&t.events[i], w.rule)...)
	}
	if len(out) == 0 {
		return []string{t.untriggered(w.rule)}
	}
	return cut(out)
}

// verdicts says what the rule, or every rule for the trigger, made of an event.
func (t *Test) verdicts(event *relay.Event, rule string) []string {
	var out []string
	g := t.generationAt(event.ReceivedAt)
	_, verdicts := g.Plan(*event)
	for _, v := range verdicts {
		if rule != "" && v.Rule != rule {
			continue
		}
		why := v.Why
		if v.Err != nil {
			why += ": " + v.Err.Error()
		}
		out = append(out, fmt.Sprintf("%s and %s at %s: %s", v.Rule, event.Trigger, brief(event.ReceivedAt.Sub(t.Start)), orMatched(why)))
		if r, ok := g.Rules.Rule(v.Rule); ok && !v.Matched {
			out = append(out, falseParts(r.Explain(event))...)
		}
	}
	return out
}

func orMatched(why string) string {
	if why == "" {
		return "it matched"
	}
	return why
}

// falseParts lists the parts of a condition that did not hold, with what they saw.
func falseParts(e rules.Explanation) []string {
	var out []string
	for _, part := range e.Parts {
		if part.Holds {
			continue
		}
		out = append(out, "  false: "+part.Text)
		for _, seen := range part.Seen {
			out = append(out, fmt.Sprintf("    %s is %s", seen.Path, value(seen.Value)))
		}
	}
	return out
}

func value(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", v)
	default:
		return fmt.Sprint(v)
	}
}

// untriggered says why there is no verdict at all.
func (t *Test) untriggered(rule string) string {
	if rule == "" {
		return "no rule is for the trigger of any event"
	}
	r, ok := t.stages[0].generation.Rules.Rule(rule)
	switch {
	case !ok:
		return fmt.Sprintf("there is no rule %q", rule)
	case !r.Enabled:
		return fmt.Sprintf("rule %q is disabled", rule)
	}
	return fmt.Sprintf("no event has a trigger of rule %q: %v", rule, r.Triggers)
}
