package rules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// when makes a rule for a trigger with that condition, which may be one that is warned of.
func when(tb testing.TB, trigger relay.Trigger, condition string) *rules.Rule {
	tb.Helper()
	set, findings := rules.Load("rules.yaml", ruleFor(trigger, condition), catalogue())
	require.NotNil(tb, set, findings)
	return set.Rules()[0]
}

// ruleFor writes a file with a rule for a trigger with that condition.
func ruleFor(trigger relay.Trigger, condition string) []byte {
	return fmt.Appendf(nil, `version: 1
rules: [ { name: a, trigger: %s, if: %s, to: { uid: x }, send: [ { sms: t } ] } ]
`, trigger, strconv.Quote(condition))
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// mention is Ann mentioning Bob and Cy in the group hiking.
func mention() *relay.Event {
	return &relay.Event{
		ID: "e1", Trigger: relay.UserMentioned, OccurredAt: noon, ReceivedAt: noon.Add(time.Second),
		Sender:       &relay.User{UID: "ann", Name: "Ann", Status: "online"},
		Conversation: &relay.Conversation{ID: "group_hiking", Kind: relay.KindGroup},
		Group:        &relay.Group{GUID: "hiking", Name: "Hiking", MembersCount: 12},
		Message: &relay.Message{
			ID: "100", Text: "hello @Bob", Category: "message", Type: "text", SentAt: noon,
			Mentions:    []relay.User{{UID: "bob", Name: "Bob"}, {UID: "cy", Name: "Cy"}},
			Attachments: []relay.Attachment{{Name: "map.pdf", Size: 4096}},
			Metadata:    map[string]any{"urgent": true, "level": 3.0},
		},
		Raw: json.RawMessage(`{"data":{"message":{"muid":"m-7","tags":["a","b"]}}}`),
	}
}

func TestAConditionSeesWhatTheEventSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		condition string
		want      bool
	}{
		{`event.sender.name == "Ann"`, true},
		{`event.sender.name == "Bob"`, false},
		{`event.conversation.kind == "group" && event.group.members_count > 10`, true},
		{`event.message.text.contains("@Bob")`, true},
		{`event.message.text.lowerAscii().startsWith("hello")`, true},
		{`event.message.text.matches("^h.llo")`, true},
		{`event.message.mentions.exists(m, m.uid == "bob")`, true},
		{`event.message.mentions.exists(m, m.uid == "dan")`, false},
		{`event.message.mentions.size() == 2 && event.message.mentions[1].name == "Cy"`, true},
		{`event.message.mentions.map(m, m.uid) == ["bob", "cy"]`, true},
		{`event.message.attachments.all(a, a.size < 5000)`, true},
		{`event.message.metadata.urgent == true && event.message.metadata.level >= 3`, true},
		{`has(event.message.metadata.urgent) && !has(event.message.metadata.missing)`, true},
		{`event.message.sent_at > timestamp("2026-01-01T00:00:00Z")`, true},
		{`event.received_at - event.occurred_at == duration("1s")`, true},
		{`event.occurred_at.getHours() == 12`, true},
		{`event.occurred_at.getHours("Europe/Berlin") == 13`, true},
		{`event.raw.data.message.muid == "m-7"`, true},
		{`event.raw.data.message.tags.exists(t, t == "b") && has(event.raw.data.message)`, true},
		{`event.trigger == "user_mentioned"`, true},
		{`true`, true},
		{`false`, false},
		// What is absent reads as zero, and has() is false for zero.
		{`event.receiver.name == ""`, true},
		{`has(event.receiver)`, false},
		{`has(event.receiver.name)`, false},
		{`event.receiver == null`, true},
		{`null == event.receiver`, true},
		{`event.sender == null`, false},
		{`event.receiver == event.receiver && event.sender == event.sender`, true},
		{`has(event.sender)`, true},
		{`has(event.sender.avatar)`, false},
		{`has(event.message.parent_id)`, false},
		{`has(event.message.mentions)`, true},
		// What only the run shows.
		{`dyn(event.sender).name == "Ann" && has(dyn(event.sender).name) && !has(dyn(event.sender).avatar)`, true},
		{`[dyn(event.sender), dyn(event.group)].exists(x, x.name == "Hiking")`, true},
		{`dyn(event.message).mentions.size() == 2`, true},
		{`dyn(event.message.mentions[0]) == dyn(event.message.mentions[1])`, false},
		{`type(event.sender) == type(event.sender) && type(event.sender) != type(event.group)`, true},
	}
	for _, tt := range tests {
		t.Run(tt.condition, func(t *testing.T) {
			t.Parallel()
			got, err := when(t, relay.UserMentioned, tt.condition).Matches(mention())
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestAListOfNobodyIsEmpty(t *testing.T) {
	t.Parallel()
	rule := when(t, relay.UserMentioned, `event.message.mentions.size() == 0 && !has(event.message.mentions) && event.message.text == ""`)
	for _, message := range []*relay.Message{nil, {}} {
		got, err := rule.Matches(&relay.Event{Trigger: relay.UserMentioned, Message: message})
		require.NoError(t, err)
		require.True(t, got)
	}
}

func TestACallsTimesAreTimes(t *testing.T) {
	t.Parallel()
	rule := when(t, "call_ended", `event.call.duration > duration("1m") && event.call.started_at < event.call.ended_at && event.users[0].uid == "bob"`)
	got, err := rule.Matches(&relay.Event{Trigger: "call_ended", Users: []relay.User{{UID: "bob"}}, Call: &relay.Call{
		StartedAt: noon, EndedAt: noon.Add(time.Hour), Duration: time.Hour,
	}})
	require.NoError(t, err)
	require.True(t, got)
}

func TestARuleWithoutConditionMatchesItsTriggers(t *testing.T) {
	t.Parallel()
	rule := load(t, minimal).Rules()[0]
	got, err := rule.Matches(mention())
	require.NoError(t, err)
	require.True(t, got)
	got, err = rule.Matches(&relay.Event{Trigger: relay.CallInitiated})
	require.NoError(t, err)
	require.False(t, got)
}

func TestAFailingConditionIsFalseAndSaysNothingOfTheEvent(t *testing.T) {
	t.Parallel()
	tests := []struct{ condition, want string }{
		{`event.raw.data.nothing == "x"`, `no such key: "nothing"`},
		{`event.message.metadata[event.message.text] == "x"`, `no such key`},
		{`dyn(event.sender).nothing == "x"`, `no such key: "nothing"`},
		{`dyn(event.sender)[event.message.text] == "x"`, `no such key`},
		{`has(dyn(event.sender).nothing)`, `no such key: "nothing"`},
		{`int(event.message.text) == 1`, "conversion error"},
		{`string(dyn(event.sender)) == ""`, "no such overload"},
		{`event.message.mentions[7].uid == "x"`, `index out of bounds: "7"`},
		{`1 / event.message.mentions.size() == 1 / (event.message.mentions.size() - 2)`, "division by zero"},
		{`timestamp(event.message.text) == event.occurred_at`, "no such time"},
		{`timestamp("2026-01-3" + event.message.parent_id) == event.occurred_at`, "no such time"},
		{`duration(event.message.text) == duration("1s")`, "conversion error"},
		{`event.received_at.getHours(event.message.text) == 1`, "no such time zone"},
		{`event.received_at.getHours("Europe/Berln" + event.message.parent_id) == 1`, `no such time zone: "Europe/Berln"`},
		{`event.received_at.getHours("+25:00" + event.message.parent_id) == 1`, "no such time zone"},
		{`event.received_at.getHours("x:" + event.message.text) == 1`, "a number was expected"},
		{`"abc".matches("(" + event.message.text)`, "no such regular expression"},
		{`event.message.text.charAt(99) == "x"`, `index out of range: "99"`},
		{`event.raw.data < 3`, "no such overload"},
	}
	for _, tt := range tests {
		t.Run(tt.condition, func(t *testing.T) {
			t.Parallel()
			event := mention()
			event.Message.Text = "secret words"
			got, err := when(t, relay.UserMentioned, tt.condition).Matches(event)
			require.False(t, got)
			require.EqualError(t, err, "evaluate condition: "+tt.want)
		})
	}
}

func TestAConditionThatCostsTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	event := mention()
	for i := range 2000 {
		event.Message.Mentions = append(event.Message.Mentions, relay.User{UID: strconv.Itoa(i)})
	}
	for _, condition := range []string{
		`event.message.mentions.all(a, event.message.mentions.all(b, event.message.mentions.all(c, a.uid + b.uid + c.uid != "x")))`,
		`event.message.mentions.all(m, event.raw.data.message.muid != m.uid + string(event.message.mentions.size()) && event.message.mentions.all(o, o.name != "x"))`,
	} {
		got, err := when(t, relay.UserMentioned, condition).Matches(event)
		require.EqualError(t, err, "evaluate condition: cost limit exceeded")
		require.False(t, got)
	}
}

func TestRawIsDecodedOnceForAnEvaluation(t *testing.T) {
	t.Parallel()
	event := mention()
	event.Raw = json.RawMessage(`{"data":{"pad":"` + strings.Repeat("x", 1<<20) + `","uid":"nobody"}}`)
	event.Message.Mentions = make([]relay.User, 3000)
	rule := when(t, relay.UserMentioned, `event.message.mentions.all(m, m.uid != event.raw.data.uid)`)
	started := time.Now()
	got, err := rule.Matches(event)
	require.NoError(t, err)
	require.True(t, got)
	// Decoding it 3000 times takes many times as long.
	require.Less(t, time.Since(started), 5*time.Second)
}

func TestConditionsRunSideBySide(t *testing.T) {
	t.Parallel()
	rule := when(t, relay.UserMentioned, `event.message.mentions.exists(m, m.uid == "cy") && event.raw.data.message.muid == "m-7"`)
	event := mention()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				got, err := rule.Matches(event)
				if err != nil || !got {
					t.Error("it should match", err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkLoad(b *testing.B) {
	src, err := os.ReadFile("testdata/good/shipped.yaml")
	require.NoError(b, err)
	for b.Loop() {
		if set, _ := rules.Load("rules.yaml", src, catalogue()); set == nil {
			b.Fatal("it should load")
		}
	}
}

func BenchmarkMatches(b *testing.B) {
	for _, condition := range []string{
		`event.conversation.kind == "group" && event.message.category == "message"`,
		`event.message.mentions.exists(m, m.uid == "cy")`,
	} {
		rule, event := when(b, relay.UserMentioned, condition), mention()
		b.Run(condition, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := rule.Matches(event); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
