package channel_test

import (
	"bytes"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/channel"
)

const almostOne = 0.999999

func TestTheWaitDoublesUpToTenMinutes(t *testing.T) {
	t.Parallel()
	steps := map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 10: 512 * time.Second,
		11: 10 * time.Minute, 12: 10 * time.Minute, 64: 10 * time.Minute, math.MaxInt: 10 * time.Minute,
	}
	for attempt, step := range steps {
		require.Equal(t, step/2, channel.Backoff(attempt, 0, 0), "attempt %d", attempt)
		require.InDelta(t, step*3/4, channel.Backoff(attempt, 0, 0.5), 1, "attempt %d", attempt)
		require.InDelta(t, step, channel.Backoff(attempt, 0, almostOne), float64(time.Millisecond), "attempt %d", attempt)
	}
}

func TestALongerRetryAfterIsWaitedInFull(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Minute, channel.Backoff(1, time.Minute, 0))
	require.Equal(t, time.Minute+500*time.Millisecond, channel.Backoff(1, time.Minute, 0.5), "not all at once")
	require.Equal(t, 256*time.Second, channel.Backoff(10, time.Minute, 0), "a shorter one changes nothing")
	require.Equal(t, channel.MaxRetryAfter, channel.Backoff(1, 1000*time.Hour, 0))
	require.Equal(t, 500*time.Millisecond, channel.Backoff(1, -time.Hour, 0))
}

func TestARandomNumberThatIsNoneDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, random := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1, 2} {
		require.Equal(t, 500*time.Millisecond, channel.Backoff(1, 0, random), random)
	}
}

func TestAllAttemptsTogetherTakeAboutAnHour(t *testing.T) {
	t.Parallel()
	var least, most time.Duration
	for n := 1; n < channel.MaxAttempts; n++ {
		least += channel.Backoff(n, 0, 0)
		most += channel.Backoff(n, 0, almostOne)
	}
	require.Greater(t, least, 28*time.Minute)
	require.Less(t, most, time.Hour)
}

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
		"999999":                        channel.MaxRetryAfter,
		strings.Repeat("9", 100):        channel.MaxRetryAfter,
		"Mon, 02 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Mon, 02 Mar 2026 11:00:00 GMT": 0,
		"Mon, 02 Mar 2099 11:00:00 GMT": channel.MaxRetryAfter,
	}
	for value, want := range tests {
		require.Equal(t, want, channel.RetryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
	require.Zero(t, channel.RetryAfter(nil, now))
}

func TestAnIDIsTakenOnlyIfItIsOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, "SM1-x.y_z", channel.ProviderID("SM1-x.y_z"))
	for _, id := range []string{"", "a b", "a\nb", "é", "\x7f", strings.Repeat("x", 129)} {
		require.Empty(t, channel.ProviderID(id), "%q", id)
	}
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
		require.Equal(t, test.Out, channel.Scrub(test.In), "%q", test.In)
	}
}

func TestForeignTextIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	for pad := range 5 {
		got := channel.Scrub(strings.Repeat("x", pad) + " " + strings.Repeat("é ", 400))
		require.LessOrEqual(t, len(got), channel.DetailMax)
		require.Greater(t, len(got), channel.DetailMax-10)
		require.True(t, utf8.ValidString(got))
		require.True(t, strings.HasSuffix(got, "..."))
	}
	// Half of a number would stand at the end of what is looked at, after blanks that vanish.
	require.Equal(t, "x", channel.Scrub("x"+strings.Repeat(" ", 4090)+"+14155550123"))
}

func FuzzScrub(f *testing.F) {
	f.Add("ask ", "+14155550123")
	f.Add("\"", "x@y")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := channel.Scrub(before + " +14155550123 ann@example.com SG.k3y.s3cr3t " + after)
		require.LessOrEqual(t, len(got), channel.DetailMax)
		require.True(t, utf8.ValidString(got))
		for _, leak := range []string{"4155550123", "ann@example", "s3cr3t"} {
			if !strings.Contains(before, leak) && !strings.Contains(after, leak) {
				require.NotContains(t, got, leak)
			}
		}
	})
}
