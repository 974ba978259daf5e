package engine

import (
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// KeysOf gives the keys under which an event is found when alerts are decided: its conversation, its call session, the
// message it is about, and who did it. All of one app, since two apps may use the same ids.
func KeysOf(event relay.Event) []relay.Key {
	var by relay.Recipient
	if event.Sender != nil {
		by.UID = event.Sender.UID
	}
	keys := make([]relay.Key, 0, 4)
	for _, link := range []relay.Link{relay.LinkConversation, relay.LinkSession, relay.LinkMessage, relay.LinkRecipient} {
		if k := linked(event, by, link); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

func key(event relay.Event, link relay.Link, id string) relay.Key {
	return relay.Key(string(link) + "/" + event.AppID + "/" + id)
}

// Query says what must be read to decide that alert of that event for the person who was looked up; of a person who was not
// found, the zero Contact.
func (g *Generation) Query(alert relay.Alert, event relay.Event, contact relay.Contact) relay.Query {
	rule, ok := g.Rules.Rule(alert.Rule)
	if !ok {
		return relay.Query{}
	}
	var q relay.Query
	look := func(trigger relay.Trigger, link relay.Link) {
		lookup := relay.Lookup{Key: linked(event, alert.Recipient, link), Trigger: trigger}
		if lookup.Key != "" && !slices.Contains(q.Lookups, lookup) {
			q.Lookups = append(q.Lookups, lookup)
		}
	}
	if alert.Recipient.Key() == "" {
		for _, trigger := range g.Rules.Sessions() {
			look(trigger, relay.LinkSession)
		}
		return q
	}
	for _, clause := range g.clauses(rule, event.Trigger) {
		for _, l := range clause.Looks {
			look(l.Trigger, l.Link)
		}
	}
	contact = contactOf(alert.Recipient, contact)
	for _, send := range rule.Send {
		if claim := claimOf(rule, event, alert.Recipient, send.Channel); claim != "" && !slices.Contains(q.Claims, claim) {
			q.Claims = append(q.Claims, claim)
		}
		if to, ok := addressOf(contact, send.Channel); ok && !slices.Contains(q.Addresses, to) {
			q.Addresses = append(q.Addresses, to)
		}
	}
	return q
}

// linked is the key under which later events are found that have this link to an alert of the event; empty where there can be none.
func linked(event relay.Event, recipient relay.Recipient, link relay.Link) relay.Key {
	id := ""
	switch link {
	case relay.LinkRecipient:
		id = recipient.UID
	case relay.LinkConversation:
		if event.Conversation != nil {
			id = event.Conversation.ID
		}
	case relay.LinkSession:
		if event.Call != nil {
			id = event.Call.SessionID
		}
	case relay.LinkMessage:
		if event.Message != nil {
			id = event.Message.ID
		}
	}
	if id == "" {
		return ""
	}
	return key(event, link, id)
}

// addressOf is where a contact is reached on a channel, if at all.
func addressOf(contact relay.Contact, channel relay.Channel) (relay.Address, bool) {
	value := contact.Email.Reveal()
	if channel == relay.ChannelSMS {
		value = contact.Phone.Reveal()
	}
	return relay.NewAddress(channel, value), value != ""
}

// clauses are what may cancel an alert of that rule, in the order they are looked at: what applies to every message,
// then the rule's own `unless` as written.
func (g *Generation) clauses(rule *rules.Rule, trigger relay.Trigger) []*rules.Clause {
	return append(slices.Clone(g.Rules.Implied(trigger)), rule.Unless...)
}

// claimOf is the collapse key: one thing is told once to a recipient on a channel, whichever rules want it. Empty where the rule opts out.
func claimOf(rule *rules.Rule, event relay.Event, recipient relay.Recipient, channel relay.Channel) string {
	if !rule.Collapse {
		return ""
	}
	return strings.Join([]string{event.AppID, thing(event), recipient.Key(), string(channel)}, "\x1f")
}

// thing names what an event is about, so that several webhooks about one message or one call are one thing.
func thing(event relay.Event) string {
	oneMessage := []relay.Trigger{relay.MessageSent, relay.UserMentioned, relay.MessageEdited}
	if slices.Contains(oneMessage, event.Trigger) && event.Message != nil && event.Message.ID != "" {
		return "message/" + event.Message.ID
	}
	if strings.HasPrefix(string(event.Trigger), "call_") && event.Call != nil && event.Call.SessionID != "" {
		return "session/" + event.Call.SessionID
	}
	return "event/" + event.ID
}
