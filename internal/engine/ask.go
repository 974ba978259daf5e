package engine

import (
	"fmt"
	"slices"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

const (
	// receiptsUpTo is how many members a group may have for CometChat to send receipts of what is read in it.
	receiptsUpTo = 300
	// maxAsks is how much the chat app is asked for one decision at most. A digest may be of many groups.
	maxAsks = 20
)

// chatSays looks whether the chat app itself says that a clause is fulfilled, where webhooks do not: what is read in a large group,
// and who joined a call to a group. It gives the evidence, or else what was seen.
func (d *decision) chatSays(i *item, clause *rules.Clause) (evidence, seen string) {
	question, ok := d.doubt(i, clause)
	if !ok {
		return "", ""
	}
	if _, known := d.Answers[question]; !known && len(d.Answers)+len(d.asks) >= maxAsks {
		return "", "cometchat: not asked, for there is too much to ask"
	}
	answer, ok := d.asked(question)
	if !ok {
		return "", ""
	}
	switch answer.State {
	case relay.AnswerDown:
		d.chatDown = true
		return "", "cometchat: no answer"
	case relay.AnswerMissing, relay.AnswerTooMany:
		return "", "cometchat: it does not say"
	case relay.AnswerNobody:
		return "", "" // as without a key for its API
	case relay.AnswerGiven:
	}
	switch {
	case question.Topic == relay.TopicUnread && answer.Unread == 0:
		return "cometchat: nothing unread", ""
	case question.Topic == relay.TopicUnread:
		return "", fmt.Sprintf("cometchat: %d unread", answer.Unread)
	case slices.Contains(answer.People, i.Alert.Recipient.UID):
		return "cometchat: joined the call", ""
	}
	return "", "cometchat: did not join"
}

// doubt is what to ask the chat app because no webhook may come of it; false where webhooks do. Replies in a thread are not asked for:
// nothing says that they are counted as unread.
func (d *decision) doubt(i *item, clause *rules.Clause) (relay.Question, bool) {
	group, uid := i.Event.Group, i.Alert.Recipient.UID
	if group == nil || uid == "" {
		return relay.Question{}, false
	}
	switch clause.Reason {
	case relay.ReasonRead:
		large := group.MembersCount > receiptsUpTo
		return relay.Question{Topic: relay.TopicUnread, ID: group.GUID, UID: uid},
			large && i.Event.Message != nil && i.Event.Message.ParentID == ""
	case relay.ReasonAnswered:
		rang := i.Alert.Role == relay.RoleCallee && i.Event.Call != nil && i.Event.Call.SessionID != ""
		if !rang || !slices.Contains(d.rule.Unless, clause) {
			return relay.Question{}, false
		}
		return relay.Question{Topic: relay.TopicJoined, ID: i.Event.Call.SessionID}, true
	default:
		return relay.Question{}, false
	}
}
