package main

import (
	"github.com/beckon-relay/beckon/internal/loadtest"
)

// curve is how something grows with something else.
type curve struct {
	// Name is also that of its picture. X says what grows.
	Name   string   `json:"name"`
	What   string   `json:"what"`
	X      string   `json:"x"`
	Series []series `json:"series"`
}

// series is one number that is looked at meanwhile.
type series struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Points []point `json:"points"`
}

type point struct {
	X       float64          `json:"x"`
	Samples loadtest.Samples `json:"samples"`
}

// Exponent is that of the medians, and whether there is one.
func (s series) Exponent() (float64, bool) { return exponentOf(s.Points) }

// Last is the exponent between the two largest sizes: where a part that grows has just overtaken one that does not, that of all is too small.
func (s series) Last() (float64, bool) { return exponentOf(s.Points[max(0, len(s.Points)-2):]) }

func exponentOf(points []point) (float64, bool) {
	var x, y []float64
	for _, p := range points {
		x, y = append(x, p.X), append(y, p.Samples.Median())
	}
	k, err := loadtest.Exponent(x, y)
	return k, err == nil
}

// add adds a value at x to the series of that name, which is made where it is new.
func (c *curve) add(name, unit string, x, y float64) {
	at := -1
	for i := range c.Series {
		if c.Series[i].Name == name {
			at = i
		}
	}
	if at < 0 {
		c.Series = append(c.Series, series{Name: name, Unit: unit})
		at = len(c.Series) - 1
	}
	s := &c.Series[at]
	for i := range s.Points {
		if s.Points[i].X == x {
			s.Points[i].Samples = append(s.Points[i].Samples, y)
			return
		}
	}
	s.Points = append(s.Points, point{X: x, Samples: loadtest.Samples{y}})
}

// sizes are the powers of ten from one to another.
func sizes(from, to int) []int {
	var all []int
	for n := from; n <= to; n *= 10 {
		all = append(all, n)
	}
	return all
}
