package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// clause gives the clause of a shorthand.
func clause(t *testing.T, name string) *rules.Clause {
	t.Helper()
	trigger := "user_mentioned"
	if name == "answered" || name == "declined" {
		trigger = "call_initiated"
	}
	set := load(t, `version: 1
rules: [ { name: a, trigger: `+trigger+`, to: { uid: x }, wait: 5m, unless: [`+name+`], send: [ { sms: t } ] } ]
`)
	require.Len(t, set.Rules()[0].Unless, 1)
	return set.Rules()[0].Unless[0]
}

// holding is one case of a clause: it is given to a table of changes to an event that makes it hold.
type holding struct {
	name   string
	change func(event, later *relay.Event, recipient *relay.Contact)
	want   bool
}

// same changes nothing.
func same(_, _ *relay.Event, _ *relay.Contact) {}

func run(t *testing.T, shorthand string, event, later func() *relay.Event, tests []holding) {
	t.Helper()
	c := clause(t, shorthand)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, l, r := event(), later(), relay.Contact{UID: "bob", Name: "Bob"}
			tt.change(e, l, &r)
			got, err := c.Holds(e, l, &r)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestReadIsCumulativeByReaderAndConversation(t *testing.T) {
	t.Parallel()
	receipt := func() *relay.Event {
		return &relay.Event{
			Trigger: relay.MessageReadReceipt, Sender: &relay.User{UID: "bob"},
			Conversation: &relay.Conversation{ID: "group_hiking"}, Message: &relay.Message{ID: "100"},
		}
	}
	byAll := func(_, l *relay.Event, _ *relay.Contact) { l.Trigger, l.Sender = relay.MessageReadByAll, nil }
	run(t, "read", mention, receipt, []holding{
		{"the message itself", same, true},
		{"a later message", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "101" }, true},
		{"a later message with a longer number", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "1000" }, true},
		{"an earlier message with a higher first digit", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "99" }, false},
		{"a number with a leading zero", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "0100" }, true},
		{"an id that is no number", func(e, l *relay.Event, _ *relay.Contact) { e.Message.ID, l.Message.ID = "b7", "b7" }, true},
		{"an earlier id that is no number", func(e, l *relay.Event, _ *relay.Contact) { e.Message.ID, l.Message.ID = "b7", "a9" }, false},
		{"another reader", func(_, l *relay.Event, _ *relay.Contact) { l.Sender.UID = "cy" }, false},
		{"another conversation", func(_, l *relay.Event, _ *relay.Contact) { l.Conversation.ID = "group_chess" }, false},
		{"a receipt without conversation", func(e, l *relay.Event, _ *relay.Contact) { e.Conversation, l.Conversation = nil, nil }, false},
		{"an event without message", func(e, _ *relay.Event, _ *relay.Contact) { e.Message = nil }, false},
		{"a receipt without message", func(_, l *relay.Event, _ *relay.Contact) { l.Message = nil }, false},
		{"an address and a receipt of nobody", func(_, l *relay.Event, r *relay.Contact) { l.Sender, r.UID = nil, "" }, false},
		{"all have read", byAll, true},
		{"all have read elsewhere", func(e, l *relay.Event, r *relay.Contact) {
			byAll(e, l, r)
			l.Conversation.ID = "group_chess"
		}, false},
		{"all have read up to an earlier one", func(e, l *relay.Event, r *relay.Contact) {
			byAll(e, l, r)
			l.Message.ID = "99"
		}, false},
		{"only delivered", func(_, l *relay.Event, _ *relay.Contact) { l.Trigger = "message_delivery_receipt" }, false},
	})
}

func TestRepliedIsALaterMessageOfTheRecipientThere(t *testing.T) {
	t.Parallel()
	reply := func() *relay.Event {
		return &relay.Event{
			Trigger: relay.MessageSent, Sender: &relay.User{UID: "bob"}, Conversation: &relay.Conversation{ID: "group_hiking"},
			Message: &relay.Message{ID: "101", Category: "message", SentAt: noon.Add(time.Minute)},
		}
	}
	category := func(name string) func(_, l *relay.Event, _ *relay.Contact) {
		return func(_, l *relay.Event, _ *relay.Contact) { l.Message.Category = name }
	}
	run(t, "replied", mention, reply, []holding{
		{"a message", same, true},
		{"a custom message", category("custom"), true},
		{"an interactive message", category("interactive"), true},
		{"an action message, as edits cause", category("action"), false},
		{"a call", category("call"), false},
		{"by somebody else", func(_, l *relay.Event, _ *relay.Contact) { l.Sender.UID = "cy" }, false},
		{"elsewhere", func(_, l *relay.Event, _ *relay.Contact) { l.Conversation.ID = "ann_user_bob" }, false},
		{"an earlier message", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "99" }, false},
		{"the id decides, not the time", func(_, l *relay.Event, _ *relay.Contact) { l.Message.SentAt = noon.Add(-time.Hour) }, true},
		{"without numbers the time decides: later", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "a1" }, true},
		{"without numbers the time decides: earlier", func(_, l *relay.Event, _ *relay.Contact) {
			l.Message.ID, l.Message.SentAt = "z9", noon.Add(-time.Minute)
		}, false},
	})
}

