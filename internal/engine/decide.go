package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// DirectoryRetry is how long an alert is held when the source of contacts does not answer.
const DirectoryRetry = 30 * time.Second

// Found says what came of looking up the recipient's contact.
type Found int

// What a look-up came to.
const (
	// FoundContact: there is one.
	FoundContact Found = iota
	// FoundNobody: every source answered and none knows the uid.
	FoundNobody
	// FoundDown: a source did not answer, so nobody can say.
	FoundDown
)

// Situation is everything a decision depends on.
type Situation struct {
	Alert   relay.Alert
	Event   relay.Event
	Facts   relay.Facts
	Contact relay.Contact
	Found   Found
	// Links gives the addresses that Beckon offers the person with a message; nil gives none. It must be pure and quick.
	Links func(relay.Contact) render.Links
	Now   time.Time
}

// Decide says what becomes of an alert that fell due. The steps are taken in the order of the design; the first that
// applies is the Reason.
func (g *Generation) Decide(s Situation) relay.Decision {
	rule, ok := g.Rules.Rule(s.Alert.Rule)
	d := &decision{generation: g, rule: rule, Situation: s}
	if !ok || !rule.Enabled {
		d.rule = nil
		d.end(relay.ActCancel, relay.ReasonRuleRemoved, "rule", "")
		return d.out
	}
	steps := []func() bool{d.expiry, d.resolve, d.cancelling, d.person, d.muted, d.quiet}
	for _, step := range steps {
		if step() {
			return d.out
		}
	}
	d.send()
	return d.out
}

// decision is a decision being made.
type decision struct {
	Situation

	generation *Generation
	rule       *rules.Rule
	out        relay.Decision
}

func (d *decision) note(check, result, seen string) {
	d.out.Trace = append(d.out.Trace, relay.Step{At: d.Now, Check: check, Result: result, Seen: seen})
}

// end decides, and reports that it did; so do all steps.
func (d *decision) end(action relay.Action, reason relay.Reason, check, seen string) bool {
	d.out.Action, d.out.Reason = action, reason
	d.note(check, string(reason), seen)
	return true
}

// hold looks again at the given time, unless the alert would be too old by then.
func (d *decision) hold(until time.Time, reason relay.Reason, check string) bool {
	if !until.Before(d.Alert.ExpiresAt) {
		d.note(check, string(reason), "until "+until.UTC().Format(time.RFC3339))
		return d.end(relay.ActCancel, relay.ReasonExpired, "expires", "the next look would be too late")
	}
	d.out.Until = until
	return d.end(relay.ActHold, reason, check, "until "+until.UTC().Format(time.RFC3339))
}

func (d *decision) expiry() bool {
	if d.Now.Before(d.Alert.ExpiresAt) {
		return false
	}
	return d.end(relay.ActCancel, relay.ReasonExpired, "expires", "")
}

// resolve finds the people of an alert whose event names nobody, from kept events of the same call session.
func (d *decision) resolve() bool {
	if d.Alert.Recipient.Key() != "" {
		return false
	}
	found, skip := people(d.Alert.Role, &d.Event), map[string]bool{}
	callerDidIt := d.generation.catalogue[d.Event.Trigger].Actor == relay.RoleCaller && !d.rule.IncludeActor
	for i := range d.Facts.Candidates {
		e := &d.Facts.Candidates[i]
		if e.Call == nil || d.Event.Call == nil || e.Call.SessionID != d.Event.Call.SessionID {
			continue
		}
		found = append(found, people(d.Alert.Role, e)...)
		for _, uid := range people(relay.RoleCaller, e) {
			skip[uid] = callerDidIt
		}
	}
	if len(found) == 0 {
		return d.end(relay.ActCancel, relay.ReasonUnknownSession, "people", "")
	}
	slices.Sort(found)
	for _, uid := range slices.Compact(found) {
		if !skip[uid] {
			d.out.Resolved = append(d.out.Resolved, d.resolved(uid))
		}
	}
	if len(d.out.Resolved) == 0 {
		return d.end(relay.ActCancel, relay.ReasonNobody, "people", "")
	}
	d.out.Action = relay.ActResolve
	return true
}

func (d *decision) resolved(uid string) relay.Alert {
	a := d.Alert
	a.Recipient = relay.Recipient{UID: uid}
	a.ID = relay.AlertID(a.EventID, a.Rule, a.Role, a.Recipient)
	a.UpdatedAt = d.Now
	a.Trace = []relay.Step{{At: d.Now, Check: "people", Result: string(a.Role), Seen: "from the call session"}}
	return a
}

