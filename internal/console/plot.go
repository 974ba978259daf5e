package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/go-analyze/charts"
	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// maxBars is how many bars a plot has at the most: more cannot be told apart.
const maxBars = 48

// plotView is one plot with what it shows as a table.
type plotView struct {
	Name  string
	Sum   int
	Rows  []plotRow
	Light string
	Dark  string
	// NarrowLight and NarrowDark are for phones.
	NarrowLight string
	NarrowDark  string
}

type plotRow struct {
	From, To time.Time
	N        int
}

// plotOf makes the view of a series. The picture's address carries the values, so that picture and table cannot differ, whichever
// replica draws it.
func plotOf(s view.Series) plotView {
	s = coarser(s, maxBars)
	v := plotView{Name: titleOfSeries(s.Name)}
	values := make([]string, len(s.Values))
	for i, n := range s.Values {
		from := s.From.Add(time.Duration(i) * s.Step)
		v.Rows = append(v.Rows, plotRow{From: from, To: from.Add(s.Step), N: n})
		v.Sum += n
		values[i] = strconv.Itoa(n)
	}
	address := func(dark, narrow bool) string {
		q := url.Values{
			"from": {strconv.FormatInt(s.From.Unix(), 10)}, "step": {strconv.Itoa(int(s.Step / time.Second))}, "v": {strings.Join(values, ".")},
		}
		if dark {
			q.Set("dark", "1")
		}
		if narrow {
			q.Set("narrow", "1")
		}
		return root + "/plot.svg?" + q.Encode()
	}
	v.Light, v.Dark, v.NarrowLight, v.NarrowDark = address(false, false), address(true, false), address(false, true), address(true, true)
	return v
}

// titleOfSeries puts a series' name in words.
func titleOfSeries(name string) string {
	if name == "accepted" {
		return "Events accepted"
	}
	channel, what, found := strings.Cut(name, " ")
	if !found {
		return sentenceStart(name)
	}
	return sentenceStart(channelName(relay.Channel(channel))) + " " + what
}

// coarser adds neighbours up until there are no more than most.
func coarser(s view.Series, most int) view.Series {
	by := (len(s.Values) + most - 1) / most
	if by <= 1 {
		return s
	}
	out := view.Series{Name: s.Name, From: s.From, Step: s.Step * time.Duration(by)}
	for i, n := range s.Values {
		if i%by == 0 {
			out.Values = append(out.Values, 0)
		}
		out.Values[len(out.Values)-1] += n
	}
	return out
}

// plot draws what its address says.
func (k *console) plot(c echo.Context) error {
	s, err := seriesFrom(c.QueryParams())
	if err != nil {
		return err
	}
	picture, err := draw(s, c.QueryParam("dark") != "", c.QueryParam("narrow") != "")
	if err != nil {
		return fmt.Errorf("draw a plot: %w", err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set(echo.HeaderCacheControl, "private, max-age=86400, immutable")
	return c.Blob(http.StatusOK, "image/svg+xml", picture)
}

func seriesFrom(q url.Values) (view.Series, error) {
	from, err := strconv.ParseInt(q.Get("from"), 10, 64)
	step, err2 := strconv.Atoi(q.Get("step"))
	texts := strings.Split(q.Get("v"), ".")
	if err != nil || err2 != nil || step < 1 || step > 366*24*3600 || len(texts) > maxBars {
		return view.Series{}, errBadRequest("The address of this picture is not whole.")
	}
	s := view.Series{From: time.Unix(from, 0).UTC(), Step: time.Duration(step) * time.Second}
	for _, text := range texts {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return view.Series{}, errBadRequest("The address of this picture is not whole.")
		}
		s.Values = append(s.Values, n)
	}
	return s, nil
}

// Sizes of a plot; on a phone it is drawn narrower, so that its text keeps its size.
const (
	plotWidth, narrowWidth = 560, 340
	plotHeight             = 170
)

// draw makes the picture: bars over time.
func draw(s view.Series, dark, narrow bool) ([]byte, error) {
	width, labels := plotWidth, 6
	if narrow {
		width, labels = narrowWidth, 4
	}
	values := make([]float64, len(s.Values))
	names := make([]string, len(s.Values))
	most := 0
	layout := "15:04"
	if time.Duration(len(s.Values))*s.Step > 36*time.Hour {
		layout = "2 Jan"
	}
	for i, n := range s.Values {
		values[i] = float64(n)
		most = max(most, n)
		names[i] = s.From.Add(time.Duration(i) * s.Step).Format(layout)
	}
	theme := plotTheme(dark)
	option := charts.NewBarChartOptionWithData([][]float64{values})
	option.Theme = theme
	option.Padding = charts.Box{Top: 8, Right: 8, Bottom: 2, Left: 2, IsSet: true}
	option.CategoryAxis = charts.CategoryAxisOption{Labels: names, LabelCount: labels, LabelFontStyle: charts.FontStyle{FontSize: 9}}
	option.ValueAxis = []charts.ValueAxisOption{{
		Min: new(0.0), Max: new(float64(topOf(most))), LabelCount: 3, LabelFontStyle: charts.FontStyle{FontSize: 9},
	}}
	option.ValueFormatter = func(f float64) string { return humanize.Comma(int64(f)) }
	option.BarSize = 0.8
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: plotHeight, Theme: theme})
	if err := painter.BarChart(option); err != nil {
		return nil, err
	}
	return painter.Bytes()
}

// topOf is where the axis of values ends: an even number, so that the middle is whole, that is 1, 2, 4 or 6 times a power of ten.
func topOf(most int) int {
	for unit := 1; ; unit *= 10 {
		for _, by := range []int{2, 4, 6, 10} {
			if top := by * unit; top >= most {
				return top
			}
		}
	}
}

// plotTheme has the colours of the style sheet.
func plotTheme(dark bool) charts.ColorPalette {
	if dark {
		return charts.MakeTheme(charts.ThemeOption{
			IsDarkMode: true, AxisStrokeColor: charts.ColorFromHex("#4a5166"), AxisSplitLineColor: charts.ColorFromHex("#343a4c"),
			BackgroundColor: charts.ColorTransparent, TextColor: charts.ColorFromHex("#a5acbd"),
			SeriesColors: []charts.Color{charts.ColorFromHex("#a9a9f7")},
		})
	}
	return charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: charts.ColorFromHex("#c3c8d6"), AxisSplitLineColor: charts.ColorFromHex("#e6e8f0"),
		BackgroundColor: charts.ColorTransparent, TextColor: charts.ColorFromHex("#5a6172"),
		SeriesColors: []charts.Color{charts.ColorFromHex("#5b5bd6")},
	})
}
