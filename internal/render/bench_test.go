package render_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// BenchmarkRender makes the messages of the shipped template for a direct message.
func BenchmarkRender(b *testing.B) {
	templates, problems := render.Load(os.DirFS("../../templates"))
	require.Empty(b, problems)
	for _, channel := range relay.Channels() {
		b.Run(string(channel), func(b *testing.B) {
			req := message("Are you coming along on Saturday?")
			req.Template, req.DefaultLocale, req.Channel = "unread-message", "en", channel
			b.ReportAllocs()
			for b.Loop() {
				if _, err := templates.Render(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSegments counts the segments of texts of one and of several.
func BenchmarkSegments(b *testing.B) {
	for name, text := range map[string]string{
		"one GSM":       "Andrew Joseph mentioned you: the bus leaves at eight.",
		"three GSM":     strings.Repeat("Andrew Joseph mentioned you: the bus leaves. ", 10),
		"three Unicode": strings.Repeat("Алиса упомянула вас: автобус 🚌 ", 6),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if render.Measure(text, true).Segments < 1 {
					b.Fatal("it has segments")
				}
			}
		})
	}
}
