package scenario_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/scenario"
)

var update = flag.Bool("update", false, "write the findings of testdata/bad as they are now")

// Beside each bad file stands what is found in it, a finding on each line. To add a case, write the .test.yaml, run
// `go test ./internal/scenario -run BadFiles -update` and read what it wrote.
func TestBadFilesAreFoundOutWithEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.test.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			suite, findings, err := scenario.Load(file, templates)
			require.NoError(t, err)
			require.Nil(t, suite)
			var got strings.Builder
			for _, f := range findings {
				got.WriteString(strings.TrimPrefix(f.String(), "testdata/bad/") + "\n")
			}
			beside := strings.TrimSuffix(file, ".test.yaml") + ".findings"
			if *update {
				require.NoError(t, os.WriteFile(beside, []byte(got.String()), 0o600))
			}
			want, err := os.ReadFile(beside)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

func TestAFileThatCannotBeReadIsAnErrorAndNotAFinding(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"testdata/nowhere.test.yaml", "testdata"} {
		_, findings, err := scenario.Load(path, templates)
		require.ErrorContains(t, err, path)
		require.Empty(t, findings)
	}
}

// write puts a file of tests into a folder of its own, with rules beside it.
func write(t *testing.T, tests string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(`version: 1
rules:
  - { name: told, trigger: user_mentioned, if: 'event.conversation.kind == "user"', to: mentioned, wait: 1m, unless: [read], send: [ { sms: mention } ], fallback: [ { email: mention } ] }
`), 0o600))
	path := filepath.Join(dir, "own.test.yaml")
	require.NoError(t, os.WriteFile(path, []byte(tests), 0o600))
	return path
}

func run(t *testing.T, tests string) scenario.Report {
	t.Helper()
	return load(t, write(t, tests)).Run(t.Context(), scenario.Options{Now: time.Now})
}

func TestRulesStandBesideTheirTests(t *testing.T) {
	t.Parallel()
	report := run(t, `
recipients: { Cometchat-uid-2: { phone: "+442079460102" } }
tests:
  - name: one
    events: [ { at: 0s, sample: user_mentioned } ]
    expect: [ { at: 60s, rule: told, to: COMETCHAT-UID-2 } ]
`)
	require.Len(t, report.Tests, 1)
	require.Empty(t, report.Tests[0].Failures)
}

func TestEventsComeFromFilesAndAreWrittenOut(t *testing.T) {
	t.Parallel()
	path := write(t, `
rules: |
  version: 1
  rules:
    - { name: told, trigger: user_mentioned, to: mentioned, collapse: false, send: [ { sms: say } ] }
templates: { say/sms.txt: "{{.event.message.text}} {{.event.webhook}}" }
recipients: { ann: { phone: "+442079460102" } }
tests:
  - name: one
    events:
      - { at: 0s, file: event.json, set: { webhook: "second {n}" }, times: 2, every: 1h }
      - at: 2026-03-03T12:00:00Z
        trigger: user_mentioned
        webhook: third
        data:
          message: { id: 12345678901234567890, sender: bob, receiver: ann, receiverType: user, data: { text: 2026-01-01, mentions: { ann: { uid: ann } } } }
    expect:
      - { at: 0s, text: hello second 1 }
      - { at: 24h, text: 2026-01-01 third }
`)
	body := `{"trigger":"user_mentioned","data":{"message":{"id":"7","sender":"bob","receiver":"ann","receiverType":"user","data":{"text":"hello","mentions":{"ann":{"uid":"ann"}}}}}}`
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "event.json"), []byte(body), 0o600))
	report := load(t, path).Run(t.Context(), scenario.Options{Now: time.Now})
	require.Empty(t, report.Tests[0].Failures)
}

// An unknown time zone cannot be written here, since a file of recipients refuses it; a directory elsewhere may have one. It is
// none then, as with somebody who has none.
func TestARecipientWithAnUnknownZoneIsRefused(t *testing.T) {
	t.Parallel()
	_, findings, err := scenario.Load(write(t, `
recipients: { ann: { time_zone: Mars/Olympus } }
tests: [ { name: one, events: [], expect: [] } ]
`), templates)
	require.NoError(t, err)
	require.Len(t, findings, 1)
	require.Contains(t, findings[0].String(), "own.test.yaml:2:33: ")
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.test.yaml")
	require.NoError(f, err)
	for _, file := range append(files, "testdata/locale.test.yaml") {
		source, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(source)
	}
	f.Add([]byte(wrong))
	f.Fuzz(func(t *testing.T, source []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.test.yaml")
		require.NoError(t, os.WriteFile(path, source, 0o600))
		// The shipped templates would take most of the time; a file may have its own.
		suite, findings, err := scenario.Load(path, "no templates")
		require.NoError(t, err)
		require.Equal(t, suite == nil, len(findings) > 0)
	})
}
