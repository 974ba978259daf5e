package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

// Each pair of rules in it differs in one thing that keeps the first from hiding the second.
func TestRulesThatDifferDoNotHideEachOther(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, loadFile(t, "testdata/good/beside.yaml").Rules())
}

func TestTheShippedRulesAreBeyondDoubt(t *testing.T) {
	t.Parallel()
	loadFile(t, "../../rules.yaml")
}

// What is unknown when the file is read must not be taken for absent.
func TestNoConditionIsDoubtedThatAnEventCouldMeet(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`has(event.receiver)`, `!has(event.receiver)`, `has(event.message.parent_id)`, `!has(event.message.mentions)`,
		`event.receiver == null`, `event.receiver != null`, `event.receiver.name == ""`, `event.receiver.name != ""`,
		`event.message.mentions.exists(m, m.uid == "x")`, `event.message.mentions.all(m, m.uid == "x")`,
		`event.message.mentions.size() == 0`, `event.message.mentions.size() > 0`, `event.message.mentions[0].uid == "x"`,
		`event.message.mentions.filter(m, m.uid == "x").size() > 1`, `event.message.mentions.map(m, m.uid) == ["x"]`,
		`event.raw.data.missing == "x"`, `has(event.raw.data)`, `!has(event.raw.data.message)`, `event.raw.list.exists(event, event.trigger == "x")`,
		`event.occurred_at < timestamp("2000-01-01T00:00:00Z")`, `event.received_at - event.occurred_at > duration("1s")`,
		`event.conversation.kind == ""`, `event.conversation.kind in ["user", ""]`, `event.conversation.kind.startsWith("u")`,
		`event.conversation.id == "x" && event.conversation.kind == "group"`, `event.conversation == null`, `has(event.conversation)`,
		`event.group.members_count > 10 ? event.conversation.kind == "user" : event.conversation.kind == "group"`,
		`dyn(event).sender.name == "Ann"`, `dyn(event.message).text == ""`, `event.trigger == "user_mentioned" && event.message.text == "x"`,
		`event.sender.name in ["Ann", "Bob"]`, `event.message.category == "agentic"`, `event.trigger.startsWith("user")`,
		`event.conversation.kind == event.group.type`, `event.id == event.message.id`, `"x" in event.message.metadata`,
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			_, findings := rules.Load("rules.yaml", ruleFor(relay.UserMentioned, condition), catalogue())
			require.Empty(t, findings)
		})
	}
}
