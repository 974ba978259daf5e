package render_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

// formatted is what a text in a locale's language says of times, durations and numbers to a reader of that locale.
func formatted(t *testing.T, locale string) string {
	t.Helper()
	const template = "{{day .event.received_at}} | {{clock .event.received_at}} | {{clock .event.occurred_at}} | " +
		"{{spoken .event.recording.duration}} | {{spoken .event.call.duration}} | {{number .count}}"
	language, _, _ := strings.Cut(locale, "-")
	req := message("")
	req.Shape = relay.WholeEventShape()
	req.Event.ReceivedAt = time.Date(2026, 3, 2, 16, 5, 0, 0, time.UTC)
	req.Event.OccurredAt = time.Date(2026, 3, 3, 0, 5, 0, 0, time.UTC)
	req.Event.Recording = &relay.Recording{Duration: time.Hour + 2*time.Minute}
	req.Event.Call = &relay.Call{Duration: 25 * time.Second}
	req.Locale, req.Count, req.MaxSegments = locale, 12345, 10
	content, err := load(t, files{"x/sms.txt": "none", "x/" + language + "/sms.txt": template}).Render(req)
	require.NoError(t, err)
	return content.Text.Reveal()
}

// What stands in formats.txt was read by people: the data of package locales has its errors.
func TestTimesDurationsAndNumbersReadAsInTheReadersCountry(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "formats.txt")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var got strings.Builder
	languages := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		locale, _, ok := strings.Cut(line, ":")
		if !ok || line[0] == '#' {
			got.WriteString(line)
			continue
		}
		base, _, _ := strings.Cut(locale, "-")
		languages[base] = true
		got.WriteString(locale + ": " + formatted(t, locale) + "\n")
	}
	require.GreaterOrEqual(t, len(languages), 25)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o600))
	}
	require.Equal(t, string(text), got.String())
}

func TestARegionSaysHowTheSameWordsTellTheTime(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"x/sms.txt": "{{clock .event.received_at}}", "x/fr/sms.txt": "à {{clock .event.received_at}}",
	})
	for _, tt := range []struct{ locale, fallback, want string }{
		{"en-US", "", "12:00 PM"},
		{"en-GB", "", "12:00"},
		{"en-GB", "fr", "12:00"},
		{"", "en-GB", "12:00"},
		{"sv", "en-US", "12:00 PM"},  // English words: the format of English readers here, and not a Swedish one.
		{"sv", "", "12:00 PM"},       // Nobody said which English.
		{"fr-CA", "en", "à 12 h 00"}, //
		{"fr-CD", "en", "à 12:00"},
		{"ht", "fr-CA", "à 12 h 00"},
	} {
		req := message("")
		req.Locale, req.DefaultLocale = tt.locale, tt.fallback
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, tt.want, content.Text.Reveal(), "%+v", tt)
	}
}

func TestTemplatesChooseAFormByThePluralOfTheirLanguage(t *testing.T) {
	t.Parallel()
	templates := load(t, files{
		"x/sms.txt": "{{plural .count}}", "x/pl/sms.txt": "{{plural .count}}", "x/fr/sms.txt": "{{plural .more}}",
		"x/ar/sms.txt": "{{plural .count}}", "x/ja/sms.txt": "{{plural .count}}",
	})
	for _, tt := range []struct {
		locale string
		count  int
		want   string
	}{
		{"en", 1, "one"},
		{"en", 2, "other"},
		{"pl", 1, "one"},
		{"pl", 3, "few"},
		{"pl", 5, "many"},
		{"pl", 22, "few"},
		{"fr", 1, "one"},
		{"fr", 3, "other"},
		{"ar", 2, "two"},
		{"ar", 11, "many"},
		{"ja", 1, "other"},
	} {
		req := message("")
		req.Locale, req.Count = tt.locale, tt.count
		content, err := templates.Render(req)
		require.NoError(t, err)
		require.Equal(t, tt.want, content.Text.Reveal(), "%+v", tt)
	}
}

func TestFilesAreNamedByTheirMediaType(t *testing.T) {
	t.Parallel()
	templates := load(t, files{"x/sms.txt": "{{range .event.message.attachments}}{{kind .mime_type}} {{end}}"})
	req := message("")
	for _, mime := range []string{"image/png", " IMAGE/jpeg", "video/mp4; codecs=x", "audio", "application/pdf", "", "imagery/x"} {
		req.Event.Message.Attachments = append(req.Event.Message.Attachments, relay.Attachment{MIMEType: mime})
	}
	content, err := templates.Render(req)
	require.NoError(t, err)
	require.Equal(t, "image image video audio file file file", content.Text.Reveal())
}

func BenchmarkRenderInTheReadersFormat(b *testing.B) {
	templates, problems := render.Load(os.DirFS("../../templates"))
	require.Empty(b, problems)
	req := message("Are you coming?")
	req.Template, req.Locale, req.DefaultLocale, req.Channel = "unread-message", "fr-CA", "en", relay.ChannelEmail
	for b.Loop() {
		_, err := templates.Render(req)
		require.NoError(b, err)
	}
}
