package main

import (
	"net/http"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// chatRules need CometChat's API for whom they tell, or for whether it is still true.
const chatRules = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: news, trigger: message_sent, to: group_members, urgent: true, send: [ { sms: unread-message } ] }
  - { name: missed, trigger: call_initiated, to: callee, wait: 1s, unless: [answered], urgent: true, send: [ { sms: missed-call } ] }
  - { name: thumbs, trigger: message_reaction_added, to: author, urgent: true, send: [ { email: thumbs } ] }
  - { name: mention, trigger: user_mentioned, to: mentioned, unless: [read], urgent: true, send: [ { sms: mention } ] }
`

// numbers of the people in the fake CometChat, by uid.
func numbers() map[string]string {
	return map[string]string{
		"cometchat-uid-1": "+14155550101", "cometchat-uid-2": "+14155550102", "cometchat-uid-3": "+14155550103", "cometchat-uid-5": "+14155550105",
	}
}

// newChatLab is a lab whose people, groups, messages and calls only the fake CometChat knows.
func newChatLab(t *testing.T) (*lab, *cometchattest.Server) {
	t.Helper()
	l := newLab(t, chatRules)
	chat := withCometChat(t, l)
	uids := []string{}
	for uid, number := range numbers() {
		chat.User(uid, uid, nil)
		chat.ContactDetails(uid, uid+"@example.net", number)
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	chat.Group("hiking", uids...)
	chat.Message("1041", "cometchat-uid-1", "cometchat-uid-2")
	chat.Session("v1.eu.2648139a7c5b41d0.1772452800f3c2b7e6a41d05c8", "cometchat-uid-1", uids[1:], []string{"cometchat-uid-2"})
	chat.Conversation("cometchat-uid-2", "hiking", 0)
	chat.Conversation("cometchat-uid-3", "hiking", 7)
	l.env["BECKON_TEMPLATES"] = l.path("templates")
	require.NoError(t, os.CopyFS(l.path("templates"), os.DirFS("../../templates")))
	require.NoError(t, os.CopyFS(l.path("templates/thumbs"), fstest.MapFS{
		"email.subject.txt": {Data: []byte("Thumbs")}, "email.txt": {Data: []byte("{{.event.reaction.emoji}}")},
	}))
	return l, chat
}

// chatEvents are what happens in the chat, and whom it is told to in the end.
func chatEvents(t *testing.T) map[string]struct {
	body []byte
	told []string
} {
	t.Helper()
	hiking := map[string]any{"entityType": "group", "entity": map[string]any{"guid": "hiking", "name": "Hiking", "membersCount": 400}}
	said := map[string]any{
		"data.message.receiverType": "group", "data.message.receiver": "hiking", "data.message.data.entities.receiver": hiking,
	}
	body := func(trigger relay.Trigger, set map[string]any) []byte {
		set["appId"] = cometchattest.AppID
		return sample(t, trigger, set)
	}
	told := func(uids ...string) []string { return uids }
	return map[string]struct {
		body []byte
		told []string
	}{
		"everybody in the group but the sender": {
			body(relay.MessageSent, said), told("cometchat-uid-2", "cometchat-uid-3", "cometchat-uid-5"),
		},
		"whom the call rang but for who joined, as CometChat alone knows": {
			body(relay.CallInitiated, map[string]any{
				"data.call.receiverType": "group", "data.call.receiver": "hiking", "data.call.data.entities.for": hiking,
				"data.call.data.entities.on.entity.receiverType": "group", "data.call.data.entities.on.entity.receiver": "hiking",
			}), told("cometchat-uid-3", "cometchat-uid-5"),
		},
		"the author": {body("message_reaction_added", map[string]any{}), told("cometchat-uid-1")},
		"who has not read it in a group too large for receipts": {
			body(relay.UserMentioned, map[string]any{
				"data.message.id": "3001", "data.message.receiverType": "group", "data.message.receiver": "hiking",
				"data.message.data.entities.receiver": hiking, "data.message.data.mentions": map[string]any{
					"cometchat-uid-2": map[string]any{"uid": "cometchat-uid-2"}, "cometchat-uid-3": map[string]any{"uid": "cometchat-uid-3"},
				},
			}), told("cometchat-uid-3"),
		},
	}
}

// TestEveryRoleThatOnlyCometChatKnowsIsTold has CometChat fail in every way at first: whoever is to be told is told later for it, once.
func TestEveryRoleThatOnlyCometChatKnowsIsTold(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cometchattest.Fault{
		"CometChat answers":    {},
		"CometChat has failed": {Status: http.StatusInternalServerError, Code: "ERR_INTERNAL"},
		"CometChat hangs up":   {Reset: true},
		"CometChat had enough": cometchattest.TooMany(1),
		"the key was wrong":    {Status: http.StatusUnauthorized, Code: "AUTH_ERR_APIKEY_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, chat := newChatLab(t)
			chat.Fail("/", fault)
			p := l.serve()
			s := l.kept()
			posted := map[string]string{}
			for what, e := range chatEvents(t) {
				posted[what] = p.mustPost(e.body).ID
			}
			if fault.Status != 0 || fault.Reset {
				l.eventually("every question was asked in vain", func() bool {
					held, err := s.Alerts(t.Context(), store.Filter{State: string(relay.AlertHeld), Reason: relay.ReasonCometChatDown})
					require.NoError(t, err)
					return len(held) >= 3
				})
				require.Empty(t, l.twilio.Messages())
				chat.Fail("/", cometchattest.Fault{})
			}
			for what, e := range chatEvents(t) {
				require.ElementsMatch(t, e.told, l.toldOf(s, posted[what]), what)
			}
			require.Len(t, l.twilio.Messages(), 6, "nobody twice")
			require.Len(t, l.sendgrid.Mails(), 1)
			p.stop()
			require.NotContains(t, p.log(), cometchattest.APIKey)
		})
	}
}

// toldOf waits until all alerts of an event have ended, and lists who was told.
func (l *lab) toldOf(s store.Store, eventID string) (told []string) {
	l.t.Helper()
	l.eventually("every alert ends", func() bool {
		alerts, err := s.Alerts(l.t.Context(), store.Filter{EventID: eventID})
		require.NoError(l.t, err)
		told = nil
		for _, a := range alerts {
			if !a.State.Done() {
				return false
			}
			if a.State == relay.AlertSent {
				told = append(told, a.Recipient.UID)
			}
		}
		return len(alerts) > 0
	})
	return told
}
