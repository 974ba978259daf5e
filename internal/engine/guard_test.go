package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

const withFallback = `version: 1
rules:
  - name: person
    trigger: user_mentioned
    to: mentioned
    expires: 1h
    send: [ { sms: mention } ]
    fallback: [ { email: mention } ]
    fallback_after: 10m
  - { name: office, trigger: user_mentioned, to: { email: Office@example.com }, send: [ { email: mention } ] }
`

// situation is that of the alert for a person who has both addresses.
func situation(t *testing.T, g *engine.Generation) engine.Situation {
	t.Helper()
	event, alerts := mentioned(t, g)
	return engine.Situation{
		Alert: alerts["person"], Event: event, Now: alerts["person"].ReceivedAt,
		Contact: relay.Contact{Phone: "+442079460102", Email: "george@example.com"},
	}
}

func TestAPauseHoldsWhatItCoversOfSend(t *testing.T) {
	t.Parallel()
	twice, fallback := generation(t, toldTwice), generation(t, withFallback)
	for name, c := range map[string]struct {
		g     *engine.Generation
		pause relay.Pause
		held  bool
	}{
		"everything":                {twice, relay.Pause{}, true},
		"one of its channels":       {twice, relay.Pause{Channel: relay.ChannelEmail}, true},
		"its rule":                  {twice, relay.Pause{Rule: "person"}, true},
		"its rule on a channel":     {twice, relay.Pause{Rule: "person", Channel: relay.ChannelSMS}, true},
		"another rule":              {twice, relay.Pause{Rule: "office"}, false},
		"the channel of a fallback": {fallback, relay.Pause{Channel: relay.ChannelEmail}, false},
	} {
		s := situation(t, c.g)
		s.Facts.Paused = []relay.Pause{{Rule: "nobody"}, c.pause}
		decision := c.g.Decide(s)
		if !c.held {
			require.Equal(t, relay.ActSend, decision.Action, name)
			continue
		}
		require.Equal(t, relay.ActHold, decision.Action, name)
		require.Equal(t, relay.ReasonPaused, decision.Reason, name)
		require.Equal(t, s.Now.Add(engine.PauseRetry), decision.Until, name)
	}
}

func TestAPauseDoesNotCutShortWhatExpiresSoon(t *testing.T) {
	t.Parallel()
	g := generation(t, withFallback)
	s := situation(t, g)
	s.Facts.Paused = []relay.Pause{{}}
	s.Now = s.Alert.ExpiresAt.Add(-5 * time.Minute)
	decision := g.Decide(s)
	require.Equal(t, relay.ActHold, decision.Action)
	require.Equal(t, s.Alert.ExpiresAt.Add(-time.Second), decision.Until)
	s.Now = decision.Until
	decision = g.Decide(s)
	require.Equal(t, relay.ActCancel, decision.Action)
	require.Equal(t, relay.ReasonExpired, decision.Reason)
}

func TestAPauseHoldsTheFallbackWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	g := generation(t, withFallback)
	s := situation(t, g)
	s.Facts.Deliveries = []relay.Delivery{{Channel: relay.ChannelSMS, Template: "mention", State: relay.DeliveryDead, Reason: relay.ReasonRejected}}
	s.Facts.Paused = []relay.Pause{{Channel: relay.ChannelSMS}}
	require.Equal(t, relay.ActSend, g.Decide(s).Action, "nothing is left to send there")
	s.Facts.Paused = []relay.Pause{{Channel: relay.ChannelEmail}}
	require.Equal(t, relay.ReasonPaused, g.Decide(s).Reason)
}

func TestMutedIsSaidBeforePaused(t *testing.T) {
	t.Parallel()
	g := generation(t, withFallback)
	s := situation(t, g)
	s.Facts.Paused = []relay.Pause{{}}
	s.Contact.Mutes = []relay.Mute{{Until: s.Now.Add(time.Hour)}}
	require.Equal(t, relay.ReasonMuted, g.Decide(s).Reason)
}

func TestAGuardKeepsOneDeliveryBackAndItsFallbackGoesOut(t *testing.T) {
	t.Parallel()
	g := generation(t, withFallback)
	s := situation(t, g)
	var asked []relay.Address
	s.Guard = func(to relay.Address) relay.Reason {
		asked = append(asked, to)
		if to.Channel() == relay.ChannelSMS {
			return relay.ReasonCountryNotAllowed
		}
		return relay.ReasonNone
	}
	made := g.Decide(s).Deliveries
	require.Len(t, made, 2)
	require.Equal(t, relay.DeliverySuppressed, made[0].State)
	require.Equal(t, relay.ReasonCountryNotAllowed, made[0].Reason)
	require.Equal(t, relay.DeliveryQueued, made[1].State)
	require.Equal(t, relay.ChannelEmail, made[1].Channel)
	require.Equal(t, []relay.Address{
		relay.NewAddress(relay.ChannelSMS, "+442079460102"), relay.NewAddress(relay.ChannelEmail, "george@example.com"),
	}, asked)

	s.Facts.Suppressed = map[relay.Address]relay.Reason{relay.NewAddress(relay.ChannelSMS, "+442079460102"): relay.ReasonOptedOut}
	require.Equal(t, relay.ReasonOptedOut, g.Decide(s).Deliveries[0].Reason, "what the person said comes first")
}

func TestWhatAGuardKeptBackFallsThrough(t *testing.T) {
	t.Parallel()
	for reason, want := range map[relay.Reason]bool{
		relay.ReasonDailySegments: true, relay.ReasonCountryNotAllowed: true, relay.ReasonLimit: false, relay.ReasonCollapsed: false,
	} {
		require.Equal(t, want, relay.FellThrough([]relay.Delivery{{State: relay.DeliverySuppressed, Reason: reason}}), reason)
	}
	for _, reason := range []relay.Reason{relay.ReasonProviderTrouble, relay.ReasonMisconfigured, relay.ReasonThrottled} {
		require.True(t, relay.FellThrough([]relay.Delivery{{State: relay.DeliveryDead, Reason: reason}}), reason)
	}
}

func TestSilenceMeansSomethingOnlyOnAChannelWithReceipts(t *testing.T) {
	t.Parallel()
	g := generation(t, withFallback)
	s := situation(t, g)
	require.True(t, g.Decide(s).Again.IsZero(), "nobody says that there are any")
	s.Receipts = func(ch relay.Channel) bool { return ch == relay.ChannelEmail }
	require.True(t, g.Decide(s).Again.IsZero())
	s.Receipts = func(ch relay.Channel) bool { return ch == relay.ChannelSMS }
	require.Equal(t, s.Now.Add(10*time.Minute), g.Decide(s).Again)
}
