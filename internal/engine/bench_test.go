package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
)

const benchRules = `version: 1
rules:
  - name: mention
    trigger: user_mentioned
    if: event.conversation.kind == "user"
    to: mentioned
    wait: 5m
    unless: [read, replied]
    send: [ { sms: mention }, { email: mention } ]
`

// BenchmarkPlan is what rules make of an event that one of them wants: matching its condition, and its alert.
func BenchmarkPlan(b *testing.B) {
	g := loaded(b, benchRules)
	event, ok := shippedSample(relay.UserMentioned)
	require.True(b, ok)
	b.ReportAllocs()
	for b.Loop() {
		if plan, _ := g.Plan(event); len(plan.Alerts) != 1 {
			b.Fatal("one alert is planned")
		}
	}
}

// BenchmarkDecide is the decision to send a text and a mail, both rendered, with ten events that might have cancelled it.
func BenchmarkDecide(b *testing.B) {
	g := loaded(b, benchRules)
	event, ok := shippedSample(relay.UserMentioned)
	require.True(b, ok)
	plan, _ := g.Plan(event)
	s := engine.Situation{
		Alert: plan.Alerts[0], Event: event, Now: plan.Alerts[0].DueAt, Found: engine.FoundContact,
		Contact: relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com", Zone: time.UTC},
	}
	for n := range 10 {
		s.Facts.Candidates = append(s.Facts.Candidates, webhook{trigger: relay.MessageReadReceipt, which: -n}.event(0))
	}
	b.ReportAllocs()
	for b.Loop() {
		if d := g.Decide(s); d.Action != relay.ActSend || len(d.Deliveries) != 2 {
			b.Fatal(d.Action, d.Reason)
		}
	}
}