// call is Ann calling Bob.
func call() *relay.Event {
	return &relay.Event{
		Trigger: relay.CallInitiated, ReceivedAt: noon, Conversation: &relay.Conversation{ID: "ann_user_bob", Kind: relay.KindUser},
		Call: &relay.Call{SessionID: "s1", Caller: &relay.User{UID: "ann", Name: "Ann"}, Callee: &relay.User{UID: "bob", Name: "Bob"}},
	}
}

func inGroup(e, _ *relay.Event, _ *relay.Contact) {
	e.Conversation = &relay.Conversation{ID: "group_hiking", Kind: relay.KindGroup}
	e.Call.Callee = nil
}

func TestADirectCallIsAnsweredWhenItStarts(t *testing.T) {
	t.Parallel()
	started := func() *relay.Event {
		return &relay.Event{Trigger: relay.CallStarted, Call: &relay.Call{SessionID: "s1"}}
	}
	run(t, "answered", call, started, []holding{
		{"that call", same, true},
		{"before it was initiated", func(e, l *relay.Event, _ *relay.Contact) { l.ReceivedAt = e.ReceivedAt.Add(-time.Second) }, true},
		{"another call", func(_, l *relay.Event, _ *relay.Contact) { l.Call.SessionID = "s2" }, false},
		{"sessions unknown", func(e, l *relay.Event, _ *relay.Contact) { e.Call.SessionID, l.Call = "", nil }, false},
		{"a group call starts with its caller", inGroup, false},
		{"a call that ended", func(_, l *relay.Event, _ *relay.Contact) { l.Trigger = "call_ended" }, false},
	})
}

func TestACallIsAnsweredByJoining(t *testing.T) {
	t.Parallel()
	joined := func() *relay.Event {
		return &relay.Event{
			Trigger: relay.CallJoined, Call: &relay.Call{SessionID: "s1"}, Participant: &relay.Participant{UID: "bob", Name: "Bob"},
		}
	}
	participant := func(uid, name string) func(_, l *relay.Event, _ *relay.Contact) {
		return func(_, l *relay.Event, _ *relay.Contact) { l.Participant = &relay.Participant{UID: uid, Name: name} }
	}
	group := func(uid, name string) func(e, l *relay.Event, r *relay.Contact) {
		return func(e, l *relay.Event, r *relay.Contact) {
			inGroup(e, l, r)
			participant(uid, name)(e, l, r)
		}
	}
	run(t, "answered", call, joined, []holding{
		{"by the callee", same, true},
		{"by the caller", participant("ann", "Ann"), false},
		{"by the caller under another name", participant("ann", "Annie"), false},
		{"by somebody named like the caller", participant("bob", "Ann"), true},
		{"by a name", participant("", "Bob"), true},
		{"by the caller's name", participant("", "Ann"), false},
		{"by nobody in particular", participant("", ""), false},
		{"when the caller is unknown, by the recipient", func(e, _ *relay.Event, _ *relay.Contact) { e.Call.Caller = nil }, true},
		{"when the caller is unknown, by another", func(e, l *relay.Event, r *relay.Contact) {
			e.Call.Caller = nil
			participant("", "Somebody")(e, l, r)
		}, false},
		{"in another call", func(_, l *relay.Event, _ *relay.Contact) { l.Call.SessionID = "s2" }, false},
		{"told to an address, by the callee", func(_, _ *relay.Event, r *relay.Contact) { *r = relay.Contact{} }, true},
		{"in a group, by this recipient", group("bob", "Robert"), true},
		{"in a group, by another", group("cy", "Cy"), false},
		{"in a group, by this recipient's name", group("", "Bob"), true},
		{"in a group, by another of that name", group("cy", "Bob"), false},
	})
}

func TestDeclinedIsRejectedOrBusy(t *testing.T) {
	t.Parallel()
	rejected := func() *relay.Event {
		return &relay.Event{Trigger: relay.CallRejected, Sender: &relay.User{UID: "bob"}, Call: &relay.Call{SessionID: "s1"}}
	}
	run(t, "declined", call, rejected, []holding{
		{"rejected", same, true},
		{"busy", func(_, l *relay.Event, _ *relay.Contact) { l.Trigger = relay.CallBusy }, true},
		{"by whom is unknown", func(_, l *relay.Event, _ *relay.Contact) { l.Sender = nil }, true},
		{"by somebody else", func(_, l *relay.Event, _ *relay.Contact) { l.Sender.UID = "cy" }, false},
		{"told to an address", func(_, _ *relay.Event, r *relay.Contact) { *r = relay.Contact{} }, true},
		{"another call", func(_, l *relay.Event, _ *relay.Contact) { l.Call.SessionID = "s2" }, false},
		{"cancelled by the caller", func(_, l *relay.Event, _ *relay.Contact) { l.Trigger = relay.CallCancelled }, false},
	})
}

