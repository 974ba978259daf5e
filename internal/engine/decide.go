package engine

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// DirectoryRetry is how long an alert is held when the source of contacts does not answer.
const DirectoryRetry = 30 * time.Second

// PauseRetry is how long an alert is held at a time while an operator's pause covers it. Resuming wakes it up earlier.
const PauseRetry = 15 * time.Minute

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
	Alert relay.Alert
	Event relay.Event
	// Members are the other alerts of the alert's digest, as they were read ahead. Only those that Facts.Members has too are
	// still there.
	Members []relay.Member
	Facts   relay.Facts
	Contact relay.Contact
	Found   Found
	// Answers are what the chat app said to the questions of an earlier relay.ActAsk.
	Answers map[relay.Question]relay.Answer
	// Links gives the addresses that Beckon offers the person with a message about the event; nil gives none. It must be quick
	// and change nothing.
	Links func(alert relay.Alert, event relay.Event, contact relay.Contact) render.Links
	// Receipts says on which channels providers tell what became of a message: without, silence means nothing. nil is none.
	Receipts func(relay.Channel) bool
	// Guard gives the Reason why the settings let nothing go out to an address, if there is one; nil forbids none. It must be
	// pure and quick.
	Guard func(relay.Address) relay.Reason
	Now   time.Time
}

// Decide says what becomes of an alert that fell due, and of those that go out with it in a digest. The steps are taken in
// the order of the design; the first that applies is the Reason. An alert that has deliveries was decided before: it passes the
// same steps for its fallback.
func (g *Generation) Decide(s Situation) relay.Decision {
	rule, ok := g.Rules.Rule(s.Alert.Rule)
	d := &decision{generation: g, rule: rule, Situation: s, seen: index(s.Facts.Candidates)}
	d.gather()
	if !ok || !rule.Enabled {
		d.each(func(i *item) { d.end(i, relay.ActCancel, relay.ReasonRuleRemoved, "rule", "") })
		return d.result()
	}
	d.each(d.expiry)
	if d.open() && d.Alert.Recipient.Key() == "" {
		d.resolve()
		return d.result()
	}
	d.reached()
	d.each(d.cancelling)
	if d.chatDown {
		d.each(func(i *item) { d.hold(i, d.chatRetry(), relay.ReasonCometChatDown, "cometchat") })
	}
	for _, step := range []func(){d.person, func() { d.each(d.muted) }, d.paused, d.quiet, d.send} {
		if d.open() {
			step()
		}
	}
	return d.result()
}

// decision is a decision being made.
type decision struct {
	Situation

	generation *Generation
	rule       *rules.Rule
	seen       candidates
	// items are the alert itself and those of its digest, in the order they go into a message; own is the alert itself.
	items []*item
	own   *item
	// trials counts the events that were tried on conditions of `unless`.
	trials int
	// asks are questions that the chat app has to be asked first, and chatDown says that it did not answer one.
	asks     []relay.Question
	chatDown bool
	out      relay.Decision
}

// item is one alert being decided.
type item struct {
	relay.Member

	ruling relay.Ruling
	// left says that it is left out: there was too much to look at.
	left bool
}

// gather lists what is decided: the alert, and of its digest what is still there, in the order it was received.
func (d *decision) gather() {
	d.own = &item{Member: relay.Member{Alert: d.Alert, Event: d.Event}}
	d.own.ruling.AlertID = d.Alert.ID
	d.items = []*item{d.own}
	if d.rule == nil || d.rule.Digest == nil && !d.again() {
		return
	}
	still := make(map[string]relay.Alert, len(d.Facts.Members))
	for _, a := range d.Facts.Members {
		still[a.ID] = a
	}
	for _, m := range d.Members {
		if current, ok := still[m.Alert.ID]; ok && m.Alert.ID != d.Alert.ID {
			m.Alert = current
			d.items = append(d.items, &item{Member: m, ruling: relay.Ruling{AlertID: m.Alert.ID}})
		}
	}
	inOrder(d.items)
}

// again reports whether the alert was decided before, and is now for its fallback.
func (d *decision) again() bool { return len(d.Facts.Deliveries) > 0 }

// each takes a step for every alert that nothing was decided of yet.
func (d *decision) each(step func(*item)) {
	for _, i := range d.items {
		if i.ruling.Action == "" && !i.left {
			step(i)
		}
	}
}

func (d *decision) open() bool {
	open := false
	d.each(func(*item) { open = true })
	return open
}

func (d *decision) note(i *item, check, result, seen string) {
	i.ruling.Trace = append(i.ruling.Trace, relay.Step{At: d.Now, Check: check, Result: result, Seen: seen})
}

func (d *decision) end(i *item, action relay.Action, reason relay.Reason, check, seen string) {
	i.ruling.Action, i.ruling.Reason = action, reason
	d.note(i, check, string(reason), seen)
}

// hold looks again at the given time, unless the alert would be too old by then.
func (d *decision) hold(i *item, until time.Time, reason relay.Reason, check string) {
	seen := "until " + until.UTC().Format(time.RFC3339)
	if !until.Before(i.Alert.ExpiresAt) {
		d.note(i, check, string(reason), seen)
		d.end(i, relay.ActCancel, relay.ReasonExpired, "expires", "the next look would be too late")
		return
	}
	i.ruling.Until = until
	d.end(i, relay.ActHold, reason, check, seen)
}

