package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// A scenario file is rules, people and a list of scenarios: what arrives when, and what must come of it. Everything that
// happens is listed under expect, no more and no less.
type scenarioFile struct {
	Rules     string             `yaml:"rules"`     // empty: the shipped rules
	Templates map[string]string  `yaml:"templates"` // instead of the shipped ones
	People    map[string]*person `yaml:"people"`
	Scenarios []scenario         `yaml:"scenarios"`
}

type person struct {
	Name     string   `yaml:"name"`
	Email    string   `yaml:"email"`
	Phone    string   `yaml:"phone"`
	Locale   string   `yaml:"locale"`
	TimeZone string   `yaml:"time_zone"`
	Channels []string `yaml:"channels"`
	Quiet    []int    `yaml:"quiet"` // minutes from, to
	Muted    []string `yaml:"muted"` // conversations, for good
	// OptedOut are the channels on which this person's address said no.
	OptedOut []string `yaml:"optedout"`
	// Down is for how long after the start the directory does not answer for this person.
	Down time.Duration `yaml:"down"`
}

type scenario struct {
	Name   string    `yaml:"name"`
	Start  time.Time `yaml:"start"`
	Events []struct {
		At     time.Duration  `yaml:"at"`
		Sample relay.Trigger  `yaml:"sample"`
		Set    map[string]any `yaml:"set"`
		Unset  []string       `yaml:"unset"`
	} `yaml:"events"`
	// Reload is what the rules are replaced with, and when.
	Reload *struct {
		At    time.Duration `yaml:"at"`
		Rules string        `yaml:"rules"`
	} `yaml:"reload"`
	Expect []outcome `yaml:"expect"`
}

type outcome struct {
	At     time.Duration `yaml:"at"`
	Rule   string        `yaml:"rule"`
	To     string        `yaml:"to"`
	State  string        `yaml:"state"`
	Reason string        `yaml:"reason"`
	// Sent lists "channel" for what went out and "channel: reason" for what did not.
	Sent []string `yaml:"sent"`
	Text string   `yaml:"text"`
}

func TestScenariosEndAsWritten(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		var file scenarioFile
		decoder := yaml.NewDecoder(strings.NewReader(string(source)))
		decoder.KnownFields(true)
		require.NoError(t, decoder.Decode(&file), name)
		for _, s := range file.Scenarios {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml")+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				got := play(t, file, s)
				for i := range min(len(got), len(s.Expect)) {
					if s.Expect[i].Text == "" {
						got[i].Text = "" // a scenario need not say the text
					}
				}
				require.Equal(t, s.Expect, got)
			})
		}
	}
}

// generation builds rules with the shipped templates; empty means the shipped rules.
func generation(t *testing.T, file scenarioFile, source string) *engine.Generation {
	t.Helper()
	if source == "" {
		shipped, err := os.ReadFile("../../rules.yaml")
		require.NoError(t, err)
		source = string(shipped)
	}
	set, findings := rules.Load("rules.yaml", []byte(source), cometchat.Catalogue())
	require.NotNil(t, set, "%v", findings)
	folder := os.DirFS("../../templates")
	if len(file.Templates) > 0 {
		own := fstest.MapFS{}
		for name, content := range file.Templates {
			own[name] = &fstest.MapFile{Data: []byte(content)}
		}
		folder = own
	}
	templates, problems := render.Load(folder)
	require.Empty(t, problems)
	g, findings := engine.Build(engine.Parts{Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(), Sample: sample(t)})
	require.NotNil(t, g, "%v", findings)
	return g
}

func sample(t *testing.T) func(relay.Trigger) (relay.Event, bool) {
	t.Helper()
	return func(trigger relay.Trigger) (relay.Event, bool) {
		body, ok := cometchat.Sample(trigger)
		if !ok {
			return relay.Event{}, false
		}
		event, err := cometchat.Decode(body, noon)
		require.NoError(t, err)
		return event, true
	}
}

// noon is when a scenario starts that does not say: a Monday, in nobody's quiet hours.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func play(t *testing.T, file scenarioFile, s scenario) []outcome {
	t.Helper()
	start := s.Start
	if start.IsZero() {
		start = noon
	}
	first, second, reload := generation(t, file, file.Rules), (*engine.Generation)(nil), time.Time{}
	if s.Reload != nil {
		second, reload = generation(t, file, s.Reload.Rules), start.Add(s.Reload.At)
	}
	setup := sim.Setup{
		Generation: func(now time.Time) *engine.Generation {
			if second != nil && !now.Before(reload) {
				return second
			}
			return first
		},
		Contact: func(uid string, now time.Time) (relay.Contact, engine.Found) {
			p, ok := file.People[uid]
			switch {
			case !ok:
				return relay.Contact{}, engine.FoundNobody
			case now.Before(start.Add(p.Down)):
				return relay.Contact{}, engine.FoundDown
			}
			return p.contact(t, uid), engine.FoundContact
		},
	}
	setup.Suppressed = suppressed(file)
	for _, e := range s.Events {
		body, ok := cometchat.Sample(e.Sample)
		require.True(t, ok, "no sample of %s", e.Sample)
		var err error
		for path, value := range e.Set {
			body, err = sjson.SetBytes(body, path, value)
			require.NoError(t, err)
		}
		for _, path := range e.Unset {
			body, err = sjson.DeleteBytes(body, path)
			require.NoError(t, err)
		}
		event, err := cometchat.Decode(body, start.Add(e.At))
		require.NoError(t, err)
		setup.Events = append(setup.Events, event)
	}
	return outcomes(sim.Run(setup), start)
}

func suppressed(file scenarioFile) map[relay.Address]relay.Reason {
	out := map[relay.Address]relay.Reason{}
	for _, p := range file.People {
		for _, ch := range p.OptedOut {
			value := map[string]string{"sms": p.Phone, "email": p.Email}[ch]
			out[relay.NewAddress(relay.Channel(ch), value)] = relay.ReasonOptedOut
		}
	}
	return out
}

func (p *person) contact(t *testing.T, uid string) relay.Contact {
	t.Helper()
	c := relay.Contact{
		UID: uid, Name: p.Name, Email: relay.Email(p.Email), Phone: relay.Phone(p.Phone), Locale: p.Locale, TimeZone: p.TimeZone,
		Mute: relay.Mute{Conversations: p.Muted},
	}
	for _, ch := range p.Channels {
		c.Channels = append(c.Channels, relay.Channel(ch))
	}
	if len(p.Quiet) == 2 {
		c.QuietHours = relay.QuietHours{From: p.Quiet[0], To: p.Quiet[1], Set: true}
	}
	if p.TimeZone != "" {
		zone, err := time.LoadLocation(p.TimeZone)
		require.NoError(t, err)
		c.Zone = zone
	}
	return c
}

func outcomes(result sim.Result, start time.Time) []outcome {
	out := []outcome{}
	for _, a := range result.Alerts {
		o := outcome{At: a.UpdatedAt.Sub(start), Rule: a.Rule, To: a.Recipient.UID, State: string(a.State), Reason: string(a.Reason)}
		if a.Recipient.Fixed() {
			o.To = a.Recipient.Key()
		}
		for _, d := range result.Deliveries {
			if d.AlertID != a.ID {
				continue
			}
			line := string(d.Channel)
			if d.Reason != relay.ReasonNone {
				line += ": " + string(d.Reason)
			}
			o.Sent = append(o.Sent, line)
			if d.Channel == relay.ChannelSMS {
				o.Text = d.Content.Text.Reveal()
			}
		}
		out = append(out, o)
	}
	return out
}
