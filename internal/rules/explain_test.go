package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

func TestAConditionIsExplainedPartByPart(t *testing.T) {
	t.Parallel()
	got := when(t, relay.UserMentioned, `event.conversation.kind == "user" && event.group.members_count > 10
		&& (event.sender.name != 'Bob' && has(event.receiver))`).Explain(mention())
	require.Equal(t, rules.Explanation{Parts: []rules.Part{
		{Text: `event.conversation.kind == "user"`, Seen: []rules.Seen{{Path: "event.conversation.kind", Value: "group"}}},
		{Text: `event.group.members_count > 10`, Holds: true, Seen: []rules.Seen{{Path: "event.group.members_count", Value: int64(12)}}},
		{Text: `event.sender.name != "Bob"`, Holds: true, Seen: []rules.Seen{{Path: "event.sender.name", Value: "Ann"}}},
		{Text: `has(event.receiver)`, Seen: []rules.Seen{{Path: "has(event.receiver)", Value: false}}},
	}}, got)
}

func TestAnExplanationMatchesWhenEveryPartHolds(t *testing.T) {
	t.Parallel()
	got := when(t, relay.UserMentioned, `event.trigger != "" && event.message.id == "100"`).Explain(mention())
	require.True(t, got.Matched)
	require.Len(t, got.Parts, 2)
	for _, part := range got.Parts {
		require.True(t, part.Holds, part.Text)
	}
}

func TestWithoutAConditionThereAreNoParts(t *testing.T) {
	t.Parallel()
	set := load(t, minimal)
	require.Equal(t, rules.Explanation{Matched: true}, set.Rules()[0].Explain(mention()))
	require.Equal(t, rules.Explanation{}, set.Rules()[0].Explain(&relay.Event{Trigger: relay.CallInitiated}))
	conditional := when(t, relay.UserMentioned, `event.sender.uid == "ann"`)
	require.Equal(t, rules.Explanation{}, conditional.Explain(&relay.Event{Trigger: relay.CallInitiated}))
}

func TestAPartIsWrittenAsInTheFileOnOneLine(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		`event.sender.uid=='ann'  &&  event.id != ""`: {`event.sender.uid=='ann'`, `event.id != ""`},
		"event.id != \"\"\n  || event.region == 'eu' // both\n": {
			`event.id != "" || event.region == "eu"`,
		},
		`(event.id != "" && event.region == "eu") && (event.app_id == "a" || event.webhook == "b")`: {
			`event.id != ""`, `event.region == "eu"`, `(event.app_id == "a" || event.webhook == "b")`,
		},
		"event.id != \"\" &&\n event.message.mentions.exists(m,\n m.uid == 'a' && m.name == 'b')": {
			`event.id != ""`, `event.message.mentions.exists(m, m.uid == "a" && m.name == "b")`,
		},
		`event.message.text == "a && b" && event.id == "ü" && event.region == "x"`: {
			`event.message.text == "a && b"`, `event.id == "ü"`, `event.region == "x"`,
		},
		`!(event.id == "" && event.region == "")`: {`!(event.id == "" && event.region == "")`},
	}
	for condition, want := range tests {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, part := range when(t, relay.UserMentioned, condition).Explain(mention()).Parts {
				got = append(got, part.Text)
				require.NoError(t, part.Err)
			}
			require.Equal(t, want, got)
		})
	}
}

