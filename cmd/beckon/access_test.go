package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store"
)

// did lists what the audit has, newest first, as "who action subject".
func (l *lab) did() []string {
	l.t.Helper()
	audit, err := l.kept().Audit(l.t.Context(), store.AuditFilter{Limit: 20})
	require.NoError(l.t, err)
	var did []string
	for _, a := range audit {
		did = append(did, strings.Join([]string{a.Who, a.Action, a.Subject}, " "))
	}
	return did
}

func TestProgramsActByTokenAndEverythingThatIsDoneByHandIsInTheAudit(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_CONSOLE_TOKENS"] = "ci:0123456789abcdef0123456789abcdef,dash:fedcba9876543210fedcba9876543210:viewer"
	p := l.serve()
	_, errs, code := l.run("log-level", "debug", "--server", p.admin)
	require.Equal(t, exitFindings, code, "on loopback, too: somebody is configured")
	require.Contains(t, errs, "BECKON_TOKEN")

	l.env["BECKON_TOKEN"] = "fedcba9876543210fedcba9876543210"
	out, errs, code := l.run("log-level", "--server", p.admin)
	require.Zero(t, code, errs)
	require.Equal(t, "info\n", out)
	_, errs, code = l.run("log-level", "debug", "--server", p.admin)
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "a viewer may look but not act")

	l.env["BECKON_TOKEN"] = "0123456789abcdef0123456789abcdef"
	out, errs, code = l.run("log-level", "debug", "--json", "--server", p.admin)
	require.Zero(t, code, errs)
	require.JSONEq(t, `{"level":"debug"}`, out)
	p.mustPost(sample(t, "user_mentioned", nil))
	require.Contains(t, p.log(), `"level":"DEBUG","msg":"request"`)
	_, _, code = l.run("log-level", "loud", "--server", p.admin)
	require.Equal(t, exitUsage, code)

	reload := func() int {
		answer, err := p.request(http.MethodPost, p.admin+"/-/reload", nil, func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+l.env["BECKON_TOKEN"])
		})
		require.NoError(t, err)
		return answer.Status
	}
	require.Equal(t, http.StatusOK, reload())
	l.write("rules.yaml", "version: 1\nrules: [ { name: broken } ]\n")
	require.Equal(t, http.StatusUnprocessableEntity, reload())
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	l.eventually("the signal is in the audit", func() bool { return l.did()[0] == "local reload refused" })
	did := l.did()
	require.Equal(t, []string{"local reload refused", "ci reload refused"}, did[:2])
	require.Regexp(t, `^ci reload rules [0-9a-f]{12}$`, did[2])
	require.Equal(t, []string{"ci log level DEBUG"}, did[3:])
	p.stop()
}
