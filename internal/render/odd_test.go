package render_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestOddCharactersAreNamedWithWhatGSM7HasForThem(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/odd.txt")
	require.NoError(t, err)
	templates := load(t, files{"x/sms.txt": "hi"})
	cases := 0
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, want, _ := strings.Cut(line, " | ")
		var got []string
		for _, o := range templates.Odd("x", "", relay.Text(text)) {
			require.Empty(t, o.File, "it does not stand in the template")
			got = append(got, o.Char+"="+o.Instead)
		}
		require.Equal(t, want, strings.Join(got, " "), text)
		cases++
	}
	require.Greater(t, cases, 8)
}

func TestOddCharactersAreFoundWhereTheTemplateSaysThem(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"_shared/sign.txt":    "ok\n {{- /* ê is said nowhere */ -}} ą",
		"_shared/de/sign.txt": "łódź",
		"x/sms.txt":           "Grüße\n{{.event.sender.name}} → {{print \"ś\"}}{{template \"sign\" .}}",
		"x/de/sms.txt":        "{{template \"sign\" .}}",
	})
	places := func(locale string) []string {
		req := message("")
		req.Event.Sender.Name, req.Locale = "Zoë ê", locale
		content, err := templates.Render(req)
		require.NoError(t, err)
		var got []string
		for _, o := range templates.Odd("x", content.Locale, content.Text) {
			got = append(got, fmt.Sprintf("%s %s:%d:%d", o.Char, o.File, o.Line, o.Column))
		}
		return got
	}
	require.Equal(t, []string{
		"ë :0:0", "ê :0:0", "→ x/sms.txt:2:24", "ś x/sms.txt:2:35", "ą _shared/sign.txt:2:34",
	}, places("en"))
	require.Equal(t, []string{"ł _shared/de/sign.txt:1:1", "ó _shared/de/sign.txt:1:2", "ź _shared/de/sign.txt:1:4"}, places("de"))
	require.Empty(t, templates.Odd("none", "", "plain"))
}

func TestLiteralsAreThoseOfEveryBranch(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"_shared/sign.txt": "{{if .}}ok{{else}}\n→{{end}}",
		"x/sms.txt": "{{if eq .event.message.text \"ł\"}}é{{else}}ä\n{{with .event.group}}fête, fête{{end}}{{or .event.sender.name \"ś\"}}{{end}}" +
			"{{define \"unused\"}}œ{{end}}{{template \"sign\" .event.sender.name}}",
		"x/de/sms.txt":        "{{- /* ź */ -}} „so“",
		"x/email.subject.txt": "ç", "x/email.txt": "ç",
	})
	places := func(template, locale string) []string {
		var got []string
		for _, o := range templates.Literals(template, locale) {
			got = append(got, fmt.Sprintf("%s=%s %s:%d:%d", o.Char, o.Instead, o.File, o.Line, o.Column))
		}
		return got
	}
	require.Equal(t, []string{"ê=e x/sms.txt:2:23", "ś=s x/sms.txt:2:64", "→=-> _shared/sign.txt:2:1"}, places("x", ""))
	require.Empty(t, places("x", "de"))
	require.Empty(t, places("x", "fr"))
	require.Empty(t, places("none", ""))
}

func TestRoomIsWhatTheSegmentsOfAnSMSHold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"a": 160, strings.Repeat("a", 160): 160, strings.Repeat("a", 161): 306, "→": 70, strings.Repeat("→", 71): 134,
	} {
		require.Equal(t, want, render.Measure(text, true).Room())
	}
}

func TestVariantsAreThoseOfTheChannel(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"x/sms.txt": "a", "x/de/sms.txt": "b", "x/email.subject.txt": "s", "x/email.txt": "t", "x/fr/email.txt": "u", "y/sms.txt": "c",
	})
	require.Equal(t, []string{"", "de"}, templates.Variants("x", relay.ChannelSMS))
	require.Equal(t, []string{"", "fr"}, templates.Variants("x", relay.ChannelEmail))
	require.Empty(t, templates.Variants("y", relay.ChannelEmail))
	require.Empty(t, templates.Variants("none", relay.ChannelSMS))
	require.Equal(t, "de", templates.Chosen(render.Request{Template: "x", Channel: relay.ChannelSMS, Locale: "de-AT"}))
	require.Empty(t, templates.Chosen(render.Request{Template: "x", Channel: relay.ChannelSMS, Locale: "fr"}))
	require.Empty(t, templates.Chosen(render.Request{Template: "none"}))
}