func TestOnlineIsComingOnlineAtOrAfterReceipt(t *testing.T) {
	t.Parallel()
	online := func() *relay.Event {
		return &relay.Event{
			Trigger: relay.UserConnectionStatus, Sender: &relay.User{UID: "bob"}, Status: "online", ReceivedAt: noon.Add(time.Second),
		}
	}
	require.True(t, clause(t, "online").Presence)
	require.False(t, clause(t, "read").Presence)
	run(t, "online", mention, online, []holding{
		{"at receipt", same, true},
		{"later", func(_, l *relay.Event, _ *relay.Contact) { l.ReceivedAt = noon.Add(time.Hour) }, true},
		{"before", func(_, l *relay.Event, _ *relay.Contact) { l.ReceivedAt = noon }, false},
		{"offline", func(_, l *relay.Event, _ *relay.Contact) { l.Status = "offline" }, false},
		{"somebody else", func(_, l *relay.Event, _ *relay.Contact) { l.Sender.UID = "cy" }, false},
		{"an address is never online", func(_, l *relay.Event, r *relay.Contact) { l.Sender, r.UID = nil, "" }, false},
	})
}

func TestDeletedIsThatMessageOrTheMentionInIt(t *testing.T) {
	t.Parallel()
	gone := func() *relay.Event {
		return &relay.Event{Trigger: relay.MessageDeleted, Message: &relay.Message{ID: "100"}, OccurredAt: noon.Add(time.Minute)}
	}
	edited := func(uids ...string) func(_, l *relay.Event, _ *relay.Contact) {
		return func(_, l *relay.Event, _ *relay.Contact) {
			l.Trigger = relay.MessageEdited
			for _, uid := range uids {
				l.Message.Mentions = append(l.Message.Mentions, relay.User{UID: uid})
			}
		}
	}
	run(t, "deleted", mention, gone, []holding{
		{"deleted", same, true},
		{"another message deleted", func(_, l *relay.Event, _ *relay.Contact) { l.Message.ID = "101" }, false},
		{"ids unknown", func(e, l *relay.Event, _ *relay.Contact) { e.Message, l.Message = nil, nil }, false},
		{"the mention edited away", edited("cy"), true},
		{"all mentions edited away", edited(), true},
		{"edited, and still mentioned", edited("bob"), false},
		{"an edit without time", func(e, l *relay.Event, r *relay.Contact) {
			edited("cy")(e, l, r)
			l.OccurredAt = time.Time{}
		}, true},
		{"an edit older than the mention", func(e, l *relay.Event, r *relay.Contact) {
			edited("cy")(e, l, r)
			l.OccurredAt = noon.Add(-time.Minute)
		}, false},
		{"somebody told who was never mentioned", func(e, l *relay.Event, r *relay.Contact) {
			edited()(e, l, r)
			r.UID = "dan"
		}, false},
		{"an edit of a message that is not alerted for its mention", func(e, l *relay.Event, r *relay.Contact) {
			edited()(e, l, r)
			e.Trigger = relay.MessageSent
		}, false},
	})
}

func TestDeletionIsImpliedWhereThereIsAMessage(t *testing.T) {
	t.Parallel()
	set := load(t, minimal)
	for _, trigger := range []relay.Trigger{"message_sent", "user_mentioned", "message_reaction_added", "message_read_receipt"} {
		implied := set.Implied(trigger)
		require.Len(t, implied, 1, trigger)
		require.Equal(t, relay.ReasonDeleted, implied[0].Reason)
		require.Equal(t, []rules.Look{{relay.MessageDeleted, relay.LinkMessage}, {relay.MessageEdited, relay.LinkMessage}}, implied[0].Looks)
	}
	for _, trigger := range []relay.Trigger{"message_deleted", "call_initiated", "group_created", "brand_new"} {
		require.Empty(t, set.Implied(trigger), trigger)
	}
}

// Candidates that share nothing with the event are handed in too, because the recipient sent them.
func TestNoClauseHoldsForAnEmptyEvent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"answered", "declined", "read", "replied", "deleted", "online"} {
		c := clause(t, name)
		require.Equal(t, name, c.Name)
		require.Equal(t, relay.Reason(name), c.Reason)
		require.NotEmpty(t, c.Looks)
		for _, look := range c.Looks {
			for _, recipient := range []relay.Contact{{}, {UID: "bob"}} {
				held, err := c.Holds(&relay.Event{}, &relay.Event{Trigger: look.Trigger}, &recipient)
				require.NoError(t, err)
				require.False(t, held, "%s by %s", name, look.Trigger)
			}
		}
	}
}
