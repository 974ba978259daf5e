package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestAFileOfSuppressionsIsReadWithEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		src  string
		rows string
		bad  []string
	}{
		"a bare list": {"+14155550123\n\n mia@example.com \n", "/+14155550123/unreachable/ /mia@example.com/unreachable/", nil},
		"with a mark of its encoding and the ends of lines of Windows": {
			"\ufeffaddress\r\nmia@example.com\r\n", "/mia@example.com/unreachable/", nil,
		},
		"all columns, in another order": {
			"At,Reason,ADDRESS,channel\n2026-01-31T08:00:00+01:00,Bounced,mia@example.com,EMAIL\n,,+14155550123,\n",
			"email/mia@example.com/bounced/2026-01-31T07:00 /+14155550123/unreachable/", nil,
		},
		"lines that are wrong": {
			"channel,address,reason,at\nsms,mia@example.com,,\n,04155550123,muted,yesterday\n,pat@example.com\n,kim@example.com,,2030-01-01\nfax,+14155550123,,\n,lee@example.com,,\n",
			"/lee@example.com/unreachable/",
			[]string{
				"2: address: not a phone number with its country code",
				"3: at: \"yesterday\" is not a time; write it as",
				"3: address: not a phone number",
				"3: reason: no address is suppressed for \"muted\"; write one of opted_out, complained",
				"4: has 2 columns, and the first line 4",
				"5: at: this is not a time in the past",
				"6: address: unknown channel \"fax\"",
			},
		},
		"columns that are unknown or twice": {
			"address,email,address\nmia@example.com,x,y\n", "", []string{"1: unknown column \"email\"; there are channel, address", "1: two columns are called address"},
		},
		"several columns without names": {
			"mia@example.com,opted_out\n+14155550123\n", "/+14155550123/unreachable/", []string{"1: has several columns, which needs a first line that names them: channel,address"},
		},
		"no CSV": {"address\nmia@example.com\n\"pat\n", "/mia@example.com/unreachable/", []string{"3: no CSV from here on"}},
		"empty":  {"", "", nil},
	} {
		rows, problems := readSuppressions([]byte(tt.src), relay.ReasonUnreachable, now)
		var got []string
		for _, r := range rows {
			at := ""
			if !r.At.IsZero() {
				at = r.At.UTC().Format("2006-01-02T15:04")
			}
			got = append(got, fmt.Sprintf("%s/%s/%s/%s", r.Channel, r.Address, r.Reason, at))
		}
		require.Equal(t, tt.rows, strings.Join(got, " "), name)
		require.Len(t, problems, len(tt.bad), "%s: %v", name, problems)
		for i, p := range problems {
			said := fmt.Sprintf("%d: %s", p.line, p.message)
			require.True(t, strings.HasPrefix(said, tt.bad[i]), "%s: %s", name, said)
			require.NotContains(t, said, "mia@", name)
		}
	}
}

func FuzzReadSuppressions(f *testing.F) {
	f.Add([]byte("channel,address,reason,at\nsms,+14155550123,opted_out,2026-01-31\n"))
	f.Add([]byte("mia@example.com\n\"\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		rows, problems := readSuppressions(src, "", time.Unix(1_800_000_000, 0))
		for _, r := range rows {
			require.NotEmpty(t, r.Address)
		}
		require.LessOrEqual(t, badLines(problems), len(problems))
	})
}

func TestOnlyYesIsTakenForYes(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "n\n": false, "\n": false, "": false, "sure\n": false} {
		var asked bytes.Buffer
		c := &cobra.Command{}
		c.SetIn(strings.NewReader(answer))
		c.SetErr(&asked)
		err := confirm(c, "Really?", false)
		require.Equal(t, want, err == nil, "%q", answer)
		require.Equal(t, "Really? [y/N] ", asked.String())
	}
	require.NoError(t, confirm(&cobra.Command{}, "Really?", true))
}

func TestAFileWithBadLinesIsNotImported(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.write("list.txt", "mia@example.com\nnonsense\n"+strings.Repeat("0151\n", 60))
	_, errs, code := l.run("suppressions", "import", l.path("list.txt"), "--yes", "--server", "http://127.0.0.1:1")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, l.path("list.txt")+":2: address: not a phone number with its country code")
	require.Contains(t, errs, "and 11 more")
	require.Contains(t, errs, "61 lines are wrong; nothing was imported (--skip-bad leaves them out)")
	_, errs, _ = l.run("suppressions", "import", l.path("list.txt"), "--yes", "--skip-bad", "--server", "http://127.0.0.1:1")
	require.Contains(t, errs, "after 0 of 1 addresses")
	l.write("list.txt", "\n")
	_, errs, _ = l.run("suppressions", "import", l.path("list.txt"), "--yes")
	require.Contains(t, errs, "there is no address in it")
}
