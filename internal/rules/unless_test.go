package rules_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// unless makes the clause of an entry in the general form, in a rule for these triggers. There must be nothing to say of it.
func unless(t *testing.T, triggers string, later relay.Trigger, condition string) *rules.Clause {
	t.Helper()
	clause, findings := doubtfulUnless(t, triggers, later, condition)
	require.Empty(t, findings)
	return clause
}

// doubtfulUnless does the same with a condition that may be warned of.
func doubtfulUnless(t *testing.T, triggers string, later relay.Trigger, condition string) (*rules.Clause, []rules.Finding) {
	t.Helper()
	set, findings := rules.Load("rules.yaml", []byte(`version: 1
rules: [ { name: a, trigger: [`+triggers+`], to: { uid: x }, wait: 5m, send: [ { sms: t } ],
  unless: [ { trigger: `+string(later)+`, if: `+strconv.Quote(condition)+` } ] } ]
`), catalogue())
	require.NotNil(t, set, findings)
	require.Len(t, set.Rules()[0].Unless, 1)
	return set.Rules()[0].Unless[0], findings
}

func TestAConditionOfUnlessSeesTheEventALaterOneAndTheRecipient(t *testing.T) {
	t.Parallel()
	tests := []struct {
		condition string
		want      bool
	}{
		{`true`, true},
		{`false`, false},
		{`later.message.text == "done"`, true},
		{`later.message.text == event.message.text`, false},
		{`event.message.text == "hello @Bob"`, true},
		{`later.sender.uid == recipient.uid && recipient.name == "Bob"`, true},
		{`later.sender.uid == event.sender.uid`, false},
		{`recipient.locale.startsWith("de") && recipient.time_zone == ""`, true},
		{`later.received_at - event.received_at > duration("30s")`, true},
		{`later.received_at - event.received_at > duration("2m")`, false},
		{`event.message.mentions.exists(m, m.uid == later.sender.uid)`, true},
		{`later.message.mentions.exists(m, true) || has(later.receiver)`, false},
		{`later.trigger == "message_sent" && event.trigger == "user_mentioned"`, true},
		{`later.raw.data == "x" && event.raw.data.message.muid == "m-7"`, true},
		// The functions that the shorthands are written with.
		{`same(later.sender.uid, recipient.uid)`, true},
		{`same(later.sender.uid, event.sender.uid)`, false},
		{`same(later.receiver.uid, event.receiver.uid)`, false},
		{`order(later.message.id, event.message.id) > 0 && order("9", "10") < 0 && order("a", "a") == 0`, true},
		{`numeric(later.message.id) && !numeric("m1") && !numeric("")`, true},
	}
	for _, tt := range tests {
		t.Run(tt.condition, func(t *testing.T) {
			t.Parallel()
			later := &relay.Event{
				Trigger: relay.MessageSent, Sender: &relay.User{UID: "bob"}, ReceivedAt: noon.Add(time.Minute),
				Message: &relay.Message{ID: "1000", Text: "done"}, Raw: []byte(`{"data":"x"}`),
			}
			clause, _ := doubtfulUnless(t, "user_mentioned", relay.MessageSent, tt.condition)
			got, err := clause.Holds(mention(), later, &relay.Contact{UID: "bob", Name: "Bob", Locale: "de-AT"})
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAnEntryOfUnlessIsLookedForUnderEveryLink(t *testing.T) {
	t.Parallel()
	clause := unless(t, "user_mentioned", "message_reaction_added", "later.reaction.emoji != ''")
	require.Equal(t, "message_reaction_added", clause.Name)
	require.Equal(t, relay.ReasonUnless, clause.Reason)
	require.False(t, clause.Presence)
	links := []relay.Link{relay.LinkRecipient, relay.LinkConversation, relay.LinkSession, relay.LinkMessage}
	require.Len(t, clause.Looks, len(links))
	for _, link := range links {
		require.Contains(t, clause.Looks, rules.Look{Trigger: "message_reaction_added", Link: link})
	}
}

func TestAnEntryOfUnlessKnowsWhatEachTriggerOfItsRuleCarries(t *testing.T) {
	t.Parallel()
	// Both have a conversation; the one has a message besides and the other a call.
	clause := unless(t, "user_mentioned, call_initiated", "message_read_receipt", "same(later.conversation.id, event.conversation.id)")
	later := func(conversation string) *relay.Event {
		return &relay.Event{Trigger: relay.MessageReadReceipt, Conversation: &relay.Conversation{ID: conversation}}
	}
	tests := []struct {
		name         string
		event, later *relay.Event
		want         bool
	}{
		{"the one trigger", mention(), later("group_hiking"), true},
		{"the other trigger", call(), later("ann_user_bob"), true},
		{"elsewhere", call(), later("group_hiking"), false},
		{"a trigger that the rule does not name", &relay.Event{
			Trigger: relay.MessageSent, Conversation: &relay.Conversation{ID: "group_hiking"},
		}, later("group_hiking"), false},
		{"a later event of another trigger", mention(), mention(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := clause.Holds(tt.event, tt.later, &relay.Contact{UID: "bob"})
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAConditionOfUnlessThatFailsIsFalseAndNamesItsClause(t *testing.T) {
	t.Parallel()
	later := mention()
	later.Trigger, later.Message.Text = relay.MessageSent, "secret words"
	for condition, want := range map[string]string{
		`later.raw.data.nothing == "x"`:                   `no such key: "nothing"`,
		`later.raw.data[later.message.text] == true`:      `no such key`,
		`int(later.message.text) == 1`:                    "conversion error",
		`later.message.mentions[7].uid == "x"`:            `index out of bounds: "7"`,
		`event.message.metadata[later.message.text] == 1`: `no such key`,
	} {
		clause, _ := doubtfulUnless(t, "user_mentioned", relay.MessageSent, condition)
		got, err := clause.Holds(mention(), later, &relay.Contact{UID: "bob"})
		require.EqualError(t, err, "unless message_sent: evaluate condition: "+want, condition)
		require.False(t, got)
	}
}

func TestAConditionOfUnlessThatCostsTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	later := mention()
	later.Trigger, later.Message.Mentions = relay.MessageSent, slices.Repeat([]relay.User{{UID: "cy"}}, 2000)
	clause := unless(t, "user_mentioned", relay.MessageSent,
		`later.message.mentions.all(a, later.message.mentions.all(b, later.message.mentions.all(c, a.uid + b.uid + c.uid != "x")))`)
	got, err := clause.Holds(mention(), later, &relay.Contact{})
	require.EqualError(t, err, "unless message_sent: evaluate condition: cost limit exceeded")
	require.False(t, got)
}

func TestEntriesOfUnlessKeepTheirOrderAndAreNumberedByName(t *testing.T) {
	t.Parallel()
	set := load(t, `version: 1
rules:
  - name: a
    trigger: user_mentioned
    to: mentioned
    wait: 5m
    unless:
      - { trigger: message_sent, if: "later.message.text == '1'" }
      - read
      - { trigger: group_deleted, if: "later.group.guid != ''" }
      - { trigger: message_sent, if: "later.message.text == '2'" }
      - { trigger: message_sent, if: "later.message.text == '3'" }
    send: [ { sms: t } ]
  - { name: b, trigger: user_mentioned, to: mentioned, wait: 5m, unless: [ { trigger: message_sent, if: "later.id != ''" } ], send: [ { sms: t } ] }
  - { name: off, enabled: false, trigger: user_mentioned, to: mentioned, wait: 5m, unless: [ { trigger: call_busy, if: "later.id != ''" } ], send: [ { sms: t } ] }
`)
	clauses := set.Rules()[0].Unless
	require.Equal(t, []string{"message_sent", "read", "group_deleted", "message_sent 2", "message_sent 3"}, clauseNames(clauses))
	require.Equal(t, []string{"message_sent"}, clauseNames(set.Rules()[1].Unless))
	for text, want := range map[relay.Text]int{"1": 0, "2": 3, "3": 4} {
		later := &relay.Event{Trigger: relay.MessageSent, Message: &relay.Message{Text: text}}
		for i, clause := range clauses {
			held, err := clause.Holds(mention(), later, &relay.Contact{UID: "bob"})
			require.NoError(t, err)
			require.Equal(t, i == want, held, "%s by %s", text, clause.Name)
		}
	}
	require.True(t, set.Wants("group_deleted"))
	require.True(t, set.Wants("message_sent"))
	require.False(t, set.Wants("call_busy"), "only a disabled rule looks for it")
}

// The shorthands are written in the general form: whoever writes one out gets the same.
func TestAShorthandCanBeWrittenOut(t *testing.T) {
	t.Parallel()
	written := unless(t, "user_mentioned", relay.MessageReadReceipt, `same(later.sender.uid, recipient.uid)
 && same(later.conversation.id, event.conversation.id)
 && event.message.id != "" && order(later.message.id, event.message.id) >= 0`)
	short := clause(t, "read")
	for _, id := range []string{"99", "100", "101", "", "x"} {
		for _, uid := range []string{"bob", "cy", ""} {
			for _, conversation := range []string{"group_hiking", "group_chess"} {
				later := &relay.Event{
					Trigger: relay.MessageReadReceipt, Sender: &relay.User{UID: uid}, Message: &relay.Message{ID: id},
					Conversation: &relay.Conversation{ID: conversation},
				}
				want, err := short.Holds(mention(), later, &relay.Contact{UID: "bob"})
				require.NoError(t, err)
				got, err := written.Holds(mention(), later, &relay.Contact{UID: "bob"})
				require.NoError(t, err)
				require.Equal(t, want, got, "%s by %s in %s", id, uid, conversation)
			}
		}
	}
}
