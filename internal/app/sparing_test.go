package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// record hands a line of that time to a logger.
func record(t *testing.T, to *slog.Logger, level slog.Level, message string, at time.Time) {
	t.Helper()
	require.NoError(t, to.Handler().Handle(t.Context(), slog.NewRecord(at, level, message, 0)))
}

func TestAFloodOfTheSameWarningIsAFewLinesAndANumber(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	base := slog.New(slog.NewTextHandler(&out, nil))
	logger := sparing(base)
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for i := range 300 { // 30 a second
		to := logger
		if i%2 == 0 {
			to = logger.With("queue", "sms") // who says it does not matter
		}
		record(t, to, slog.LevelError, "fetching failed", start.Add(time.Duration(i)*33*time.Millisecond))
	}
	record(t, logger, slog.LevelError, "another", start.Add(9*time.Second))
	require.Equal(t, 3, strings.Count(out.String(), "fetching failed"))
	require.Contains(t, out.String(), "another")
	for range 5 {
		record(t, logger, slog.LevelInfo, "news", start.Add(11*time.Second))
	}
	require.Equal(t, 5, strings.Count(out.String(), "news"), "what is no warning is all shown")
	require.Equal(t, 1, strings.Count(out.String(), `message="fetching failed" count=297`), out.String())
}

func TestAStoreThatIsAwayIsToldOnceAndOnceWhenItIsBack(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := &storeWatch{logger: slog.New(slog.NewTextHandler(&out, nil))}
	for _, err := range []error{nil, errors.New("refused"), errors.New("refused"), nil, nil} {
		w.saw(t.Context(), err)
	}
	require.Equal(t, 1, strings.Count(out.String(), "does not answer"))
	require.Equal(t, 1, strings.Count(out.String(), "answers again"))
}

func TestWrongSignaturesAreToldOnceAMinute(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	f := &forgeries{
		logger: slog.New(slog.NewTextHandler(&out, nil)), source: sourceStatus, check: "the token", now: func() time.Time { return now },
	}
	f.told(context.Background())
	f.told(context.Background())
	now = now.Add(forgeryEvery)
	f.told(context.Background())
	require.Equal(t, 2, strings.Count(out.String(), `source=twilio_status check="the token"`))
}
