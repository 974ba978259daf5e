package render_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestLoadReportsEveryProblemWithItsPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files files
		want  []string
	}{
		{"syntax", files{"x/sms.txt": "a\n{{if .event.id}}b"}, []string{"x/sms.txt:2: unexpected EOF"}},
		{"an empty condition", files{"x/sms.txt": "a\n\nä {{.event.id}}\n ü{{if}}b{{end}}"}, []string{"x/sms.txt:4:3: missing value for if"}},
		{"an end of nothing", files{"x/sms.txt": "a\n {{end}} {{.event.id}} {{if}}"}, []string{"x/sms.txt:2:2: unexpected {{end}}"}},
		{"an action without an end", files{"x/sms.txt": "a\n {{.event.id"}, []string{"x/sms.txt:2: unclosed action"}},
		{"unknown function", files{"x/sms.txt": "a\n  {{shrt 20 .event.message.text}}"}, []string{`x/sms.txt:2:5: unknown function "shrt" (did you mean "short"?)`}},
		{"no function to call others", files{"x/sms.txt": "{{call .event.id}}"}, []string{`x/sms.txt:1:3: unknown function "call"`}},
		{"unknown part", files{"x/sms.txt": `{{template "sgn" .}}`, "_shared/sign.txt": "a"}, []string{`x/sms.txt:1:12: there is no part "sgn" (did you mean "sign"?)`}},
		{"a part of the other kind", files{"x/sms.txt": `{{template "sign" .}}`, "_shared/sign.html": "a"}, []string{`x/sms.txt:1:12: there is no part "sign"`}},
		{"a part that uses itself", files{"x/sms.txt": `{{template "a" .}}`, "_shared/a.txt": `{{template "b" .}}`, "_shared/b.txt": `{{template "a" .}}`}, []string{`_shared/b.txt:1:12: part "a" uses itself`}},
		{"a mistyped file", files{"x/sms.txt": "a", "x/email.subjct.txt": "s"}, []string{`x/email.subjct.txt: not one of sms.txt, email.subject.txt, email.html, email.txt (did you mean "email.subject.txt"?)`}},
		{"a file outside of a folder", files{"x/sms.txt": "a", "sms.txt": "a"}, []string{"sms.txt: a file outside of a template's folder; write <template>/sms.txt and the like, or <template>__sms.txt where there are no folders"}},
		{"a bad name", files{"x/sms.txt": "a", "My Template/sms.txt": "a"}, []string{"My Template: a template's name is of small letters, digits, - and _"}},
		{"a bad locale", files{"x/sms.txt": "a", "x/german/sms.txt": "a"}, []string{"x/german: a folder in a template is named after a locale, such as de or pt-BR"}},
		{"a bad part", files{"x/sms.txt": "a", "_shared/layout.htm": "a"}, []string{"_shared/layout.htm: a shared part is named <part>.txt or <part>.html"}},
		{"a mail without subject", files{"x/email.html": "<p>a</p>"}, []string{"x: incomplete for email: email.subject.txt and one of email.html and email.txt must be there outside of the locale folders"}},
		{"only a locale", files{"x/de/sms.txt": "a"}, []string{"x: incomplete for sms: sms.txt must be there outside of the locale folders"}},
		{"not UTF-8", files{"x/sms.txt": "a\xff"}, []string{"x/sms.txt: not UTF-8"}},
		{"too large", files{"x/sms.txt": strings.Repeat("a", render.MaxFile+1)}, []string{"x/sms.txt: larger than 256 KiB"}},
		{"nothing", files{}, []string{".: no templates here"}},
		{"unquoted action", files{"x/email.subject.txt": "s", "x/email.html": "<p>\n<a href={{.event.id}} {{.event.id}}=x>"}, nil},
		{"unsafe place in HTML", files{"x/email.subject.txt": "s", "x/email.html": "<p>\n<a href='{{if .event.id}}/x?{{end}}{{.event.id}}'></a>"}, []string{"x/email.html:2:38: {{.event.id}} appears in an ambiguous context within a URL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			templates, problems := render.Load(tt.files.fs())
			require.Equal(t, tt.want, printed(problems))
			require.Equal(t, tt.want == nil, templates != nil)
		})
	}
}