// result puts the rulings into a decision: the alert's own on top, those of the others below.
func (d *decision) result() relay.Decision {
	own := d.own.ruling
	if len(d.asks) > 0 && (d.Alert.Recipient.Key() == "" || d.sends()) {
		return relay.Decision{Action: relay.ActAsk, Asks: d.asks}
	}
	if d.out.Action == "" {
		d.out.Action, d.out.Reason, d.out.Until = own.Action, own.Reason, own.Until
	}
	d.out.Trace = own.Trace
	for _, i := range d.items {
		if i == d.own || i.left {
			continue
		}
		if d.news(i) {
			d.out.Members = append(d.out.Members, i.ruling)
		}
	}
	return d.out
}

// sends reports whether anything goes out. What else is decided holds whatever the chat app would say, so it need not be asked.
func (d *decision) sends() bool {
	return d.out.Action == relay.ActSend ||
		slices.ContainsFunc(d.items, func(i *item) bool { return i.ruling.Action == relay.ActSend })
}

// news reports whether a ruling changes anything. What was taken along before follows its lead; only what is no longer true leaves
// it. What is held already until that time for that Reason would only have it written down once more, for every member of a
// digest by every other.
func (d *decision) news(i *item) bool {
	r := i.ruling
	if d.again() {
		ended := r.Action == relay.ActCancel || r.Action == relay.ActSuppress
		return ended && i.Alert.State == relay.AlertDue
	}
	return r.Action != relay.ActHold || r.Reason != i.Alert.Reason || !r.Until.Equal(i.Alert.DueAt)
}

func (d *decision) expiry(i *item) {
	if d.Now.Before(i.Alert.ExpiresAt) {
		return
	}
	reason := relay.ReasonExpired
	if i.Alert.Recipient.Key() == "" && i.Alert.Reason == relay.ReasonCometChatDown {
		reason = relay.ReasonLookupFailed
	}
	d.end(i, relay.ActCancel, reason, "expires", "")
}

func (d *decision) person() {
	if d.Alert.Recipient.Fixed() {
		d.Contact = contactOf(d.Alert.Recipient, d.Contact)
		return
	}
	switch d.Found {
	case FoundNobody:
		d.each(func(i *item) { d.end(i, relay.ActSuppress, relay.ReasonUnknownPerson, "directory", "") })
	case FoundDown:
		d.each(func(i *item) { d.hold(i, d.Now.Add(DirectoryRetry), relay.ReasonDirectoryDown, "directory") })
	case FoundContact:
	}
}

// contactOf is the contact of a recipient, which is made of the address itself where that stands in the rule.
func contactOf(recipient relay.Recipient, found relay.Contact) relay.Contact {
	if recipient.Fixed() {
		return relay.Contact{Email: recipient.Email, Phone: recipient.Phone}
	}
	return found
}

func (d *decision) muted(i *item) {
	conversation := conversationOf(&i.Event)
	mute, muted := d.Contact.Muted(d.rule.Name, conversation, d.Now)
	if !muted {
		return
	}
	seen := mute.Of(d.rule.Name, conversation)
	if !mute.Until.IsZero() {
		seen += " until " + mute.Until.UTC().Format(time.RFC3339)
	}
	d.end(i, relay.ActSuppress, relay.ReasonMuted, "mute", seen)
}

// paused holds everything while an operator's pause covers any of what would go out now: all entries of `send`, or the fallback whose
// turn it is. So `send` goes out as a whole or not at all, as in quiet hours. What is paused later is stopped before its attempt.
func (d *decision) paused() {
	entries := d.rule.Send
	if d.again() {
		entries = d.untried()
		entries = entries[:min(1, len(entries))]
	}
	for _, entry := range entries {
		for _, pause := range d.Facts.Paused {
			if pause.Covers(d.rule.Name, entry.Channel) {
				d.each(func(i *item) { d.hold(i, d.pausedUntil(i), relay.ReasonPaused, "pause") })
				return
			}
		}
	}
}

// pausedUntil is when a paused alert is looked at again: once more before it expires, in case nobody wakes it up.
func (d *decision) pausedUntil(i *item) time.Time {
	until, last := d.Now.Add(PauseRetry), i.Alert.ExpiresAt.Add(-time.Second)
	if last.Before(until) && last.After(d.Now) {
		return last
	}
	return until
}

// quiet holds everything to the end of the recipient's quiet hours: the person's own, else the rule's, else the defaults';
// the last do not apply to an address written in a rule.
func (d *decision) quiet() {
	if d.rule.Urgent {
		return
	}
	hours := d.Contact.QuietHours
	if len(hours) == 0 && !d.rule.QuietOff {
		theirs := d.rule.QuietHours
		if !theirs.Set && !d.Alert.Recipient.Fixed() {
			theirs = d.generation.Rules.Defaults().QuietHours
		}
		hours = []relay.QuietHours{theirs}
	}
	zone := d.Contact.Zone
	if zone == nil {
		zone = d.generation.Rules.Defaults().TimeZone
	}
	if until, quiet := silentUntil(hours, zone, d.Now); quiet {
		d.each(func(i *item) { d.hold(i, until, relay.ReasonQuietHours, "quiet hours") })
	}
}
