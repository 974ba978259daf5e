package loadtest

import (
	"errors"
	"math"
	"slices"
)

// Samples are the values that one number had in repeated runs.
type Samples []float64

// Median is the middle one, or the mean of the two in the middle; 0 of none.
func (s Samples) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Low and High are the smallest and the largest; 0 of none.
func (s Samples) Low() float64 {
	if len(s) == 0 {
		return 0
	}
	return slices.Min(s)
}

// High is the largest; see Low.
func (s Samples) High() float64 {
	if len(s) == 0 {
		return 0
	}
	return slices.Max(s)
}

// Over divides each by the one of the same run.
func (s Samples) Over(by Samples) Samples {
	out := make(Samples, min(len(s), len(by)))
	for i := range out {
		out[i] = s[i] / by[i]
	}
	return out
}

// Times multiplies each.
func (s Samples) Times(by float64) Samples {
	out := make(Samples, len(s))
	for i := range s {
		out[i] = s[i] * by
	}
	return out
}

// ErrNoFit is given where there is no power that fits.
var ErrNoFit = errors.New("an exponent needs two different sizes or more, all above zero")

// Exponent is the k of the y = c·x^k that lies nearest to the points: the slope of the line through their logarithms by least squares.
// 0 is flat, 1 grows as much as x does.
func Exponent(x, y []float64) (float64, error) {
	if len(x) != len(y) || len(x) < 2 {
		return 0, ErrNoFit
	}
	var sumX, sumY float64
	lx, ly := make([]float64, len(x)), make([]float64, len(y))
	for i := range x {
		if !(x[i] > 0) || !(y[i] > 0) {
			return 0, ErrNoFit
		}
		lx[i], ly[i] = math.Log(x[i]), math.Log(y[i])
		sumX += lx[i]
		sumY += ly[i]
	}
	meanX, meanY := sumX/float64(len(x)), sumY/float64(len(y))
	var both, square float64
	for i := range lx {
		both += (lx[i] - meanX) * (ly[i] - meanY)
		square += (lx[i] - meanX) * (lx[i] - meanX)
	}
	if square == 0 {
		return 0, ErrNoFit
	}
	return both / square, nil
}