func TestProblemsOfAllFilesComeTogether(t *testing.T) {
	t.Parallel()
	_, problems := render.Load(files{"a/sms.txt": "{{", "b/sms.txt": "{{nope}}", "c/sms.text": ""}.fs())
	require.Len(t, problems, 3, "%v", problems)
}

func TestSurveyKnowsWhichTemplatesAreSound(t *testing.T) {
	t.Parallel()
	templates, problems := render.Survey(files{
		"_shared/cut.txt": "{{if}}", "_shared/odd.txt": "{{nope}}", "_shared/fine.txt": "fine",
		"a/sms.txt": "{{", "b/sms.txt": "b", "b/de/sms.txt": "{{end}}", "c/sms.txt": `{{template "cut"}}`, "d/sms.txt": `{{template "cut"}}`,
		"e/sms.txt": `{{template "odd"}}`, "f/sms.txt": `{{template "odd"}}`, "g/sms.txt": `{{template "fine"}}`, "h/sms.txt": "\xff",
		"i/sms.txt": "i", "i/sms.text": "",
	}.fs())
	require.Len(t, problems, 6, "%v", problems)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "h", "i"} {
		require.True(t, templates.Broken(name), name)
	}
	require.False(t, templates.Broken("g"))
	require.False(t, templates.Broken("nothing"), "it is not broken, it is not there")

	many := files{}
	for i := range render.MaxFiles + 1 {
		many[fmt.Sprintf("t%d/sms.txt", i)] = "a"
	}
	templates, _ = render.Survey(many.fs())
	require.True(t, templates.Broken("t1"), "nothing is known of what was not read")
}

func TestNumberAndSizeOfFilesAreBounded(t *testing.T) {
	t.Parallel()
	many, large := files{}, files{}
	for i := range render.MaxFiles + 1 {
		many[fmt.Sprintf("t%d/sms.txt", i)] = "a"
	}
	for i := range 33 {
		large[fmt.Sprintf("t%d/sms.txt", i)] = strings.Repeat("a", render.MaxFile)
	}
	_, problems := render.Load(many.fs())
	require.Contains(t, printed(problems), ".: more than 500 template files")
	_, problems = render.Load(large.fs())
	require.Contains(t, strings.Join(printed(problems), "\n"), "the template files together are larger than 8 MiB")
}

// A Kubernetes volume shows links to ..data, which itself is a link to a timestamped folder.
func TestTemplatesOfAKubernetesVolumeAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stamped := filepath.Join(dir, "..2026_03_02_12_00_00.1", "missed")
	require.NoError(t, os.MkdirAll(stamped, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(stamped, "sms.txt"), []byte("a"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(stamped, ".sms.txt.swp"), []byte("{{"), 0o600))
	require.NoError(t, os.Symlink("..2026_03_02_12_00_00.1", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/missed", filepath.Join(dir, "missed")))
	templates, problems := render.Load(os.DirFS(dir))
	require.Empty(t, problems)
	require.Equal(t, []string{"missed"}, templates.Names())
}

func TestUnreadableFolderIsAProblem(t *testing.T) {
	t.Parallel()
	_, problems := render.Load(os.DirFS(filepath.Join(t.TempDir(), "none")))
	require.Equal(t, ".: cannot be read: no such file or directory", problems[0].String())
	_, problems = render.Load(brokenFS{fstest.MapFS{"x/sms.txt": {Data: []byte("a")}}})
	require.Contains(t, printed(problems), "x/sms.txt: permission denied")
}

// brokenFS lists its files but opens none.
type brokenFS struct{ fstest.MapFS }

func (b brokenFS) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".txt") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return b.MapFS.Open(name)
}

