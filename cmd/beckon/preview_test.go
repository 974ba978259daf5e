package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

func TestPreviewShowsEveryLocaleAndSendsNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, said, code := l.run("preview", "mention")
	require.Equal(t, exitFine, code, said)
	for _, want := range []string{
		"mention by sms, of user_mentioned\n  1 segment, GSM-7, ", "mention (de) by sms, of user_mentioned", " left\n",
		"  Subject: Andrew Joseph mentioned you\n", "  Subject: Andrew Joseph hat Sie erwähnt\n", "  | Hello Alex Example,\n", "Unsubscribe",
	} {
		require.Contains(t, out, want)
	}
	require.Empty(t, l.twilio.Messages())
	require.Empty(t, l.sendgrid.Mails())

	out, _, code = l.run("preview", "mention", "--to", "cometchat-uid-2", "--channel", "sms", "--locale", "de-AT", "--json")
	require.Equal(t, exitFine, code)
	var rows []previewRow
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 1)
	require.Equal(t, "de", rows[0].Locale)
	require.Equal(t, relay.ChannelSMS, rows[0].Channel)
	require.Equal(t, 160, rows[0].Room)
	require.Contains(t, rows[0].Text, "Andrew Joseph hat Sie erwähnt")
}

func TestPreviewTakesItsEventFromASampleAFileOrTheDatabase(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.write("event.json", string(sample(t, relay.UserMentioned, map[string]any{"data.message.data.text": "ça va → là"})))
	out, said, code := l.run("preview", "mention", "--event", l.path("event.json"), "--channel", "sms", "--locale", "en")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "ça va → là")
	require.Contains(t, out, "UCS-2")
	require.Contains(t, out, `"ç" is not in GSM-7; it comes with the event; GSM-7 has "c"`)

	out, said, code = l.run("preview", "mention", "--sample", "message_edited", "--locale", "en")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "mention by sms, of message_edited")

	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, map[string]any{"data.message.data.text": "from the database"}))
	out, said, code = l.run("preview", "mention", "--id", event.ID, "--channel", "sms", "--to", "cometchat-uid-2")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "from the database")
	p.stop()
}

func TestPreviewWritesAndOpensTheHTML(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, said, code := l.run("preview", "mention", "--html", l.path("page.html"))
	require.Equal(t, exitFine, code, said)
	for name, want := range map[string]string{"page.html": "mentioned you", "page.de.html": "erwähnt"} {
		html, err := os.ReadFile(l.path(name))
		require.NoError(t, err)
		require.Contains(t, string(html), want)
		require.Contains(t, out, "HTML: "+l.path(name))
	}

	require.NoError(t, os.WriteFile(l.path("xdg-open"), []byte("#!/bin/sh\necho \"$1\" >> '"+l.path("opened")+"'\n"), 0o700)) //nolint:gosec // it is run
	l.env["PATH"] = l.dir
	l.env["TMPDIR"] = l.dir
	_, said, code = l.run("preview", "mention", "--open", "--locale", "de")
	require.Equal(t, exitFine, code, said)
	opened, err := os.ReadFile(l.path("opened"))
	require.NoError(t, err)
	pages, err := filepath.Glob(l.path("beckon-preview-*/mail.html"))
	require.NoError(t, err)
	require.Len(t, pages, 1)
	require.Equal(t, "file://"+pages[0]+"\n", string(opened))
	html, err := os.ReadFile(pages[0])
	require.NoError(t, err)
	require.Contains(t, string(html), "erwähnt")

	require.NoError(t, os.RemoveAll(filepath.Dir(pages[0])))
	l.env["PATH"] = t.TempDir()
	out, said, code = l.run("preview", "mention", "--open", "--locale", "de")
	require.Equal(t, exitFine, code, "the text is there: %s", said)
	pages, err = filepath.Glob(l.path("beckon-preview-*/mail.html"))
	require.NoError(t, err)
	require.Len(t, pages, 1)
	require.Contains(t, said, "no browser can be opened")
	require.Contains(t, said, "the mail is in "+pages[0])
	require.Contains(t, out, "HTML: "+pages[0])
	require.Contains(t, out, "  Subject: Andrew Joseph hat Sie erwähnt\n")
}

func TestPreviewWithoutHTMLLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.templates(map[string]string{"bare/email.subject.txt": "s", "bare/email.txt": "the text"})
	l.env["TMPDIR"] = l.dir
	out, said, code := l.run("preview", "bare", "--sample", "message_sent", "--open")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "the text")
	require.Contains(t, said, "makes no HTML")
	left, err := filepath.Glob(l.path("beckon-preview-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestPreviewCountShowsADigest(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules+"  - { name: d, trigger: message_sent, to: receiver, digest: { window: 1m, max: 2 }, send: [ { email: unread-message } ] }\n")
	out, said, code := l.run("preview", "mention", "--count", "21", "--locale", "en")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "mention by sms, of user_mentioned: a digest of 21, lists 4\n  3 segments, GSM-7, ")
	require.Contains(t, out, "  | You were mentioned 21 times:\n")
	require.Regexp(t, `\| and 17 more\n`, out)
	require.Contains(t, out, "mention by email, of user_mentioned: a digest of 21, lists 20\n  Subject: You were mentioned 21 times\n")

	out, _, code = l.run("preview", "unread-message", "--count", "5", "--locale", "en", "--json")
	require.Equal(t, exitFine, code)
	var rows []previewRow
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Len(t, rows, 2)
	for _, row := range rows {
		require.Equal(t, [2]int{5, 2}, [2]int{row.Digest, row.Listed}, "as the rule says")
		require.Contains(t, row.Text, "3 more")
	}
	require.Contains(t, rows[1].HTML, "<title>5 new messages</title>")

	out, _, code = l.run("preview", "mention", "--count", "1", "--locale", "en")
	require.Equal(t, exitFine, code)
	require.NotContains(t, out, "digest")
	_, said, code = l.run("preview", "mention", "--count", "0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "--count")
}

func TestPreviewSaysWhatACutTakesAway(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneSMS)
	l.templates(map[string]string{"note/sms.txt": `a{{printf "%300s" "."}} → b`})
	out, said, code := l.run("preview", "note")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "  cut: whole it would take 5 segments, UCS-2\n")
	require.Contains(t, out, `"→" is not in GSM-7; it stands at `+l.path("templates/note/sms.txt")+":1:25")
	out, _, code = l.run("preview", "note", "--json")
	require.Equal(t, exitFine, code)
	var rows []previewRow
	require.NoError(t, json.Unmarshal([]byte(out), &rows))
	require.Equal(t, &wholeRow{Segments: 5, Encoding: "UCS-2", Units: 305}, rows[0].Whole)
}

func TestPreviewSaysWhichLocaleStandsForAnother(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	for locale, want := range map[string]string{
		"nl":    "beckon: template mention has no sms files for nl; this is en\nbeckon: template mention has no email files for nl; this is en\n",
		"de_AT": "beckon: template mention has no sms files for de_AT; this is de\nbeckon: template mention has no email files for de_AT; this is de\n",
		"de":    "", "en": "", "DE": "",
	} {
		_, said, code := l.run("preview", "mention", "--locale", locale)
		require.Equal(t, exitFine, code, said)
		require.Equal(t, want, said, locale)
	}
}

func TestPreviewSaysWhatItCannotShow(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.templates(map[string]string{
		"note/sms.txt": "{{.event.message.text}}", "bare/email.subject.txt": "s", "bare/email.txt": "t",
	})
	l.write("strange.json", `{"trigger":"new_thing","data":{}}`)
	l.write("garbage.json", `[`)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"noet"}, exitUsage, `there is no template "noet"`},
		{[]string{"note"}, exitFindings, "--sample: after_message"},
		{[]string{"note", "--sample", "nothing"}, exitUsage, `no sample of "nothing"; there are after_message`},
		{[]string{"note", "--sample", "call_started"}, exitFindings, l.path("templates/note/sms.txt") + ":1:10: event.message is not carried"},
		{[]string{"note", "--channel", "email"}, exitFindings, "nothing for email, only for sms"},
		{[]string{"note", "--event", l.path("strange.json")}, exitFindings, `"new_thing"`},
		{[]string{"note", "--event", l.path("garbage.json")}, exitFindings, "garbage.json"},
		{[]string{"note", "--event", l.path("none.json")}, exitUsage, "none.json"},
		{[]string{"note", "--id", "x"}, exitFindings, "BECKON_DATABASE_URL"},
		{[]string{"note", "--sample", "message_sent", "--to", "stranger"}, exitFindings, `no directory (BECKON_DIRECTORY) has the uid "stranger"`},
		{[]string{"bare", "--sample", "message_sent", "--html", l.path("x.html")}, exitFindings, "makes no HTML"},
		{[]string{"note", "--sample", "a", "--id", "b"}, exitUsage, "give one of them"},
		{[]string{"note", "--channel", "fax"}, exitUsage, "sms or email"},
		{[]string{"note", "--channel", "sms", "--open"}, exitUsage, "an SMS has no HTML"},
	} {
		_, said, code := l.run(append([]string{"preview"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, said)
		require.Contains(t, said, c.want)
	}

	l.write("templates/note/sms.txt", "{{")
	_, said, code := l.run("preview", "note", "--sample", "message_sent")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, l.path("templates/note/sms.txt")+":1:")
	l.env["BECKON_TEMPLATES"] = l.path("none")
	_, said, _ = l.run("preview", "note")
	require.Contains(t, said, "read templates")
	require.Contains(t, said, "BECKON_TEMPLATES")
}

func TestHTMLFilesOfSeveralMailsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	row := previewRow{Trigger: "message_sent", Locale: "de"}
	require.Equal(t, "out/page.html", row.page("out/page.html", false, false))
	require.Equal(t, "out/page.de.html", row.page("out/page.html", false, true))
	require.Equal(t, "out/page.message_sent.de.html", row.page("out/page.html", true, true))
	row.Locale = ""
	require.Equal(t, "page", row.page("page", false, true))
}
