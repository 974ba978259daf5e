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

func TestStrictCheckFailsOnAWarning(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneSMS)
	l.templates(map[string]string{"note/sms.txt": "fête"})
	out, said, code := l.run("check")
	require.Equal(t, exitFine, code)
	require.Contains(t, said, "1 warnings")
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
