package engine_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// A busy group must not hide the one receipt that matters.
func TestAFloodOfOtherReceiptsHidesNothing(t *testing.T) {
	t.Parallel()
	g := generation(t, "{version: 1, rules: [{name: a, trigger: user_mentioned, to: mentioned, wait: 5m, unless: [read], send: [{email: mention}]}]}")
	mention, _ := sample(t)(relay.UserMentioned)
	read, _ := sample(t)(relay.MessageReadReceipt)
	read.ReceivedAt = noon.Add(5 * time.Second)
	events := []relay.Event{mention, read}
	for n := range 2 * relay.MaxCandidates {
		other := read
		other.ID, other.ReceivedAt = "r"+strconv.Itoa(n), noon.Add(time.Minute+time.Duration(n)*time.Millisecond)
		other.Sender = &relay.User{UID: "reader-" + strconv.Itoa(n%100)}
		events = append(events, other)
		elsewhere := read // by the same person
		elsewhere.ID, elsewhere.ReceivedAt = "e"+strconv.Itoa(n), other.ReceivedAt
		elsewhere.Conversation = &relay.Conversation{ID: "group_" + strconv.Itoa(n), Kind: "group"}
		events = append(events, elsewhere)
	}
	result := sim.Run(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return g },
		Contact: func(uid string, _ time.Time) (relay.Contact, engine.Found) {
			return relay.Contact{UID: uid, Email: "george@example.com"}, engine.FoundContact
		},
		Events: events,
	})
	require.Len(t, result.Alerts, 1)
	require.Equal(t, relay.ReasonRead, result.Alerts[0].Reason)
}
