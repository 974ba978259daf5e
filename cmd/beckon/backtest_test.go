package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// backtestOld tells of mentions by text and mail and of calls; backtestNew tells no calls to the callee, mentions later and only by
// text, and of messages.
const (
	backtestOld = `version: 1
rules:
  - { name: missed-call, trigger: call_initiated, to: callee, urgent: true, send: [ { sms: missed-call } ] }
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: mention }, { email: mention } ] }
`
	backtestNew = `version: 1
rules:
  - { name: missed-call, trigger: call_initiated, if: event.conversation.kind == "group", to: callee, urgent: true, send: [ { sms: missed-call } ] }
  - { name: mention, trigger: user_mentioned, to: mentioned, wait: 5m, urgent: true, send: [ { sms: mention } ] }
  - { name: message, trigger: message_sent, to: receiver, urgent: true, send: [ { email: unread-message } ] }
`
)

// volatile is what differs from run to run: times, hashes, and the name of the folder.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{16}\b`), "GENERATION"},
	{regexp.MustCompile(`\b[0-9a-f]{32,64}\b`), "EVENT"},
	{regexp.MustCompile(`came \S+ ago`), "came SECONDS ago"},
}

func TestBacktestShowsWhatNewRulesWouldChange(t *testing.T) {
	t.Parallel()
	l := newLab(t, backtestOld)
	l.env["BECKON_PROVIDERS"] = "outbox"
	p := l.serve()
	for _, trigger := range []relay.Trigger{relay.CallInitiated, relay.UserMentioned, relay.MessageSent} {
		p.mustPost(sample(t, trigger, nil))
	}
	l.write("new.yaml", backtestNew)

	// Beside the relay, and after it.
	_, said, code := l.run("backtest", "--rules", "new.yaml")
	require.Equal(t, exitFine, code, said)
	p.stop()

	out, said, code := l.run("backtest", "--rules", "new.yaml", "--format", "markdown")
	require.Equal(t, exitFine, code, said)
	require.Empty(t, said, "no progress where nobody looks")
	for _, v := range volatile {
		out = v.pattern.ReplaceAllString(out, v.with)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "backtest.md"))
	require.NoError(t, err)
	require.Equal(t, string(golden), strings.ReplaceAll(out, l.dir+"/", ""))

	out, _, code = l.run("backtest", "--rules", "new.yaml")
	require.Equal(t, exitFine, code)
	for _, want := range []string{
		"1 more, 2 less, 1 different; messages: 3 → 2, SMS segments: 2 → 1", "RULE", "missed-call  sms      1 → 0",
		`the condition does not hold: event.conversation.kind == "group"`, "there is no such rule", "in: time", "the rule does not send email",
		"The oldest event that is kept came",
	} {
		require.Contains(t, out, want)
	}
	for _, clear := range []string{"14155550102", "george@", "bus leaves", "Saturday"} {
		require.NotContains(t, out, clear)
	}

	out, _, code = l.run("backtest", "--rules", "new.yaml", "--json", "--texts", "--examples", "1")
	require.Equal(t, exitFine, code)
	var report backtest.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, backtest.Counts{
		More: 1, Less: 2, Different: 1, Messages: backtest.Pair{Old: 3, New: 2}, Segments: backtest.Pair{Old: 2, New: 1},
	}, report.Total)
	require.Equal(t, 3, report.Events)
	require.Equal(t, backtest.Pair{New: 1}, report.Undecided, "the mention still waits")
	require.Contains(t, out, "the bus leaves at eight")
	l.backtestFails(report)
}

func TestARelayReplaysWhatItKeepsForAViewerAndKeepsItToItself(t *testing.T) {
	t.Parallel()
	l := newLab(t, backtestOld)
	l.env["BECKON_CONSOLE_TOKENS"] = "ci:0123456789abcdef0123456789abcdef:viewer"
	p := l.serve()
	for _, trigger := range []relay.Trigger{relay.CallInitiated, relay.UserMentioned, relay.MessageSent} {
		p.mustPost(sample(t, trigger, nil))
	}
	l.write("new.yaml", backtestNew)
	here, said, code := l.run("backtest", "--rules", "new.yaml", "--json")
	require.Equal(t, exitFine, code, said)
	// What CI has: the new rules and a token, but neither database nor people.
	delete(l.env, "BECKON_DATABASE_URL")
	delete(l.env, "BECKON_DIRECTORY")
	l.env["BECKON_TOKEN"] = "0123456789abcdef0123456789abcdef"
	there, said, code := l.run("backtest", "--rules", "new.yaml", "--json", "--server", p.admin)
	require.Equal(t, exitFine, code, said)
	for _, v := range volatile {
		here, there = v.pattern.ReplaceAllString(here, v.with), v.pattern.ReplaceAllString(there, v.with)
	}
	require.Equal(t, strings.Replace(here, l.path("rules.yaml"), "in force at "+p.admin, 1), there, "both are the same report")
	for _, clear := range []string{"14155550102", "george@", "bus leaves", "Saturday"} {
		require.NotContains(t, there, clear)
	}
	out, said, code := l.run("backtest", "--rules", "new.yaml", "--format", "markdown", "--server", p.admin, "--fail-on", "less", "--min-events", "3")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "### Backtest: 1 more, 2 less, 1 different")
	require.Contains(t, said, "--fail-on does not allow what changed: less 2")

	l.write("broken.yaml", "version: 1\nrules:\n  - { name: a, trigger: user_mentiond, to: mentioned, send: [ { sms: mention } ] }\n")
	_, said, code = l.run("backtest", "--rules", "broken.yaml", "--server", p.admin)
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "broken.yaml:3:", "found here, with its place")
	l.env["BECKON_TOKEN"] = "wrong"
	_, said, code = l.run("backtest", "--rules", "new.yaml", "--server", p.admin)
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "BECKON_TOKEN")
	audit, err := l.kept().Audit(t.Context(), store.AuditFilter{Who: "ci"})
	require.NoError(t, err)
	require.Len(t, audit, 2, "who asked is kept")
	require.Equal(t, "backtest", audit[0].Action)
	p.stop()
}

