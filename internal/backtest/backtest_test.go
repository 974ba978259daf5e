package backtest_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// testCase is an entry of testdata/cases.yaml, which says what the fields mean.
type testCase struct {
	Name      string            `yaml:"name"`
	Old       string            `yaml:"old"`
	New       string            `yaml:"new"`
	Templates map[string]string `yaml:"templates"` // instead of the shipped ones
	People    map[string]struct {
		Email relay.Email `yaml:"email"`
		Phone relay.Phone `yaml:"phone"`
	} `yaml:"people"`
	Events []struct {
		Sample relay.Trigger  `yaml:"sample"`
		At     time.Duration  `yaml:"at"`
		Set    map[string]any `yaml:"set"`
		Times  int            `yaml:"times"`
	} `yaml:"events"`
	Expect   []string `yaml:"expect"`
	Messages []int    `yaml:"messages"`
	Segments []int    `yaml:"segments"`
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestCasesChangeWhatIsWritten(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			report, err := backtest.Run(t.Context(), c.setup(t))
			require.NoError(t, err)
			require.ElementsMatch(t, c.Expect, lines(report))
			require.Equal(t, backtest.Pair{Old: c.Messages[0], New: c.Messages[1]}, report.Total.Messages)
			require.Equal(t, backtest.Pair{Old: c.Segments[0], New: c.Segments[1]}, report.Total.Segments)
			require.Len(t, c.Expect, report.Total.More+report.Total.Less+report.Total.Different)
		})
	}
}

func cases(t *testing.T) []testCase {
	t.Helper()
	source, err := os.ReadFile("testdata/cases.yaml")
	require.NoError(t, err)
	var all []testCase
	decoder := yaml.NewDecoder(strings.NewReader(string(source)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&all))
	require.NotEmpty(t, all)
	return all
}

func (c testCase) setup(t *testing.T) backtest.Setup {
	t.Helper()
	templates := os.DirFS("../../templates")
	if c.Templates != nil {
		own := fstest.MapFS{}
		for name, content := range c.Templates {
			own[name] = &fstest.MapFile{Data: []byte(content)}
		}
		templates = own
	}
	s := backtest.Setup{
		Old:      backtest.Version{Name: "old.yaml", Generation: generation(t, c.Old, templates)},
		New:      backtest.Version{Name: "new.yaml", Generation: generation(t, c.New, templates)},
		Examples: backtest.MaxExamples,
	}
	if c.People != nil {
		s.Contact = func(uid string) (relay.Contact, engine.Found) {
			p, ok := c.People[uid]
			if !ok {
				return relay.Contact{}, engine.FoundNobody
			}
			return relay.Contact{UID: uid, Email: p.Email, Phone: p.Phone}, engine.FoundContact
		}
	}
	for _, e := range c.Events {
		for n := range max(e.Times, 1) {
			set := e.Set
			if e.Times > 0 {
				set = map[string]any{"data.message.id": strconv.Itoa(2000 + n)}
			}
			s.Events = append(s.Events, event(t, e.Sample, noon.Add(e.At+time.Duration(n)*time.Second), set))
		}
	}
	return s
}

func generation(tb testing.TB, list string, folder fs.FS) *engine.Generation {
	tb.Helper()
	source := "version: 1\nrules: " + list
	if strings.HasPrefix(list, "-") {
		source = "version: 1\nrules:\n" + list
	}
	set, findings := rules.Load("rules.yaml", []byte(source), cometchat.Catalogue())
	require.NotNil(tb, set, "%v", findings)
	templates, problems := render.Load(folder)
	require.Empty(tb, problems)
	g, findings := engine.Build(engine.Parts{
		Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(),
		Sample: func(trigger relay.Trigger) (relay.Event, bool) { return event(tb, trigger, noon, nil), true },
	})
	require.NotNil(tb, g, "%v", findings)
	return g
}

// event is a built-in sample with some fields replaced, as it arrives at a time.
func event(tb testing.TB, trigger relay.Trigger, at time.Time, set map[string]any) relay.Event {
	tb.Helper()
	body, ok := cometchat.Sample(trigger)
	require.True(tb, ok, "no sample of %s", trigger)
	var err error
	for path, value := range set {
		body, err = sjson.SetBytes(body, path, value)
		require.NoError(tb, err)
	}
	e, err := cometchat.Decode(body, at)
	require.NoError(tb, err)
	return e
}

// lines are the changes as testdata/cases.yaml writes them.
func lines(r backtest.Report) []string {
	out := []string{}
	for _, row := range r.Rows {
		for _, e := range row.Examples {
			because := e.Why
			if e.Kind == backtest.Different {
				because = strings.Join(e.Differs, ", ")
			}
			out = append(out, fmt.Sprintf("%s | %s | %s | %s | %s", e.Kind, row.Rule, row.Channel, e.To, because))
		}
	}
	return out
}

func TestTheReportDoesNotDependOnTheOrderOfTheEvents(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		s := c.setup(t)
		want, err := backtest.Run(t.Context(), s)
		require.NoError(t, err)
		for range 3 {
			rand.Shuffle(len(s.Events), func(i, j int) { //nolint:gosec // no secret
				s.Events[i], s.Events[j] = s.Events[j], s.Events[i]
			})
			got, err := backtest.Run(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, want, got, c.Name)
		}
	}
}

