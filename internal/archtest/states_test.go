package archtest

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// "| `held` | what it means | no |", where the last column says whether the state is an end.
var stateLine = regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|.*\\| (yes|no) \\|$")

func TestDocumentedStatesAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	alerts, deliveries := map[string]string{}, map[string]string{}
	for _, s := range relay.AlertStates() {
		alerts[string(s)] = over(s.Done())
	}
	for _, s := range relay.DeliveryStates() {
		deliveries[string(s)] = over(s.Done())
	}
	require.Equal(t, alerts, documentedStates(t, "Alerts"))
	require.Equal(t, deliveries, documentedStates(t, "Deliveries"))
}

func over(done bool) string {
	if done {
		return "yes"
	}
	return "no"
}

func documentedStates(t *testing.T, title string) map[string]string {
	t.Helper()
	text, err := section(os.DirFS("../.."), "docs/states.md", title)
	require.NoError(t, err)
	states := map[string]string{}
	for _, found := range stateLine.FindAllStringSubmatch(text, -1) {
		states[found[1]] = found[2]
	}
	return states
}
