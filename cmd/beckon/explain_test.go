package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// explainedRules have one rule for each way of not telling somebody.
const explainedRules = `version: 1
rules:
  - { name: calls, trigger: call_initiated, to: callee, send: [ { sms: missed-call } ] }
  - { name: groups, trigger: user_mentioned, if: event.message.category == "message" && event.conversation.kind == "group", to: mentioned, send: [ { sms: mention } ] }
  - { name: resting, trigger: user_mentioned, enabled: false, to: mentioned, send: [ { sms: mention } ] }
  - { name: later, trigger: user_mentioned, to: mentioned, wait: 2h, unless: [read], send: [ { sms: mention } ], fallback: [ { email: mention } ] }
`

// explain runs `beckon explain --json`.
func (l *lab) explain(args ...string) explanation {
	l.t.Helper()
	out, said, code := l.run(append([]string{"explain", "--json"}, args...)...)
	require.Equal(l.t, exitFine, code, said)
	var e explanation
	require.NoError(l.t, json.Unmarshal([]byte(out), &e))
	return e
}

func TestExplainAsksCometChatNothingAndLetsOneStandInForAGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, toAGroup)
	l.write("people.yaml", "boss: { phone: '+14155550199' }\n")
	l.write("event.json", string(sample(t, relay.MessageSent, map[string]any{
		"data.message.receiverType": "group", "data.message.receiver": "hiking",
		"data.message.data.entities.receiver": map[string]any{"entityType": "group", "entity": map[string]any{"guid": "hiking"}},
	})))
	out, said, code := l.run("explain", "event.json", "--at", "2026-03-02T12:00:00Z")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "yes  news: for everybody in the group, looked up when it happens, boss\n")
	require.Contains(t, out, "news to everybody in hiking: sent")
	require.Contains(t, out, "CometChat was not asked: one person stands in for all who are looked up when it happens.\n")
	require.True(t, l.explain("event.json").StandsIn)
}

func TestExplainSaysOfEachRuleWhyAndWhatWouldHappen(t *testing.T) {
	t.Parallel()
	l := newLab(t, explainedRules)
	l.write("people.yaml", "cometchat-uid-2: { name: George Alan, email: george@example.net, time_zone: Europe/Berlin, quiet_hours: { from: '22:00', to: '07:00' } }\n")
	l.write("event.json", string(sample(t, relay.UserMentioned, nil)))
	e := l.explain("event.json", "--at", "2026-03-02T20:30:00Z")
	require.Len(t, e.Rules, 4)
	why := map[string]string{}
	for _, r := range e.Rules {
		why[r.Rule] = r.Why
		require.Equal(t, r.Rule == "later", r.Matched, r.Rule)
	}
	require.Equal(t, map[string]string{
		"calls": "it is for call_initiated", "groups": `event.conversation.kind == "group" is false`, "resting": "the rule is disabled", "later": "",
	}, why)
	require.Len(t, e.Rules[1].Parts, 2)
	require.True(t, e.Rules[1].Parts[0].Holds)
	require.Equal(t, []view.Seen{{Path: "event.conversation.kind", Value: json.RawMessage(`"user"`)}}, e.Rules[1].Parts[1].Seen)

	require.Len(t, e.Outcomes, 1)
	got := e.Outcomes[0]
	require.Equal(t, "2026-03-03T06:00:00Z", got.At.UTC().Format("2006-01-02T15:04:05Z07:00"), "at the end of the night in Berlin")
	require.Equal(t, relay.ReasonNoPhone, got.Messages[0].Reason)
	require.Equal(t, "Andrew Joseph mentioned you", got.Messages[1].Subject, "the fallback")
	require.Equal(t, "g***@example.net", got.Messages[1].To)

	out, said, code := l.run("explain", "event.json", "--rule", "groups")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, `no   groups: event.conversation.kind == "group" is false`)
	require.Contains(t, out, `event.conversation.kind is "user"`)
	require.Contains(t, out, "nobody is told")
	require.NotContains(t, out, "calls")
}

