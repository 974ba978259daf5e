package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func TestPausedAlertsAreHeldAndGoOutWhenResumed(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	out, _, code := l.run("pause", "--rule", "mention", "--server", p.admin)
	require.Zero(t, code)
	require.Equal(t, "paused: rule mention\n", out)
	mention := p.mustPost(sample(t, relay.UserMentioned, nil))
	call := p.mustPost(sample(t, relay.CallInitiated, nil))
	s := l.kept()
	require.Equal(t, relay.AlertSent, l.alert(s, call.ID).State, "another rule goes on")
	held := func() relay.Alert {
		alerts, err := s.Alerts(t.Context(), store.Filter{EventID: mention.ID})
		require.NoError(t, err)
		return alerts[0]
	}
	l.eventually("the alert is held", func() bool { return held().Reason == relay.ReasonPaused })
	require.Equal(t, relay.AlertHeld, held().State)
	out, _, _ = l.run("pause", "--list", "--server", p.admin)
	require.Regexp(t, `rule mention +local +20`, out)
	out, _, code = l.run("pause", "--rule", "mention", "--server", p.admin)
	require.Zero(t, code)
	require.Regexp(t, `^rule mention was paused already, by local since 20`, out)

	p.kill() // it is kept
	p = l.serve()
	out, _, code = l.run("resume", "--server", p.admin)
	require.Zero(t, code)
	require.Equal(t, "resumed: rule mention; alerts and deliveries looked at again: 1\n", out)
	require.Equal(t, relay.AlertSent, l.alert(s, mention.ID).State)
	audit, err := s.Audit(t.Context(), store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, audit, 3)
	require.Equal(t, "resume", audit[0].Action)
	out, _, code = l.run("pause", "--history", "--server", p.admin)
	require.Zero(t, code)
	require.Regexp(t, `(?s)local +resume +everything.*local +pause +rule mention`, out)
	p.stop()
}

func TestPauseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_CONSOLE_USERS"] = "kim:open-sesame"
	l.env["BECKON_ADMIN_LISTEN"] = "0.0.0.0:0"
	p := l.serve()
	_, errs, code := l.run("pause", "--server", p.admin)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "set BECKON_OPERATOR to name:secret")
	l.env["BECKON_OPERATOR"] = "kim:open-sesame"
	for want, args := range map[string][]string{
		`no rule is named "mentoin"; the rules are missed-call, mention`: {"pause", "--rule", "mentoin"},
		"nothing is paused": {"resume"},
	} {
		_, errs, code := l.run(append(args, "--server", p.admin)...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, want)
	}
	_, errs, code = l.run("pause", "--server", p.public)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing at this address")
	out, _, code := l.run("pause", "--channel", "sms", "--json", "--server", p.admin)
	require.Zero(t, code)
	require.Contains(t, out, `{"channel":"sms","rule":"","by":"kim","at":"20`)
	_, errs, _ = l.run("resume", "--channel", "email", "--server", p.admin)
	require.Contains(t, errs, "channel email is not paused; these are: channel sms")
	response, err := http.Post(p.admin+"/-/resume", "application/json", http.NoBody) //nolint:noctx // bounded by the test
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	p.stop()
}

func TestAPauseThatCannotBeAskedForIsWrongUsage(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	for want, args := range map[string][]string{
		`--channel "fax": must be one of [sms email]`:              {"pause", "--channel", "fax"},
		"--server is not an address such as http://127.0.0.1:8081": {"pause", "--server", "127.0.0.1:8081"},
		"--server: a port is a number from 1 to 65535":             {"resume", "--server", "http://127.0.0.1:70000"},
		"FILE is missing: beckon backup FILE":                      {"backup"},
		"ID is missing: beckon alerts show ID":                     {"alerts", "show"},
		"ID is missing: beckon deliveries show ID":                 {"deliveries", "show"},
	} {
		_, errs, code := l.run(args...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, errs, want)
	}
	_, errs, code := l.run("pause", "--server", "http://127.0.0.1:1")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "is a relay running there? (BECKON_ADMIN_LISTEN, --server)")
}
