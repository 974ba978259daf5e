package channel_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/outbound"
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
	require.Equal(t, outbound.MaxRetryAfter, channel.Backoff(1, 1000*time.Hour, 0))
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

func TestAnIDIsTakenOnlyIfItIsOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, "SM1-x.y_z", channel.ProviderID("SM1-x.y_z"))
	for _, id := range []string{"", "a b", "a\nb", "é", "\x7f", strings.Repeat("x", 129)} {
		require.Empty(t, channel.ProviderID(id), "%q", id)
	}
}
