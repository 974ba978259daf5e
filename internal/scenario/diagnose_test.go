package scenario_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/scenario"
)

// said is what is printed of a file's tests.
func said(t *testing.T, tests string) string {
	t.Helper()
	var out bytes.Buffer
	scenario.Print(&out, run(t, tests), false)
	return out.String()
}

const limited = `
rules: |
  version: 1
  defaults: { limits: [ { max: 1, per: 1h } ] }
  rules:
    - { name: told, trigger: user_mentioned, to: mentioned, send: [ { sms: say } ] }
templates: { say/sms.txt: "told", say/email.txt: "told", say/email.subject.txt: "told" }
recipients: { cometchat-uid-2: { phone: "+442079460102", email: george@example.com } }
tests:
  - name: one
    events: [ { at: 1m, sample: user_mentioned, set: { data.message.id: "20{n}" }, times: 3, every: 1m } ]
`

func TestTheTraceOfWhatDidNotComeIsThatOfTheNearestAlertThatNoExpectationMatched(t *testing.T) {
	t.Parallel()
	for expect, want := range map[string][]string{
		"[ { at: 1m }, { at: 3m } ]":                 {"+3m "},
		"[ { at: 1m, rule: told }, { at: 2m } ]":     {"+2m "},
		"[ { at: 1m }, { to: cometchat-uid-2 } ]":    {"+2m "},
		"[ { at: 1m }, { rule: told, times: 2 } ]":   {"+2m ", "+3m "},
		"[ { at: 1m }, { at: 3m }, { at: 2m } ]":     {"+3m ", "+2m "},
		"[ { at: 1m }, { at: 1m, channel: email } ]": {"+1m "}, // an alert tells by every channel, so that is the one
		"[ { at: 1m }, { at: 2m, channel: email } ]": {"+2m "},
	} {
		text := said(t, limited+"    expect: "+expect+"\n")
		require.Equal(t, len(want), strings.Count(text, "how it was decided"), text)
		for _, block := range strings.Split(text, "how it was decided")[1:] {
			require.Contains(t, block, want[0], "%s\n%s", expect, text)
			for _, other := range []string{"+1m ", "+2m ", "+3m "} {
				require.True(t, other == want[0] || !strings.Contains(block, other), "%s\n%s", expect, text)
			}
			want = want[1:]
		}
	}
}

func TestWhatCameIsHeldAgainstTheExpectationNearestInTime(t *testing.T) {
	t.Parallel()
	text := said(t, strings.Replace(limited, "max: 1, per: 1h", "max: 9, per: 1h", 1)+"    expect: [ { at: 150s, channel: sms } ]\n")
	require.Contains(t, text, "at: expected 2m30s, got 2m")
}

const digested = `
rules: |
  version: 1
  rules:
    - { name: told, trigger: user_mentioned, to: mentioned, unless: [read], digest: { window: 10m }, send: [ { sms: say } ] }
templates: { say/sms.txt: "{{.count}} new" }
recipients: { cometchat-uid-2: { phone: "+442079460102" } }
tests:
  - name: one
    events:
      - { at: 0s, sample: user_mentioned, set: { data.message.id: "20{n}" }, times: 3, every: 1m }
      - { at: 5m, sample: message_deleted, set: { data.message.data.entities.on.entity.id: "NAMED" } }
      - { at: 30m, sample: user_mentioned, set: { data.message.id: "209" } }
`

func TestAFailedDigestShowsWhatBecameOfEachMember(t *testing.T) {
	t.Parallel()
	for deleted, want := range map[string][]string{
		"202": {
			"told to cometchat-uid-2 is sent", "also in its digest:",
			"user_mentioned at 1m, message 202: cancelled (deleted)",
			"user_mentioned at 2m, message 203: sent",
		},
		// Where the one that opened it is gone, another leads.
		"201": {
			"also in its digest:",
			"user_mentioned at 0s, message 201: cancelled (deleted)",
			"user_mentioned at 2m, message 203: sent",
		},
	} {
		tests := strings.Replace(digested, "NAMED", deleted, 1)
		text := said(t, tests+"    expect: [ { at: 10m, lists: 3 }, { at: 40m } ]\n")
		for _, line := range want {
			require.Contains(t, text, line)
		}
		require.NotContains(t, text, "209", "it is in the next one")
	}
	text := said(t, strings.Replace(digested, "NAMED", "202", 1)+"    expect: [ { at: 10m }, { at: 30m }, { at: 40m } ]\n")
	require.Contains(t, text, "how it was decided")
	require.NotContains(t, text, "message 209", "one alone has no members")
}

