package render_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestMeasureAgreesWithTwiliosCalculator(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/segments.txt")
	require.NoError(t, err)
	cases := 0
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.SplitN(line, "|", 3)
		require.Len(t, columns, 3, "line %d", i+1)
		text := repeated(t, columns[2])
		for column, smart := range []bool{false, true} {
			size := render.Measure(text, smart)
			got := fmt.Sprintf("%s %d %d", size.Encoding, size.Segments, size.Units)
			require.Equal(t, strings.Join(strings.Fields(columns[column]), " "), got, "line %d, smart %v", i+1, smart)
			cases++
		}
	}
	require.GreaterOrEqual(t, cases, 116)
}

// repeated builds a text from `"a"*160 "b"`.
func repeated(t *testing.T, expression string) string {
	t.Helper()
	var text strings.Builder
	for rest := strings.TrimSpace(expression); rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		require.NoError(t, err, expression)
		piece, err := strconv.Unquote(quoted)
		require.NoError(t, err, expression)
		factor, after, _ := strings.Cut(rest[len(quoted):], " ")
		n := 1
		if factor != "" {
			n, err = strconv.Atoi(strings.TrimPrefix(factor, "*"))
			require.NoError(t, err, expression)
		}
		text.WriteString(strings.Repeat(piece, n))
		rest = strings.TrimSpace(after)
	}
	return text.String()
}

func TestCharactersAreGraphemesOrSeptets(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2, render.Measure("€", false).Characters)
	require.Equal(t, 1, render.Measure("👨‍👩‍👧", false).Characters)
}

func TestGraphemeLongerThanAPartFillsSeveral(t *testing.T) {
	t.Parallel()
	require.Equal(t, 3, render.Measure("e"+strings.Repeat("\u0301", 150), false).Segments)
	require.Equal(t, 5, render.Measure("xe"+strings.Repeat("\u0301", 200)+"x", false).Segments, "it is not joined with its neighbours")
}

func TestLongSMSIsCutAtAWord(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("mountain ", 60)
	tests := []struct {
		name, text string
		segments   int
		want       string
	}{
		{"fits", "short", 1, "short"},
		{"cut to one part", words, 1, strings.Repeat("mountain ", 17)[:152] + "..."},
		{"three parts when nobody says", words, 0, strings.TrimSpace(strings.Repeat("mountain ", 50)) + "..."},
		{"no word near", strings.Repeat("a", 200), 1, strings.Repeat("a", 157) + "..."},
		{"no emoji is halved", strings.Repeat("👋🏽", 30), 1, strings.Repeat("👋🏽", 16) + "..."},
		{"quotes cost no more than Twilio sends", "“" + strings.Repeat("a", 158) + "”", 1, "“" + strings.Repeat("a", 158) + "”"},
		{"at most 1600 characters", strings.Repeat("a", 2000), 99, strings.Repeat("a", 1597) + "..."},
		{"no stop before the ellipsis", strings.Repeat("a", 150) + "., bbbbbbbbb", 1, strings.Repeat("a", 150) + "..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			content := renderSMS(t, "{{.event.message.text}}", tt.text, tt.segments)
			require.Equal(t, tt.want, content.Text.Reveal())
			size := render.Measure(tt.want, true)
			require.Equal(t, size.Segments, content.Segments)
			require.Equal(t, size.Encoding, content.Encoding)
		})
	}
}

func renderSMS(t *testing.T, template, text string, segments int) relay.Content {
	t.Helper()
	req := message(text)
	req.MaxSegments = segments
	content, err := load(t, files{"x/sms.txt": template}).Render(req)
	require.NoError(t, err)
	return content
}

func FuzzMeasure(f *testing.F) {
	for _, seed := range []string{"", "a", "€", "👨‍👩‍👧‍👦", "e\u0301", "\r\n", "\xff", strings.Repeat("ab ", 300), "ё" + strings.Repeat("\u0301", 90)} {
		f.Add(seed, 2)
	}
	templates, problems := render.Load(files{"x/sms.txt": "{{.event.message.text}}"}.fs())
	require.Empty(f, problems)
	f.Fuzz(func(t *testing.T, text string, segments int) {
		segments = 1 + (segments&0xff)%8
		size := render.Measure(text, false)
		require.GreaterOrEqual(t, size.Segments, 1)
		require.LessOrEqual(t, uniseg.GraphemeClusterCount(text), max(size.Units, size.Characters))
		req := message(text)
		req.MaxSegments = segments
		content, err := templates.Render(req)
		if err != nil {
			return // Nothing is left to say.
		}
		out := content.Text.Reveal()
		require.True(t, utf8.ValidString(out))
		require.LessOrEqual(t, render.Measure(out, true).Segments, segments)
		require.LessOrEqual(t, utf8.RuneCountInString(out), render.MaxSMS)
	})
}
