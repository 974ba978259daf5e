package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/rules"
)

// templates gives the lab a templates folder of its own: file → content.
func (l *lab) templates(files map[string]string) {
	l.t.Helper()
	for name, content := range files {
		require.NoError(l.t, os.MkdirAll(l.path("templates/"+filepath.Dir(name)), 0o750))
		l.write("templates/"+name, content)
	}
	l.env["BECKON_TEMPLATES"] = l.path("templates")
}

const oneSMS = "version: 1\nrules:\n  - { name: told, trigger: user_mentioned, to: mentioned, send: [ { sms: note } ] }\n"

func TestCheckSaysHowEachSMSTravels(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(labRules, "unless: [read], ", "", 1))
	out, said, code := l.run("check")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "SMS  missed-call:       1 segment, GSM-7, 37 of 160\n")
	require.Contains(t, out, "SMS  missed-call (de):  1 segment, GSM-7, 49 of 160\n")

	out, _, code = l.run("check", "--json")
	require.Equal(t, exitFine, code)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, l.path("rules.yaml"), report.File)
	require.NotEmpty(t, report.Generation)
	require.Empty(t, report.Findings)
	require.Contains(t, report.SMS, smsRow{
		Template: "missed-call", Locale: "de", Sample: "call_initiated", Segments: 1, Encoding: "GSM-7", Units: 49, Room: 160,
	})
	require.NotContains(t, out, "null")
}

