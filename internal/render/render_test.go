package render_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestAbsentObjectsAreFalseAndTheirFieldsEmpty(t *testing.T) {
	t.Parallel()
	group := &relay.Group{GUID: "g", Name: "Hiking"}
	tests := []struct{ template, without, with string }{
		{"-{{with .event.group}}in {{.name}}{{end}}", "-", "-in Hiking"},
		{"-{{if .event.group}}yes{{else}}no{{end}}", "-no", "-yes"},
		{"-{{if not .event.group}}yes{{end}}", "-yes", "-"},
		{"-{{if .event.group | not}}yes{{end}}", "-yes", "-"},
		{"-{{if and .event.group .event.sender}}yes{{end}}", "-", "-yes"},
		{"-{{if or .event.group .event.receiver}}yes{{end}}", "-", "-yes"},
		{"-{{(or .event.group .event.sender).name}}", "-Ann", "-Hiking"},
		{"-{{.event.group.name}}", "-", "-Hiking"},
		{"-{{with or .event.group .event.receiver}}{{.name}}{{else}}none{{end}}", "-none", "-Hiking"},
		{"-{{if .event.occurred_at}}yes{{else}}no{{end}}", "-no", "-no"},
		{"-{{with or .event.occurred_at .event.received_at}}{{clock .}}{{end}}", "-12:00 PM", "-12:00 PM"},
		{"-{{if .event.raw}}yes{{end}}{{if .event.message.mentions}}yes{{end}}{{with .event.message.metadata}}yes{{end}}", "-", "-"},
		{`{{define "p"}}{{with .event.group}}{{.name}}{{else}}none{{end}}{{end}}{{template "p" .}}`, "none", "Hiking"},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			t.Parallel()
			templates := load(t, files{"x/sms.txt": tt.template})
			req := message("hi")
			require.Empty(t, templates.Check("x", relay.ChannelSMS, req.Shape))
			content, err := templates.Render(req)
			require.NoError(t, err)
			require.Equal(t, tt.without, content.Text.Reveal())
			req.Event.Group = group
			content, err = templates.Render(req)
			require.NoError(t, err)
			require.Equal(t, tt.with, content.Text.Reveal())
		})
	}
}

func TestTimesAreToldInTheRecipientsZoneAndLanguage(t *testing.T) {
	t.Parallel()
	const template = "{{day .event.received_at}} {{clock .event.received_at}} {{spoken .event.recording.duration}}{{clock .event.occurred_at}}"
	templates := load(t, files{"x/sms.txt": template, "x/de/sms.txt": template, "x/fo/sms.txt": template, "x/en-GB/sms.txt": template})
	zone := time.FixedZone("east", int((13 * time.Hour).Seconds()))
	tests := []struct {
		locale   string
		zone     *time.Location
		duration time.Duration
		want     string
	}{
		{"", nil, time.Second, "Monday, March 2, 2026 12:00 PM 1 second"},
		{"en-GB", zone, 90 * time.Minute, "Tuesday, 3 March 2026 01:00 1 hour 30 minutes"},
		{"de", zone, 21 * time.Second, "Dienstag, 3. März 2026 01:00 21 Sekunden"},
		{"de", nil, 2 * time.Hour, "Montag, 2. März 2026 12:00 2 Stunden"},
		{"fo", nil, 3725 * time.Second, "2026-03-02 12:00 1:02:05"},
		{"", nil, -time.Hour, "Monday, March 2, 2026 12:00 PM 0 seconds"},
		{"", nil, 59*time.Minute + 40*time.Second, "Monday, March 2, 2026 12:00 PM 1 hour"},
	}
	for _, tt := range tests {
		req := message("")
		req.Shape = shapeOf("recording_generated")
		req.Event.Recording = &relay.Recording{Duration: tt.duration}
		req.Locale, req.TimeZone = tt.locale, tt.zone
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, tt.want, content.Text.Reveal())
	}
}

