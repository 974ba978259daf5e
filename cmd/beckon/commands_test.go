package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestEveryCommandHasAnExampleAndRefusesAMistypedChild(t *testing.T) {
	t.Parallel()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasSubCommands() {
			path := append(strings.Fields(c.CommandPath())[1:], "nonsense")
			var out, errs bytes.Buffer
			require.Equal(t, exitUsage, run(t.Context(), path, &out, &errs), c.CommandPath())
			require.Contains(t, errs.String(), "nonsense")
		} else {
			require.NotEmpty(t, c.Example, c.CommandPath())
		}
		require.NotEmpty(t, c.Short, c.CommandPath())
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(newRoot())
	require.Equal(t, exitUsage, run(t.Context(), []string{"version", "--nonsense"}, &bytes.Buffer{}, &bytes.Buffer{}))
}

func (l *lab) run(args ...string) (stdout, stderr string, code int) {
	l.t.Helper()
	var out, errs bytes.Buffer
	c := l.command(args...)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(l.t, err, &exit)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

func TestCheckNamesEveryFindingWithItsPlace(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	_, said, code := l.run("check")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, said, "rules: 2")

	l.write("broken.yaml", `version: 1
rules:
  - name: one
    trigger: user_mentiond
    to: mentioned
    send: [ { sms: mention } ]
  - name: two
    trigger: user_mentioned
    if: event.mesage.text == ""
    to: callee
    send: [ { sms: nothing }, { fax: mention } ]
`)
	out, said, code := l.run("check", l.path("broken.yaml"))
	require.Equal(t, exitFindings, code)
	for _, want := range []string{
		`broken.yaml:4:14`, `did you mean "user_mentioned"`, `broken.yaml:9:`, "message", `broken.yaml:10:9`, "callee", `broken.yaml:11:`, "fax", "^",
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "panic")
	require.Contains(t, said, "errors")

	out, _, code = l.run("check", "--json", l.path("broken.yaml"))
	require.Equal(t, exitFindings, code)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, l.path("broken.yaml"), report.File)
	require.Empty(t, report.Generation)
	require.GreaterOrEqual(t, len(report.Findings), 4)
	require.NotContains(t, out, "null")

	_, said, code = l.run("check", "no-such-file.yaml")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "no-such-file.yaml")
}

func TestCheckHoldsTemplatesAgainstTheTriggersThatUseThem(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(labRules, "sms: mention", "sms: bad", 1))
	require.NoError(t, os.MkdirAll(l.path("templates/bad"), 0o750))
	l.write("templates/bad/sms.txt", "{{ if .event.group }}\n{{ .event.sendr.name }}\n{{ end }}hello")
	l.env["BECKON_TEMPLATES"] = l.path("templates")
	out, _, code := l.run("check")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, filepath.Join("templates", "bad", "sms.txt")+":2:")
	require.Contains(t, out, "sender")
	require.Contains(t, out, `there is no sms template "missed-call"`)
	require.Contains(t, out, `there is no email template "mention"`)
}

func TestShippedRulesHaveNoFindings(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	shipped, err := filepath.Abs("../../rules.yaml")
	require.NoError(t, err)
	out, said, code := l.run("check", shipped)
	require.Equal(t, exitFine, code, out)
	require.Contains(t, said, "warnings: 0")
}

