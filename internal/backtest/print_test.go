package backtest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/relay"
)

var update = flag.Bool("update", false, "write the golden files anew")

// printed has every kind of change, and what would play with Markdown.
func printed() backtest.Report {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	return backtest.Report{
		Old: backtest.Source{Name: "rules.yaml", Generation: "0123456789abcdef"}, New: backtest.Source{Name: "new/`rules`.yaml", Generation: "fedcba9876543210"},
		Events: 12345, From: noon, To: at(4320), Undecided: backtest.Pair{Old: 2, New: 3},
		Notes: []string{"Only <some> events are kept."},
		Total: backtest.Counts{
			More: 1, Less: 1, Different: 1200, Messages: backtest.Pair{Old: 1500, New: 1400}, Segments: backtest.Pair{Old: 7, New: 7},
		},
		Rows: []backtest.Row{
			{
				Rule: "missed|call", Channel: relay.ChannelSMS, Counts: backtest.Counts{More: 1, Less: 1, Messages: backtest.Pair{Old: 7, New: 7}, Segments: backtest.Pair{Old: 7, New: 7}},
				Examples: []backtest.Example{
					{
						Kind: backtest.More, Event: "e1", Trigger: relay.CallInitiated, ReceivedAt: at(1), To: "@everybody",
						New: &backtest.Told{Rule: "missed|call", Template: "missed-call", At: at(2), Segments: 2, Text: "<b>You</b> missed\n\n- a `call`"},
						Why: "the condition does not hold: a == \"`\" || b",
					},
					{
						Kind: backtest.Less, Event: "e2", Trigger: relay.CallInitiated, ReceivedAt: at(3), To: "o***@example.com",
						Old: &backtest.Told{Rule: "missed|call", Template: "missed-call", At: at(4), Segments: 1}, Why: "suppressed: limit",
					},
				},
			},
			{
				Rule: "mention", Channel: relay.ChannelEmail, Counts: backtest.Counts{Different: 1200, Messages: backtest.Pair{Old: 1493, New: 1393}},
				Examples: []backtest.Example{{
					Kind: backtest.Different, Event: "e3", Trigger: relay.UserMentioned, ReceivedAt: at(5), To: "cometchat-uid-2",
					Old:     &backtest.Told{Rule: "mention", Template: "mention", At: at(6), Subject: "Ann mentioned you", Text: "once"},
					New:     &backtest.Told{Rule: "mention", Template: "mention", At: at(15), Digest: 3, Subject: "3 mentions", Text: "thrice"},
					Differs: []string{"time", "text", "digest"},
				}},
			},
			{Rule: "quiet", Channel: relay.ChannelSMS},
		},
	}
}

func TestReportsReadAsTheGoldenFiles(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(io.Writer, backtest.Report) error{
		"report.txt": backtest.WriteText, "report.md": backtest.WriteMarkdown,
	} {
		for of, report := range map[string]backtest.Report{"": printed(), "empty-": {Old: backtest.Source{Name: "a", Generation: "1"}, New: backtest.Source{Name: "b", Generation: "2"}}} {
			var out bytes.Buffer
			require.NoError(t, write(&out, report))
			path := filepath.Join("testdata", of+name)
			if *update {
				require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), out.String(), path)
		}
	}
}

func TestAReportThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, write := range []func(io.Writer, backtest.Report) error{backtest.WriteText, backtest.WriteMarkdown} {
		require.ErrorIs(t, write(full{}, printed()), io.ErrShortWrite)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestMachinesReadListsAndNeverNull(t *testing.T) {
	t.Parallel()
	report, err := backtest.Run(t.Context(), mentions(t, 0))
	require.NoError(t, err)
	out, err := json.Marshal(report)
	require.NoError(t, err)
	require.NotContains(t, string(out), "null")
	require.NotContains(t, string(out), "0001-01-01")
	for _, key := range []string{`"more":0`, `"rules":[]`, `"undecided":{"old":0,"new":0}`, `"name":"new.yaml"`} {
		require.Contains(t, string(out), key)
	}
}

func TestAReplayOfNothingSaysThatItProvesNothing(t *testing.T) {
	t.Parallel()
	var text, markdown bytes.Buffer
	require.NoError(t, backtest.WriteText(&text, backtest.Report{}))
	require.NoError(t, backtest.WriteMarkdown(&markdown, backtest.Report{}))
	for _, out := range []string{text.String(), markdown.String()} {
		require.Contains(t, out, "Nothing was replayed, so nothing is compared\n")
		require.NotContains(t, out, "Nothing changes")
	}
}
