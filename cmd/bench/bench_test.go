package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/loadtest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
)

func TestWhatBenchstatSaysIsOneRowForEachBenchmark(t *testing.T) {
	t.Parallel()
	const said = `goos: linux
pkg: github.com/beckon-relay/beckon/internal/rules
,a.txt,
,sec/op,CI
"Matches/event.message.mentions.exists(m,_m.uid_==_""cy"")-2",4.089e-06,3%
Load-2,0.001,∞
geomean,2.217e-06,

,a.txt,
,B/op,CI
"Matches/event.message.mentions.exists(m,_m.uid_==_""cy"")-2",704,0%

,a.txt,
,allocs/op,CI
"Matches/event.message.mentions.exists(m,_m.uid_==_""cy"")-2",23,0%

pkg: github.com/beckon-relay/beckon/internal/render
,a.txt,
,sec/op,CI
Load-2,2e-6,1%
`
	got, err := readBenchstat(strings.NewReader(said))
	require.NoError(t, err)
	require.Equal(t, []innard{
		{Name: `rules: Matches/event.message.mentions.exists(m,_m.uid_==_"cy")`, Seconds: 4.089e-06, Bytes: 704, Allocations: 23, Wobble: "3%"},
		{Name: "rules: Load", Seconds: 0.001, Wobble: "∞"},
		{Name: "render: Load", Seconds: 2e-6, Wobble: "1%"},
	}, got)
	require.Equal(t, "4.09", got[0].Micro())
	_, err = readBenchstat(strings.NewReader(",a,\n,sec/op,CI\nLoad-2,quick,1%\n"))
	require.ErrorContains(t, err, "Load-2")
}

func TestAGoalIsMetByItsMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		atLeast bool
		samples loadtest.Samples
		met     bool
	}{
		{true, loadtest.Samples{0.1, 0.31, 0.3}, true},
		{true, loadtest.Samples{0.29, 0.29, 0.9}, false},
		{false, loadtest.Samples{0.29, 0.29, 0.9}, true},
		{false, loadtest.Samples{0.31, 0.31, 0}, false},
	} {
		require.Equal(t, test.met, goal{Bound: 0.3, AtLeast: test.atLeast, Samples: test.samples}.Met(), "%+v", test)
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0.00", 0.316: "0.32", 1.005: "1.00", 12.34: "12.3", 99.96: "100.0", 123.4: "123", 12345.6: "12,346"} {
		require.Equal(t, want, number(v))
	}
	require.Equal(t, "5.00/s", withUnit(5, "/s"))
	require.Equal(t, "5.00 ms", withUnit(5, "ms"))
	require.Equal(t, "× 10", times(1))
	require.Equal(t, "× 0.1", times(-1))
}

// example is a report with one goal that is missed and one curve.
func example(at time.Time) report {
	c := curve{Name: "kept", What: "with what is kept", X: "events"}
	for _, n := range sizes(10, 1000) {
		for _, wobble := range []float64{0.9, 1, 1.1} {
			c.add("accept", "ms", float64(n), 5*float64(n)*wobble)
			c.add("page", "ms", float64(n), 7*wobble)
		}
	}
	return report{Began: at, Took: 31 * time.Minute, Rounds: 3, Machine: loadtest.Machine{CPU: "Z80", Cores: 2}, Go: "go1", results: results{
		Goals: []goal{{
			Name: "accept", What: "accepted | x", Bound: 0.3, AtLeast: true, Samples: loadtest.Samples{0.1, 0.2, 0.3}, At: at,
			Parts: []part{{"Beckon", "/s", loadtest.Samples{1000, 2000, 3000}}},
		}},
		Curves: []curve{c}, InProcess: []innard{{Name: "engine: Plan", Seconds: 1e-5, Wobble: "1%"}},
	}}
}

func TestACurveHasTheExponentOfItsMedians(t *testing.T) {
	t.Parallel()
	c := example(time.Now()).Curves[0]
	require.Equal(t, []int{10, 100, 1000}, c.Sizes())
	require.Equal(t, "1.00", exponent(c.Series[0]))
	require.Equal(t, "grows in proportion", flat(c.Series[0]))
	require.Equal(t, "0.00", exponent(c.Series[1]))
	require.Equal(t, "flat", flat(c.Series[1]))
	require.Equal(t, "500", c.Series[0].At(100))
	bent := series{Points: []point{{1, loadtest.Samples{5}}, {10, loadtest.Samples{5}}, {100, loadtest.Samples{50}}}}
	require.Equal(t, []string{"0.50", "1.00", "grows in proportion"}, []string{exponent(bent), last(bent), flat(bent)})
	require.Equal(t, []string{"-", "-", ""}, []string{exponent(series{}), last(series{}), flat(series{})})
	require.Empty(t, c.Series[0].At(7))
	picture, err := c.draw()
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(picture, []byte("<svg")), "%.40s", picture)
	require.Contains(t, string(picture), "accept (^1.00)")
	_, err = curve{Name: "none"}.draw()
	require.ErrorContains(t, err, "none")
}

