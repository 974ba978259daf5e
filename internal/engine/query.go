package engine

import (
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// KeysOf gives the keys under which an event is found when alerts are decided: its conversation, its call session, the
// message it is about, who did it, and who did it in that conversation. All of one app, since two apps may use the same ids.
func KeysOf(event relay.Event) []relay.Key {
	var by relay.Recipient
	if event.Sender != nil {
		by.UID = event.Sender.UID
	}
	keys := make([]relay.Key, 0, 5)
	for _, link := range []relay.Link{
		relay.LinkConversation, relay.LinkSession, relay.LinkMessage, relay.LinkRecipient, relay.LinkParticipant,
	} {
		if k := linked(&event, by, link); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// Query says what must be read to decide that alert of that event, together with the other members of its digest, for the person
// who was looked up; of a person who was not found, the zero Contact.
func (g *Generation) Query(alert relay.Alert, event relay.Event, contact relay.Contact, members []relay.Member) relay.Query {
	rule, ok := g.Rules.Rule(alert.Rule)
	if !ok {
		return relay.Query{EventID: alert.EventID, Recipient: alert.Recipient}
	}
	q := &query{Query: relay.Query{EventID: alert.EventID, Recipient: alert.Recipient, Few: true}, lookups: map[relay.Lookup]bool{}, claims: map[string]bool{}, counts: map[relay.Count]bool{}}
	if alert.Recipient.Key() == "" {
		for _, trigger := range g.Rules.Sessions() {
			q.look(relay.Lookup{Key: linked(&event, alert.Recipient, relay.LinkSession), Trigger: trigger})
		}
		return q.Query
	}
	contact, _ = reach(&event, alert.Recipient, contactOf(alert.Recipient, contact))
	for _, send := range entries(rule) {
		if to, ok := addressOf(contact, send.Channel); ok && !slices.Contains(q.Addresses, to) {
			q.Addresses = append(q.Addresses, to)
		}
	}
	g.ask(q, rule, alert, &event)
	for i := range members {
		full := q.full()
		if full && alert.AgainAt.IsZero() {
			break // the rest stays held and makes a digest of its own; in a fallback it goes along unasked
		}
		q.Members = append(q.Members, members[i].Alert.ID)
		if !full {
			g.ask(q, rule, members[i].Alert, &members[i].Event)
		}
	}
	return q.Query
}

// query is a Query being made, with what it asks for already.
type query struct {
	relay.Query

	lookups map[relay.Lookup]bool
	claims  map[string]bool
	counts  map[relay.Count]bool
}

// full reports whether a list might grow past what a store looks at, if one more alert asked for as much as one can.
func (q *query) full() bool {
	const room = relay.MaxAsked - relay.MaxAsked/4
	return max(len(q.Lookups), len(q.Claims), len(q.Counts)) > room
}

func (q *query) look(lookup relay.Lookup) {
	if lookup.Key != "" && !q.lookups[lookup] {
		q.lookups[lookup] = true
		q.Lookups = append(q.Lookups, lookup)
	}
}

// ask adds what one alert depends on.
func (g *Generation) ask(q *query, rule *rules.Rule, alert relay.Alert, event *relay.Event) {
	for _, clause := range g.clauses(rule, alert.Role, event) {
		for _, look := range clause.Looks {
			q.look(lookupOf(event, alert.Recipient, look))
			if look.Link != relay.LinkMessage && look.Link != relay.LinkSession {
				q.Few = false // a conversation and a person have a long past
			}
		}
	}
	for _, send := range entries(rule) {
		if claim := claimOf(rule, event, alert.Recipient, send.Channel); claim != "" && !q.claims[claim] {
			q.claims[claim] = true
			q.Claims = append(q.Claims, claim)
		}
		for _, b := range g.bounds(rule, event, alert.Recipient, send.Channel) {
			if !q.counts[b.Count] {
				q.counts[b.Count] = true
				q.Counts = append(q.Counts, b.Count)
			}
		}
	}
}

// entries are all that a rule may send: at once, and as fallback.
func entries(rule *rules.Rule) []rules.Send { return slices.Concat(rule.Send, rule.Fallback) }

func key(event *relay.Event, link relay.Link, id string) relay.Key {
	return relay.Key(string(link) + "/" + event.AppID + "/" + id)
}

// linked is the key under which later events are found that have this link to an alert of the event; empty where there can be none.
func linked(event *relay.Event, recipient relay.Recipient, link relay.Link) relay.Key {
	id := ""
	switch link {
	case relay.LinkRecipient:
		id = recipient.UID
	case relay.LinkParticipant:
		if conversation := conversationOf(event); conversation != "" && recipient.UID != "" {
			id = conversation + "\x1f" + recipient.UID
		}
	case relay.LinkConversation:
		id = conversationOf(event)
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

func conversationOf(event *relay.Event) string {
	if event.Conversation == nil {
		return ""
	}
	return event.Conversation.ID
}

// senderOf is who caused an event: who sent it, or who calls.
func senderOf(event *relay.Event) string {
	if event.Sender != nil && event.Sender.UID != "" {
		return event.Sender.UID
	}
	if event.Call != nil && event.Call.Caller != nil {
		return event.Call.Caller.UID
	}
	return ""
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
// then the rule's own `unless` as written, and for those whom a call to a group rang that they joined it.
func (g *Generation) clauses(rule *rules.Rule, role relay.Role, event *relay.Event) []*rules.Clause {
	all := append(slices.Clone(g.Rules.Implied(event.Trigger)), rule.Unless...)
	if answered := g.Rules.Answered(); role == relay.RoleCallee && event.Group != nil && !slices.Contains(all, answered) {
		all = append(all, answered)
	}
	return all
}

// claimOf is the collapse key: one thing is told once to a recipient on a channel, whichever rules want it. Empty where the rule opts out.
func claimOf(rule *rules.Rule, event *relay.Event, recipient relay.Recipient, channel relay.Channel) string {
	if !rule.Collapse {
		return ""
	}
	return strings.Join([]string{event.AppID, thing(event), recipient.Key(), string(channel)}, "\x1f")
}

// thing names what an event is about, so that several webhooks about one message or one call are one thing.
func thing(event *relay.Event) string {
	oneMessage := []relay.Trigger{
		relay.MessageSent, relay.UserMentioned, relay.MessageEdited, relay.SMSNotification, relay.EmailNotification,
	}
	if slices.Contains(oneMessage, event.Trigger) && event.Message != nil && event.Message.ID != "" {
		return "message/" + event.Message.ID
	}
	if strings.HasPrefix(string(event.Trigger), "call_") && event.Call != nil && event.Call.SessionID != "" {
		return "session/" + event.Call.SessionID
	}
	return "event/" + event.ID
}
