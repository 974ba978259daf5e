package scenario

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// maxTrace bounds what is told of one failure, in lines.
const maxTrace = 20

// trace says how an alert was decided, and in a digest what became of the others.
func (j *trial) trace(a *relay.Alert) []string {
	if a == nil {
		return nil
	}
	out := []string{fmt.Sprintf("%s to %s is %s%s", a.Rule, orNone(shownRecipient(a.Recipient)), a.State, inBrackets(string(a.Reason)))}
	for _, step := range a.Trace {
		out = append(out, fmt.Sprintf("  %-8s %s: %s%s", "+"+brief(step.At.Sub(j.Start)), step.Check, step.Result, inBrackets(step.Seen)))
	}
	return cut(append(out, j.digest(a)...))
}

// digest lists the other alerts of an alert's digest, in the order they came, but those that ended in another way first.
func (j *trial) digest(a *relay.Alert) []string {
	var members []*relay.Alert
	for i := range j.result.Alerts {
		if other := &j.result.Alerts[i]; other.ID != a.ID && together(a, other) {
			members = append(members, other)
		}
	}
	if len(members) == 0 {
		return nil
	}
	alike := func(m *relay.Alert) int {
		if m.State == a.State {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(members, func(x, y *relay.Alert) int {
		return cmp.Or(cmp.Compare(alike(x), alike(y)), x.ReceivedAt.Compare(y.ReceivedAt))
	})
	out := []string{"  also in its digest:"}
	for _, m := range members {
		out = append(out, fmt.Sprintf("    %s: %s%s", j.event(m), m.State, inBrackets(string(m.Reason))))
	}
	return out
}

// together reports whether two alerts were one digest. All digests of a rule for a person have one name, so what tells this one
// from the next is when it was decided.
func together(a, b *relay.Alert) bool {
	if a.Digest == "" || a.Digest != b.Digest {
		return false
	}
	return cmp.Or(a.Lead, a.ID) == cmp.Or(b.Lead, b.ID) || slices.ContainsFunc(a.Trace, func(x relay.Step) bool {
		return slices.ContainsFunc(b.Trace, func(y relay.Step) bool { return x.At.Equal(y.At) })
	})
}

// event names the event of an alert.
func (j *trial) event(a *relay.Alert) string {
	out := fmt.Sprintf("%s at %s", a.Trigger, brief(a.ReceivedAt.Sub(j.Start)))
	i := slices.IndexFunc(j.events, func(e relay.Event) bool { return e.ID == a.EventID })
	if i >= 0 && j.events[i].Message != nil {
		out += ", message " + j.events[i].Message.ID
	}
	return out
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
func (j *trial) whyNot(w *want) []string {
	if a := j.like(w); a != nil {
		j.tell(a, w.channel) // the next expectation like it is about another
		return j.trace(a)
	}
	var out []string
	for i := range j.events {
		out = append(out, j.verdicts(&j.events[i], w.rule)...)
	}
	if len(out) == 0 {
		return []string{j.untriggered(w.rule)}
	}
	return cut(out)
}

// like is the alert of the expected rule that is most like an expectation: first for the same person, then one that no other
// expectation was held against on that channel, then the nearest in time. It is nil where the rule made none.
func (j *trial) like(w *want) *relay.Alert {
	var best *relay.Alert
	var least []int64
	for i := range j.result.Alerts {
		a := &j.result.Alerts[i]
		if w.rule != "" && a.Rule != w.rule {
			continue
		}
		rank := []int64{0, 0, int64(w.away(a.DueAt.Sub(j.Start)))}
		if w.to != "" && !isTo(w.to, a.Recipient) {
			rank[0] = 1
		}
		if j.told[telling{cmp.Or(a.Lead, a.ID), w.channel}] {
			rank[1] = 1
		}
		for _, step := range a.Trace {
			rank[2] = min(rank[2], int64(w.away(step.At.Sub(j.Start))))
		}
		if best == nil || slices.Compare(rank, least) < 0 {
			best, least = a, rank
		}
	}
	return best
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
