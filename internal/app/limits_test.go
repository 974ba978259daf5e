package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/outbox"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/relay"
)

func TestTheRateFollowsTheSenderUnlessItIsSet(t *testing.T) {
	t.Parallel()
	for want, senders := range map[float64][]config.Twilio{
		longNumberRate: {{From: "+14155550100"}, {From: "+493012345678"}},
		shortCodeRate:  {{From: "12345"}, {From: "123456"}},
		otherRate:      {{MessagingServiceSID: "MG1"}, {MessagingServiceSID: "MG1", From: "+14155550100"}, {From: "Beckon"}, {}},
	} {
		for _, sender := range senders {
			c := config.Config{Twilio: sender, SMS: config.Limits{Concurrency: 3}, Email: config.Limits{Rate: 7, Concurrency: 2}}
			require.Equal(t, map[relay.Channel]dispatch.Limits{
				relay.ChannelSMS: {Rate: want, Concurrency: 3}, relay.ChannelEmail: {Rate: 7, Concurrency: 2},
			}, limits(c), sender.From)
		}
	}
	c := config.Config{Twilio: config.Twilio{From: "12345"}, SMS: config.Limits{Rate: 0.5}, SMSDailySegments: 9}
	require.InDelta(t, 0.5, limits(c)[relay.ChannelSMS].Rate, 0)
	require.Equal(t, 9, dailySegments(c))
	c.Providers = config.ProvidersOutbox
	require.Zero(t, limits(c)[relay.ChannelSMS].Rate)
	require.Positive(t, limits(c)[relay.ChannelEmail].Concurrency)
	require.Zero(t, dailySegments(c))
}

func TestOnlyListedCountriesAreTexted(t *testing.T) {
	t.Parallel()
	guard := countryGuard([]string{"US", "DE"})
	for to, want := range map[string]relay.Reason{
		"+14155550100": relay.ReasonNone, "+493012345678": relay.ReasonNone,
		"+442079460102": relay.ReasonCountryNotAllowed, "+16045550100": relay.ReasonCountryNotAllowed, // Canada shares +1
		"+999": relay.ReasonCountryNotAllowed, "": relay.ReasonCountryNotAllowed,
	} {
		require.Equal(t, want, guard(relay.NewAddress(relay.ChannelSMS, to)), to)
	}
	require.Equal(t, relay.ReasonNone, guard(relay.NewAddress(relay.ChannelEmail, "ann@example.co.uk")))
	require.Nil(t, countryGuard(nil))
}

func TestWhatIsNotNamedGoesToTheOutbox(t *testing.T) {
	t.Parallel()
	c := config.Config{OnlyTo: config.Addresses{"+1415*", "*@corp.example"}}
	box := sandbox(c, nowhere{})
	for address, away := range map[relay.Address]bool{
		relay.NewAddress(relay.ChannelSMS, "+14155550100"): false, relay.NewAddress(relay.ChannelSMS, "+16045550100"): true,
		relay.NewAddress(relay.ChannelEmail, "Ann@Corp.example"): false, relay.NewAddress(relay.ChannelEmail, "ann@example.com"): true,
	} {
		provider, ok := box(address)
		require.Equal(t, away, ok, address)
		require.Equal(t, outbox.Name, provider.Name())
	}
	require.Nil(t, sandbox(config.Config{}, nowhere{}))
	c.Providers = config.ProvidersOutbox
	require.Nil(t, sandbox(c, nowhere{}), "all goes there")
}

func TestReplicasHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	one, other := replica(), replica()
	require.NotEqual(t, one, other)
}
