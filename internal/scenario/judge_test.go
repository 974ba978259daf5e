package scenario_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/scenario"
)

// wrong has a failure of each kind in a test of its own, and one test that passes.
const wrong = `
recipients:
  cometchat-uid-2: { phone: "+442079460102", email: george@example.com }
tests:
  - name: too early, and another text
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 30s, rule: told, to: cometchat-uid-2, channel: sms, text: hello, segments: 7, locale: de, lists: 2, contains: nothing } ]
  - name: cancelled
    events: [ { at: 0s, sample: user_mentioned }, { at: 30s, sample: message_read_receipt } ]
    expect: [ { at: 60s, rule: told, to: cometchat-uid-2 } ]
    cancelled: []
  - name: a condition that is false
    events: [ { at: 5s, sample: user_mentioned, set: { data.message.receiverType: group, data.message.receiver: g1, data.message.data.entities.receiver: { entity: { guid: g1 } } } } ]
    expect: [ { at: 65s, rule: told } ]
  - name: no such trigger
    events: [ { at: 0s, sample: call_initiated } ]
    expect: [ { rule: told } ]
  - name: no such rule
    events: [ { at: 0s, sample: call_initiated } ]
    expect: [ { rule: tolled } ]
  - name: nobody expected it
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: []
  - name: nobody expected two
    events: [ { at: 0s, sample: user_mentioned, set: { data.message.id: "7{n}" }, times: 2 } ]
    expect: [ { at: 60s } ]
  - name: another reason
    opted_out: [ { to: cometchat-uid-2, channel: sms } ]
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { channel: email } ]
    suppressed: [ { at: 60s, to: cometchat-uid-2, channel: sms, reason: no_phone } ]
  - name: it passes
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60s } ]
`

func TestAFailureShowsWhatWasExpectedWhatCameAndHowItWasDecided(t *testing.T) {
	t.Parallel()
	path := write(t, wrong)
	report := load(t, path).Run(t.Context(), scenario.Options{Now: func() time.Time { return time.Time{} }})
	var got bytes.Buffer
	scenario.Print(&got, report, true)
	text := strings.ReplaceAll(got.String(), path, "own.test.yaml")
	text = regexp.MustCompile(`\([0-9a-f]{64}\)`).ReplaceAllString(text, "(an event)")
	const golden = "testdata/failures.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

func TestAssignmentIsTheBestThereIs(t *testing.T) {
	t.Parallel()
	// The first expectation fits both messages, the second only that of uid-2: taken greedily it would be left over.
	report := run(t, `
recipients: { cometchat-uid-2: { phone: "+442079460102" }, ann: { phone: "+442079460103" } }
tests:
  - name: one
    events: [ { at: 0s, sample: user_mentioned, set: { data.message.data.mentions: { ann: { uid: ann }, cometchat-uid-2: { uid: cometchat-uid-2 } } } } ]
    expect: [ { rule: told }, { at: 60s, to: ann } ]
  - name: two
    events: [ { at: 0s, sample: user_mentioned, set: { data.message.data.mentions: { ann: { uid: ann }, cometchat-uid-2: { uid: cometchat-uid-2 } } } } ]
    expect: [ { rule: told }, { at: 60s, to: cometchat-uid-2 } ]
`)
	for _, result := range report.Tests {
		require.Empty(t, result.Failures)
	}
}

func TestAddressesAreMaskedInWhatIsPrinted(t *testing.T) {
	t.Parallel()
	report := run(t, `
rules: |
  version: 1
  rules:
    - { name: fixed, trigger: user_mentioned, to: [ { email: archive@example.com }, { phone: "+442079460199" } ], send: [ { sms: mention }, { email: mention } ] }
tests:
  - name: one
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 1s, to: archive@example.com, channel: email }, { at: 1s, to: "+442079460199", channel: sms } ]
`)
	var text, junit bytes.Buffer
	scenario.Print(&text, report, true)
	require.NoError(t, scenario.WriteJUnit(&junit, []scenario.Report{report}))
	asJSON, err := json.Marshal(report)
	require.NoError(t, err)
	require.Len(t, report.Tests[0].Failures, 2)
	for _, out := range []string{text.String(), junit.String(), string(asJSON)} {
		require.NotContains(t, out, "archive@example.com")
		require.NotContains(t, out, "442079460199")
		require.Contains(t, out, "a***@example.com")
	}
}

func TestJUnitNamesFailuresAndFilesThatCannotBeRun(t *testing.T) {
	t.Parallel()
	_, findings, err := scenario.Load("testdata/bad/none.test.yaml", templates)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, scenario.WriteJUnit(&out, []scenario.Report{
		run(t, wrong), {File: "bad.test.yaml", Findings: findings},
	}))
	var read struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Error *struct {
					Message string `xml:"message,attr"`
				} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(out.Bytes(), &read))
	require.Len(t, read.Suites, 2)
	ran := read.Suites[0]
	require.Equal(t, []int{9, 8, 0}, []int{ran.Tests, ran.Failures, ran.Errors})
	require.Equal(t, "cancelled", ran.Cases[1].Name)
	require.Contains(t, ran.Cases[1].Failure.Message, "2 expectations")
	require.Contains(t, ran.Cases[1].Failure.Text, "unless read: read")
	require.Nil(t, ran.Cases[8].Failure)
	require.Equal(t, 1, read.Suites[1].Errors)
	require.Contains(t, read.Suites[1].Cases[0].Error.Message, "a file has 1 to")
}

