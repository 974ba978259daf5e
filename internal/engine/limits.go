package engine

import (
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// counts are the limits that hold for what a rule tells a recipient of an event on a channel: the rule's own or the defaults',
// and what one sender may cause. The defaults' do not apply to an address written in a rule.
func (g *Generation) counts(rule *rules.Rule, event *relay.Event, recipient relay.Recipient, channel relay.Channel) []relay.Count {
	defaults := g.Rules.Defaults()
	limits := g.Rules.Limits(rule)
	if recipient.Fixed() {
		limits = rule.Limits
	}
	var out []relay.Count
	add := func(counter relay.Counter, limit rules.Limit) {
		count := relay.Count{Counter: counter, Per: limit.Per, Max: limit.Max}
		if counter != "" && !slices.Contains(out, count) {
			out = append(out, count)
		}
	}
	for _, limit := range limits {
		add(counterOf(limit.By, rule.Name, event, recipient, channel), limit)
	}
	if defaults.SenderLimit.Max > 0 && !recipient.Fixed() {
		add(floodOf(event, channel), defaults.SenderLimit)
	}
	return out
}

// countersOf are all that a delivery may be counted under, also for limits that no rule has now: a reload may bring them.
func countersOf(rule string, event *relay.Event, recipient relay.Recipient, channel relay.Channel) []relay.Counter {
	out := []relay.Counter{floodOf(event, channel)}
	for _, by := range []rules.By{"", rules.ByConversation, rules.ByRule, rules.BySender} {
		out = append(out, counterOf(by, rule, event, recipient, channel))
	}
	return slices.DeleteFunc(out, func(c relay.Counter) bool { return c == "" })
}

// counterOf is empty where the event has nothing of the kind that the limit is by.
func counterOf(by rules.By, rule string, event *relay.Event, recipient relay.Recipient, channel relay.Channel) relay.Counter {
	each := "all"
	switch by {
	case rules.ByConversation:
		each = conversationOf(event)
	case rules.ByRule:
		each = rule
	case rules.BySender:
		each = senderOf(event)
	case rules.ByRecipient:
	}
	if each == "" {
		return ""
	}
	return relay.NewCounter("recipient", event.AppID, recipient.Key(), string(channel), string(by), each)
}

// floodOf counts what one sender causes on a channel, whoever gets it.
func floodOf(event *relay.Event, channel relay.Channel) relay.Counter {
	sender := senderOf(event)
	if sender == "" {
		return ""
	}
	return relay.NewCounter("sender", event.AppID, sender, string(channel))
}
