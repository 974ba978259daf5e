package render_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/check.txt")
	require.NoError(t, err)
	for _, block := range strings.Split(string(data), "----\n")[1:] {
		trigger, rest, _ := strings.Cut(block, "\n")
		var template, want []string
		for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
			if problem, ok := strings.CutPrefix(line, "! "); ok {
				want = append(want, "x/sms.txt:"+problem)
			} else {
				template = append(template, line)
			}
		}
		text := strings.Join(template, "\n")
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			templates := load(t, files{"x/sms.txt": text})
			problems := templates.Check("x", relay.ChannelSMS, shapeOf(relay.Trigger(trigger)))
			require.Equal(t, want, printed(problems))
		})
	}
}

func printed(problems []render.Problem) []string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return lines
}

func TestCheckFollowsSharedPartsAndLocales(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"_shared/sign.txt":    "{{.event.id}}",
		"_shared/de/sign.txt": "\n{{.event.idd}}",
		"x/sms.txt":           `{{template "sign" .}}`,
		"x/de/sms.txt":        `{{template "sign" .}}{{.event.sendr}}`,
		"x/email.txt":         "{{.event.unseen}}",
		"x/email.subject.txt": "s",
	})
	require.Equal(t, []string{
		`_shared/de/sign.txt:2:10: event has no field "idd" (did you mean "id"?)`,
		`x/de/sms.txt:1:31: event has no field "sendr" (did you mean "sender"?)`,
	}, printed(templates.Check("x", relay.ChannelSMS, shapeOf(relay.MessageSent))))
}

func TestCheckKnowsWhichTemplatesThereAre(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"missed/sms.txt": "a", "mail/email.subject.txt": "s", "mail/email.html": "<p>a</p>"})
	shape := shapeOf(relay.MessageSent)
	require.Equal(t, []string{`mised: there is no such template (did you mean "missed"?)`},
		printed(templates.Check("mised", relay.ChannelSMS, shape)))
	require.Contains(t, printed(templates.Check("missed", relay.ChannelEmail, shape))[0], "missed: nothing for email: email.subject.txt")
	require.Empty(t, templates.Check("mail", relay.ChannelEmail, shape))
	require.True(t, templates.Has("mail", relay.ChannelEmail))
	require.False(t, templates.Has("mail", relay.ChannelSMS))
	require.False(t, templates.Has("none", relay.ChannelSMS))
}
