package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// told posts a new mention and reports how many alerts the rules in force make of it.
func (p *process) told(id string) int {
	p.t.Helper()
	return p.mustPost(sample(p.t, relay.UserMentioned, map[string]any{"data.message.id": id})).Alerts
}

const broken = "version: 1\nrules:\n  - { name: other, trigger: group_deletd, to: { uid: x }, send: [ { sms: mention } ] }\n"

func TestAChangedFileIsInForceWithoutARestart(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	require.Equal(t, 1, p.told("1"))
	l.write("rules.yaml", noRulesFor("group-added"))
	l.eventually("the change is noticed", func() bool { return strings.Contains(p.log(), `"msg":"reloaded"`) })
	require.Zero(t, p.told("2"))

	l.write("rules.yaml", broken)
	l.eventually("the fault is told", func() bool { return strings.Contains(p.log(), "reload refused") })
	require.Zero(t, p.told("3"), "the last good rules stay in force")
	require.Contains(t, p.log(), "group_deletd")

	l.write("rules.yaml", labRules)
	l.eventually("it is mended", func() bool { return strings.Count(p.log(), `"msg":"reloaded"`) == 2 })
	require.Equal(t, 1, p.told("4"))
	p.stop()
}

func noRulesFor(template string) string {
	trigger := map[string]string{"group-added": "group_member_added", "recording-ready": "recording_generated"}[template]
	return "version: 1\nrules:\n  - { name: other, trigger: " + trigger + ", to: { uid: x }, send: [ { sms: " + template + " } ] }\n"
}

func TestReloadByHandSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_WEBHOOK_USERS"] = ""
	l.env["BECKON_WEBHOOK_USERS_FILE"] = l.path("users")
	l.write("users", "cometchat:secret\n")
	p := l.serve()
	l.write("rules.yaml", broken)
	a, err := p.request(http.MethodPost, p.admin+"/-/reload", nil, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, a.Status, 400)
	require.Contains(t, a.Error.Message, "rules.yaml:3:")
	require.Contains(t, a.Error.Message, `did you mean "group_deleted"`)

	// A rotated secret takes effect together with good rules, and not before.
	l.write("users", "cometchat:rotated\n")
	l.write("rules.yaml", labRules)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	l.eventually("the old password is refused", func() bool {
		a, err := p.post(sample(t, relay.UserMentioned, nil))
		require.NoError(t, err)
		return a.Status == http.StatusUnauthorized
	})
	p.stop()
}

func TestServeNamesEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	for _, name := range []string{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "SENDGRID_API_KEY", "SENDGRID_FROM"} {
		delete(l.env, name)
	}
	l.write("people.yaml", "x: { phone: \"12\" }\n")
	out, err := l.command("serve").CombinedOutput()
	require.Error(t, err)
	for _, want := range []string{"sms is not configured", "missed-call", "TWILIO_FROM", "email is not configured", "SENDGRID_API_KEY", "people.yaml:1:"} {
		require.Contains(t, string(out), want)
	}
	l.write("rules.yaml", broken)
	out, err = l.command("serve").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "rules.yaml:3:", "a bad file at the start is fatal")
}