func TestAPathThatTheSampleDoesNotHaveIsWarnedOf(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		`set: { data.mesage.id: "7" }`:                                                  "11:56: warning: `data.mesage` is not in the webhook, so `data.mesage.id` makes it up (did you mean `data.message`?)",
		`set: { dta.message.id: "7" }`:                                                  "`dta` is not in the webhook, so `dta.message.id` makes it up (did you mean `data`?)",
		`set: { data.message.data.entities.sendr.entity.uid: x }`:                       "did you mean `data.message.data.entities.sender`?",
		`set: { data.message.nothing.like.it: x }`:                                      "`data.message.nothing` is not in the webhook, so `data.message.nothing.like.it` makes it up",
		`set: { data.message.id.x: x }`:                                                 "`data.message.id` is no map in the webhook, so `data.message.id.x` replaces it",
		`unset: [ data.message.mudi ]`:                                                  "`data.message.mudi` is not in the webhook, so nothing is taken away (did you mean `data.message.muid`?)",
		`unset: [ data.message.muid ]`:                                                  "",
		`set: { data.message.id: "7", data.message.anything: x }`:                       "",
		`set: { data.message.metadata: { a: { b: c } }, data.message.metadata.a.d: x }`: "",
		`set: { "data.message.data.mentions.cometchat-uid-2.name": x, webhook: w }`:     "",
		`set: { data.message.tags: [], data.message.tags.-1: x, data.a\.b: x }`:         "",
		`set: { data.:1041: x, "data.x{n}": 7, data.x1.y: 7 }`:                          "",
	} {
		suite := load(t, write(t, strings.Split(limited, "tests:")[0]+`tests:
  - name: one
    events: [ { at: 1m, sample: user_mentioned, `+set+` } ]
    expect: []
    # the last line
  - name: another
    events: []
    expect: []
`))
		all := scenario.Options{Now: time.Now}
		report := suite.Run(t.Context(), all)
		if want == "" {
			require.Empty(t, report.Warnings, set)
			continue
		}
		require.Len(t, report.Warnings, 1, set)
		require.Contains(t, report.Warnings[0].String(), want)
		all.Only = func(name string) bool { return name == "another" }
		require.Empty(t, suite.Run(t.Context(), all).Warnings, "only of tests that were run")
	}
}

func TestWarningsNeverForbidAFile(t *testing.T) {
	t.Parallel()
	report := run(t, "recipients: {}\ntests:\n"+`
  - name: NAME
    events: [ { at: 0s, sample: user_mentioned, set: { data.mesage.id: "7" } } ]
    expect: []
`+strings.Join(manyTests(150), ""))
	require.Len(t, report.Tests, 151)
	require.Len(t, report.Warnings, 100, "that many are enough")
}

func manyTests(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "  - { name: t" + strings.Repeat("x", i) + ", events: [ { at: 0s, sample: user_mentioned, set: { data.mesage.id: '7' } } ], expect: [] }\n"
	}
	return out
}

func TestAFailedTestNamesTheEventsThatWereRepeats(t *testing.T) {
	t.Parallel()
	const source = `
recipients: { cometchat-uid-2: { phone: "+442079460102" } }
tests:
  - name: one
    events:
      - { at: 0s, sample: user_mentioned }
      - { at: 1m, sample: call_initiated }
      - { at: 90s, sample: user_mentioned }
      - { at: 2m, sample: user_mentioned, set: { data.message.id: "7" } }
      - { at: 4m, sample: user_blocked }
      - { at: 5m, sample: user_blocked }
    expect: EXPECTED
`
	text := said(t, strings.Replace(source, "EXPECTED", "[]", 1))
	require.Contains(t, text, ":8: user_mentioned at 1m30s repeats that of line 6 at 0s, so nothing comes of it\n")
	require.Contains(t, text, ":11: user_blocked at 5m repeats that of line 10 at 4m")
	require.Equal(t, 2, strings.Count(text, "repeats that"))

	report := run(t, strings.Replace(source, "EXPECTED", "[]", 1))
	asJSON, err := json.Marshal(report)
	require.NoError(t, err)
	require.Contains(t, string(asJSON), `"repeats":[{"line":8,"of":6,"what":"user_mentioned at 1m30s repeats`)
	require.Empty(t, run(t, strings.Replace(source, "EXPECTED", "[ { at: 1m }, { at: 3m } ]", 1)).Tests[0].Repeats, "it passes")
}
