package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
)

func TestEachEventOfADigestHasTheLinksToItsFiles(t *testing.T) {
	t.Parallel()
	g, findings := build(t, `{version: 1, rules: [{name: a, trigger: user_mentioned, to: mentioned, digest: {window: 10m}, send: [{sms: files}]}]}`,
		map[string]string{"files/sms.txt": "{{.links.media}}:{{range .events}} {{range .message.attachments}}{{.url}}{{end}}{{end}}"})
	require.NotNil(t, g, "%v", findings)
	var members []relay.Member
	for i, id := range []string{"101", "102"} {
		event, _ := sample(t)(relay.UserMentioned)
		message := *event.Message
		message.ID, message.Attachments = id, []relay.Attachment{{URL: "https://files-eu.cometchat.io/app/media/" + id}}
		event.ID, event.Message, event.ReceivedAt = "event"+id, &message, event.ReceivedAt.Add(time.Duration(i)*time.Second)
		plan, _ := g.Plan(event)
		require.Len(t, plan.Alerts, 1)
		members = append(members, relay.Member{Alert: plan.Alerts[0], Event: event})
	}
	lead := members[0]
	decision := g.Decide(engine.Situation{
		Alert: lead.Alert, Event: lead.Event, Members: members, Now: lead.Alert.DueAt, Found: engine.FoundContact,
		Facts:   relay.Facts{Members: []relay.Alert{members[1].Alert}},
		Contact: relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102"},
		Links: func(alert relay.Alert, event relay.Event, contact relay.Contact) render.Links {
			require.Equal(t, event.ID, alert.EventID, "each alert with its own event")
			require.Equal(t, relay.Phone("+14155550102"), contact.Phone)
			return render.Links{Attachments: []string{"/m/" + event.ID}}
		},
	})
	require.Len(t, decision.Deliveries, 1)
	require.Equal(t, "/m/event101: /m/event101 /m/event102", decision.Deliveries[0].Content.Text.Reveal())
}