func TestAPartShowsTheFieldsItReads(t *testing.T) {
	t.Parallel()
	tests := map[string][]rules.Seen{
		`event.region == "" || event.id == event.region`: {{Path: "event.region", Value: ""}, {Path: "event.id", Value: "e1"}},
		`event.message.mentions.exists(m, m.uid == "x" || event.sender.uid == m.uid)`: {
			{Path: "event.message.mentions.size()", Value: int64(2)}, {Path: "event.sender.uid", Value: "ann"},
		},
		`event.message.mentions.exists(event, event.uid == "x")`: {{Path: "event.message.mentions.size()", Value: int64(2)}},
		`event.message.mentions[1].name == "Cy"`:                 {{Path: "event.message.mentions[1].name", Value: "Cy"}},
		`event.message.mentions[size(event.message.text)].name == "Cy"`: {
			{Path: "event.message.mentions.size()", Value: int64(2)}, {Path: "event.message.text", Value: relay.Text("hello @Bob")},
		},
		`has(event.message.parent_id)`:              {{Path: "event.message.parent_id", Value: ""}},
		`event.receiver.name in ["x", event.id]`:    {{Path: "event.receiver.name", Value: ""}, {Path: "event.id", Value: "e1"}},
		`event.sender == null`:                      {{Path: "has(event.sender)", Value: true}},
		`event.received_at > event.occurred_at`:     {{Path: "event.received_at", Value: noon.Add(time.Second)}, {Path: "event.occurred_at", Value: noon}},
		`{"a": event.id}.a == "x"`:                  {{Path: "event.id", Value: "e1"}},
		`dyn(event.sender).name == "Ann"`:           {{Path: "has(event.sender)", Value: true}},
		`event.message.metadata["level"] == 3.0`:    {{Path: `event.message.metadata["level"]`, Value: 3.0}},
		`event.message.metadata.urgent == true`:     {{Path: "event.message.metadata.urgent", Value: true}},
		`size(event.message.metadata) == 2`:         {{Path: "event.message.metadata.size()", Value: int64(2)}},
		`event.raw.data.gone == null`:               {{Path: "event.raw.data.gone"}},
		`has(event.raw.data.message.tags)`:          {{Path: "event.raw.data.message.tags.size()", Value: int64(2)}},
		`event.raw.data.message.muid.matches("^m")`: {{Path: "event.raw.data.message.muid", Value: relay.Text("m-7")}},
		`event == event`:                            nil,
		`true`:                                      nil,
	}
	for condition, want := range tests {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			parts := when(t, relay.UserMentioned, condition).Explain(mention()).Parts
			require.Len(t, parts, 1)
			require.Equal(t, want, parts[0].Seen)
		})
	}
}

// The clock of this machine and where it stands are nothing that an event says.
func TestATimeIsShownInUTCWithoutTheMachinesClock(t *testing.T) {
	t.Parallel()
	event := mention()
	event.ReceivedAt = time.Now().In(time.FixedZone("", 3600))
	parts := when(t, relay.UserMentioned, `event.received_at > event.occurred_at`).Explain(event).Parts
	require.Equal(t, event.ReceivedAt.Round(0).UTC(), parts[0].Seen[0].Value)
	require.NotContains(t, fmt.Sprint(parts[0].Seen[0].Value), "m=")
}

func TestACallShowsHowLongItWas(t *testing.T) {
	t.Parallel()
	parts := when(t, "call_ended", `event.call.duration > duration("1m")`).Explain(&relay.Event{
		Trigger: "call_ended", Call: &relay.Call{Duration: 90 * time.Second},
	}).Parts
	require.Equal(t, []rules.Seen{{Path: "event.call.duration", Value: 90 * time.Second}}, parts[0].Seen)
	require.True(t, parts[0].Holds)
}

func TestWhatPeopleWroteIsMaskedInAnExplanation(t *testing.T) {
	t.Parallel()
	event := mention()
	event.Message.Text = "my secret"
	event.Raw = []byte(`{"note": "my secret", "list": ["my secret"], "deep": {"x": "my secret"}}`)
	event.Message.Metadata = map[string]any{"note": "my secret"}
	got := when(t, relay.UserMentioned, `event.message.text.startsWith("a") && event.raw.note == "b" && event.raw.list[0] == "c"
		&& event.raw.list.exists(x, x == "d") && event.raw.deep == {} && event.message.metadata.note == "e"
		&& event.message.metadata["note"] == "f" && int(event.raw.note) == 1 && has(event.message.text) == false`).Explain(event)
	require.Len(t, got.Parts, 9)
	require.NotContains(t, fmt.Sprintf("%v %+v", got, got), "secret")
	require.Error(t, got.Parts[7].Err)
}

func TestAPartThatFailsSaysWhyAndNothingOfTheEvent(t *testing.T) {
	t.Parallel()
	got := when(t, relay.UserMentioned, `event.id == "e1" && event.raw.data.missing == "x"`).Explain(mention())
	require.False(t, got.Matched)
	require.EqualError(t, got.Err, `evaluate condition: no such key: "missing"`)
	require.True(t, got.Parts[0].Holds)
	require.NoError(t, got.Parts[0].Err)
	require.False(t, got.Parts[1].Holds)
	require.EqualError(t, got.Parts[1].Err, `evaluate condition: no such key: "missing"`)
}

func TestManyPartsStayInOrder(t *testing.T) {
	t.Parallel()
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf(`event.sender.uid != "%d"`, i))
	}
	var got []string
	for _, part := range when(t, relay.UserMentioned, strings.Join(want, " && ")).Explain(mention()).Parts {
		got = append(got, part.Text)
	}
	require.Equal(t, want, got)
}

func BenchmarkExplain(b *testing.B) {
	rule, event := when(b, relay.UserMentioned, `event.conversation.kind == "user" && event.sender.uid == "x"`), mention()
	for b.Loop() {
		if rule.Explain(event).Matched {
			b.Fatal("it does not match")
		}
	}
}
