package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// called runs a command in this process.
func called(t *testing.T, args ...string) (out, said string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestCompletionRefusesAShellItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"completion", "foo"}, {"completion", "bash", "foo"}} {
		out, said, code := called(t, args...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, said, "foo")
		require.Empty(t, out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, said, code := called(t, "completion", shell)
		require.Equal(t, exitFine, code, said)
		require.Contains(t, out, "beckon")
	}
	out, _, code := called(t, "completion")
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "powershell")
}

func TestGroupsHaveExamples(t *testing.T) {
	t.Parallel()
	root := newRoot()
	require.NotEmpty(t, root.Example)
	for _, c := range root.Commands() {
		require.NotEmpty(t, c.Example, c.CommandPath())
	}
}

func TestOnlyTestTakesRunWithOneDash(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"test -run x -v a.yaml": "test --run x -v a.yaml",
		"test -run=x -v":        "test --run=x -v",
		"test -- -run":          "test -- -run",
		"test --run -run":       "test --run -run",
		"check -run":            "check -run",
		"test":                  "test",
	} {
		require.Equal(t, strings.Fields(want), oneDash(strings.Fields(given)), given)
	}
	_, said, code := called(t, "test", "-r")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "-r")
	_, said, code = called(t, "test", "-run=(")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "-run: ")
}

func TestValuesAreCompleted(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"alerts list --state ":       "held",
		"deliveries list --state ":   "undelivered",
		"deliveries list --reason ":  "no_phone\t",
		"alerts list --reason ":      "read\t",
		"deliveries list --channel ": "sms",
		"preview mention --channel ": "email",
		"check --format ":            "github",
		"backtest --format ":         "markdown",
		"backtest --fail-on ":        "different",
		"alerts list --trigger ":     "user_mentioned",
		"events list --trigger ":     "call_initiated",
		"preview mention --sample ":  "call_initiated",
	} {
		out, _, code := called(t, append([]string{cobra.ShellCompRequestCmd}, strings.Split(line, " ")...)...)
		require.Equal(t, exitFine, code, line)
		require.Contains(t, "\n"+out, "\n"+want, line)
		require.Contains(t, out, ":4\n", "and no files: %s", line)
	}
	out, _, _ := called(t, cobra.ShellCompRequestCmd, "alerts", "list", "--state", "")
	require.NotContains(t, out, "undelivered")
}

func TestRulesAndTemplatesAreCompletedFromTheSettings(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	for line, want := range map[string]string{
		"preview ":                "mention\n",
		"alerts list --rule ":     "missed-call\n",
		"deliveries list --rule ": "mention\n",
		"explain x.json --rule ":  "mention\n",
	} {
		out, _, code := l.run(append([]string{cobra.ShellCompRequestCmd}, strings.Split(line, " ")...)...)
		require.Equal(t, exitFine, code, line)
		require.Contains(t, out, want, line)
	}
	l.env["BECKON_RULES"], l.env["BECKON_TEMPLATES"] = l.path("nowhere.yaml"), l.path("nowhere")
	for _, line := range []string{"preview ", "alerts list --rule "} {
		out, _, code := l.run(append([]string{cobra.ShellCompRequestCmd}, strings.Split(line, " ")...)...)
		require.Equal(t, exitFine, code, line)
		require.Equal(t, ":4\n", out, line)
	}
}
