package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// traceOf plays mentions a minute apart, all of George, and gives the last step of the trace of the last alert.
func traceOf(t *testing.T, rules string, mentions int, contact relay.Contact) relay.Step {
	t.Helper()
	g := loaded(t, "version: 1\nrules:\n"+rules)
	var events []relay.Event
	for n := range mentions {
		events = append(events, webhook{trigger: relay.UserMentioned, which: n}.event(time.Duration(n)*time.Minute))
	}
	result := sim.Run(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return g },
		Contact:    func(string, time.Time) (relay.Contact, engine.Found) { return contact, engine.FoundContact },
		Events:     events,
	})
	last := result.Alerts[len(result.Alerts)-1].Trace
	return last[len(last)-1]
}

var george = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102"}

func TestATraceNamesTheLimitAndWhenItFrees(t *testing.T) {
	t.Parallel()
	const rule = "  - { name: a, trigger: user_mentioned, to: mentioned, send: [ { sms: mention } ], %s }\n"
	step := traceOf(t, fmt.Sprintf(rule, "limits: [ { max: 9, per: 24h }, { max: 1, per: 1h, by: conversation } ]"), 2, george)
	require.Equal(t, string(relay.ReasonLimit), step.Result)
	require.Equal(t, "max 1 per 1h0m0s by conversation, until 2026-03-02T13:00:00Z", step.Seen)
	step = traceOf(t, fmt.Sprintf(rule, "limits: off"), 51, george)
	require.Equal(t, "max 50 per 1h0m0s of the sender_limit, until 2026-03-02T13:00:00Z", step.Seen)
}

func TestATraceNamesTheDeliveryThatToldBefore(t *testing.T) {
	t.Parallel()
	step := traceOf(t, "  - { name: a, trigger: user_mentioned, to: mentioned, send: [ { sms: mention } ] }\n"+
		"  - { name: b, trigger: user_mentioned, to: mentioned, wait: 1m, send: [ { sms: mention } ] }\n", 1, george)
	require.Equal(t, string(relay.ReasonCollapsed), step.Result)
	require.Regexp(t, `^told by dl_[0-9a-f]{32}$`, step.Seen)
}

func TestATraceSaysWhatIsMutedAndUntilWhen(t *testing.T) {
	t.Parallel()
	const rule = "  - { name: a, trigger: user_mentioned, to: mentioned, send: [ { sms: mention } ] }\n"
	muted := george
	muted.Mutes = []relay.Mute{{Until: noon, Everything: true}, {Until: noon.Add(time.Hour)}}
	require.Equal(t, "everything until 2026-03-02T13:00:00Z", traceOf(t, rule, 1, muted).Seen)
	muted.Mutes = []relay.Mute{{Conversations: []string{"cometchat-uid-1_user_cometchat-uid-2"}}}
	require.Equal(t, "this conversation", traceOf(t, rule, 1, muted).Seen)
	muted.Mutes = []relay.Mute{{Rules: []string{"b"}}, {Rules: []string{"a"}, Until: noon.Add(time.Minute)}}
	require.Equal(t, "this rule until 2026-03-02T12:01:00Z", traceOf(t, rule, 1, muted).Seen)
	muted.Mutes = []relay.Mute{{Everything: true}}
	require.Equal(t, "everything", traceOf(t, rule, 1, muted).Seen)
}

func TestAVerdictNamesWhoDidItAndWhichRoleNobodyHas(t *testing.T) {
	t.Parallel()
	g := loaded(t, "version: 1\nrules:\n"+
		"  - { name: both, trigger: message_sent, to: [sender, receiver, { uid: Cometchat-UID-1 }, { uid: archive }], send: [ { sms: mention } ] }\n"+
		"  - { name: self, trigger: message_sent, to: [sender], include_actor: true, send: [ { sms: mention } ] }\n")
	event := webhook{trigger: relay.MessageSent, which: 1}.event(0)
	event.Receiver = nil
	accounts := g.Explain(event)
	require.Equal(t, []string{"cometchat-uid-1"}, accounts[0].Actors, "also where the rule names the uid itself")
	require.Equal(t, []relay.Role{relay.RoleReceiver}, accounts[0].Empty)
	require.Len(t, accounts[0].Alerts, 1)
	require.Equal(t, "archive", accounts[0].Alerts[0].Recipient.UID)
	require.Empty(t, accounts[1].Actors)
	require.Len(t, accounts[1].Alerts, 1)
}

func TestItIsQuietUntilAllOfSeveralHoursEnd(t *testing.T) {
	t.Parallel()
	g := generation(t, toldTwice)
	event, alerts := mentioned(t, g)
	hours := func(from, to int) relay.QuietHours { return relay.QuietHours{From: from * 60, To: to * 60, Set: true} }
	at := func(hour int) time.Time { return noon.Add(time.Duration(hour-noon.Hour()) * time.Hour) }
	for name, tt := range map[string]struct {
		hours []relay.QuietHours
		now   int
		want  int // 0 for now
	}{
		"by neither":                         {[]relay.QuietHours{hours(22, 7), hours(13, 14)}, 12, 0},
		"by the first":                       {[]relay.QuietHours{hours(22, 7), hours(12, 14)}, 23, 31},
		"by the second":                      {[]relay.QuietHours{hours(22, 7), hours(12, 14)}, 12, 14},
		"by both":                            {[]relay.QuietHours{hours(22, 7), hours(21, 8)}, 23, 32},
		"by one that ends in another":        {[]relay.QuietHours{hours(14, 16), hours(12, 15)}, 12, 16},
		"by three in a row, whatever order":  {[]relay.QuietHours{hours(16, 17), hours(12, 14), hours(14, 16)}, 12, 17},
		"all day, and it is looked at again": {[]relay.QuietHours{hours(12, 22), hours(22, 12)}, 12, 36},
	} {
		contact := relay.Contact{UID: "cometchat-uid-2", Phone: "+442079460102", Email: "george@example.com", QuietHours: tt.hours, Zone: time.UTC}
		alert := alerts["person"]
		alert.ExpiresAt = at(72)
		decision := g.Decide(engine.Situation{Alert: alert, Event: event, Now: at(tt.now), Contact: contact})
		if tt.want == 0 {
			require.Equal(t, relay.ActSend, decision.Action, name)
			continue
		}
		require.Equal(t, relay.ReasonQuietHours, decision.Reason, name)
		require.Equal(t, at(tt.want).UTC(), decision.Until.UTC(), name)
	}
}