const (
	mention = `[ { name: mention, trigger: user_mentioned, to: mentioned, wait: 5m, send: [ { sms: mention } ] } ]`
	nothing = `[ { name: other, trigger: group_member_added, to: members, send: [ { email: group-added } ] } ]`
)

func TestExamplesAreTheFirstOfEachKindAndTheRestIsCounted(t *testing.T) {
	t.Parallel()
	s := mentions(t, 5)
	s.Examples = 2
	report, err := backtest.Run(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, 5, report.Total.More)
	require.Len(t, report.Rows, 1)
	require.Len(t, report.Rows[0].Examples, 2)
	require.Equal(t, noon, report.Rows[0].Examples[0].ReceivedAt)
	require.Equal(t, noon.Add(5*time.Minute), report.Rows[0].Examples[0].New.At)
	require.Equal(t, noon.Add(time.Minute), report.Rows[0].Examples[1].ReceivedAt)

	s.Examples = 0
	report, err = backtest.Run(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, report.Rows[0].Examples)
}

// mentions replays a number of mentions, a minute apart, that only the new rules tell of.
func mentions(t *testing.T, count int) backtest.Setup {
	t.Helper()
	templates := os.DirFS("../../templates")
	s := backtest.Setup{
		Old:      backtest.Version{Name: "old.yaml", Generation: generation(t, nothing, templates)},
		New:      backtest.Version{Name: "new.yaml", Generation: generation(t, mention, templates)},
		Examples: 3,
	}
	for n := range count {
		s.Events = append(s.Events, event(t, relay.UserMentioned, noon.Add(time.Duration(n)*time.Minute),
			map[string]any{"data.message.id": strconv.Itoa(3000 + n)}))
	}
	return s
}

func TestAlertsThatFallDueAfterTheLastEventAreCounted(t *testing.T) {
	t.Parallel()
	s := mentions(t, 8)
	report, err := backtest.Run(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, backtest.Pair{New: 5}, report.Undecided, "of eight minutes the first three waits are over")
	require.Equal(t, noon, report.From)
	require.Equal(t, noon.Add(7*time.Minute), report.To)
}

func TestTextsAreShownOnlyWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	s := mentions(t, 1)
	report, err := backtest.Run(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, report.Rows[0].Examples[0].New.Text)
	s.Texts = true
	report, err = backtest.Run(t.Context(), s)
	require.NoError(t, err)
	require.Contains(t, report.Rows[0].Examples[0].New.Text, "the bus leaves at eight")
}

func TestProgressComesToItsEnd(t *testing.T) {
	t.Parallel()
	s := mentions(t, 30)
	last := 0
	s.Progress = func(_ string, done, total int) {
		require.Greater(t, done, last)
		require.Equal(t, 60, total)
		last = done
	}
	_, err := backtest.Run(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, 60, last)
}

func TestAReplayThatIsInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	s := mentions(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var looked atomic.Bool
	s.Contact = func(string) (relay.Contact, engine.Found) {
		looked.Store(true)
		cancel()
		<-t.Context().Done() // it would take for ever
		return relay.Contact{}, engine.FoundNobody
	}
	_, err := backtest.Run(ctx, s)
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, looked.Load())
}

func TestAPanicIsAnErrorThatShowsNothingOfWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	s := mentions(t, 1)
	s.Contact = func(string) (relay.Contact, engine.Found) { panic("the bus leaves at eight") }
	_, err := backtest.Run(t.Context(), s)
	require.ErrorContains(t, err, "replay events: panic of type string, which is a fault of Beckon")
	require.NotContains(t, err.Error(), "the bus leaves")
}

func TestAReplayThatWasGivenUpEndsAtItsNextStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mentions(t, 30)
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		s.Progress = func(_ string, done, _ int) {
			cancel()
			steps = done
		}
		_, err := backtest.Run(ctx, s)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
		require.Less(t, steps, 4, "of 60")
	})
}

func TestNoEventsAreAReportOfNothing(t *testing.T) {
	t.Parallel()
	report, err := backtest.Run(t.Context(), mentions(t, 0))
	require.NoError(t, err)
	require.Zero(t, report.Total)
	require.Zero(t, report.Undecided)
	require.Empty(t, report.Rows)
}

func TestWhoOptedOutIsToldByNeitherVersion(t *testing.T) {
	t.Parallel()
	setup := cases(t)[0].setup(t)
	setup.Contact = func(uid string) (relay.Contact, engine.Found) {
		return relay.Contact{UID: uid, Email: "lee@example.net", Phone: "+14155550177"}, engine.FoundContact
	}
	report, err := backtest.Run(t.Context(), setup)
	require.NoError(t, err)
	require.NotZero(t, report.Total.Messages)
	setup.Suppressed = map[relay.Address]relay.Reason{
		relay.NewAddress(relay.ChannelEmail, "lee@example.net"): relay.ReasonOptedOut,
		relay.NewAddress(relay.ChannelSMS, "+14155550177"):      relay.ReasonOptedOut,
	}
	report, err = backtest.Run(t.Context(), setup)
	require.NoError(t, err)
	require.Zero(t, report.Total.Messages)
}
