package loadtest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

// system answers each request after some time, by the clock of the test, and stalls once for everybody.
type system struct {
	takes time.Duration
	// stalled is until when nothing is answered, from stall on.
	stall, stalled time.Time
	answer         func(n int64) (int, error)

	mu    sync.Mutex
	began []time.Time
}

func (s *system) Call(_ context.Context, n int64) (int, error) {
	s.mu.Lock()
	s.began = append(s.began, time.Now())
	s.mu.Unlock()
	end := time.Now().Add(s.takes)
	if now := time.Now(); !now.Before(s.stall) && now.Before(s.stalled) {
		end = s.stalled.Add(s.takes)
	}
	until(end)
	if s.answer != nil {
		return s.answer(n)
	}
	return 200, nil
}

func (s *system) Close() error { return nil }

func (s *system) target() loadtest.Target {
	return loadtest.Target{Next: new(atomic.Int64), Dial: func(context.Context) (loadtest.Caller, error) { return s, nil }}
}

func until(t time.Time) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	<-timer.C
}

// waitInTest waits by the clock of the test, which the kernel does not know.
func waitInTest(_ context.Context, t time.Time) { until(t) }

func TestRequestsBeginWhenTheyAreDueWhateverIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &system{takes: 30 * time.Millisecond}
		load, err := loadtest.Open{Rate: 300, Connections: 16, Warm: time.Second, Measure: 2 * time.Second, Wait: waitInTest}.Run(t.Context(), s.target())
		require.NoError(t, err)
		require.NoError(t, load.Check())
		require.Len(t, s.began, 900)
		for i, began := range s.began {
			due := start.Add(time.Duration(float64(i) / 300 * float64(time.Second)))
			require.WithinDuration(t, due, began, time.Microsecond, "request %d", i)
		}
		require.EqualValues(t, 600, load.OK, "those of the warming up do not count")
		require.InDelta(t, 300, load.Rate(), 1e-9)
		require.Len(t, load.Starts, 600)
		require.InDelta(t, 30*time.Millisecond, load.Latency.Max(), float64(100*time.Microsecond))
		require.LessOrEqual(t, load.Late.Max(), time.Microsecond)
	})
}

// A generator that waits for each answer would ask nothing while the system stalls, and find it quick: one slow answer of a hundred.
func TestAStallCountsForAllWhoWouldHaveAskedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &system{takes: time.Millisecond, stall: start.Add(2 * time.Second), stalled: start.Add(3 * time.Second)}
		load, err := loadtest.Open{Rate: 100, Connections: 1, Measure: 4 * time.Second, Wait: waitInTest}.Run(t.Context(), s.target())
		require.NoError(t, err)
		require.NoError(t, load.Check())
		require.EqualValues(t, 400, load.OK, "all that were due are made")
		// The hundred of the stalled second waited for half of it on average, and those behind them as long as the one connection needed to catch up.
		require.Equal(t, time.Millisecond, load.Latency.Quantile(0.5))
		require.InDelta(t, 500*time.Millisecond, load.Latency.Quantile(0.87), float64(50*time.Millisecond))
		require.InDelta(t, time.Second, load.Latency.Max(), float64(5*time.Millisecond))
		require.InDelta(t, 990*time.Millisecond, load.Late.Max(), float64(5*time.Millisecond))
	})
}

func TestAClosedLoopKeepsItsConnectionsBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &system{takes: 10 * time.Millisecond}
		load, err := loadtest.Closed{Connections: 8, Warm: time.Second, Measure: 5 * time.Second}.Run(t.Context(), s.target())
		require.NoError(t, err)
		require.NoError(t, load.Check())
		require.InDelta(t, 800, load.Rate(), 4, "eight at once, a hundred a second each")
		require.Equal(t, load.Latency.Quantile(0.5), load.Latency.Max())
	})
}

func TestAClosedLoopIsHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &system{takes: time.Millisecond}
		_, err := loadtest.Closed{
			Connections: 2, Measure: 2 * time.Second, Hold: func() bool { return time.Since(start) < time.Second },
		}.Run(t.Context(), s.target())
		require.NoError(t, err)
		require.NotEmpty(t, s.began)
		for _, began := range s.began {
			require.GreaterOrEqual(t, began.Sub(start), time.Second)
		}
	})
}

func TestWhatWasNotAnswered200IsAFault(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, answer := range map[string]func(int64) (int, error){
		"503":     func(n int64) (int, error) { return map[bool]int{true: 503, false: 200}[n == 7], nil },
		"nothing": func(n int64) (int, error) { return 200, map[bool]error{true: broken}[n == 7] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for what, g := range map[string]interface {
					Run(context.Context, loadtest.Target) (loadtest.Load, error)
				}{
					"open":              loadtest.Open{Rate: 100, Connections: 2, Measure: time.Second, Wait: waitInTest},
					"closed":            loadtest.Closed{Connections: 2, Measure: time.Second},
					"while it warms up": loadtest.Closed{Connections: 2, Warm: time.Second, Measure: time.Second},
				} {
					load, err := g.Run(t.Context(), (&system{takes: 10 * time.Millisecond, answer: answer}).target())
					require.NoError(t, err, what)
					require.EqualValues(t, 1, load.Other+load.Failed, what)
					require.ErrorContains(t, load.Check(), "request 7", what)
				}
			})
		})
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := loadtest.Closed{Connections: 2, Measure: time.Hour}.Run(ctx, (&system{takes: time.Millisecond}).target())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = loadtest.Open{Rate: 1, Connections: 2, Measure: time.Hour, Wait: waitInTest}.Run(ctx, (&system{}).target())
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestASystemThatNobodyReachesIsAFault(t *testing.T) {
	t.Parallel()
	gone := errors.New("connection refused")
	load, err := loadtest.Closed{Connections: 2, Measure: time.Second}.Run(t.Context(), loadtest.Target{
		Next: new(atomic.Int64), Dial: func(context.Context) (loadtest.Caller, error) { return nil, gone },
	})
	require.NoError(t, err)
	require.ErrorIs(t, load.Check(), gone)
}

func TestConnectionsGoToReplicasByTurns(t *testing.T) {
	t.Parallel()
	dialled := map[int]int{}
	var dials []func(context.Context) (loadtest.Caller, error)
	for i := range 3 {
		dials = append(dials, func(context.Context) (loadtest.Caller, error) { dialled[i]++; return nil, nil })
	}
	dial := loadtest.Turns(dials...)
	for range 9 {
		_, err := dial(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, map[int]int{0: 3, 1: 3, 2: 3}, dialled)
}

func TestTheKernelIsWaitedForExactly(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Millisecond, 7 * time.Millisecond} {
		due := time.Now().Add(d)
		loadtest.WaitExactly(t.Context(), due)
		require.False(t, time.Now().Before(due), "never too early: that would be less latency than there was")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	loadtest.WaitExactly(ctx, time.Now().Add(time.Hour))
}
