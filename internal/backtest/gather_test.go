package backtest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// kept is events as a store lists them: newest first, of one time in the order they were kept.
type kept []relay.Event

func (k kept) window(size int) backtest.Window {
	from := noon
	return backtest.Window{From: from, To: noon.Add(time.Hour), PageSize: size, Page: func(_ context.Context, until time.Time) ([]relay.Event, error) {
		var page []relay.Event
		for _, e := range k {
			if !e.ReceivedAt.Before(from) && e.ReceivedAt.Before(until) && len(page) < size {
				page = append(page, e)
			}
		}
		return page, nil
	}}
}

func TestEveryEventOfTheWindowIsReadOnceWhateverThePages(t *testing.T) {
	t.Parallel()
	var all kept
	for n := range 100 { // in threes of one time
		all = append(all, relay.Event{ID: strconv.Itoa(n), ReceivedAt: noon.Add(time.Duration(n/3) * time.Microsecond)})
	}
	inside := len(all)
	all = append(all, relay.Event{ID: "before", ReceivedAt: noon.Add(-time.Microsecond)}, relay.Event{ID: "after", ReceivedAt: noon.Add(time.Hour)})
	rand.Shuffle(len(all), func(i, j int) { //nolint:gosec // no secret
		all[i], all[j] = all[j], all[i]
	})
	slices.SortStableFunc(all, func(a, b relay.Event) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	for _, size := range []int{4, 5, 33, 100, 1000} {
		events, err := backtest.Gather(t.Context(), all.window(size))
		require.NoError(t, err)
		ids := map[string]bool{}
		for _, e := range events {
			ids[e.ID] = true
		}
		require.Len(t, events, inside, "pages of %d", size)
		require.Len(t, ids, inside)
		require.NotContains(t, ids, "before")
		require.NotContains(t, ids, "after")
	}
}

func TestWhatCannotBeReadWholeIsAnError(t *testing.T) {
	t.Parallel()
	var crowd kept
	for n := range 9 {
		crowd = append(crowd, relay.Event{ID: strconv.Itoa(n), ReceivedAt: noon.Add(time.Second)})
	}
	_, err := backtest.Gather(t.Context(), crowd.window(5))
	require.ErrorContains(t, err, "more than 5 events were received at 2026-03-02T12:00:01Z")

	w := crowd.window(10)
	w.Max = 8
	_, err = backtest.Gather(t.Context(), w)
	require.ErrorContains(t, err, "more than 8 events were kept since 2026-03-02T12:00:00Z")
	w.Max = 9
	_, err = backtest.Gather(t.Context(), w)
	require.NoError(t, err)

	broken := errors.New("disk gone")
	w.Page = func(context.Context, time.Time) ([]relay.Event, error) { return nil, broken }
	_, err = backtest.Gather(t.Context(), w)
	require.ErrorIs(t, err, broken)
}

func TestReadingTellsHowMuchOfTheTimeItHasRead(t *testing.T) {
	t.Parallel()
	all := kept{
		{ID: "d", ReceivedAt: noon.Add(45 * time.Minute)},
		{ID: "c", ReceivedAt: noon.Add(30 * time.Minute)},
		{ID: "b", ReceivedAt: noon.Add(15 * time.Minute)},
	}
	w := all.window(2)
	var told []int
	w.Progress = func(what string, done, total int) {
		require.Equal(t, "reading events", what)
		require.Equal(t, 1000, total)
		told = append(told, done)
	}
	_, err := backtest.Gather(t.Context(), w)
	require.NoError(t, err)
	require.Equal(t, []int{500, 750}, told)
}
