package engine

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Reconsider says whether a delivery may still go out that an operator had retried: the alert, and those that the message carries beside
// it (Members), pass the steps 1 to 5 of a decision once more, with what is known now. Its message is not made anew, so it goes out whole
// while any of them is still true. Operators' pauses are left to the attempt, and quiet hours and limits are not looked at: the one
// who orders a retry chooses its time.
//
// The Action is relay.ActSend; relay.ActCancel or relay.ActSuppress, with a Reason; relay.ActHold, to look again at Until; or relay.ActAsk.
func (g *Generation) Reconsider(s Situation, delivery relay.Delivery) relay.Decision {
	rule, ok := g.Rules.Rule(s.Alert.Rule)
	d := &decision{generation: g, rule: rule, Situation: s, seen: index(s.Facts.Candidates)}
	d.own = &item{Member: relay.Member{Alert: d.Alert, Event: d.Event}}
	d.items = []*item{d.own}
	for _, m := range s.Members {
		d.items = append(d.items, &item{Member: m})
	}
	if !ok || !rule.Enabled {
		d.each(func(i *item) { d.end(i, relay.ActCancel, relay.ReasonRuleRemoved, "rule", "") })
		return d.outcome()
	}
	for _, i := range d.items {
		i.Alert.ExpiresAt = delivery.ExpiresAt // an order can give it longer
	}
	d.each(d.expiry)
	d.reached()
	d.each(d.cancelling)
	if d.chatDown {
		d.each(func(i *item) { d.hold(i, d.chatRetry(), relay.ReasonCometChatDown, "cometchat") })
	}
	for _, step := range []func(){d.person, func() { d.each(d.muted) }, func() { d.unwanted(delivery) }, func() { d.toldOtherwise(delivery) }} {
		if d.open() {
			step()
		}
	}
	return d.outcome()
}

// unwanted looks at what the person or the settings say of the channel and the address by now.
func (d *decision) unwanted(delivery relay.Delivery) {
	reason := relay.ReasonNone
	if !d.Contact.Wants(delivery.Channel) {
		reason = relay.ReasonNotWanted
	} else if d.Guard != nil {
		reason = d.Guard(relay.NewAddress(delivery.Channel, delivery.Address()))
	}
	if reason != relay.ReasonNone {
		d.each(func(i *item) { d.end(i, relay.ActSuppress, reason, "send "+string(delivery.Channel), "") })
	}
}

// toldOtherwise looks whether the rule's fallback took the place of the delivery: then the person was told, or is about to be.
func (d *decision) toldOtherwise(delivery relay.Delivery) {
	of := func(made relay.Delivery) int {
		return slices.IndexFunc(d.rule.Fallback, func(entry rules.Send) bool {
			return entry.Channel == made.Channel && entry.Template == made.Template
		})
	}
	place := of(delivery)
	for _, made := range d.Facts.Deliveries {
		over := made.State == relay.DeliveryDead || made.State == relay.DeliverySuppressed || made.State == relay.DeliveryUndelivered
		if of(made) > place && !over {
			d.each(func(i *item) { d.end(i, relay.ActSuppress, relay.ReasonCollapsed, "fallback", string(made.Channel)) })
			return
		}
	}
}

// outcome is what becomes of the message as a whole: it goes out if anything in it is still true.
func (d *decision) outcome() relay.Decision {
	out := relay.Decision{Action: d.own.ruling.Action, Reason: d.own.ruling.Reason, Trace: d.own.ruling.Trace}
	if d.open() {
		out.Action, out.Reason = relay.ActSend, relay.ReasonNone
	}
	var until time.Time
	for _, i := range d.items {
		if out.Action != relay.ActSend && i.ruling.Action == relay.ActHold && (until.IsZero() || i.ruling.Until.Before(until)) {
			until, out.Reason = i.ruling.Until, i.ruling.Reason
		}
	}
	switch {
	case len(d.asks) > 0 && out.Action == relay.ActSend:
		return relay.Decision{Action: relay.ActAsk, Asks: d.asks}
	case !until.IsZero():
		out.Action, out.Until = relay.ActHold, until
	}
	return out
}
