package engine_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// build joins rules and templates given as text: template file → content.
func build(t *testing.T, source string, templates map[string]string) (*engine.Generation, []rules.Finding) {
	t.Helper()
	set, findings := rules.Load("rules.yaml", []byte(source), cometchat.Catalogue())
	require.NotNil(t, set, "%v", findings)
	files := fstest.MapFS{}
	for name, content := range templates {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	loaded, problems := render.Load(files)
	require.Empty(t, problems)
	return engine.Build(engine.Parts{Rules: set, Templates: loaded, Catalogue: cometchat.Catalogue(), Sample: sample(t)})
}

const oneRule = `version: 1
rules:
  - name: told
    trigger: [user_mentioned, call_initiated]
    to: sender
    include_actor: true
    send: [ { sms: note } ]
`

func TestBuildNamesATemplateThatIsNotThere(t *testing.T) {
	t.Parallel()
	g, findings := build(t, oneRule, map[string]string{"other/sms.txt": "hi", "mail/email.html": "hi", "mail/email.subject.txt": "hi"})
	require.Nil(t, g)
	require.Len(t, findings, 1)
	require.Equal(t, `there is no sms template "note"`, findings[0].Message)
	require.Equal(t, "templates for sms: other", findings[0].Hint)
	require.Equal(t, 7, findings[0].Line)
	require.Equal(t, "told", findings[0].Rule)

	_, findings = build(t, oneRule, map[string]string{"mail/email.html": "hi", "mail/email.subject.txt": "hi"})
	require.Equal(t, "templates for sms: none", findings[0].Hint)
}

func TestBuildNamesAFieldThatOneOfTheTriggersDoesNotCarry(t *testing.T) {
	t.Parallel()
	g, findings := build(t, oneRule, map[string]string{"note/sms.txt": "{{ .event.sender.name }}\n{{ .event.message.text }}"})
	require.Nil(t, g)
	require.Len(t, findings, 1)
	require.Contains(t, findings[0].Message, `rule "told" for call_initiated`)
	require.Equal(t, 2, findings[0].Line)
}

func TestBuildNamesATemplateThatDoesNotRenderForASample(t *testing.T) {
	t.Parallel()
	g, findings := build(t, oneRule, map[string]string{"note/sms.txt": `{{ if eq .event.trigger "call_initiated" }}{{ else }}hi{{ end }}`})
	require.Nil(t, g)
	require.NotEmpty(t, findings)
	require.Contains(t, findings[0].Message, "does not render for a sample of call_initiated")
}

func TestTheHashChangesWithRulesAndWithTemplates(t *testing.T) {
	t.Parallel()
	hash := func(source, template string) string {
		g, findings := build(t, source, map[string]string{"note/sms.txt": template})
		require.NotNil(t, g, "%v", findings)
		return g.Hash
	}
	first := hash(oneRule, "hi")
	require.Equal(t, first, hash(oneRule, "hi"))
	require.NotEqual(t, first, hash(oneRule+"# another\n", "hi"))
	require.NotEqual(t, first, hash(oneRule, "ho"))
}

// decided decides an alert of the sample mention with one rule, some kept events, and a contact.
func decided(t *testing.T, source string, change func(*engine.Situation)) relay.Decision {
	t.Helper()
	g, findings := build(t, source, map[string]string{
		"note/sms.txt": "hi", "rich/sms.txt": `{{ if eq .event.message.type "poll" }}{{ else }}hi{{ end }}`,
	})
	require.NotNil(t, g, "%v", findings)
	event, _ := sample(t)(relay.UserMentioned)
	plan, verdicts := g.Plan(event)
	require.Len(t, plan.Alerts, 1, "%v", verdicts)
	s := engine.Situation{
		Alert: plan.Alerts[0], Event: event, Now: plan.Alerts[0].DueAt, Found: engine.FoundContact,
		Contact: relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Zone: time.UTC},
	}
	change(&s)
	return g.Decide(s)
}

func TestAnAlertPastItsTimeExpiresWhateverElseIsTrue(t *testing.T) {
	t.Parallel()
	d := decided(t, "{version: 1, rules: [{name: a, trigger: user_mentioned, to: mentioned, expires: 1h, send: [{sms: note}]}]}",
		func(s *engine.Situation) { s.Now = s.Alert.ExpiresAt })
	require.Equal(t, relay.ActCancel, d.Action)
	require.Equal(t, relay.ReasonExpired, d.Reason)
	require.Equal(t, "expires", d.Trace[0].Check)
}

func TestATemplateThatFailsAtSendingMakesADeadDelivery(t *testing.T) {
	t.Parallel()
	d := decided(t, "{version: 1, rules: [{name: a, trigger: user_mentioned, to: mentioned, send: [{sms: rich}]}]}",
		func(s *engine.Situation) {
			message := *s.Event.Message
			message.Type = "poll"
			s.Event.Message = &message
		})
	require.Equal(t, relay.ActSend, d.Action)
	require.Equal(t, relay.DeliveryDead, d.Deliveries[0].State)
	require.Equal(t, relay.ReasonRenderFailed, d.Deliveries[0].Reason)
	require.Empty(t, d.Deliveries[0].Claims, "what is dead claims nothing")
	require.NotContains(t, d.Trace[len(d.Trace)-1].Seen, "bus", "a trace never holds the text")
}

