package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const labTests = `rules: own.yaml
recipients: { cometchat-uid-2: { phone: "+442079460102" } }
tests:
  - name: told after a minute
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60s, rule: told, to: cometchat-uid-2, channel: sms } ]
  - name: not told when read
    events: [ { at: 0s, sample: user_mentioned }, { at: 59s, sample: message_read_receipt } ]
    expect: []
`

// testLab has rules and tests of them that pass.
func testLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, labRules)
	l.write("own.yaml", `version: 1
rules:
  - { name: told, trigger: [user_mentioned, message_sent], to: [mentioned], wait: 1m, unless: [read], send: [ { sms: mention } ] }
`)
	l.write("own.test.yaml", labTests)
	return l
}

func TestTestRunsTheScenariosBesideTheRules(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	l.env["BECKON_RULES"] = l.path("own.yaml")
	out, said, code := l.run("test")
	require.Equal(t, exitFine, code, said+out)
	require.Regexp(t, `^ok    \S+own\.test\.yaml: 2 tests in `, out)

	out, _, code = l.run("test", "-v", "-run", "read$")
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "--- ok    not told when read")
	require.Contains(t, out, "1 test, 1 not run in")
	require.NotContains(t, out, "told after a minute")

	out, _, code = l.run("test", "--coverage", l.path("own.test.yaml"))
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "rule told (line 3): no test sees it match message_sent")
	require.NotContains(t, out, "unless")
}

func TestTestSaysWhatIsOtherThanExpected(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	l.write("bad.test.yaml", strings.Replace(labTests, "at: 60s", "at: 30s", 1))
	junit := l.path("report.xml")
	out, _, code := l.run("test", "--junit", junit, l.path("own.test.yaml"), l.path("bad.test.yaml"))
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "bad.test.yaml:6: not as expected")
	require.Contains(t, out, "at: expected 30s, got 1m")
	require.Contains(t, out, "FAIL  "+l.path("bad.test.yaml")+": 1 of 2 tests failed")
	written, err := os.ReadFile(junit)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(written, &struct {
		XMLName xml.Name `xml:"testsuites"`
	}{}))
	require.Contains(t, string(written), `failures="1"`)

	out, _, code = l.run("test", "--json", l.path("bad.test.yaml"))
	require.Equal(t, exitFindings, code)
	var results []struct {
		File  string
		Tests []struct {
			Name     string
			Failures []struct{ Differences []string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &results))
	require.Equal(t, []string{"at: expected 30s, got 1m"}, results[0].Tests[0].Failures[0].Differences)
	require.Empty(t, results[0].Tests[1].Failures)
}

func TestTestGivesFindingsAndWrongUsageTheirExitCodes(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	l.write("own.yaml", "version: 1\nrules:\n  - { name: told, trigger: user_mentiond, to: mentioned, send: [ { sms: mention } ] }\n")
	out, _, code := l.run("test", l.path("own.test.yaml"))
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, `own.yaml:3:28: unknown trigger "user_mentiond"`)
	require.Contains(t, out, "it has findings")
	for _, wrong := range [][]string{
		{"test", "-run", "("},
		{"test", "-run", "nobody has this name", "../../rules.test.yaml"},
		{"test", l.path("nowhere.test.yaml")},
		{"test", "--junit", l.path("no/such/folder.xml"), "../../rules.test.yaml"},
	} {
		_, said, code := l.run(wrong...)
		require.Equal(t, exitUsage, code, "%v: %s", wrong, said)
	}
}

func TestTestNamesOnlyFilesThatHaveSuchATest(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	l.write("other.test.yaml", strings.NewReplacer("name: told", "name: tolled", "name: not told", "name: never").Replace(labTests))
	both := []string{l.path("own.test.yaml"), l.path("other.test.yaml")}
	out, _, code := l.run(append([]string{"test", "--coverage", "-run=tolled"}, both...)...)
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "ok    "+both[1])
	require.NotContains(t, out, both[0])
	require.Equal(t, 1, strings.Count(out, "coverage:"))

	out, said, code := l.run(append([]string{"test", "--coverage", "-run", "nobody"}, both...)...)
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Contains(t, said, `no test has a name that matches "nobody"`)
}

func TestTestSaysInJSONWhatWasNotSeen(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	for flag, want := range map[string]string{"--coverage": `"what": "no test sees it match message_sent"`, "--coverage=false": ""} {
		out, _, code := l.run("test", "--json", flag, l.path("own.test.yaml"))
		require.Equal(t, exitFine, code)
		require.Contains(t, out, want)
		require.Equal(t, want != "", strings.Contains(out, `"gaps"`))
	}
	l.write("own.yaml", `version: 1
rules:
  - { name: told, trigger: user_mentioned, to: [mentioned], wait: 1m, unless: [read], send: [ { sms: mention } ] }
`)
	out, _, _ := l.run("test", "--json", "--coverage", l.path("own.test.yaml"))
	require.Contains(t, out, `"gaps": []`, "that it was looked at is told")
}

func TestTestWarnsOfFieldsThatTheSampleDoesNotHave(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	l.write("own.test.yaml", strings.Replace(labTests, "sample: user_mentioned }", "sample: user_mentioned, set: { data.mesage.id: '7' } }", 1))
	out, _, code := l.run("test", l.path("own.test.yaml"))
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "own.test.yaml:5:56: warning: `data.mesage` is not in the webhook")
	require.Contains(t, out, "ok    ")
	out, _, code = l.run("test", "--json", l.path("own.test.yaml"))
	require.Equal(t, exitFine, code)
	require.Contains(t, out, `"warnings": [`)
}