// cancelling looks whether the alert is still true: the message deleted, or `unless` fulfilled.
func (d *decision) cancelling() bool {
	for _, clause := range d.generation.clauses(d.rule, d.Event.Trigger) {
		evidence, err := d.holds(clause)
		if err != nil {
			d.note("unless "+clause.Name, "failed", err.Error())
			continue
		}
		if evidence != "" {
			return d.end(relay.ActCancel, clause.Reason, "unless "+clause.Name, evidence)
		}
		d.note("unless "+clause.Name, "no", "")
	}
	return false
}

// holds gives the evidence that a clause is fulfilled: the ID of the event that shows it, empty for none. An expression that
// fails on one candidate counts as false there and is reported if no other candidate fulfils the clause.
func (d *decision) holds(clause *rules.Clause) (string, error) {
	var failed error
	if clause.Presence && d.shownOnline() {
		return d.Event.ID, nil
	}
	contact := d.Contact
	contact.UID = d.Alert.Recipient.UID
	for i := range d.Facts.Candidates {
		later := &d.Facts.Candidates[i]
		if d.superseded(later) {
			continue
		}
		ok, err := clause.Holds(&d.Event, later, contact)
		if err != nil {
			failed = fmt.Errorf("on %s %s: %w", later.Trigger, later.ID, err)
			continue
		}
		if ok {
			return later.ID, nil
		}
	}
	return "", failed
}

// superseded reports whether a later event is an edit that a newer edit of the same message has made void: only what stands
// in the chat now counts.
func (d *decision) superseded(later *relay.Event) bool {
	if later.Trigger != relay.MessageEdited || later.Message == nil {
		return false
	}
	return slices.ContainsFunc(d.Facts.Candidates, func(e relay.Event) bool {
		return e.Trigger == relay.MessageEdited && e.Message != nil && e.Message.ID == later.Message.ID &&
			e.Message.UpdatedAt.After(later.Message.UpdatedAt)
	})
}

// shownOnline reports whether the event itself shows the recipient online and they have not left since. Older presence is not
// asked: a missed "offline" would silence somebody for good.
func (d *decision) shownOnline() bool {
	uid := d.Alert.Recipient.UID
	shown := slices.ContainsFunc(shownIn(&d.Event), func(u relay.User) bool {
		return u.UID == uid && uid != "" && (u.Status == "available" || u.Status == "online")
	})
	left := slices.ContainsFunc(d.Facts.Candidates, func(e relay.Event) bool {
		return e.Trigger == relay.UserConnectionStatus && e.Sender != nil && e.Sender.UID == uid &&
			e.Status == "offline" && !e.ReceivedAt.Before(d.Event.ReceivedAt)
	})
	return shown && !left
}

// shownIn lists every user object of an event.
func shownIn(event *relay.Event) []relay.User {
	out := slices.Concat(event.Members, event.Users)
	if event.Message != nil {
		out = append(out, event.Message.Mentions...)
	}
	users := []*relay.User{event.Sender, event.Receiver, event.Author}
	if event.Call != nil {
		users = append(users, event.Call.Caller, event.Call.Callee)
	}
	for _, u := range users {
		if u != nil {
			out = append(out, *u)
		}
	}
	return out
}

func (d *decision) person() bool {
	if d.Alert.Recipient.Fixed() {
		d.Contact = contactOf(d.Alert.Recipient, d.Contact)
		return false
	}
	switch d.Found {
	case FoundNobody:
		return d.end(relay.ActSuppress, relay.ReasonUnknownPerson, "directory", "")
	case FoundDown:
		return d.hold(d.Now.Add(DirectoryRetry), relay.ReasonDirectoryDown, "directory")
	default:
		return false
	}
}

// contactOf is the contact of a recipient, which is made of the address itself where that stands in the rule.
func contactOf(recipient relay.Recipient, found relay.Contact) relay.Contact {
	if recipient.Fixed() {
		return relay.Contact{Email: recipient.Email, Phone: recipient.Phone}
	}
	return found
}

func (d *decision) muted() bool {
	conversation := ""
	if d.Event.Conversation != nil {
		conversation = d.Event.Conversation.ID
	}
	if !d.Contact.Mute.Covers(conversation, d.Now) {
		return false
	}
	return d.end(relay.ActSuppress, relay.ReasonMuted, "mute", "")
}

