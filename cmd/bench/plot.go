package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-analyze/charts"
)

// Sizes of a plot.
const plotWidth, plotHeight = 720, 320

// draw makes the picture of a curve: both axes by powers of ten, each series as how many times what it was at the smallest size, so that
// flat is flat whatever the unit is, and what grows in proportion goes up one line for each size.
func (c curve) draw() ([]byte, error) {
	var labels []string
	var lines [][]float64
	var names []string
	top := 1.0
	for _, s := range c.Series {
		k, ok := s.Exponent()
		if !ok {
			continue
		}
		var line []float64
		for _, p := range s.Points {
			line = append(line, math.Log10(p.Samples.Median()/s.Points[0].Samples.Median()))
			top = max(top, line[len(line)-1])
		}
		if len(s.Points) > len(labels) {
			labels = labels[:0]
			for _, p := range s.Points {
				labels = append(labels, count(int(p.X)))
			}
		}
		lines, names = append(lines, line), append(names, roomy(fmt.Sprintf("%s (^%.2f)", s.Name, k)))
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("there is nothing to draw of %q", c.Name)
	}
	option := charts.NewLineChartOptionWithData(lines)
	theme := charts.GetTheme(charts.ThemeLight)
	option.Theme = theme
	option.Padding = charts.Box{Top: 10, Right: 20, Bottom: 6, Left: 10, IsSet: true}
	small := charts.FontStyle{FontSize: 9}
	option.XAxis = charts.XAxisOption{Labels: labels, Title: c.X, TitleFontStyle: small, LabelFontStyle: small, BoundaryGap: new(false)}
	option.YAxis = []charts.YAxisOption{{
		Min: new(-1.0), Max: new(math.Ceil(top)), LabelCount: int(math.Ceil(top)) + 2, PreferNiceIntervals: new(false),
		LabelFontStyle: small,
	}}
	option.Legend = charts.LegendOption{SeriesNames: names, FontStyle: small}
	option.ValueFormatter = times
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: plotWidth, Height: plotHeight, Theme: theme})
	if err := painter.LineChart(option); err != nil {
		return nil, fmt.Errorf("draw %q: %w", c.Name, err)
	}
	return painter.Bytes()
}

// roomy puts room behind a text: it is measured by another font than readers have, some of whose letters are a quarter wider.
func roomy(text string) string {
	const wider = 4
	return text + strings.Repeat("\u00a0", len(text)/wider)
}

// times writes a power of ten as a factor.
func times(power float64) string {
	if power < 0 {
		return fmt.Sprintf("× %.1f", math.Pow(10, power))
	}
	return "× " + count(int(math.Round(math.Pow(10, power))))
}
