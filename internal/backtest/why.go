package backtest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// why says why a rule of this side does not tell of a thing that the rule of that name of the other side does.
func (s *side) why(name string, of thing, event *relay.Event) string {
	rule, ok := s.generation.Rules.Rule(name)
	if !ok {
		return "there is no such rule"
	}
	if !rule.Enabled {
		return "the rule is disabled"
	}
	s.index()
	// Where nobody could be found for a role, one alert without a recipient says so.
	alert := cmp.Or(s.byKey[alertKey{of.event, name, of.recipient}], s.byKey[alertKey{of.event, name, ""}])
	if alert != nil {
		return s.became(rule, alert, of.channel)
	}
	if !slices.Contains(rule.Triggers, event.Trigger) {
		return "the rule is not for " + string(event.Trigger)
	}
	return unmatched(rule, event)
}

// became says what became of an alert on a channel that it did not go out on.
func (s *side) became(rule *rules.Rule, alert *relay.Alert, channel relay.Channel) string {
	if d := s.byPlace[placeKey{cmp.Or(alert.Lead, alert.ID), channel}]; d != nil && !arrives(d) {
		return string(d.State) + ": " + string(d.Reason)
	}
	if alert.State != relay.AlertSent {
		return string(alert.State) + ": " + string(alert.Reason)
	}
	uses := func(entry rules.Send) bool { return entry.Channel == channel }
	if !slices.ContainsFunc(rule.Send, uses) && slices.ContainsFunc(rule.Fallback, uses) {
		return "the rule sends " + string(channel) + " only as a fallback, which was not needed"
	}
	return "the rule does not send " + string(channel)
}

// unmatched says why a rule made no alert of an event of one of its triggers. It names the parts of the condition and not the
// values they saw, which are people's.
func unmatched(rule *rules.Rule, event *relay.Event) string {
	explained := rule.Explain(event)
	if explained.Matched {
		return "the rule's `to` does not name this person"
	}
	var wrong []string
	for _, part := range explained.Parts {
		if !part.Holds {
			wrong = append(wrong, part.Text)
		}
	}
	if len(wrong) == 0 {
		return "the condition does not hold"
	}
	return "the condition does not hold: " + strings.Join(wrong, "; ")
}
