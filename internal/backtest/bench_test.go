package backtest_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// tenRules are what a busy app may have; wait is that of the slow ones.
func tenRules(wait string) string {
	var list strings.Builder
	for i, r := range []string{
		`trigger: user_mentioned, to: mentioned, wait: %s, unless: [read, replied], send: [ { email: mention } ]`,
		`trigger: user_mentioned, to: mentioned, digest: { window: %s }, unless: [read], send: [ { sms: mention } ]`,
		`trigger: message_sent, to: receiver, wait: %s, unless: [read, replied], send: [ { email: unread-message } ], if: 'event.conversation.kind == "user"'`,
		`trigger: message_sent, to: receiver, wait: %s, unless: [read, replied], send: [ { sms: unread-message } ], limits: [ { max: 2, per: 1h } ]`,
		`trigger: message_sent, to: receiver, wait: %s, if: event.message.text.contains("urgent"), send: [ { sms: unread-message } ]`,
		`trigger: call_initiated, to: callee, wait: %s, unless: [answered, declined], urgent: true, send: [ { sms: missed-call } ]`,
		`trigger: call_initiated, to: callee, wait: %s, unless: [answered], send: [ { email: missed-call } ]`,
		`trigger: call_unanswered, to: callee, wait: %s, send: [ { sms: missed-call } ]`,
		`trigger: group_member_added, to: members, wait: %s, send: [ { email: group-added } ]`,
		`trigger: [group_member_added], to: members, wait: %s, send: [ { sms: group-added } ]`,
	} {
		fmt.Fprintf(&list, "- { name: r%d, "+r+" }\n", i, wait)
	}
	return list.String()
}

// busy is events of a hundred conversations over three days. Half the messages are read four minutes later.
func busy(b *testing.B, count int) []relay.Event {
	b.Helper()
	triggers := []relay.Trigger{
		relay.MessageSent, relay.MessageReadReceipt, relay.UserMentioned, relay.MessageReadReceipt, relay.MessageSent, relay.CallInitiated,
	}
	events := make([]relay.Event, 0, count)
	for n := range count {
		e := event(b, triggers[n/100%len(triggers)], noon.Add(time.Duration(n)*(72*time.Hour/time.Duration(count))), nil)
		rename(&e, "user-"+strconv.Itoa(n%100), "user-"+strconv.Itoa((n+1)%100), n)
		events = append(events, e)
	}
	return events
}

func rename(e *relay.Event, ann, bob string, n int) {
	e.ID = strconv.Itoa(n)
	e.Conversation = &relay.Conversation{ID: ann + "_user_" + bob, Kind: relay.KindUser}
	if e.Trigger == relay.MessageReadReceipt {
		ann, bob = bob, ann
	}
	e.Sender, e.Receiver = &relay.User{UID: ann, Name: ann}, &relay.User{UID: bob, Name: bob}
	if e.Message != nil {
		e.Message.ID = strconv.Itoa(n)
		if e.Trigger == relay.UserMentioned {
			e.Message.Mentions = []relay.User{*e.Receiver}
		}
	}
	if e.Call != nil {
		e.Call.SessionID, e.Call.Caller, e.Call.Callee = strconv.Itoa(n), e.Sender, e.Receiver
	}
}

// BenchmarkReplay counts events and messages of both versions, so that it can be seen what the time goes with.
func BenchmarkReplay(b *testing.B) {
	templates := os.DirFS("../../templates")
	old, fresh := generation(b, tenRules("3m"), templates), generation(b, tenRules("10m"), templates)
	for _, count := range []int{10_000, 100_000} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			s := backtest.Setup{
				Old: backtest.Version{Name: "old", Generation: old}, New: backtest.Version{Name: "new", Generation: fresh},
				Events: busy(b, count), Examples: 3,
			}
			for b.Loop() {
				report, err := backtest.Run(b.Context(), s)
				require.NoError(b, err)
				b.ReportMetric(float64(report.Total.Messages.Old+report.Total.Messages.New), "messages")
			}
		})
	}
}