func TestAKeptEventIsExplainedByTheRulesThatWereInForce(t *testing.T) {
	t.Parallel()
	l := newLab(t, explainedRules)
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	silent := p.mustPost(sample(t, "group_member_joined", nil))
	p.stop()
	l.write("rules.yaml", noRulesFor("recording-ready"))

	e := l.explain(event.ID)
	require.Len(t, e.Rules, 4, "the old ones")
	require.Equal(t, "later", e.Outcomes[0].Rule)
	require.Empty(t, l.explain(event.ID, "--current").Outcomes)

	out, said, code := l.run("events", "show", event.ID)
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, `no   groups: event.conversation.kind == "group" is false`)
	require.Contains(t, out, "rule later, to cometchat-uid-2: held waiting: the rule's `wait` is not over")
	out, _, _ = l.run("events", "show", silent.ID)
	require.Contains(t, out, "calls: it is for call_initiated")
	require.Contains(t, out, "No rule made an alert of it.")
}

func TestAlertsShowSaysWhyFromTheDatabase(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	p.mustPost(sample(t, relay.MessageReadReceipt, nil))
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	alert := l.alert(l.kept(), event.ID)
	p.stop()

	out, said, code := l.run("alerts", "show", alert.ID)
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "cancelled read: the recipient read the message")
	require.Contains(t, out, "unless read: read")
	require.Contains(t, out, event.ID)
	out, _, _ = l.run("alerts", "list", "--reason", "read", "--to", "cometchat-uid-2")
	require.Contains(t, out, alert.ID)
	out, _, _ = l.run("alerts", "list", "--state", "sent", "--json")
	require.JSONEq(t, "[]", out)
	out, _, _ = l.run("alerts", "show", alert.ID, "--json")
	var detail view.AlertDetail
	require.NoError(t, json.Unmarshal([]byte(out), &detail))
	require.Equal(t, relay.AlertCancelled, detail.State)
}

func TestExplainRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	l := newLab(t, explainedRules)
	l.write("event.json", string(sample(t, relay.UserMentioned, nil)))
	l.write("broken.json", `{"trigger": 1}`)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"explain"}, exitUsage, "accepts 1 arg"},
		{[]string{"explain", "nowhere.json"}, exitUsage, "nowhere.json"},
		{[]string{"explain", "broken.json"}, exitFindings, "broken.json"},
		{[]string{"explain", "event.json", "--at", "noon"}, exitUsage, "2026-03-02T23:30:00Z"},
		{[]string{"explain", "event.json", "--rule", "nothing"}, exitUsage, "no such rule"},
		{[]string{"explain", "event.json", "--current"}, exitUsage, "kept event"},
		{[]string{"explain", strings.Repeat("ab", 32)}, exitFindings, "beckon.db"},
		{[]string{"alerts", "show", "al_nothing"}, exitFindings, "beckon.db"},
		{[]string{"alerts", "list", "--state", "lost"}, exitUsage, "suppressed"},
	} {
		_, said, code := l.run(c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, said)
		require.Contains(t, said, c.want, "%v", c.args)
	}
	require.NoError(t, os.Remove(filepath.Join(l.dir, "rules.yaml")))
	_, said, code := l.run("explain", "event.json")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "rules.yaml")
}

func TestTheBeginningOfAnIDIsEnough(t *testing.T) {
	t.Parallel()
	l := newLab(t, explainedRules)
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	p.stop()
	alerts, err := l.kept().Alerts(t.Context(), store.Filter{EventID: event.ID})
	require.NoError(t, err)
	for _, args := range [][]string{{"events", "show", event.ID[:6]}, {"alerts", "show", alerts[0].ID[:9]}, {"explain", event.ID[:8]}} {
		out, said, code := l.run(args...)
		require.Equal(t, exitFine, code, "%v: %s", args, said)
		require.Contains(t, out, event.ID)
	}
	for _, args := range [][]string{{"events", "show", event.ID[:5]}, {"alerts", "show", "al_abc"}} {
		_, said, code := l.run(args...)
		require.Equal(t, exitUsage, code, "%v", args)
		require.Contains(t, said, "too short")
	}
}

func TestWhoTookPartInACallIsKnownFromItsKeptEvents(t *testing.T) {
	t.Parallel()
	l := newLab(t, "version: 1\nrules: [ { name: ready, trigger: recording_generated, to: participants, include_actor: true, send: [ { email: recording-ready } ] } ]\n")
	p := l.serve()
	p.mustPost(sample(t, relay.CallInitiated, nil))
	recording := p.mustPost(sample(t, "recording_generated", nil))
	p.stop()
	var told []string
	for _, f := range l.explain(recording.ID).Outcomes {
		require.Equal(t, relay.AlertSent, f.State)
		told = append(told, f.To)
	}
	require.ElementsMatch(t, []string{"cometchat-uid-1", "cometchat-uid-5"}, told)
}