func TestTwoSendsOnOneChannelAreOneMessage(t *testing.T) {
	t.Parallel()
	const both = "{version: 1, rules: [{name: a, %s trigger: user_mentioned, to: mentioned, send: [{sms: note}, {sms: rich}]}]}"
	collapsing := decided(t, fmt.Sprintf(both, ""), func(*engine.Situation) {})
	require.Equal(t, relay.DeliveryQueued, collapsing.Deliveries[0].State)
	require.Equal(t, relay.ReasonCollapsed, collapsing.Deliveries[1].Reason)
	opted := decided(t, fmt.Sprintf(both, "collapse: false,"), func(*engine.Situation) {})
	require.Equal(t, relay.DeliveryQueued, opted.Deliveries[1].State)
}

func TestAClaimHeldByAnotherDeliveryCollapses(t *testing.T) {
	t.Parallel()
	const rule = "{version: 1, rules: [{name: a, trigger: user_mentioned, to: mentioned, send: [{sms: note}]}]}"
	first := decided(t, rule, func(*engine.Situation) {})
	require.Len(t, first.Deliveries[0].Claims, 1)
	claim := first.Deliveries[0].Claims[0]
	again := decided(t, rule, func(s *engine.Situation) { s.Facts.Claimed = map[string]string{claim: "dl_other"} })
	require.Equal(t, relay.ReasonCollapsed, again.Deliveries[0].Reason)
}

func TestTheNewestTextIsTold(t *testing.T) {
	t.Parallel()
	g, findings := build(t, "{version: 1, rules: [{name: a, trigger: user_mentioned, to: mentioned, send: [{sms: say}]}]}",
		map[string]string{"say/sms.txt": "{{ .event.message.text }}"})
	require.NotNil(t, g, "%v", findings)
	event, _ := sample(t)(relay.UserMentioned)
	edit, _ := sample(t)(relay.MessageEdited)
	plan, _ := g.Plan(event)
	d := g.Decide(engine.Situation{
		Alert: plan.Alerts[0], Event: event, Now: noon, Contact: relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102"},
		Facts: relay.Facts{Candidates: []relay.Event{edit}},
	})
	require.Equal(t, edit.Message.Text.Reveal(), d.Deliveries[0].Content.Text.Reveal())
	require.NotEqual(t, event.Message.Text, edit.Message.Text)
}

func TestRolesNamePeopleAndLeaveOutWhoDidIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trigger relay.Trigger
		to      string
		want    []string
	}{
		{relay.MessageSent, "receiver", []string{"cometchat-uid-2"}},
		{relay.MessageReadReceipt, "author", []string{"cometchat-uid-1"}},
		{"user_blocked", "blocked", nil},
		{"group_member_added", "members", []string{"cometchat-uid-2", "cometchat-uid-4"}},
		{"group_member_joined", "group_owner", []string{"cometchat-uid-1"}},
		{relay.CallRejected, "callee", []string{"cometchat-uid-5"}},
		{relay.CallRejected, "[caller, callee]", []string{"cometchat-uid-5"}},
		{relay.MessageSent, "[receiver, {uid: Cometchat-UID-2}, {uid: archive}]", []string{"cometchat-uid-2", "archive"}},
	} {
		g, findings := build(t, fmt.Sprintf("{version: 1, rules: [{name: a, trigger: %s, to: %s, send: [{sms: note}]}]}", c.trigger, c.to),
			map[string]string{"note/sms.txt": "hi"})
		require.NotNil(t, g, "%v", findings)
		event, _ := sample(t)(c.trigger)
		plan, _ := g.Plan(event)
		var got []string
		for _, a := range plan.Alerts {
			got = append(got, a.Recipient.UID)
		}
		if c.want == nil {
			require.Len(t, got, 1, c.to)
			continue
		}
		require.Equal(t, c.want, got, "%s %s", c.trigger, c.to)
	}
}

func TestAConditionThatFailsIsReportedAndCountsAsFalse(t *testing.T) {
	t.Parallel()
	g, findings := build(t, "{version: 1, rules: [{name: a, trigger: user_mentioned, if: 'event.message.mentions[7].uid == \"x\"', to: mentioned, send: [{sms: note}]}]}",
		map[string]string{"note/sms.txt": "hi"})
	require.NotNil(t, g, "%v", findings)
	event, _ := sample(t)(relay.UserMentioned)
	plan, verdicts := g.Plan(event)
	require.Empty(t, plan.Alerts)
	require.Len(t, verdicts, 1)
	require.Error(t, verdicts[0].Err)
	require.False(t, verdicts[0].Matched)
}

func TestNoiseMatchesNoRule(t *testing.T) {
	t.Parallel()
	g, _ := build(t, oneRule, map[string]string{"note/sms.txt": "hi"})
	event, _ := sample(t)(relay.UserMentioned)
	event.Noise = relay.ReasonFromSystem
	plan, verdicts := g.Plan(event)
	require.Empty(t, plan.Alerts)
	require.Contains(t, verdicts[0].Why, "from_system")
	require.NotEmpty(t, plan.Keys, "noise is kept and found all the same")
}
