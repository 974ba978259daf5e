package loadtest_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

func TestTheMedianIsTheMiddle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		s                 loadtest.Samples
		median, low, high float64
	}{
		{nil, 0, 0, 0},
		{loadtest.Samples{3}, 3, 3, 3},
		{loadtest.Samples{3, 1}, 2, 1, 3},
		{loadtest.Samples{9, 1, 2}, 2, 1, 9},
		{loadtest.Samples{4, 100, 1, 2}, 3, 1, 100},
	} {
		before := slices.Clone(test.s)
		require.InDelta(t, test.median, test.s.Median(), 1e-12, "%v", test.s)
		require.InDelta(t, test.low, test.s.Low(), 1e-12, "%v", test.s)
		require.InDelta(t, test.high, test.s.High(), 1e-12, "%v", test.s)
		require.Equal(t, before, test.s, "the order of the rounds is kept")
	}
}

// The ratio is that of each round, so that what changes from round to round for both does not count.
func TestARatioIsOfTheSameRound(t *testing.T) {
	t.Parallel()
	require.Equal(t, loadtest.Samples{0.5, 0.5, 0.5}, loadtest.Samples{1, 10, 100}.Over(loadtest.Samples{2, 20, 200}))
	require.Equal(t, loadtest.Samples{2}, loadtest.Samples{4, 5}.Over(loadtest.Samples{2}), "a round that only one has is none")
	require.Equal(t, loadtest.Samples{2, 4}, loadtest.Samples{1, 2}.Times(2))
}

func TestTheExponentIsThatOfThePower(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.Float64Range(-2, 3).Draw(t, "exponent")
		c := rapid.Float64Range(1e-3, 1e3).Draw(t, "factor")
		x := rapid.SliceOfNDistinct(rapid.Float64Range(1, 1e6), 2, 8, rapid.ID).Draw(t, "sizes")
		if math.Log(slices.Max(x)/slices.Min(x)) < 0.1 {
			return // too near to one another to say anything
		}
		y := make([]float64, len(x))
		for i := range x {
			y[i] = c * math.Pow(x[i], k)
		}
		got, err := loadtest.Exponent(x, y)
		if err != nil || math.Abs(got-k) > 1e-6 {
			t.Fatalf("%g, %v, not %g", got, err, k)
		}
	})
}

func TestTheExponentOfWhatWobblesIsNear(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	x, y := []float64{1, 10, 100, 1000}, make([]float64, 4)
	for i := range x {
		y[i] = 5 * x[i] * (0.9 + 0.2*random.Float64())
	}
	got, err := loadtest.Exponent(x, y)
	require.NoError(t, err)
	require.InDelta(t, 1, got, 0.05)
	got, err = loadtest.Exponent(x, []float64{7, 7, 7, 7})
	require.NoError(t, err)
	require.InDelta(t, 0, got, 1e-12, "flat")
}

func TestThereIsNoExponentOfTooLittle(t *testing.T) {
	t.Parallel()
	for name, points := range map[string][2][]float64{
		"nothing":       {nil, nil},
		"one point":     {{1}, {1}},
		"one size":      {{5, 5}, {1, 2}},
		"zero":          {{1, 2}, {0, 1}},
		"negative size": {{-1, 2}, {1, 1}},
		"no number":     {{1, 2}, {math.NaN(), 1}},
		"uneven":        {{1, 2}, {1}},
	} {
		_, err := loadtest.Exponent(points[0], points[1])
		require.ErrorIs(t, err, loadtest.ErrNoFit, name)
	}
}

func TestQuantilesAreRightToAThousandth(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same each time
	var all []time.Duration
	one, other := loadtest.NewLatency(), loadtest.NewLatency()
	for i := range 20_000 {
		d := time.Duration(math.Exp(random.NormFloat64()*2) * float64(3*time.Millisecond)).Round(time.Microsecond)
		all = append(all, d)
		[]*loadtest.Latency{one, other}[i%2].Add(d)
	}
	slices.Sort(all)
	one.Merge(other)
	require.EqualValues(t, len(all), one.Count())
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		want := all[int(math.Ceil(q*float64(len(all))))-1]
		require.InEpsilon(t, float64(want), float64(one.Quantile(q)), 0.002, "quantile %g", q)
	}
	require.InEpsilon(t, float64(all[len(all)-1]), float64(one.Max()), 0.002)
	require.Contains(t, one.String(), "of 20000")
}

func TestWhatIsOutOfRangeCountsAsItsEnd(t *testing.T) {
	t.Parallel()
	l := loadtest.NewLatency()
	require.Zero(t, l.Quantile(0.5), "of nothing")
	l.Add(-time.Second)
	l.Add(0)
	l.Add(24 * time.Hour)
	require.EqualValues(t, 3, l.Count())
	require.Equal(t, time.Microsecond, l.Quantile(0.5))
	require.InEpsilon(t, float64(10*time.Minute), float64(l.Max()), 0.002)
}

func TestALoadAverageIsRead(t *testing.T) {
	t.Parallel()
	a, err := loadtest.ParseAverage("0.60 1.25 3.00 2/345 6789\n")
	require.NoError(t, err)
	require.Equal(t, loadtest.Average{0.6, 1.25, 3}, a)
	require.Equal(t, "0.60, 1.25, 3.00", a.String())
	require.True(t, a.Busy(2))
	require.False(t, a.Busy(4))
	for _, bad := range []string{"", "1 2", "a b c"} {
		_, err := loadtest.ParseAverage(bad)
		require.ErrorContains(t, err, "load average", bad)
	}
}