const toAGroup = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: news, trigger: message_sent, to: [group_members, { uid: boss }], send: [ { sms: unread-message } ] }
`

func TestCheckSaysWhichRulesNeedCometChatAndServeRefusesThem(t *testing.T) {
	t.Parallel()
	l := newLab(t, toAGroup)
	out, said, code := l.run("check", "--strict")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "CometChat  news: is asked for group_members, so `serve` needs COMETCHAT_API_KEY\n")
	out, _, code = l.run("check", "--json")
	require.Equal(t, exitFine, code)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Len(t, report.Asks, 1)

	l.env["BECKON_WEBHOOK_USERS"], l.env["BECKON_PROVIDERS"] = "u:secret", "outbox"
	l.env["BECKON_DATABASE_URL"] = "sqlite:" + l.path("b.db")
	_, said, code = l.run("serve")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "only CometChat's API knows whom these rules tell: news (group_members); set COMETCHAT_API_KEY")
}

func TestCheckSaysHowADigestTravels(t *testing.T) {
	t.Parallel()
	l := newLab(t, strings.Replace(labRules, "unless: [read], ", "digest: { window: 10m }, ", 1))
	out, said, code := l.run("check")
	require.Equal(t, exitFine, code, said)
	require.Regexp(t, `SMS  mention: +1 segment, GSM-7, \d+ of 160\n`, out)
	require.Regexp(t, `SMS  mention, digest of 21: +[23] segments, GSM-7, \d+ of \d+, lists \d+\n`, out)
	require.Regexp(t, `SMS  mention \(de\), digest of 21: `, out)

	out, _, code = l.run("check", "--json")
	require.Equal(t, exitFine, code)
	var report checkReport
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	digests := 0
	for _, row := range report.SMS {
		if row.Digest > 0 {
			digests++
			require.Equal(t, 21, row.Digest)
			require.Positive(t, row.Listed)
			require.Less(t, row.Listed, 20)
		}
	}
	require.Equal(t, 4, digests, "one for each language")
}

func TestCheckShowsACutAndWhatIsOddInWhatIsLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneSMS)
	l.templates(map[string]string{"note/sms.txt": `a{{printf "%300s" "."}} → b`})
	out, _, code := l.run("check")
	require.Equal(t, exitFine, code)
	require.Contains(t, out, `without "→" (U+2192), not in GSM-7, it would take 2 segments`)
	require.Contains(t, out, "SMS  note:  5 segments, UCS-2, 305 of 335, cut to 3 segments\n")
}

func TestCheckLooksAtSoundTemplatesBesideBrokenOnes(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneSMS+"  - { name: more, trigger: user_mentioned, to: mentioned, send: [ { sms: missing }, { sms: bad } ] }\n")
	l.templates(map[string]string{"note/sms.txt": "{{.event.call.id}}", "bad/sms.txt": "hi\n\n  {{if}}{{end}}"})
	out, said, code := l.run("check")
	require.Equal(t, exitFindings, code, said)
	require.Contains(t, out, l.path("templates/bad/sms.txt")+":3:3: missing value for if")
	require.Contains(t, out, l.path("templates/note/sms.txt")+":1:10: event.call is not carried by this trigger")
	require.Contains(t, out, `there is no sms template "missing"`)

	l = newLab(t, oneSMS)
	l.templates(map[string]string{"note/sms.txt": "hi", "bad/sms.txt": "{{if}}"})
	_, said, code = l.run("check")
	require.Equal(t, exitFindings, code, "a broken template forbids the rest: %s", said)
}

func TestCheckTakesTheTemplatesThatItIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneSMS)
	_, _, code := l.run("check")
	require.Equal(t, exitFindings, code, "the shipped templates have no note")
	l.templates(map[string]string{"note/sms.txt": "hi"})
	l.env["BECKON_TEMPLATES"] = l.path("none")
	_, said, code := l.run("check", "--templates", l.path("templates"))
	require.Equal(t, exitFine, code, said)
	_, said, code = l.run("check")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, l.path("none")+": no such file or directory")
	require.Contains(t, said, "BECKON_TEMPLATES")
	require.Contains(t, said, "--templates")
}

func TestStrictCheckFailsOnAWarning(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneSMS)
	l.templates(map[string]string{"note/sms.txt": "fête"})
	out, said, code := l.run("check")
	require.Equal(t, exitFine, code)
	require.Contains(t, said, "warnings: 1")
	require.Contains(t, out, l.path("templates/note/sms.txt")+`:1:2: warning: "ê" (U+00EA)`)
	require.Contains(t, out, "    fête\n     ^\n")
	require.Contains(t, out, "1 segment, UCS-2, 4 of 70")
	_, said, code = l.run("check", "--strict")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "errors: 0, warnings: 1")
	_, _, code = l.run("check", "--strict", "--json")
	require.Equal(t, exitFindings, code)
}

func TestCheckReadsTheRecipientsToo(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.write("people.yaml", "ann: { phone: 123 }\n")
	out, _, code := l.run("check")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, l.path("people.yaml")+":1:15: ")
	delete(l.env, "BECKON_DIRECTORY")
	_, _, code = l.run("check")
	require.Equal(t, exitFine, code)
}

func TestCheckAnnotatesForGitHub(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	annotate(&out, []rules.Finding{
		{File: "a,b:c.yaml", Line: 3, Column: 7, Severity: rules.SeverityError, Rule: "told", Message: "100% wrong", Hint: "line\r\ntwo: ok, so"},
		{File: "t/sms.txt", Line: 1, Column: 1, Severity: rules.SeverityWarning, Message: "odd"},
	})
	require.Equal(t, "::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=rule told::100%25 wrong%0Aline%0D%0Atwo: ok, so\n"+
		"::warning file=t/sms.txt,line=1,col=1,title=beckon check::odd\n", out.String())

	l := newLab(t, "version: 1\nrules: []\nrulse: 1\n")
	said, _, code := l.run("check", "--format", "github")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "::error file="+l.path("rules.yaml")+",line=3,col=1,title=beckon check::")
	require.NotContains(t, said, "^", "an excerpt is no annotation")
}

func TestCheckRefusesFormatsThatItDoesNotHave(t *testing.T) {
	t.Parallel()
	for _, wrong := range [][]string{{"--format", "xml"}, {"--json", "--format", "github"}} {
		var errs bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"check"}, wrong...), &bytes.Buffer{}, &errs))
		require.Contains(t, errs.String(), "--format")
	}
}
