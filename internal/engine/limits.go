package engine

import (
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// bound is a limit with the count that says whether it is reached.
type bound struct {
	relay.Count

	// by is what the limit is by, as the file has it.
	by string
}

// String is the bound as a trace names it.
func (b bound) String() string { return fmt.Sprintf("max %d per %s%s", b.Max, b.Per, b.by) }

// bounds are the limits that hold for what a rule tells a recipient of an event on a channel: the rule's own or the defaults',
// and what one sender may cause. The defaults' do not apply to an address written in a rule.
func (g *Generation) bounds(rule *rules.Rule, event *relay.Event, recipient relay.Recipient, channel relay.Channel) []bound {
	defaults := g.Rules.Defaults()
	limits := g.Rules.Limits(rule)
	if recipient.Fixed() {
		limits = rule.Limits
	}
	var out []bound
	add := func(counter relay.Counter, limit rules.Limit, shared bool, by string) {
		b := bound{relay.Count{Counter: counter, Per: limit.Per, Max: limit.Max, Shared: shared}, by}
		if counter != "" && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	for _, limit := range limits {
		by := ""
		if limit.By != "" {
			by = " by " + string(limit.By)
		}
		add(counterOf(limit.By, rule.Name, event, recipient, channel), limit, false, by)
	}
	if defaults.SenderLimit.Max > 0 && !recipient.Fixed() {
		add(floodOf(event, channel), defaults.SenderLimit, true, " of the sender_limit")
	}
	return out
}

// countersOf are all that a delivery may be counted under, also for limits that no rule has now: a reload may bring them.
func countersOf(rule string, event *relay.Event, recipient relay.Recipient, channel relay.Channel) []relay.Counter {
	var out []relay.Counter
	if !recipient.Fixed() { // for those the sender's limit does not hold, so they do not use it up either
		out = append(out, floodOf(event, channel))
	}
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