func TestCoverageNamesWhatNoTestHasSeen(t *testing.T) {
	t.Parallel()
	const source = `
recipients: { cometchat-uid-2: { phone: "+442079460102", email: george@example.com } }
tests:
  - name: nothing
    events: []
    expect: []
  - name: sent
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60s } ]
  - name: read
    events: [ { at: 0s, sample: user_mentioned }, { at: 1s, sample: message_read_receipt } ]
    expect: []
  - name: no phone
    recipients: { cometchat-uid-2: { email: george@example.com } }
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60s, channel: email } ]
  - name: by other rules of the same name
    rules: |
      version: 1
      rules: [ { name: told, trigger: user_mentioned, to: mentioned, unless: [read], send: [ { sms: mention } ] } ]
    events: [ { at: 0s, sample: user_mentioned }, { at: 0s, sample: message_read_receipt } ]
    expect: []
`
	suite := load(t, write(t, source))
	matched, read, fallback := "no test sees it match user_mentioned", "no test sees `unless: read` cancel",
		"no test sees fallback 1 (email: mention) tried"
	for only, want := range map[string][]string{
		"nothing": {matched, read, fallback}, "sent": {read, fallback}, "read": {fallback}, "no phone": {read},
		"by other rules of the same name": {matched, read, fallback},
	} {
		report := suite.Run(t.Context(), scenario.Options{Now: time.Now, Only: func(name string) bool { return name == only }})
		require.Equal(t, 4, report.Skipped)
		require.Zero(t, report.Failed(), only)
		var got []string
		for _, gap := range suite.Gaps(report) {
			require.Equal(t, "told", gap.Rule)
			got = append(got, gap.What)
		}
		require.Equal(t, want, got, only)
	}
	require.Empty(t, suite.Gaps(suite.Run(t.Context(), scenario.Options{Now: time.Now})))
}

func TestTheShippedRulesAreTestedInEveryBranch(t *testing.T) {
	t.Parallel()
	suite := load(t, "../../rules.test.yaml")
	require.Empty(t, suite.Gaps(suite.Run(t.Context(), scenario.Options{Now: time.Now})))
}

func TestNothingIsRunOnceTheContextHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report := load(t, "../../rules.test.yaml").Run(ctx, scenario.Options{Now: time.Now})
	require.Empty(t, report.Tests)
	require.NotZero(t, report.Skipped)
}

// A thousand scenarios with two days of waiting each, read and run.
func BenchmarkAThousandScenariosOfDays(b *testing.B) {
	var source strings.Builder
	source.WriteString(`
rules: |
  version: 1
  defaults: { quiet_hours: { from: "22:00", to: "07:00" } }
  rules:
    - { name: told, trigger: user_mentioned, to: mentioned, wait: 36h, expires: 72h, unless: [read, replied], send: [ { sms: mention } ] }
recipients: { cometchat-uid-2: { phone: "+442079460102", time_zone: Europe/London } }
tests:
`)
	for n := range 1000 {
		fmt.Fprintf(&source, `
  - name: scenario %d
    start: 2026-03-02T12:00:00Z
    events:
      - { at: 0s, sample: user_mentioned, set: { data.message.id: "%d" } }
      - { at: 1h, sample: message_delivery_receipt }
      - { at: 24h, sample: message_read_receipt, set: { data.body.messageId: "7" } }
    expect: [ { at: 43h, rule: told } ] # due at midnight, held until seven
`, n, 1000+n)
	}
	path := b.TempDir() + "/days.test.yaml"
	require.NoError(b, os.WriteFile(path, []byte(source.String()), 0o600))
	for b.Loop() {
		suite, findings, err := scenario.Load(path, templates)
		require.NoError(b, err)
		require.NotNil(b, suite, "%v", findings)
		require.Zero(b, suite.Run(b.Context(), scenario.Options{Now: time.Now}).Failed())
	}
}

func TestARecipientMayMuteARuleAndHaveSeveralQuietHours(t *testing.T) {
	t.Parallel()
	report := run(t, `
recipients:
  cometchat-uid-2: { phone: "+442079460102", quiet_hours: [ { from: "11:00", to: "12:30" }, { from: "12:15", to: "13:00" } ] }
tests:
  - name: quiet to the end of both
    start: 2026-03-02T12:00:00Z
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60m, rule: told } ]
  - name: the rule is muted
    recipients: { cometchat-uid-2: { phone: "+442079460102", mute: [ { rules: [other, told] }, { conversations: [group_noise] } ] } }
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: []
    suppressed: [ { rule: told, reason: muted } ]
  - name: another rule is muted
    recipients: { cometchat-uid-2: { phone: "+442079460102", mute: { rules: [other] } } }
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60s, rule: told } ]
`)
	require.Len(t, report.Tests, 3)
	for _, tt := range report.Tests {
		require.Empty(t, tt.Failures, tt.Name)
	}
}