func TestNamesAreOneVisibleLineOfFortyCharacters(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"plain", "Ann O’Neil", "Ann O’Neil"},
		{"lines and tabs", "Ann\r\n\tLee\u2028x", "Ann Lee x"},
		{"control and bidi", "A\x00n\x1bn \u202egnp.exe\u2066", "Ann gnp.exe"},
		{"zero width", "A\u200bn\u200cn\ufeff\u2060\u00ad", "Ann"},
		{"fillers", "\u3164Ann\u2800\u115f", "Ann"},
		{"nothing to see", "\u200b\u3164 \u202e", ""},
		{"family emoji", "👨‍👩‍👧 Smith\u200d", "👨‍👩‍👧 Smith"},
		{"long", strings.Repeat("ab ", 30), "ab ab ab ab ab ab ab ab ab ab ab ab ab a"},
		{"long in emoji", strings.Repeat("👋🏽", 60), strings.Repeat("👋🏽", 40)},
		{"stacked marks", "A" + strings.Repeat("\u0301", 500), "A" + strings.Repeat("\u0301", 11)},
		{"not UTF-8", "A\xffB", "A\ufffdB"},
		{"Persian keeps its letters", "علی", "علی"},
	}
	templates := load(t, files{"x/sms.txt": "[{{.event.sender.name}}]"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req := message("")
			req.Event.Sender.Name = tt.in
			content, err := templates.Render(req)
			require.NoError(t, err)
			require.Equal(t, "["+tt.want+"]", content.Text.Reveal())
		})
	}
}

func TestFunctionsOnWhatPeopleTyped(t *testing.T) {
	t.Parallel()
	tests := []struct{ call, in, want string }{
		{"nolinks", "see https://evil.example/x?y now", "see now"},
		{"nolinks", "see evil.com, now", "see now"},
		{"nolinks", "see (www.evil.com/a) HTTP://EVIL.COM now", "see now"},
		{"nolinks", "mailto:a@b.co tel:+1900 javascript:alert(1) now", "now"},
		{"nolinks", "evil\u200b.com evil。com пример.рф 10.0.0.1 now", "now"},
		{"nolinks", "请看evil.com吧 now", "now"},
		{"nolinks", "two\nlines evil.com\nof 1.5 km, e.g. v2.0... right", "two\nlines\nof 1.5 km, e.g. v2.0... right"},
		{"nolinks", "keep   spaces", "keep   spaces"},
		{"short 10", "one two three", "one two…"},
		{"short 10", "one\n two", "one two"},
		{"short 5", "abcdefgh", "abcd…"},
		{"short 2", "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧…"},
		{"short 1", "ab", "…"},
		{"short 0", "ab", ""},
		{"short -3", "ab", ""},
	}
	for _, tt := range tests {
		t.Run(tt.call+" "+tt.in, func(t *testing.T) {
			t.Parallel()
			content := renderSMS(t, "["+"{{"+tt.call+" .event.message.text}}]", tt.in, 9)
			require.Equal(t, "["+tt.want+"]", content.Text.Reveal())
		})
	}
}

func TestSMSIsTrimmedAndWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b\nc", renderSMS(t, "\n {{.event.message.text}} \n", "a\tb\r\nc\x00\x1b\u202e\u0085", 0).Text.Reveal())
	require.Equal(t, "xy", renderSMS(t, "x{{\"\\u0007\"}}y", "", 0).Text.Reveal())
}

func TestWhatWasSentIsThereForTemplatesThatNameIt(t *testing.T) {
	t.Parallel()
	for _, f := range []files{
		{"x/sms.txt": "{{.event.raw.plan}}"},
		{"x/sms.txt": "{{with .event}}{{with .raw}}{{.plan}}{{end}}{{end}}"},
		{"x/sms.txt": `{{template "plan" .}}`, "_shared/plan.txt": "{{range .events}}{{.raw.plan}}{{end}}"},
	} {
		req := message("hi")
		req.Event.Raw = []byte(`{"plan": "gold"}`)
		content, err := load(t, f).Render(req)
		require.NoError(t, err)
		require.Equal(t, "gold", content.Text.Reveal())
		require.NotNil(t, req.Event.Raw, "the event stays as it is")
	}
}