// quiet holds an alert to the end of the recipient's quiet hours: the person's own, else the rule's, else the defaults';
// the last do not apply to an address written in a rule.
func (d *decision) quiet() bool {
	if d.rule.Urgent {
		return false
	}
	hours := d.Contact.QuietHours
	if !hours.Set && !d.rule.QuietOff {
		hours = d.rule.QuietHours
		if !hours.Set && !d.Alert.Recipient.Fixed() {
			hours = d.generation.Rules.Defaults().QuietHours
		}
	}
	zone := d.Contact.Zone
	if zone == nil {
		zone = d.generation.Rules.Defaults().TimeZone
	}
	until, quiet := quietUntil(hours, zone, d.Now)
	if !quiet {
		return false
	}
	return d.hold(until, relay.ReasonQuietHours, "quiet hours")
}

// send makes a delivery for each entry of the rule's `send`, with the Reason where one must not go out.
func (d *decision) send() {
	d.out.Action = relay.ActSend
	claimed := maps.Clone(d.Facts.Claimed)
	if claimed == nil {
		claimed = map[string]string{}
	}
	for _, send := range d.rule.Send {
		delivery := d.delivery(send)
		if reason := d.forbidden(delivery, claimed); reason != relay.ReasonNone {
			delivery.State, delivery.Reason, delivery.Claim = relay.DeliverySuppressed, reason, ""
			d.note("send "+string(send.Channel), string(reason), "")
		} else if err := d.render(&delivery, send); err != nil {
			delivery.State, delivery.Reason, delivery.Claim = relay.DeliveryDead, relay.ReasonRenderFailed, ""
			d.note("send "+string(send.Channel), string(relay.ReasonRenderFailed), err.Error())
		} else {
			d.note("send "+string(send.Channel), "queued", delivery.ID)
			if delivery.Claim != "" {
				claimed[delivery.Claim] = delivery.ID
			}
		}
		d.out.Deliveries = append(d.out.Deliveries, delivery)
	}
}

func (d *decision) delivery(send rules.Send) relay.Delivery {
	return relay.Delivery{
		ID: relay.DeliveryID(d.Alert.ID, send.Channel, send.Template), AlertID: d.Alert.ID, EventID: d.Event.ID,
		Rule: d.rule.Name, Channel: send.Channel, Template: send.Template, Recipient: d.Alert.Recipient,
		Phone: d.Contact.Phone, Email: d.Contact.Email, State: relay.DeliveryQueued,
		Claim:     claimOf(d.rule, d.Event, d.Alert.Recipient, send.Channel),
		ExpiresAt: d.Alert.ExpiresAt, CreatedAt: d.Now, UpdatedAt: d.Now,
	}
}

// forbidden gives the Reason why a delivery must not go out, if there is one.
func (d *decision) forbidden(delivery relay.Delivery, claimed map[string]string) relay.Reason {
	if delivery.Address() == "" {
		if delivery.Channel == relay.ChannelSMS {
			return relay.ReasonNoPhone
		}
		return relay.ReasonNoEmail
	}
	if !d.Contact.Wants(delivery.Channel) {
		return relay.ReasonNotWanted
	}
	if reason, ok := d.Facts.Suppressed[relay.NewAddress(delivery.Channel, delivery.Address())]; ok {
		return reason
	}
	if holder := claimed[delivery.Claim]; delivery.Claim != "" && holder != "" && holder != delivery.ID {
		return relay.ReasonCollapsed
	}
	return relay.ReasonNone
}

func (d *decision) render(delivery *relay.Delivery, send rules.Send) error {
	event := d.newest()
	var links render.Links
	if d.Links != nil {
		links = d.Links(d.Contact)
	}
	content, err := d.generation.Templates.Render(d.generation.request(d.rule, send, &event, d.Contact, links))
	if err != nil {
		return err
	}
	delivery.Content = content
	return nil
}

// newest is the event with the newest version of its message: what is told is what stands in the chat now.
func (d *decision) newest() relay.Event {
	event := d.Event
	if event.Message == nil {
		return event
	}
	for i := range d.Facts.Candidates {
		edit := &d.Facts.Candidates[i]
		if edit.Trigger != relay.MessageEdited || edit.Message == nil || edit.Message.ID != event.Message.ID {
			continue
		}
		if edit.Message.UpdatedAt.After(event.Message.UpdatedAt) {
			message := *event.Message
			message.Text, message.UpdatedAt = edit.Message.Text, edit.Message.UpdatedAt
			event.Message = &message
		}
	}
	return event
}