func TestThePageIsWrittenFromWhatWasKept(t *testing.T) {
	t.Parallel()
	docs := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(docs, "images"), 0o750))
	r := example(time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC))
	require.NoError(t, r.write(docs))
	kept, err := readReport(docs)
	require.NoError(t, err)
	require.Equal(t, r, kept)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err)
		return string(text)
	}
	page := read(pageFile)
	require.Contains(t, page, "| ≥ 0.30 | 0.20 | 0.10 to 0.30 | **missed** |")
	require.Contains(t, page, "taken in for good at 2,000/s")
	require.Contains(t, page, "| accept, ms | 50.0 | 500 | 5,000 | 1.00 | 1.00 | grows in proportion |")
	require.Contains(t, page, "images/performance-kept.svg")
	require.Contains(t, page, "| `engine: Plan` | 10.0 | 1% | 0 | 0 |")
	require.Contains(t, page, "(not measured)")
	require.NotContains(t, page, "busy with other work meanwhile")
	require.NotEmpty(t, read("images/performance-kept.svg"))

	r.Before = loadtest.Average{3, 2, 1}
	busy, err := r.page()
	require.NoError(t, err)
	require.Contains(t, string(busy), "busy with other work meanwhile")
	_, err = readReport(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAPartIsPutInPlaceOfTheSameOfBefore(t *testing.T) {
	t.Parallel()
	before, after := example(time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)), example(time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC))
	before.Goals = append(before.Goals, goal{Name: "other", At: before.Began})
	before.Curves[0].What = "old"
	before.Failed = map[string]string{"accept": "it was slow", "held": "it was large"}
	after.InProcess, after.Failed, after.Took = nil, map[string]string{"idle": "it was busy"}, time.Second
	got := after.onto(before, []string{"accept", "idle"})
	require.Len(t, got.Goals, 2)
	require.Equal(t, after.Goals[0], got.Goals[0])
	require.Equal(t, []goal{after.Goals[0]}, got.Again())
	require.Equal(t, before.Took, got.Took)
	require.Equal(t, before.Began, got.Began)
	require.Len(t, got.Curves, 1)
	require.Equal(t, after.Curves[0].What, got.Curves[0].What)
	require.Equal(t, before.InProcess, got.InProcess)
	require.Equal(t, map[string]string{"held": "it was large", "idle": "it was busy"}, got.Failed)
	require.Empty(t, before.Again())
}

func TestOnlyMeasurementsThatThereAreCanBeChosen(t *testing.T) {
	t.Parallel()
	all, err := chosen(nil)
	require.NoError(t, err)
	require.Len(t, all, len(measurements()))
	two, err := chosen([]string{"wanted", "accept"})
	require.NoError(t, err)
	require.Equal(t, "accept", two[0].name, "in the order of the report")
	require.Len(t, two, 2)
	_, err = chosen([]string{"accept", "excel"})
	require.ErrorContains(t, err, `"excel"`)
}

// What is posted must be what is wanted: a webhook that no rule matches, or that comes twice, would be quicker.
func TestWhatIsPostedMakesAnAlertEachForAPersonThatIsKnown(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{templates: "../../templates"}}
	var err error
	b.lab, err = loadtest.NewLab(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, b.close()) }()
	for name, text := range map[string]string{"holding": holding, "at once": atOnce} {
		s, err := b.relay(text, nowhere())
		require.NoError(t, err)
		g, err := b.generation(s)
		require.NoError(t, err, name)
		template, err := b.mention("127.0.0.1")
		require.NoError(t, err)
		ids, told := map[string]bool{}, map[string]bool{}
		for n := range int64(1500) {
			event, err := cometchat.Decode(template.Body(n), time.Now())
			require.NoError(t, err)
			plan, verdicts := g.Plan(event)
			require.Len(t, plan.Alerts, 1, "%d: %+v", n, verdicts)
			ids[event.ID], told[plan.Alerts[0].Recipient.UID] = true, true
			require.Contains(t, string(event.Message.Text), loadtest.NumberMark)
		}
		require.Len(t, ids, 1500)
		require.Len(t, told, people)
		contacts, err := os.ReadFile(filepath.Join(s.dir, "people.yaml"))
		require.NoError(t, err)
		for uid := range told {
			require.Contains(t, string(contacts), uid+":")
		}
	}
}

func TestManyRulesAreSoundAndOneWantsTheMention(t *testing.T) {
	t.Parallel()
	for _, spread := range []bool{true, false} {
		set, findings := rules.Load("rules.yaml", []byte(manyRules(100, spread)), cometchat.Catalogue())
		require.NotNil(t, set, "%v", findings)
		require.Len(t, set.Rules(), 100)
		want := 100
		if spread {
			want = 100 / len(cometchat.Catalogue())
		}
		require.InDelta(t, want, len(set.For(relay.UserMentioned)), 2)
	}
	require.Less(t, len(manyRules(10_000, true)), 1<<20, "as large as a file of rules may be")
}
