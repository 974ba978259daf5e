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

	p.kill() // it is kept
	p = l.serve()
	out, _, code = l.run("resume", "--server", p.admin)
	require.Zero(t, code)
	require.Equal(t, "resumed: everything; 1 alerts and deliveries are looked at again\n", out)
	require.Equal(t, relay.AlertSent, l.alert(s, mention.ID).State)
	audit, err := s.Audit(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, audit, 2)
	require.Equal(t, "resume", audit[0].Action)
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
		`there is no channel "fax"; want one of ["sms" "email"]`:         {"pause", "--channel", "fax"},
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
	require.JSONEq(t, `{"paused":"channel sms"}`, out)
	_, errs, _ = l.run("resume", "--channel", "email", "--server", p.admin)
	require.Contains(t, errs, "channel email is not paused; these are: channel sms")
	response, err := http.Post(p.admin+"/-/resume", "application/json", http.NoBody) //nolint:noctx // bounded by the test
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	p.stop()
}