func TestWhatPeopleTypeIsNotATemplate(t *testing.T) {
	t.Parallel()
	const text = `{{.recipient.email}}{{template "x"}}`
	require.Equal(t, text, renderSMS(t, "{{.event.message.text}}", text, 0).Text.Reveal())
}

func TestRenderErrorsNameThePlaceAndQuoteNobody(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, template, want string }{
		{"unknown field", "{{.event.sendr.name}}", `render x/sms.txt:1: <.event.sendr.name>: map has no entry for key "sendr"`},
		{"value in the reason", "{{range .event.message.text}}{{end}}", "render x/sms.txt:1: <.event.message.text>: cannot be evaluated"},
		{"raw that is not there", "{{.event.raw.secret}}", "render x/sms.txt:1: <.event.raw.secret>: nil pointer evaluating interface {}.secret"},
		{"empty", " \n{{with .event.group}}a{{end}}", "render x/sms.txt: the message is empty"},
		{"too long", strings.Repeat("{{.event.message.text}}", 2), "render x/sms.txt: the message is too long"},
	}
	text := "secret word " + strings.Repeat("a", render.MaxText/2)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, files{"x/sms.txt": tt.template}).Render(message(text))
			require.EqualError(t, err, tt.want)
			require.NotContains(t, err.Error(), "secret word")
		})
	}
}

func TestRequestsThatCannotBeRenderedAreErrors(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/sms.txt": "a"})
	for want, change := range map[string]func(*render.Request){
		`render template "y": nothing for sms`:   func(r *render.Request) { r.Template = "y" },
		`render template "x": nothing for email`: func(r *render.Request) { r.Channel = relay.ChannelEmail },
		`render template "x": no event`:          func(r *render.Request) { r.Event = nil },
	} {
		req := message("a")
		change(&req)
		_, err := templates.Render(req)
		require.EqualError(t, err, want)
	}
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"hello", "<script>alert(1)</script>", "{{.event.id}}", "a\r\nBcc: x@y.z", "javascript:alert(1)", "\xff\xfe\x00", "url(//evil.example/a)",
		`" onerror="x`, "\u202e\u2066", "p.png", strings.Repeat("👨‍👩‍👧", 500),
	} {
		f.Add(seed, seed)
	}
	templates, problems := render.Load(files{
		"x/sms.txt":           "{{.event.sender.name}}: {{nolinks .event.message.text}}{{short 20 .event.message.text}}",
		"x/email.subject.txt": "{{.event.sender.name}} {{.event.message.text}}",
		"x/email.html": `<style>p{background:url("{{.event.message.text}}")}</style><p style="background:url({{.event.sender.avatar}})">` +
			`{{.event.message.text}} <a href="{{.event.message.text}}">a</a><img src="{{.event.sender.avatar}}"></p>x`,
	}.fs())
	require.Empty(f, problems)
	f.Fuzz(func(t *testing.T, name, text string) {
		req := message(text)
		req.Event.Sender.Name, req.Event.Sender.Avatar = name, "https://evil.example/"+text
		for _, req.Channel = range relay.Channels() {
			content, err := templates.Render(req)
			if err != nil {
				require.Regexp(t, "too long$|empty$", err.Error())
				continue
			}
			require.False(t, strings.ContainsFunc(content.Subject.Reveal(), unicode.IsControl))
			require.LessOrEqual(t, content.Segments, 3)
			require.True(t, utf8.ValidString(content.Text.Reveal()))
			require.NotContains(t, content.HTML.Reveal(), "<img")
			require.NotContains(t, strings.ToLower(content.HTML.Reveal()), "<script")
		}
	})
}
