package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

const toldTwice = `version: 1
rules:
  - { name: person, trigger: user_mentioned, to: mentioned, send: [ { sms: mention }, { email: mention }, { email: unread-message } ] }
  - { name: office, trigger: user_mentioned, to: { email: Office@example.com }, send: [ { email: mention } ] }
`

// mentioned gives the sample mention and its alerts by rule.
func mentioned(t *testing.T, g *engine.Generation) (relay.Event, map[string]relay.Alert) {
	t.Helper()
	event, ok := sample(t)(relay.UserMentioned)
	require.True(t, ok)
	plan, _ := g.Plan(event)
	alerts := map[string]relay.Alert{}
	for _, a := range plan.Alerts {
		alerts[a.Rule] = a
	}
	require.Len(t, alerts, 2)
	return event, alerts
}

func TestAQueryNamesTheAddressesThatDeliveriesWouldGoTo(t *testing.T) {
	t.Parallel()
	g := generation(t, toldTwice)
	event, alerts := mentioned(t, g)
	george := relay.Contact{Phone: "+442079460102", Email: "George@example.com"}
	require.Equal(t, []relay.Address{
		relay.NewAddress(relay.ChannelSMS, "+442079460102"), relay.NewAddress(relay.ChannelEmail, "george@example.com"),
	}, g.Query(alerts["person"], event, george, nil).Addresses)
	require.Equal(t, []relay.Address{relay.NewAddress(relay.ChannelEmail, "office@example.com")},
		g.Query(alerts["office"], event, relay.Contact{}, nil).Addresses, "the one that stands in the rule")
	require.Empty(t, g.Query(alerts["person"], event, relay.Contact{}, nil).Addresses, "nobody was found")
}

func TestAnAddressThatOptedOutIsSaidToHaveDoneSoBeforeAnythingIsCalledARepeat(t *testing.T) {
	t.Parallel()
	g := generation(t, toldTwice)
	event, alerts := mentioned(t, g)
	contact := relay.Contact{Email: "George@example.com"}
	claimed := map[string]string{}
	for _, claim := range g.Query(alerts["person"], event, contact, nil).Claims {
		claimed[claim] = "dl_another"
	}
	decision := g.Decide(engine.Situation{
		Alert: alerts["person"], Event: event, Contact: contact, Now: noon, Facts: relay.Facts{
			Claimed:    claimed,
			Suppressed: map[relay.Address]relay.Reason{relay.NewAddress(relay.ChannelEmail, "george@EXAMPLE.com"): relay.ReasonOptedOut},
		},
	})
	require.Equal(t, relay.ActSend, decision.Action)
	require.Len(t, decision.Deliveries, 3)
	require.Equal(t, relay.ReasonNoPhone, decision.Deliveries[0].Reason)
	for _, d := range decision.Deliveries[1:] {
		require.Equal(t, relay.DeliverySuppressed, d.State)
		require.Equal(t, relay.ReasonOptedOut, d.Reason)
	}
}

func TestAMailOffersTheLinksOfItsContact(t *testing.T) {
	t.Parallel()
	g := generation(t, toldTwice)
	event, alerts := mentioned(t, g)
	for rule, want := range map[string]string{
		"person": "https://relay.example/u/George@example.com", "office": "https://relay.example/u/Office@example.com",
	} {
		decision := g.Decide(engine.Situation{
			Alert: alerts[rule], Event: event, Now: noon, Contact: relay.Contact{Email: "George@example.com", Phone: "+442079460102"},
			Links: func(alert relay.Alert, _ relay.Event, c relay.Contact) render.Links {
				require.Equal(t, rule, alert.Rule)
				return render.Links{Unsubscribe: "https://relay.example/u/" + c.Email.Reveal()}
			},
		})
		mails := 0
		for _, d := range decision.Deliveries {
			if d.Channel == relay.ChannelEmail && d.State == relay.DeliveryQueued {
				mails++
				require.Equal(t, want, d.Content.Unsubscribe)
				require.Contains(t, d.Content.HTML.Reveal(), want)
			} else {
				require.Empty(t, d.Content.Unsubscribe, "a text has no such header")
			}
		}
		require.Equal(t, 1, mails, rule)
	}
}
