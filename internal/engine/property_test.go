package engine_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
)

// shuffledRules look at everything that may come before or after, but for presence: somebody is online "at or after receipt", so
// there the order is what is asked for. No limits, also not the one by sender, and no digest.
const shuffledRules = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, wait: 5m, unless: [read, replied], send: [ { email: mention }, { sms: mention } ] }
  - { name: message, trigger: message_sent, to: receiver, wait: 7m, unless: [read], send: [ { email: unread-message } ] }
  - { name: call, trigger: call_initiated, to: callee, wait: 5m, unless: [answered, declined], send: [ { sms: missed-call } ] }
  - { name: called, trigger: call_unanswered, to: callee, wait: 6m, unless: [answered], send: [ { sms: missed-call } ] }
  - { name: busy, trigger: call_busy, to: caller, wait: 5m, include_actor: true, send: [ { email: missed-call } ], collapse: false,
      unless: [ { trigger: call_started, if: "same(later.call.session_id, event.call.session_id)" } ] }
`

// firstDue is the shortest wait of shuffledRules: everything arrives before the first alert falls due.
const firstDue = 5 * time.Minute

// TestWhatIsToldDoesNotDependOnTheOrder plays the same webhooks in order, once each, and then shuffled, repeated and at other
// times. Who is told of what on which channel stays the same. Of two webhooks about one message or call that both would be told
// only one is, whichever falls due first; so what is compared is the message or call.
func TestWhatIsToldDoesNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	g := loaded(t, shuffledRules)
	told, silent := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfN(someWebhook(), 1, 14).Draw(t, "webhooks")
		var ordered, shuffled []relay.Event
		for i, w := range drawn {
			ordered = append(ordered, w.event(time.Duration(i)*time.Second))
		}
		want := toldOf(g, ordered)
		for _, w := range rapid.Permutation(slices.Concat(drawn, drawn[:len(drawn)/2])).Draw(t, "order") {
			shuffled = append(shuffled, w.event(time.Duration(rapid.Int64Range(0, int64(firstDue)-1).Draw(t, "at"))))
		}
		if got := toldOf(g, shuffled); !slices.Equal(want, got) {
			t.Fatalf("in order:\n%s\nshuffled:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
		told += len(want)
		if len(want) == 0 {
			silent++
		}
	})
	require.NotZero(t, told, "nothing was ever told")
	require.NotZero(t, silent, "nothing was ever held back")
}

func loaded(tb testing.TB, source string) *engine.Generation {
	tb.Helper()
	set, findings := rules.Load("rules.yaml", []byte(source), cometchat.Catalogue())
	require.NotNil(tb, set, "%v", findings)
	templates, problems := render.Load(os.DirFS("../../templates"))
	require.Empty(tb, problems)
	g, findings := engine.Build(engine.Parts{Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(), Sample: shippedSample})
	require.NotNil(tb, g, "%v", findings)
	return g
}

func shippedSample(trigger relay.Trigger) (relay.Event, bool) {
	body, ok := cometchat.Sample(trigger)
	if !ok {
		return relay.Event{}, false
	}
	event, err := cometchat.Decode(body, noon)
	return event, err == nil
}

// toldOf lists what was sent, sorted: the thing, the person and the channel.
func toldOf(g *engine.Generation, events []relay.Event) []string {
	result := sim.Run(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return g },
		Contact: func(uid string, _ time.Time) (relay.Contact, engine.Found) {
			return relay.Contact{UID: uid, Name: uid, Email: relay.Email(uid + "@example.com"), Phone: "+14155550100"}, engine.FoundContact
		},
		Events: events,
	})
	things := map[string]string{}
	for _, e := range events {
		things[e.ID] = thingOf(e)
	}
	var out []string
	for _, d := range result.Deliveries {
		if d.State == relay.DeliverySent {
			out = append(out, fmt.Sprintf("%s %s %s", things[d.EventID], d.Recipient.UID, d.Channel))
		}
	}
	slices.Sort(out)
	return out
}

func thingOf(e relay.Event) string {
	if e.Message != nil {
		return "message " + e.Message.ID
	}
	if e.Call != nil {
		return "call " + e.Call.SessionID
	}
	return e.ID
}

// webhook is one of a small world, so that many of them are about the same message or call.
type webhook struct {
	trigger relay.Trigger
	which   int
	// reply turns sender and receiver of a message around.
	reply bool
}

func someWebhook() *rapid.Generator[webhook] {
	triggers := []relay.Trigger{
		relay.MessageSent, relay.UserMentioned, relay.MessageReadReceipt, relay.MessageDeleted, relay.MessageEdited,
		relay.CallInitiated, relay.CallStarted, relay.CallJoined, relay.CallRejected, relay.CallBusy, relay.CallUnanswered,
	}
	return rapid.Custom(func(t *rapid.T) webhook {
		w := webhook{trigger: rapid.SampledFrom(triggers).Draw(t, "trigger"), which: rapid.IntRange(1, 3).Draw(t, "which")}
		w.reply = w.trigger == relay.MessageSent && rapid.Bool().Draw(t, "reply")
		return w
	})
}

// event is the webhook as it arrives at a time after noon; its ID says what it says.
func (w webhook) event(at time.Duration) relay.Event {
	e, _ := shippedSample(w.trigger)
	if e.Message != nil {
		message := *e.Message
		message.ID = strconv.Itoa(1040 + w.which)
		e.Message = &message
	}
	if e.Call != nil {
		call := *e.Call
		call.SessionID = "session-" + strconv.Itoa(w.which)
		e.Call = &call
	}
	if w.reply {
		e.Sender, e.Receiver = e.Receiver, e.Sender
	}
	e.ID, e.ReceivedAt = fmt.Sprint(w), noon.Add(at)
	return e
}
