package engine_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

// Each event that comes in is decoded, matched and planned, wanted or not.
func TestAnEventIsPlannedWithFewAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all goroutines
	source, err := os.ReadFile("../../rules.yaml")
	require.NoError(t, err)
	g := generation(t, string(source))
	for trigger, most := range map[relay.Trigger]float64{
		relay.UserMentioned: 60, relay.MessageSent: 60, relay.CallInitiated: 60, relay.MessageReadReceipt: 45, relay.CallStarted: 35,
	} {
		body, ok := cometchat.Sample(trigger)
		require.True(t, ok)
		var wanted bool
		n := testing.AllocsPerRun(200, func() {
			event, err := cometchat.Decode(body, noon)
			if err != nil {
				panic(err)
			}
			plan, _ := g.Plan(event)
			wanted = plan.Wanted
		})
		require.True(t, wanted)
		require.LessOrEqual(t, n, most, trigger)
	}
}
