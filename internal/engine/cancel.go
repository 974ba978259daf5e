package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// candidates are the kept events that a decision is made by, found as alerts look for them.
type candidates struct {
	all []relay.Event
	// by gives the places in all of what a lookup finds, newest first.
	by map[relay.Lookup][]int
	// decisive is by without the events that another one outdoes for a clause that is cumulative, made when first asked for.
	decisive map[relay.Lookup][]int
	// edit is for each message the place of its newest edit.
	edit map[string]int
}

func index(events []relay.Event) candidates {
	c := candidates{
		all: events, by: make(map[relay.Lookup][]int, len(events)), decisive: map[relay.Lookup][]int{}, edit: map[string]int{},
	}
	for n := range events {
		e := &events[n]
		for _, key := range KeysOf(*e) {
			lookup := relay.Lookup{Key: key, Trigger: e.Trigger}
			c.by[lookup] = append(c.by[lookup], n)
		}
		if e.Trigger != relay.MessageEdited || e.Message == nil {
			continue
		}
		known, ok := c.edit[e.Message.ID]
		if !ok || e.Message.UpdatedAt.After(events[known].Message.UpdatedAt) {
			c.edit[e.Message.ID] = n
		}
	}
	return c
}

// outdoing are the events that a lookup finds, but for each person, conversation and kind of message only that of the greatest
// numeric message id. In a busy group a thousand receipts become one.
func (c candidates) outdoing(lookup relay.Lookup) []int {
	if found, ok := c.decisive[lookup]; ok {
		return found
	}
	type kind struct{ conversation, sender, category string }
	greatest, at := []int{}, map[kind]int{}
	for _, n := range c.by[lookup] {
		e := &c.all[n]
		if e.Message == nil || !relay.NumericID(e.Message.ID) {
			greatest = append(greatest, n)
			continue
		}
		k := kind{conversation: conversationOf(e), category: e.Message.Category}
		if e.Sender != nil {
			k.sender = e.Sender.UID
		}
		place, known := at[k]
		if !known {
			at[k] = len(greatest)
			greatest = append(greatest, n)
		} else if relay.OrderIDs(e.Message.ID, c.all[greatest[place]].Message.ID) > 0 {
			greatest[place] = n
		}
	}
	slices.Sort(greatest)
	c.decisive[lookup] = greatest
	return greatest
}

// superseded reports whether an event is an edit that a newer edit of the same message has made void: only what stands in the
// chat now counts.
func (c candidates) superseded(e *relay.Event) bool {
	if e.Trigger != relay.MessageEdited || e.Message == nil {
		return false
	}
	newest := c.all[c.edit[e.Message.ID]].Message
	return newest.UpdatedAt.After(e.Message.UpdatedAt)
}

// newest is the event with the newest version of its message: what is told is what stands in the chat now.
func (c candidates) newest(event relay.Event) relay.Event {
	if event.Message == nil {
		return event
	}
	n, ok := c.edit[event.Message.ID]
	if !ok || !c.all[n].Message.UpdatedAt.After(event.Message.UpdatedAt) {
		return event
	}
	message, edit := *event.Message, c.all[n].Message
	message.Text, message.UpdatedAt = edit.Text, edit.UpdatedAt
	event.Message = &message
	return event
}

// maxTrials is how many events may be tried on the members of a digest in one decision, which holds up all other writes. Those
// that it does not come to stay held, and make a digest of their own when they fall due; in a fallback they count as true.
const maxTrials = 50_000

// cancelling looks whether an alert is still true: the message deleted, or `unless` fulfilled.
func (d *decision) cancelling(i *item) {
	if i != d.own && d.trials > maxTrials {
		if i.left = !d.again(); !i.left { // its lead's fallback is all that is to come for it
			d.note(i, "unless", "not looked at", "too much to look at")
		}
		return
	}
	for _, clause := range d.generation.clauses(d.rule, i.Alert.Role, &i.Event) {
		evidence, err := d.holds(i, clause)
		if err != nil {
			d.note(i, "unless "+clause.Name, "failed", err.Error())
			continue
		}
		seen := ""
		if evidence == "" {
			evidence, seen = d.chatSays(i, clause)
		}
		if evidence != "" {
			d.end(i, relay.ActCancel, clause.Reason, "unless "+clause.Name, evidence)
			return
		}
		d.note(i, "unless "+clause.Name, "no", seen)
	}
}

// CancelledBy gives the name of the clause of `unless` that cancelled an alert, if one did.
func CancelledBy(r relay.Ruling) (clause string, ok bool) {
	if r.Action != relay.ActCancel || len(r.Trace) == 0 {
		return "", false
	}
	return strings.CutPrefix(r.Trace[len(r.Trace)-1].Check, "unless ")
}

// holds gives the evidence that a clause is fulfilled: the ID of the event that shows it, empty for none. An expression that
// fails on one candidate counts as false there and is reported if no other candidate fulfils the clause.
func (d *decision) holds(i *item, clause *rules.Clause) (string, error) {
	if clause.Presence && d.shownOnline(i) {
		return i.Event.ID, nil
	}
	contact := d.Contact
	contact.UID = d.Alert.Recipient.UID
	found := d.candidates(i, clause)
	d.trials += len(found)
	var failed error
	for _, n := range found {
		later := &d.seen.all[n]
		if later.ID == i.Event.ID || d.seen.superseded(later) {
			continue
		}
		ok, err := clause.Holds(&i.Event, later, &contact)
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

// candidates are the places of the events that may make a clause hold for an alert, newest first.
func (d *decision) candidates(i *item, clause *rules.Clause) []int {
	var out []int
	cumulative := clause.Cumulative && i.Event.Message != nil && relay.NumericID(i.Event.Message.ID)
	for _, look := range clause.Looks {
		lookup := lookupOf(&i.Event, i.Alert.Recipient, look)
		found := d.seen.by[lookup]
		if cumulative {
			found = d.seen.outdoing(lookup)
		}
		out = append(out, found...)
	}
	if len(clause.Looks) > 1 {
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

func lookupOf(event *relay.Event, recipient relay.Recipient, look rules.Look) relay.Lookup {
	return relay.Lookup{Key: linked(event, recipient, look.Link), Trigger: look.Trigger}
}

// shownOnline reports whether the event itself shows the recipient online and they have not left since. Older presence is not
// asked: a missed "offline" would silence somebody for good.
func (d *decision) shownOnline(i *item) bool {
	uid := i.Alert.Recipient.UID
	shown := slices.ContainsFunc(shownIn(&i.Event), func(u relay.User) bool {
		return u.UID == uid && uid != "" && (u.Status == "available" || u.Status == "online")
	})
	presence := rules.Look{Trigger: relay.UserConnectionStatus, Link: relay.LinkRecipient}
	left := slices.ContainsFunc(d.seen.by[lookupOf(&i.Event, i.Alert.Recipient, presence)], func(n int) bool {
		e := &d.seen.all[n]
		return e.Status == "offline" && !e.ReceivedAt.Before(i.Event.ReceivedAt)
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

// inOrder sorts alerts as a message lists them.
func inOrder(items []*item) {
	slices.SortStableFunc(items, func(a, b *item) int {
		return cmp.Or(a.Alert.ReceivedAt.Compare(b.Alert.ReceivedAt), cmp.Compare(a.Alert.ID, b.Alert.ID))
	})
}
