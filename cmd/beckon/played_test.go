package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/scenario"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// late is by how much a relay may decide later than the virtual clock.
	late = 2 * time.Second
	// tardy is by how much a webhook may arrive later than the scenario says: later, what is played is not the scenario.
	tardy = 1500 * time.Millisecond
	// plays is how often a scenario is played on a machine that is too busy to keep these times. What comes of it must be right
	// each time.
	plays = 6
)

// TestServeDoesWhatTestPromises plays files of scenario tests, with waits of seconds, through the real binary with the outbox and
// holds every alert and every delivery against what `beckon test` says: the same states, Reasons and texts, at the same times.
// It does not run beside the other tests of the package, since it is about time.
func TestServeDoesWhatTestPromises(t *testing.T) { //nolint:paralleltest // see above
	paths, err := filepath.Glob("testdata/played/*.test.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	templates, err := filepath.Abs("../../templates")
	require.NoError(t, err)
	for _, path := range paths {
		suite, findings, err := scenario.Load(path, templates)
		require.NoError(t, err)
		require.NotNil(t, suite, "%s: %v", path, findings)
		report := suite.Run(t.Context(), scenario.Options{Now: time.Now})
		require.Zero(t, report.Failed(), "%s: `beckon test` says what is wrong", path)
		for _, test := range suite.Tests {
			// The name becomes a folder's, and a comma there would end a path in BECKON_DIRECTORY.
			t.Run(strings.ReplaceAll(test.Name, ",", ""), func(t *testing.T) {
				t.Parallel()
				for try, late := 1, "not played"; late != ""; try++ {
					require.LessOrEqual(t, try, plays, late)
					late = newPlay(t, path, test).run()
				}
			})
		}
	}
}

// play is a scenario with a relay of its own.
type play struct {
	lab     *lab
	relay   *process
	test    *scenario.Test
	setup   sim.Setup
	reloads []reload
}

type reload struct {
	At    time.Duration `yaml:"at"`
	Rules string        `yaml:"rules"`
}

// newPlay sets a relay up with the rules and people of a scenario. What only a simulation can do is refused.
func newPlay(t *testing.T, path string, test *scenario.Test) *play {
	t.Helper()
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct {
		Recipients map[string]any `yaml:"recipients"`
		Tests      []struct {
			Name       string         `yaml:"name"`
			Recipients map[string]any `yaml:"recipients"`
			Reload     []reload       `yaml:"reload"`
			OptedOut   []any          `yaml:"opted_out"`
			Receipts   []any          `yaml:"receipts"`
			Down       any            `yaml:"directory_down"`
		} `yaml:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(source, &file))
	p := &play{test: test, setup: withoutLinks(test.Setup())}
	for _, written := range file.Tests {
		if written.Name != test.Name {
			continue
		}
		require.True(t, written.OptedOut == nil && written.Receipts == nil && written.Down == nil, "%s: %s: a relay cannot be made to do this", path, test.Name)
		maps.Copy(file.Recipients, written.Recipients)
		p.reloads = written.Reload
	}
	people, err := yaml.Marshal(file.Recipients)
	require.NoError(t, err)
	p.lab = newLab(t, p.setup.Generation(test.Start).Rules.Text())
	p.lab.env["BECKON_PROVIDERS"] = "outbox"
	p.lab.write("people.yaml", string(people))
	delete(p.lab.env, "BECKON_PUBLIC_URL") // links differ each time
	delete(p.lab.env, "BECKON_SECRET_KEY")
	return p
}

// withoutLinks is the scenario of a relay that has no public URL.
func withoutLinks(setup sim.Setup) sim.Setup {
	setup.Links = func(relay.Alert, relay.Event, relay.Contact) render.Links { return render.Links{} }
	return setup
}

// run plays the scenario and says what was late, if anything.
func (p *play) run() string {
	t := p.lab.t
	t.Helper()
	promised := sim.Run(withoutLinks(p.test.Setup()))
	p.relay = p.lab.serve()
	start, inTime := p.postAll()
	kept := p.lab.kept()
	all := store.Filter{Limit: store.MaxList}
	p.lab.eventually("every alert ends", func() bool {
		alerts, err := kept.Alerts(t.Context(), all)
		require.NoError(t, err)
		deliveries, err := kept.Deliveries(t.Context(), all)
		require.NoError(t, err)
		return len(alerts) == len(promised.Alerts) && !slices.ContainsFunc(alerts, func(a relay.Alert) bool { return !a.State.Done() }) &&
			!slices.ContainsFunc(deliveries, func(d relay.Delivery) bool { return !d.State.Done() })
	})
	alerts, err := kept.Alerts(t.Context(), all)
	require.NoError(t, err)
	deliveries, err := kept.Deliveries(t.Context(), all)
	require.NoError(t, err)
	events, err := kept.Events(t.Context(), all)
	require.NoError(t, err)
	p.relay.stop()
	if !inTime {
		return "webhooks were posted late"
	}
	got := outline(alerts, deliveries, start)
	require.Equal(t, promises(outline(promised.Alerts, promised.Deliveries, p.test.Start)), promises(got))

	// The same once more with the times at which the webhooks really came, to the microsecond.
	p.setup.Events = events
	shift := start.Sub(p.test.Start)
	generation, contact := p.setup.Generation, p.setup.Contact
	p.setup.Generation = func(now time.Time) *engine.Generation { return generation(now.Add(-shift)) }
	p.setup.Contact = func(uid string, now time.Time) (relay.Contact, engine.Found) { return contact(uid, now.Add(-shift)) }
	again := sim.Run(p.setup)
	for what, when := range outline(again.Alerts, again.Deliveries, start) {
		require.Contains(t, got, what)
		if by := (got[what] - when).Abs(); by > late {
			return fmt.Sprintf("%s: after %s instead of %s", what, got[what], when)
		}
	}
	return ""
}

// postAll posts the webhooks at their times, and replaces the rules at theirs.
func (p *play) postAll() (start time.Time, inTime bool) {
	t := p.lab.t
	t.Helper()
	events := slices.Clone(p.setup.Events)
	slices.SortStableFunc(events, func(a, b relay.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	start, inTime = time.Now(), true
	for _, e := range events {
		at := e.ReceivedAt.Sub(p.test.Start)
		p.reloadUntil(start, at)
		wait(t, start.Add(at))
		p.relay.mustPost(e.Raw)
		inTime = inTime && time.Since(start.Add(at)) < tardy
	}
	p.reloadUntil(start, time.Hour)
	return start, inTime
}

// reloadUntil replaces the rules as the scenario says, up to a moment.
func (p *play) reloadUntil(start time.Time, until time.Duration) {
	for len(p.reloads) > 0 && p.reloads[0].At <= until {
		wait(p.lab.t, start.Add(p.reloads[0].At))
		p.lab.write("rules.yaml", p.reloads[0].Rules)
		p.reloads = p.reloads[1:]
	}
}

// wait waits for a moment.
func wait(t *testing.T, until time.Time) {
	t.Helper()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// outline says what became of every alert and delivery, and when after the start it was decided. How long a provider then takes
// is no matter of rules.
func outline(alerts []relay.Alert, deliveries []relay.Delivery, start time.Time) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, a := range alerts {
		decided := a.Trace[len(a.Trace)-1].At
		out[fmt.Sprintf("alert %s of %s to %s: %s %s %s", a.ID, a.Rule, a.Recipient.Key(), a.State, a.Reason, a.Lead)] = decided.Sub(start)
	}
	for _, d := range deliveries {
		out[fmt.Sprintf("%s %s of %s %s, %s: %s %s %q", d.Channel, d.ID, d.AlertID, d.Rule, d.Template, d.State, d.Reason,
			d.Content.Text.Reveal())] = d.CreatedAt.Sub(start)
	}
	return out
}

// ids change with the moment where a webhook has nothing else to tell a repeat by.
var ids = regexp.MustCompile(`\b(al|dl)_[0-9a-f]+`)

// promises are the lines of an outline without IDs and times.
func promises(outline map[string]time.Duration) []string {
	var lines []string
	for line := range outline {
		lines = append(lines, ids.ReplaceAllString(line, "$1"))
	}
	slices.Sort(lines)
	return lines
}
