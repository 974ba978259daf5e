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

func TestARoleThatSomebodyMayHaveIsNotDoubted(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, loadFile(t, "testdata/good/roles.yaml").Rules())
}

func TestNoEntryOfUnlessIsDoubtedThatALaterEventCouldMeet(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`same(later.conversation.id, event.conversation.id)`, `later.conversation.kind == event.conversation.kind`,
		`later.conversation.kind == "user" && event.conversation.kind == "group"`, `has(later.receiver)`, `later.receiver == null`,
		`later.message.mentions.exists(m, m.uid == recipient.uid)`, `dyn(later).sender.uid == recipient.uid`,
		`recipient.uid == "" || later.sender.uid == recipient.uid`, `order(later.message.id, event.message.id) > 0`,
		`numeric(later.message.id)`, `later.received_at - event.received_at < duration("5m")`, `later.raw.data == "x"`,
		`later.received_at.getHours(recipient.time_zone) > 8`,
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			require.NotNil(t, unless(t, "user_mentioned", relay.MessageSent, condition))
		})
	}
}

// Apps may have categories and types of their own, and CometChat may add some.
func TestAValueThatIsNotNearlyADocumentedOneIsNotDoubted(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`event.message.category == "interactive"`, `event.message.category in ["action", "call", "custom", ""]`,
		`event.message.type in ["image", "customInteractive", "groupMember", "location", "extension_poll", "radio"]`,
		`event.sender.status == "available" || event.sender.status == "away"`, `event.group.type == "secret"`,
		`event.message.text == "mesage"`, `event.message.id == "onlin"`, `event.sender.name == "onlin"`,
	} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			_, findings := rules.Load("rules.yaml", ruleFor(relay.UserMentioned, condition), catalogue())
			require.Empty(t, findings)
		})
	}
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
