package engine_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/scenario"
)

// The scenarios are the tests of what the engine decides; they stand beside the package that runs them.
func TestScenariosEndAsWritten(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../scenario/testdata/*.test.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "../../rules.test.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			suite, findings, err := scenario.Load(file, "../../templates")
			require.NoError(t, err)
			require.NotNil(t, suite, "%v", findings)
			for _, result := range suite.Run(t.Context(), scenario.Options{Now: time.Now}).Tests {
				for _, f := range result.Failures {
					t.Errorf("%s\n%s:%s", result.Name, file, f.Text())
				}
			}
		})
	}
}

// noon is when the events of these tests arrive: on a Monday, in nobody's quiet hours.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// generation builds rules with the shipped templates.
func generation(t *testing.T, source string) *engine.Generation {
	t.Helper()
	set, findings := rules.Load("rules.yaml", []byte(source), cometchat.Catalogue())
	require.NotNil(t, set, "%v", findings)
	templates, problems := render.Load(os.DirFS("../../templates"))
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