func (b brokenFS) Stat(name string) (fs.FileInfo, error) { return b.MapFS.Stat(name) }

func TestHashTellsContentsApart(t *testing.T) {
	t.Parallel()
	one := load(t, files{"x/sms.txt": "a", "y/sms.txt": "b"})
	require.Equal(t, one.Hash(), load(t, files{"y/sms.txt": "b", "x/sms.txt": "a"}).Hash())
	require.NotEqual(t, one.Hash(), load(t, files{"x/sms.txt": "b", "y/sms.txt": "a"}).Hash())
}

func TestLocaleIsChosenFromTheMostSpecialToNone(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"x/sms.txt": "none", "x/de/sms.txt": "de", "x/de-AT/sms.txt": "de-AT", "x/pt-BR/sms.txt": "pt-BR",
		"x/email.subject.txt": "none", "x/email.txt": "none", "x/de/email.txt": "de",
	})
	require.Equal(t, []string{"de", "de-AT", "pt-BR"}, templates.Locales("x"))
	tests := []struct {
		channel                relay.Channel
		wish, fallback, locale string
		text                   string
	}{
		{relay.ChannelSMS, "de", "", "de", "de"},
		{relay.ChannelSMS, "de_at", "", "de-AT", "de-AT"},
		{relay.ChannelSMS, "de-CH", "pt-BR", "de", "de"},
		{relay.ChannelSMS, "fr", "pt_BR", "pt-BR", "pt-BR"},
		{relay.ChannelSMS, "fr", "en", "", "none"},
		{relay.ChannelSMS, "pt", "", "pt-BR", "pt-BR"}, // The language in another region is better than another language.
		{relay.ChannelSMS, "pt-PT", "de", "pt-BR", "pt-BR"},
		{relay.ChannelSMS, "gsw", "pt-BR", "pt-BR", "pt-BR"}, // Who speaks it reads German well, but nobody asked for that.
		{relay.ChannelSMS, "en-GB", "de", "", "none"},        // Files without a locale are English ones.
		{relay.ChannelSMS, "de-AT-x-formal", "", "de-AT", "de-AT"},
		{relay.ChannelSMS, "de-strange", "", "de", "de"},
		{relay.ChannelSMS, "", "", "", "none"},
		{relay.ChannelSMS, "-", "--", "", "none"},
		{relay.ChannelEmail, "de-AT", "", "de", "de"},
		{relay.ChannelEmail, "pt-BR", "", "", "none"},
	}
	for _, tt := range tests {
		req := message("a")
		req.Channel, req.Locale, req.DefaultLocale = tt.channel, tt.wish, tt.fallback
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, tt.text, content.Text.Reveal(), "%+v", tt)
		require.Equal(t, tt.locale, content.Locale, "%+v", tt)
	}
}

func TestFilesALocaleLacksComeFromTheLessSpecialOne(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"_shared/word.html": "word", "_shared/de/word.html": "Wort", "_shared/lang.txt": "{{lang}}",
		"x/email.subject.txt": `{{template "lang"}}`, "x/email.html": `<p>{{template "word"}}</p>`, "x/email.txt": "in English",
		"x/de/email.subject.txt": `Deutsch {{template "lang"}}`,
		"x/fr/email.html":        `<p>mot {{template "word"}}</p>`,
	})
	req := mail("a")
	for _, tt := range []struct{ locale, subject, html, text string }{
		{"en", "en", "<p>word</p>", "in English"},
		{"de-AT", "Deutsch de", "<p>Wort</p>", "in English"},
		{"fr", "fr", "<p>mot word</p>", "mot word"}, // Made from the HTML: the text file speaks another language.
	} {
		req.Locale = tt.locale
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, tt.subject, content.Subject.Reveal())
		require.Equal(t, tt.html, content.HTML.Reveal())
		require.Equal(t, tt.text, content.Text.Reveal())
	}
}
