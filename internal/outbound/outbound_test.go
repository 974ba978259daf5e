package outbound_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/outbound"
)

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		" 7 ":                           7 * time.Second,
		"-5":                            0,
		"1.5":                           0,
		"soon":                          0,
		"999999":                        outbound.MaxRetryAfter,
		strings.Repeat("9", 100):        outbound.MaxRetryAfter,
		"Mon, 02 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Mon, 02 Mar 2026 11:00:00 GMT": 0,
		"Mon, 02 Mar 2099 11:00:00 GMT": outbound.MaxRetryAfter,
	}
	for value, want := range tests {
		require.Equal(t, want, outbound.RetryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
	require.Zero(t, outbound.RetryAfter(nil, now))
}

func TestForeignTextIsScrubbed(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/scrub.yaml")
	require.NoError(t, err)
	var tests []struct{ In, Out string }
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&tests))
	for _, test := range tests {
		require.Equal(t, test.Out, outbound.Scrub(test.In), "%q", test.In)
	}
}

func TestForeignTextIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for pad := range 5 {
		got := outbound.Scrub(strings.Repeat("x", pad) + " " + strings.Repeat("é ", 400))
		require.LessOrEqual(t, len(got), outbound.DetailMax)
		require.Greater(t, len(got), outbound.DetailMax-10)
		require.True(t, utf8.ValidString(got))
		require.True(t, strings.HasSuffix(got, "..."))
	}
	// Half of a number would stand at the end of what is looked at, after blanks that vanish.
	require.Equal(t, "x", outbound.Scrub("x"+strings.Repeat(" ", 4090)+"+14155550123"))
}

func FuzzScrub(f *testing.F) {
	f.Add("ask ", "+14155550123")
	f.Add("\"", "x@y")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := outbound.Scrub(before + " +14155550123 ann@example.com SG.k3y.s3cr3t " + after)
		require.LessOrEqual(t, len(got), outbound.DetailMax)
		require.True(t, utf8.ValidString(got))
		for _, leak := range []string{"4155550123", "ann@example", "s3cr3t"} {
			if !strings.Contains(before, leak) && !strings.Contains(after, leak) {
				require.NotContains(t, got, leak)
			}
		}
	})
}
