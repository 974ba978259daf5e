package engine

import (
	"slices"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// How long it takes until the chat app is asked again, when it did not answer: longer the older the alert is.
const (
	minChatRetry = 5 * time.Second
	maxChatRetry = 5 * time.Minute
)

// chatRetry is when the chat app is asked again for an alert.
func (d *decision) chatRetry() time.Time {
	age := d.Now.Sub(d.Alert.ReceivedAt)
	return d.Now.Add(min(max(age/2, minChatRetry), maxChatRetry))
}

// asked gives the answer to a question; false where it has to be asked first.
func (d *decision) asked(q relay.Question) (relay.Answer, bool) {
	answer, ok := d.Answers[q]
	if !ok && !slices.Contains(d.asks, q) {
		d.asks = append(d.asks, q)
	}
	return answer, ok
}

// resolve finds the people of an alert whose event names nobody: from kept events of the same call session, or from the chat app.
func (d *decision) resolve() {
	if d.generation.sourceOf(d.Alert.Role, &d.Event) != relay.FromCometChat {
		skip := map[string]bool{}
		if found, evidence, ok := d.inSession(skip); ok {
			d.become(found, skip, evidence)
		}
		return
	}
	question, ok := whoIs(d.Alert.Role, &d.Event)
	if !ok {
		d.end(d.own, relay.ActCancel, relay.ReasonLookupFailed, "people", "the event gives nothing to ask by")
		return
	}
	found, ok := d.lookUp(question)
	if !ok {
		return
	}
	skip := d.generation.actors(d.rule, d.Event)
	if d.Alert.Role == relay.RoleCallee {
		leaveOut(skip, people(relay.RoleCaller, &d.Event))
	}
	d.become(found, skip, "asked of CometChat")
}

// lookUp asks the chat app for people. Where they are not to be had, it is decided what becomes of the alert.
func (d *decision) lookUp(question relay.Question) ([]string, bool) {
	answer, ok := d.asked(question)
	if !ok {
		return nil, false
	}
	end := func(reason relay.Reason, seen string) ([]string, bool) {
		d.end(d.own, relay.ActCancel, reason, "people", seen)
		return nil, false
	}
	switch answer.State {
	case relay.AnswerGiven:
		if len(answer.People) <= relay.MaxGroup {
			return answer.People, true
		}
		return end(relay.ReasonTooMany, "cometchat: more members than the cap")
	case relay.AnswerTooMany:
		return end(relay.ReasonTooMany, "cometchat: more members than the cap")
	case relay.AnswerMissing:
		return end(relay.ReasonLookupFailed, "cometchat: no such "+thingOf(question.Topic))
	case relay.AnswerNobody:
		return end(relay.ReasonLookupFailed, "there is no key for CometChat's API")
	case relay.AnswerDown:
	}
	until := d.chatRetry()
	if !until.Before(d.Alert.ExpiresAt) {
		return end(relay.ReasonLookupFailed, "cometchat: no answer, and the next look would be too late")
	}
	d.hold(d.own, until, relay.ReasonCometChatDown, "people")
	return nil, false
}

func thingOf(topic relay.Topic) string {
	if topic == relay.TopicAuthor {
		return "message"
	}
	return "group"
}

func leaveOut(skip map[string]bool, uids []string) {
	for _, uid := range uids {
		skip[uid] = true
	}
}

// inSession finds people in kept events of the alert's call session, and notes whom to skip. Those that a call to a group rang are
// its members but for those who were in it.
func (d *decision) inSession(skip map[string]bool) (found []string, evidence string, ok bool) {
	group := d.Event.Group
	callerDidIt := d.generation.catalogue[d.Event.Trigger].Actor == relay.RoleCaller && !d.rule.IncludeActor
	ringsGroup := d.Alert.Role == relay.RoleCallee
	found = people(d.Alert.Role, &d.Event)
	var inIt []string
	for n := range d.Facts.Candidates {
		e := &d.Facts.Candidates[n]
		if e.Call == nil || d.Event.Call == nil || e.Call.SessionID != d.Event.Call.SessionID {
			continue
		}
		found = append(found, people(d.Alert.Role, e)...)
		caller := people(relay.RoleCaller, e)
		if callerDidIt {
			leaveOut(skip, caller)
		}
		inIt = append(inIt, people(relay.RoleParticipants, e)...)
		if e.Group != nil {
			group = e.Group
		}
	}
	switch {
	case len(found) > 0:
		return found, "from the call session", true
	case group == nil || !ringsGroup:
		d.end(d.own, relay.ActCancel, relay.ReasonUnknownSession, "people", "")
		return nil, "", false
	}
	leaveOut(skip, append(inIt, people(relay.RoleParticipants, &d.Event)...))
	found, ok = d.lookUp(relay.Question{Topic: relay.TopicMembers, ID: group.GUID})
	return found, "the group of the call session, asked of CometChat", ok
}

// become puts one alert per person in the place of the unresolved one.
func (d *decision) become(found []string, skip map[string]bool, evidence string) {
	found = slices.Clone(found)
	slices.Sort(found)
	for _, uid := range slices.Compact(found) {
		if uid != "" && !skip[uid] {
			d.out.Resolved = append(d.out.Resolved, d.resolved(uid, evidence))
		}
	}
	if len(d.out.Resolved) == 0 {
		d.end(d.own, relay.ActCancel, relay.ReasonNobody, "people", "")
		return
	}
	d.out.Action = relay.ActResolve
}

func (d *decision) resolved(uid, evidence string) relay.Alert {
	a := d.Alert
	a.Recipient = relay.Recipient{UID: uid}
	a.ID = relay.AlertID(a.EventID, a.Rule, a.Role, a.Recipient)
	a.Digest = digestOf(d.rule, &d.Event, a.Recipient)
	a.AgainAt, a.UpdatedAt, a.Reason = time.Time{}, d.Now, relay.ReasonNone
	if a.DueAt.After(d.Now) {
		a.Reason = relay.ReasonWaiting
	}
	a.Trace = []relay.Step{{At: d.Now, Check: "people", Result: string(a.Role), Seen: evidence}}
	return a
}