func TestListsShowWhatHappenedWithoutShowingPeople(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	l.eventually("both arrive", func() bool { return len(l.twilio.Messages()) == 1 && len(l.sendgrid.Mails()) == 1 })
	require.Equal(t, relay.AlertSent, l.alert(l.kept(), event.ID).State)

	out, said, code := l.run("deliveries", "list", "--channel", "sms")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "sent")
	require.NotContains(t, out, "14155550102")
	out, _, _ = l.run("deliveries", "list", "--json", "--channel", "sms")
	var rows []struct{ ID, State string }
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 1)

	out, _, code = l.run("deliveries", "show", rows[0].ID)
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "attempt 1 by twilio")
	require.NotContains(t, out, "14155550102")
	out, _, _ = l.run("deliveries", "show", rows[0].ID, "--reveal", "--json")
	require.Contains(t, out, "+14155550102")

	out, _, _ = l.run("events", "list", "--trigger", "user_mentioned")
	require.Contains(t, out, event.ID)
	out, _, _ = l.run("events", "show", event.ID)
	require.Contains(t, out, "rule mention, to cometchat-uid-2: sent")
	require.Contains(t, out, "unless read: no")
	require.NotContains(t, out, "bus leaves")

	_, said, code = l.run("events", "show", "nothing")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "no event begins with")
	_, said, code = l.run("deliveries", "list", "--state", "lost")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "undelivered")
	_, _, code = l.run("deliveries", "list", "--limit", "0")
	require.Equal(t, exitUsage, code)

	l.env["BECKON_ADMIN_LISTEN"] = strings.TrimPrefix(p.admin, "http://")
	out, _, code = l.run("healthcheck")
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "ok")
	p.stop()
	_, _, code = l.run("healthcheck")
	require.Equal(t, exitFindings, code)
}

func TestMigrateMakesTheDatabaseAndTellsWhenThereIsNothingToDo(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	_, said, code := l.run("events", "list")
	require.Equal(t, exitFindings, code, "nothing is made by looking")
	require.Contains(t, said, "beckon.db")
	_, said, code = l.run("migrate")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, said, "from version 0")
	_, said, code = l.run("migrate")
	require.Equal(t, exitFine, code)
	require.Contains(t, said, "already")
	out, _, code := l.run("events", "list", "--json")
	require.Equal(t, exitFine, code)
	require.JSONEq(t, "[]", out)
}

func TestTheDemoKeepsItsPromise(t *testing.T) {
	t.Parallel()
	path, err := binary()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), path, "dev", "--demo", "--exit", "--dir", t.TempDir()) //nolint:gosec // our own binary
	c.Dir = filepath.Join("..", "..")
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, want := range []string{
		"SMS   to +14155550105", "You missed a call from Andrew Joseph.", "Email to george@example.com", "cancelled: read", "cancelled: answered",
		`"duplicate":true`,
	} {
		require.Contains(t, string(out), want)
	}
}

func TestVersionSaysWhichGo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.Equal(t, exitFine, run(t.Context(), []string{"version", "--json"}, &out, &bytes.Buffer{}))
	require.Contains(t, out.String(), `"go": "go1.`)
}

func TestHealthAndListsWorkBesideARelayWhoseSettingsWentBad(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	l.env["BECKON_WEBHOOK_USERS"] = "garbage"
	l.env["BECKON_ADMIN_LISTEN"] = strings.TrimPrefix(p.admin, "http://")
	_, said, code := l.run("healthcheck")
	require.Equal(t, exitFine, code, said)
	_, said, code = l.run("events", "list")
	require.Equal(t, exitFine, code, said)
	_, said, code = l.run("serve")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "BECKON_WEBHOOK_USERS")
	p.stop()
}

func TestCheckHoldsWaitsAgainstTheRetention(t *testing.T) {
	t.Parallel()
	l := newLab(t, "version: 1\nrules:\n  - { name: slow, trigger: user_mentioned, to: mentioned, wait: 100h, expires: 120h, send: [ { sms: mention } ] }\n")
	l.env["BECKON_RETENTION"] = "72h"
	out, _, code := l.run("check")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "rules.yaml:3:")
	require.Contains(t, out, "BECKON_RETENTION")
	out, err := func() (string, error) { b, err := l.command("serve").CombinedOutput(); return string(b), err }()
	require.Error(t, err)
	require.Contains(t, out, "rules.yaml:3:")
}

func TestWhatCameFromOutsideDoesNotPlayWithTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := plain{&out}.Write([]byte("a\x1b[31mb\x07\tc\n\u0085d"))
	require.NoError(t, err)
	require.Equal(t, "a?[31mb?\tc\n?d", out.String())
}
