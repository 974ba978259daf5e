package engine

import (
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Verdict says what one rule made of an event.
type Verdict struct {
	Rule    string
	Matched bool
	// Why says why it did not match, or that it matched and nobody is to be told.
	Why string
	// Err is a condition that failed while it was evaluated; it counts as not matched.
	Err error
	// Actors are the uids that are not told because they did it themselves, and Empty the roles in which the event names nobody.
	Actors []string
	Empty  []relay.Role
}

// Plan makes the alerts that the rules want of an event, and the keys by which the event is found when other alerts are
// decided. Verdicts say what each rule for the trigger made of it.
func (g *Generation) Plan(event relay.Event) (relay.Plan, []Verdict) {
	plan := relay.Plan{Event: event, Keys: KeysOf(event), Wanted: g.Rules.Wants(event.Trigger), Generation: g.Hash}
	matching := g.Rules.For(event.Trigger)
	verdicts := make([]Verdict, 0, len(matching))
	for _, rule := range matching {
		verdict := g.match(rule, &event)
		if verdict.Matched {
			alerts := g.alerts(rule, event, &verdict)
			if len(alerts) == 0 {
				verdict.Why = "nobody to tell"
			}
			plan.Alerts = append(plan.Alerts, alerts...)
		}
		verdicts = append(verdicts, verdict)
	}
	return plan, verdicts
}

func (g *Generation) match(rule *rules.Rule, event *relay.Event) Verdict {
	if event.Noise != relay.ReasonNone {
		return Verdict{Rule: rule.Name, Why: "the event is noise: " + string(event.Noise)}
	}
	matched, err := rule.Matches(event)
	if err != nil {
		return Verdict{Rule: rule.Name, Why: "the condition failed", Err: err}
	}
	if !matched {
		return Verdict{Rule: rule.Name, Why: "the condition is false"}
	}
	return Verdict{Rule: rule.Name, Matched: true}
}

// alerts makes one alert for each person in the rule's roles, or an unresolved one for a role whose people the event
// does not name. Who gets none, the verdict says.
func (g *Generation) alerts(rule *rules.Rule, event relay.Event, verdict *Verdict) []relay.Alert {
	var (
		out  []relay.Alert
		seen = make(map[string]bool, len(rule.To))
		skip = g.actors(rule, event)
	)
	add := func(role relay.Role, recipient relay.Recipient) {
		if skip[recipient.UID] {
			if !slices.Contains(verdict.Actors, recipient.UID) {
				verdict.Actors = append(verdict.Actors, recipient.UID)
			}
			return
		}
		key := recipient.Key()
		if key == "" {
			key = string(role)
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, g.alert(rule, event, role, recipient))
		}
	}
	for _, to := range rule.To {
		if to.Role == relay.RoleFixed {
			add(to.Role, to.Fixed)
			continue
		}
		if g.unresolved(to.Role, &event) {
			add(to.Role, relay.Recipient{})
			continue
		}
		found := people(to.Role, &event)
		if len(found) == 0 {
			verdict.Empty = append(verdict.Empty, to.Role)
		}
		for _, uid := range found {
			add(to.Role, relay.Recipient{UID: uid})
		}
	}
	return out
}

func (g *Generation) alert(rule *rules.Rule, event relay.Event, role relay.Role, recipient relay.Recipient) relay.Alert {
	wait, reason := rule.Wait, relay.ReasonNone
	if rule.Digest != nil {
		wait = max(wait, rule.Digest.Window)
	}
	if wait > 0 {
		reason = relay.ReasonWaiting
	}
	alert := relay.Alert{
		ID: relay.AlertID(event.ID, rule.Name, role, recipient), EventID: event.ID, Trigger: event.Trigger,
		Rule: rule.Name, Role: role, Recipient: recipient, State: relay.AlertHeld, Reason: reason,
		ReceivedAt: event.ReceivedAt, DueAt: event.ReceivedAt.Add(wait), ExpiresAt: event.ReceivedAt.Add(rule.Expires),
		Digest: digestOf(rule, &event, recipient), Generation: g.Hash, UpdatedAt: event.ReceivedAt,
	}
	if recipient.Key() == "" && g.sourceOf(role, &event) == relay.FromCometChat {
		alert.AgainAt = event.ReceivedAt // who they are is asked at once, so that each can wait, and be digested, alone
	}
	return alert
}

// digestOf names the digest that an alert goes into; empty where it goes out alone, or the recipient is not known yet.
func digestOf(rule *rules.Rule, event *relay.Event, recipient relay.Recipient) string {
	if rule.Digest == nil || recipient.Key() == "" {
		return ""
	}
	scope := ""
	if rule.Digest.By == rules.ByConversation {
		scope = conversationOf(event)
	}
	return relay.DigestKey(event.AppID, rule.Name, recipient, scope)
}

// actors are the uids that are not told of their own doing.
func (g *Generation) actors(rule *rules.Rule, event relay.Event) map[string]bool {
	skip := map[string]bool{}
	if rule.IncludeActor {
		return skip
	}
	for _, uid := range people(g.catalogue[event.Trigger].Actor, &event) {
		skip[uid] = true
	}
	return skip
}
