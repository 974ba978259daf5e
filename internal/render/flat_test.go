package render_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestFlatNamesAreTheSameTemplatesAsFolders(t *testing.T) {
	t.Parallel()
	folders, flat := files{}, files{"rules.yaml": "{{ not a template }}", "rules.test.yaml": "\xff"}
	shipped := os.DirFS("../../templates")
	require.NoError(t, fs.WalkDir(shipped, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(shipped, p)
		require.NoError(t, err)
		name, err := render.FlatName(p)
		require.NoError(t, err)
		require.NotContains(t, name, "/")
		folders[p], flat[name] = string(text), string(text)
		return nil
	}))
	require.Greater(t, len(folders), 10)
	want, got := load(t, folders), load(t, flat)
	require.Equal(t, want.Names(), got.Names())
	require.Equal(t, want.Files(), got.Files())
	require.Equal(t, want.Hash(), got.Hash())
	for _, name := range want.Names() {
		for _, ch := range relay.Channels() {
			require.Equal(t, want.Variants(name, ch), got.Variants(name, ch))
		}
	}
}

func TestAFlatNameTakesFoldersAndPartsBesideIt(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"x/sms.txt": `{{template "who"}}`, "x__de__sms.txt": `auf Deutsch {{template "who"}}`, "_shared__who.txt": "Ann", "_shared/de/who.txt": "Anna",
	})
	req := message("a")
	for locale, want := range map[string]string{"en": "Ann", "de": "auf Deutsch Anna"} {
		req.Locale = locale
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, want, content.Text.Reveal())
	}
}

func TestProblemsOfFlatNamesSayWhatWasWritten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files files
		want  string
	}{
		{"syntax", files{"x__de__sms.txt": "a\n{{end}}", "x__sms.txt": "a"}, "x__de__sms.txt:2:1: unexpected {{end}}"},
		{"a folder's file once more", files{"x/de/sms.txt": "a", "x__de__sms.txt": "a", "x/sms.txt": "a"}, "x__de__sms.txt: is the same file of the same template as x/de/sms.txt; keep one of the two"},
		{"a part once more", files{"x/sms.txt": "a", "_shared/in.txt": "a", "_shared__in.txt": "a"}, "_shared__in.txt: is the same file of the same template as _shared/in.txt; keep one of the two"},
		{"a mistyped file", files{"x__sms.txt": "a", "x__sms.text": "s"}, `x__sms.text: not one of sms.txt, email.subject.txt, email.html, email.txt (did you mean "sms.txt"?)`},
		{"a bad name", files{"x__sms.txt": "a", "My__sms.txt": "a"}, "My__sms.txt: a template's name is of small letters, digits, - and _"},
		{"no name", files{"x__sms.txt": "a", "__sms.txt": "a"}, "__sms.txt: a template's name is of small letters, digits, - and _"},
		{"a bad locale", files{"x__sms.txt": "a", "x__german__sms.txt": "a"}, `x__german__sms.txt: "german" in the middle must be a locale, such as de or pt-BR`},
		{"too deep", files{"x__sms.txt": "a", "x__de__at__sms.txt": "a"}, "x__de__at__sms.txt: too many __; write <template>__sms.txt or <template>__<locale>__sms.txt"},
		{"a bad part", files{"x__sms.txt": "a", "_shared__in.htm": "a"}, "_shared__in.htm: a shared part is named <part>.txt or <part>.html"},
		{"one _", files{"x__sms.txt": "a", "y_sms.txt": "a"}, "y_sms.txt: a file outside of a template's folder; write <template>/sms.txt and the like, or <template>__sms.txt where there are no folders"},
		{"not UTF-8", files{"x__sms.txt": "a\xff"}, "x__sms.txt: not UTF-8"},
		{"only a locale", files{"x__de__sms.txt": "a", "x__fr__sms.txt": "a"}, "x__de__sms.txt: incomplete for sms: x__sms.txt must be there without a locale in its name"},
		{"a mail without subject", files{"x__email.html": "<p>a</p>"}, "x__email.html: incomplete for email: x__email.subject.txt and one of x__email.html and x__email.txt must be there without a locale in its name"},
		{"only a locale in a folder", files{"x/de/sms.txt": "a", "x__fr__sms.txt": "a"}, "x: incomplete for sms: sms.txt must be there outside of the locale folders"},
		{"only rules", files{"rules.yaml": "version: 1"}, ".: no templates here"},
		{"a rules file in a folder", files{"x/sms.txt": "a", "x/rules.yaml": "a"}, "x/rules.yaml: not one of sms.txt, email.subject.txt, email.html, email.txt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			templates, problems := render.Survey(tt.files.fs())
			require.Equal(t, []string{tt.want}, printed(problems))
			require.Equal(t, strings.HasPrefix(tt.want, "x"), templates.Broken("x"))
		})
	}
}

func TestAMailOfFlatFilesIsNamedWhereItLacksSomething(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x__sms.txt": "a"})
	require.Equal(t, []string{"x: nothing for email: x__email.subject.txt and one of x__email.html and x__email.txt must be there without a locale in its name"},
		printed(templates.Check("x", relay.ChannelEmail, relay.WholeEventShape())))
}

// A name that would lead to another path is refused, rather than kept under that.
func TestAPathWithoutAFlatNameIsRefused(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"a__b/sms.txt", "a_/sms.txt", "_shared/a__b.txt"} {
		_, err := render.FlatName(p)
		require.ErrorContains(t, err, p+` has no flat name: "__" in it stands for / there; rename the template or the part`)
	}
	name, err := render.FlatName("a_b/pt-BR/email.subject.txt")
	require.NoError(t, err)
	require.Equal(t, "a_b__pt-BR__email.subject.txt", name)
}

// A ConfigMap is mounted as links to ..data, which itself is a link to a timestamped folder.
func TestAMountedConfigMapIsReadByItsFlatNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stamped := filepath.Join(dir, "..2026_03_02_12_00_00.1")
	require.NoError(t, os.MkdirAll(stamped, 0o750))
	require.NoError(t, os.Symlink("..2026_03_02_12_00_00.1", filepath.Join(dir, "..data")))
	mounted := files{"missed__sms.txt": "a", "missed__de__sms.txt": "b", "rules.yaml": "version: 1"}
	for name, text := range mounted {
		require.NoError(t, os.WriteFile(filepath.Join(stamped, name), []byte(text), 0o600))
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	templates, problems := render.Load(os.DirFS(dir))
	require.Empty(t, problems)
	require.Equal(t, []string{"missed"}, templates.Names())
	require.Equal(t, []string{"de"}, templates.Locales("missed"))
}
