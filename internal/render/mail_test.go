package render_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestSubjectIsOneBoundedLine(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/email.subject.txt": "{{.event.message.text}}\n", "x/email.txt": "body"})
	tests := []struct{ name, in, want string }{
		{"header injection", "Hi\r\nBcc: all@example.com\r\n\r\n<html>", "Hi Bcc: all@example.com <html>"},
		{"other line ends", "a\u2028b\u2029c\u0085d\ve\ff", "a b c d e f"},
		{"control and bidi", "a\x00\x1b\u202eb\x7f", "ab"},
		{"not HTML", "Tom & Jerry's", "Tom & Jerry's"},
		{"long", strings.Repeat("word ", 100), strings.Repeat("word ", 39) + "word…"},
		{"long without words", strings.Repeat("é", 300), strings.Repeat("é", 199) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			content, err := templates.Render(mail(tt.in))
			require.NoError(t, err)
			require.Equal(t, tt.want, content.Subject.Reveal())
		})
	}
	_, err := templates.Render(mail(" \r\n"))
	require.EqualError(t, err, "render x/email.subject.txt: the message is empty")
}

func TestMailsLoadNothingThatAnEventSupplies(t *testing.T) {
	t.Parallel()
	const foreign = "https://evil.example/p.png"
	tests := []struct{ name, html, want string }{
		{"picture", `<p>a<img src="{{.event.sender.avatar}}" alt="x">b</p>`, `<p>ab</p>`},
		{"picture by an assembled address", `<p>a<img src="https://{{.event.sender.uid}}.example/a.png">b</p>`, `<p>ab</p>`},
		{"picture of the template", `<p><img src="https://cdn.example/logo.png?v=1&amp;w=2" alt="">b</p>`, `<p><img src="https://cdn.example/logo.png?v=1&amp;w=2" alt="">b</p>`},
		{"without quotes", `<p><img src=https://cdn.example/logo.png>b</p>`, `<p><img src=https://cdn.example/logo.png>b</p>`},
		{"embedded picture of the template", `<p><img src="data:image/gif;base64,R0lGODlhAQ=="><img src="cid:logo">b</p>`, `<p><img src="data:image/gif;base64,R0lGODlhAQ=="><img src="cid:logo">b</p>`},
		{"srcset", `<p><img src="a.png" srcset="a.png 1x, {{.event.sender.avatar}} 2x">b</p>`, `<p>b</p>`},
		{"srcset of the template", `<p><img srcset="a.png 1x, b.png 2x">b</p>`, `<p><img srcset="a.png 1x, b.png 2x">b</p>`},
		{"background", `<table background="{{.event.sender.avatar}}"><tr><td>b</td></tr></table>`, `<table><tr><td>b</td></tr></table>`},
		{"style", `<p style="background:url('{{.event.sender.avatar}}')">b</p>`, `<p>b</p>`},
		{"style without quotes", `<p class="c" style="background:url({{.event.sender.avatar}})">b</p>`, `<p class="c">b</p>`},
		{"style of the template", `<p style="background:url(https://cdn.example/a.png);width:{{.count}}px">b</p>`, `<p style="background:url(https://cdn.example/a.png);width:1px">b</p>`},
		{"style element", `<style>p{background:url("{{.event.sender.avatar}}")}</style><p>b</p>`, `<style></style><p>b</p>`},
		{"import", `<style>@import "{{.event.sender.avatar}}";</style><p>b</p>`, `<style></style><p>b</p>`},
		{"import by an escaped address", `<style>@import "{{printf "//%s.example" .event.sender.uid}}";</style><p>b</p>`, `<style></style><p>b</p>`},
		{"style element of the template", `<style>@import "https://cdn.example/a.css"; p{color:red}</style><p>b</p>`, `<style>@import "https://cdn.example/a.css"; p{color:red}</style><p>b</p>`},
		{"video", `<p><video poster="{{.event.sender.avatar}}" src="{{.event.sender.avatar}}">b</video></p>`, `<p><video>b</video></p>`},
		{"base and link", `<base href="{{.event.sender.avatar}}"><link rel="icon" href="{{.event.sender.avatar}}"><p>b</p>`, `<base><link rel="icon"><p>b</p>`},
		{"SVG", `<svg><image href="{{.event.sender.avatar}}"/><use xlink:href="{{.event.sender.avatar}}"/></svg><p>b</p>`, `<svg><image/><use/></svg><p>b</p>`},
		{"noscript", `<noscript><img src="{{.event.sender.avatar}}"></noscript><p>b</p>`, `<noscript></noscript><p>b</p>`},
		{"frame", `<iframe srcdoc="<img src='{{.event.sender.avatar}}'>"></iframe><p>b</p>`, `<iframe></iframe><p>b</p>`},
		{"a link is the reader's choice", `<p><a href="{{.event.sender.avatar}}">b</a></p>`, `<p><a href="https://evil.example/p.png">b</a></p>`},
		{"text that looks like a picture", `<p>{{.event.message.text}}b</p>`, `<p>&lt;img src=https://evil.example/p.png&gt;b</p>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req := mail("<img src=" + foreign + ">")
			req.Event.Sender.Avatar = foreign
			require.Equal(t, tt.want, renderMail(t, tt.html, req).HTML.Reveal())
		})
	}
}

func TestScriptLinksDoNotSurvive(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"javascript:alert(1)", "JAVASCRIPT:alert(1)", "java\nscript:alert(1)", "vbscript:x", "data:text/html,x"} {
		content := renderMail(t, `<a href="{{.event.message.text}}">a</a>`, mail(text))
		require.Equal(t, `<a href="#ZgotmplZ">a</a>`, content.HTML.Reveal(), text)
	}
}

func TestHTMLKeepsNoCharactersThatTurnTheWriting(t *testing.T) {
	t.Parallel()
	require.Equal(t, "<p>abc\nd \u05d0\u200f</p>", renderMail(t, "<p>{{.event.message.text}}</p>", mail("a\u202eb\x00c\vd \u05d0\u200f")).HTML.Reveal())
}

func TestTextPartIsMadeFromTheHTML(t *testing.T) {
	t.Parallel()
	content := renderMail(t, `<html><head><title>t</title><style>p{}</style></head><body>
<div style="display: none">preview</div><p hidden>x</p><p>Tom &amp; <i>Jerry</i></p>
<blockquote>{{.event.message.text}}</blockquote><p><a href="https://relay.example/m">Play</a></p></body></html>`, mail("a <b> c"))
	require.Equal(t, "Tom & Jerry\n\n> a <b> c\n\nPlay ( https://relay.example/m )", content.Text.Reveal())
	require.Equal(t, "s", content.Subject.Reveal())
	require.Empty(t, content.Encoding)
	require.Zero(t, content.Segments)
}

func TestTextPartOfItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/email.subject.txt": "s", "x/email.html": "<p>html</p>", "x/email.txt": "{{.event.message.text}}\n"})
	content, err := templates.Render(mail("a\x00 & b"))
	require.NoError(t, err)
	require.Equal(t, "a & b", content.Text.Reveal())
}

func TestMailWithoutBodyOrTooLargeIsAnError(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, html, text, want string }{
		{"no HTML", "{{with .event.group}}a{{end}}", "text", "render x/email.html: the message is empty"},
		{"nothing to read", "<p></p>", "", "render x/email.html: the message is empty"},
		{"no text", "<p>a</p>", "{{with .event.group}}a{{end}}", "render x/email.txt: the message is empty"},
		{"too large", strings.Repeat("{{.event.message.text}}", 300), "text", "render x/email.html: the message is too long"},
		{"too deep", strings.Repeat("<b>", 600) + "a", "", "render make the text part from the HTML: html: open stack of elements exceeds 512 nodes"},
		{"unknown field", "<p>{{.event.nope}}</p>", "text", `render x/email.html:1: <.event.nope>: map has no entry for key "nope"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := files{"x/email.subject.txt": "s", "x/email.html": tt.html}
			if tt.text != "" {
				f["x/email.txt"] = tt.text
			}
			_, err := load(t, f).Render(mail(strings.Repeat("a", 1000)))
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestHTMLPartsMayBeLongerThanTexts(t *testing.T) {
	t.Parallel()
	content := renderMail(t, "<p>{{.event.message.text}}</p>", mail(strings.Repeat("a", render.MaxText+1)))
	require.Greater(t, len(content.HTML.Reveal()), render.MaxText)
	require.Equal(t, relay.Content{}.Unsubscribe, content.Unsubscribe)
}

func TestTemplatesAreUsedByManyAtOnce(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/email.subject.txt": "s", "x/email.html": "<p>{{.event.message.text}}</p>"})
	var wg sync.WaitGroup
	for _, text := range []string{"a", "b", "c", "d", "e", "f"} {
		wg.Go(func() {
			content, _ := templates.Render(mail(text))
			assert.Equal(t, "<p>"+text+"</p>", content.HTML.Reveal())
		})
	}
	wg.Wait()
}

func TestBodyOfAMailKnowsItsSubject(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"x/email.subject.txt": "{{.event.message.text}}", "x/email.html": "<title>{{.subject}}</title><p>a", "x/email.txt": "{{.subject}}: b",
		"x/sms.txt": "{{.subject}}", "y/email.subject.txt": "{{.subject}}", "y/email.txt": "b",
	})
	require.Empty(t, templates.Check("x", relay.ChannelEmail, shapeOf(relay.MessageSent)))
	content, err := templates.Render(mail("Tom\n& Jerry"))
	require.NoError(t, err)
	require.Contains(t, content.HTML.Reveal(), "<title>Tom &amp; Jerry</title>")
	require.Equal(t, "Tom & Jerry: b", content.Text.Reveal())
	require.Equal(t, []string{`x/sms.txt:1:4: no field "subject"`}, printed(templates.Check("x", relay.ChannelSMS, shapeOf(relay.MessageSent))))
	require.Equal(t, []string{`y/email.subject.txt:1:4: no field "subject"`}, printed(templates.Check("y", relay.ChannelEmail, shapeOf(relay.MessageSent))))
}

func TestTitleOfAShippedMailIsItsSubject(t *testing.T) {
	t.Parallel()
	templates := shippedTemplates(t)
	for name, triggers := range shipped {
		for _, count := range []int{1, 7} {
			req := digest(name, count, []render.Told{{Shape: shapeOf(triggers[0]), Event: sample(t, triggers[0])}})
			req.Channel = relay.ChannelEmail
			content, err := templates.Render(req)
			require.NoError(t, err)
			require.Contains(t, content.HTML.Reveal(), "<title>"+content.Subject.Reveal()+"</title>")
		}
	}
}