// backtestFails runs the ways in which a backtest ends with something else than 0.
func (l *lab) backtestFails(report backtest.Report) {
	l.t.Helper()
	for flag, want := range map[string]int{"less": exitFindings, "any": exitFindings, "more,different": exitFindings, "nothing": exitUsage} {
		out, said, code := l.run("backtest", "--rules", "new.yaml", "--json", "--fail-on", flag)
		require.Equal(l.t, want, code, "%s: %s", flag, said)
		if want == exitFindings {
			require.Contains(l.t, said, "--fail-on")
			require.NoError(l.t, json.Unmarshal([]byte(out), &report), "the report is printed all the same")
		}
	}
	_, said, _ := l.run("backtest", "--rules", "new.yaml", "--fail-on", "any", "--min-events", "3")
	require.Contains(l.t, said, "--fail-on does not allow what changed: more 1, less 2, different 1")
	_, said, code := l.run("backtest", "--rules", "rules.yaml", "--fail-on", "any")
	require.Empty(l.t, said)
	require.Equal(l.t, exitFine, code, "the same rules change nothing")
	out, _, code := l.run("backtest", "--old", "new.yaml", "--rules", "rules.yaml", "--fail-on", "different", "--json")
	require.Equal(l.t, exitFindings, code)
	require.NoError(l.t, json.Unmarshal([]byte(out), &report))
	require.Equal(l.t, 2, report.Total.More, "the other way round")

	l.write("broken.yaml", "version: 1\nrules:\n  - { name: a, trigger: user_mentiond, to: mentioned, send: [ { sms: mention } ] }\n")
	out, said, code = l.run("backtest", "--rules", "broken.yaml")
	require.Equal(l.t, exitFindings, code)
	require.Empty(l.t, out)
	require.Contains(l.t, said, "broken.yaml:3:")

	l.env["BECKON_KEEP"], l.env["BECKON_DIRECTORY"] = "wanted", ""
	out, _, code = l.run("backtest", "--rules", "new.yaml")
	require.Equal(l.t, exitFine, code)
	require.Contains(l.t, out, "BECKON_KEEP=wanted")
	require.Contains(l.t, out, "everybody is taken to be reachable")
}

func TestBacktestSaysHowItIsCalled(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string][]string{
		"--rules is required":            {},
		"--since must be more than 0":    {"--rules", "x", "--since", "0s"},
		"--examples must be 0 to 50":     {"--rules", "x", "--examples", "51"},
		`--format "xml": must be one of`: {"--rules", "x", "--format", "xml"},
		"--json and --format markdown":   {"--rules", "x", "--json", "--format", "markdown"},
		`--fail-on "worse": must be one`: {"--rules", "x", "--fail-on", "less,worse"},
		"leave --old out":                {"--rules", "x", "--server", "http://127.0.0.1:1", "--old", "y"},
		"--texts is for a database":      {"--rules", "x", "--server", "http://127.0.0.1:1", "--texts"},
		"--min-events must not be":       {"--rules", "x", "--min-events", "-1"},
	} {
		var out, said bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"backtest"}, flags...), &out, &said), want)
		require.Contains(t, said.String(), want)
		require.Empty(t, out.String())
	}
	l := newLab(t, backtestOld)
	_, said, code := l.run("backtest", "--rules", "no-such-file.yaml")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "read rules: open no-such-file.yaml")
}

func TestBacktestWithoutADatabaseSaysWhichIsMissing(t *testing.T) {
	t.Parallel()
	l := newLab(t, backtestOld)
	_, said, code := l.run("backtest", "--rules", "rules.yaml")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "BECKON_DATABASE_URL")
	_, _, code = l.run("migrate")
	require.Equal(t, exitFine, code)
	out, _, code := l.run("backtest", "--rules", "rules.yaml", "--format", "json")
	require.Equal(t, exitFine, code)
	require.Contains(t, out, `"events": 0`)

	out, said, code = l.run("backtest", "--rules", "rules.yaml", "--fail-on", "any")
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "\nNothing was replayed")
	require.Contains(t, said, "--fail-on: nothing was replayed, so nothing is proved")
	out, said, code = l.run("backtest", "--rules", "rules.yaml", "--min-events", "1")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "Nothing was replayed", "the report is printed all the same")
	require.Contains(t, said, "0 events were replayed, and --min-events asks for 1")
}

func TestProgressIsShownOnATerminalOnly(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := newMeter(&out)
	m.started = m.started.Add(-meterAfter)
	m.tell("replaying events", 1, 2)
	m.clear()
	require.Empty(t, out.String())

	m.w = &out // as if it were one
	m.tell("replaying events", 1, 2)
	require.Contains(t, out.String(), "replaying events")
	m.clear()
	quick := newMeter(&out)
	quick.w, quick.started = &out, quick.started.Add(meterAfter)
	out.Reset()
	quick.tell("replaying events", 1, 2)
	require.Empty(t, out.String(), "not for work that is done at once")
}
