package dispatch

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// agreements is how many random stories are played both ways.
const agreements = 8

// TestTheStoreAndTheSimulatorAgree plays random stories through the simulator and through the Dispatcher on a real store with a clock
// that only the test moves: rules with digests, limits, quiet hours, fallbacks and expiry, groups whose members are asked for, a reload in the middle, a directory
// and a chat app that are down for a while, providers that refuse and receipts that come late. Every alert and every delivery ends alike.
func TestTheStoreAndTheSimulatorAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(agreements) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			s := newStory(t, seed)
			result := sim.Run(sim.Setup{Generation: s.generation, Contact: s.contact, Events: s.events, Carry: s.fate, Chat: s.said})
			require.NotEmpty(t, result.Alerts)
			s.play()
			alerts, err := s.kept.Alerts(t.Context(), store.Filter{Limit: store.MaxList})
			require.NoError(t, err)
			deliveries, err := s.kept.Deliveries(t.Context(), store.Filter{Limit: store.MaxList})
			require.NoError(t, err)
			require.Equal(t, s.outline(result.Alerts, result.Deliveries), s.outline(alerts, deliveries), s.rules)
		})
	}
}

// story is what happens in two hours, drawn by chance from a seed.
type story struct {
	*bench

	seed     uint64
	random   *rand.Rand
	rules    [2]string
	inForce  [2]*engine.Generation
	start    time.Time
	reload   time.Time
	downTill time.Time
	// chatDown is until when the chat app is.
	chatDown time.Time
	events   []relay.Event
	// mu guards receipts: the deliveries of one alert are attempted side by side.
	mu       sync.Mutex
	receipts []receipt
}

// receipt is one that will come.
type receipt struct {
	at       time.Time
	delivery string
	state    relay.DeliveryState
}

func newStory(t *testing.T, seed uint64) *story {
	t.Helper()
	s := &story{bench: newBench(t), seed: seed, random: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a story, not a secret
	s.start = s.now
	s.people["cometchat-uid-2"] = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com"}
	s.people["cometchat-uid-4"] = relay.Contact{UID: "cometchat-uid-4", Phone: "+14155550104"}
	if seed%2 == 1 {
		s.to = "[mentioned, group_members]"
		s.chatDown = s.start.Add(time.Duration(s.random.IntN(4)) * 11 * time.Minute)
	}
	for i := range s.rules {
		s.rules[i] = s.keys()
		s.rule(s.rules[i])
		s.inForce[i] = s.Current()
	}
	s.reload = s.start.Add(time.Duration(s.random.IntN(90)) * time.Minute)
	s.downTill = s.start.Add(time.Duration(s.random.IntN(4)) * 17 * time.Minute)
	for n := range 14 {
		s.events = append(s.events, s.event(n))
	}
	slices.SortFunc(s.events, func(a, b relay.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	s.Current = func() *engine.Generation { return s.generation(s.now) }
	s.Provider = func(relay.Channel) (Provider, bool) { return s, true }
	return s
}

func (s *story) pick(of ...string) string { return of[s.random.IntN(len(of))] }

// keys draws what the one rule says.
func (s *story) keys() string {
	drawn := []string{
		s.pick("wait: 3m", "wait: 0s", "wait: 20m"),
		s.pick("digest: { window: 10m }", "digest: { window: 25m, by: conversation }", ""),
		s.pick("unless: [read, replied]", ""),
		s.pick("limits: [ { max: 2, per: 1h } ]", "limits: [ { max: 1, per: 30m, by: conversation } ]", "limits: off", ""),
		s.pick(`quiet_hours: { from: "12:40", to: "13:20" }`, ""),
		s.pick("send: [ { sms: mention } ], fallback: [ { email: mention } ]", "send: [ { sms: mention }, { email: mention } ]",
			"send: [ { email: mention } ], fallback: [ { sms: mention }, { email: unread-message } ]"),
		s.pick("expires: 1h", "expires: 3h"),
		s.pick("collapse: false", "", ""),
	}
	return strings.Join(slices.DeleteFunc(drawn, func(key string) bool { return key == "" }), ", ")
}

// event draws one of a few mentions in a few messages, or what may happen to these.
func (s *story) event(n int) relay.Event {
	triggers := []relay.Trigger{relay.UserMentioned, relay.UserMentioned, relay.UserMentioned, relay.MessageReadReceipt, relay.MessageDeleted}
	trigger := triggers[s.random.IntN(len(triggers))]
	set := map[string]any{"data.message.id": strconv.Itoa(5000 + s.random.IntN(16))}
	switch trigger {
	case relay.MessageReadReceipt:
		set = map[string]any{"data.body.messageId": set["data.message.id"]}
	case relay.UserMentioned:
		sender := s.pick("cometchat-uid-1", "cometchat-uid-3")
		set["data.message.updatedAt"], set["data.message.sender"] = 1772442400+n, sender
		set["data.message.data.entities.sender.entity.uid"] = sender
	default: // what is deleted is named as it is
	}
	if s.to != "" && trigger != relay.MessageReadReceipt {
		guid := s.pick("hiking", "climbing")
		set["data.message.receiverType"], set["data.message.receiver"] = "group", guid
		set["data.message.data.entities.receiver"] = map[string]any{
			"entityType": "group", "entity": map[string]any{"guid": guid, "membersCount": s.pick("300", "301")},
		}
	}
	body, _ := cometchat.Sample(trigger)
	for path, value := range set {
		var err error
		body, err = sjson.SetBytes(body, path, value)
		require.NoError(s.t, err)
	}
	at := time.Duration(s.random.IntN(100*60))*time.Second + time.Duration(n)*time.Millisecond
	event, err := cometchat.Decode(body, s.start.Add(at))
	require.NoError(s.t, err)
	return event
}

func (s *story) generation(now time.Time) *engine.Generation {
	if now.Before(s.reload) {
		return s.inForce[0]
	}
	return s.inForce[1]
}

// down tells whether the directory is.
func (s *story) down(now time.Time) bool {
	return now.After(s.start.Add(10*time.Minute)) && now.Before(s.downTill)
}

func (s *story) contact(uid string, now time.Time) (relay.Contact, engine.Found) {
	contact, known := s.people[uid]
	switch {
	case s.down(now):
		return relay.Contact{}, engine.FoundDown
	case !known:
		return relay.Contact{}, engine.FoundNobody
	}
	return contact, engine.FoundContact
}

// said is what the chat app says to a question.
func (s *story) said(q relay.Question, now time.Time) relay.Answer {
	switch {
	case now.Before(s.chatDown):
		return relay.Answer{State: relay.AnswerDown}
	case q.Topic == relay.TopicMembers:
		return relay.Answer{State: relay.AnswerGiven, People: []string{"cometchat-uid-4", "cometchat-uid-2", "cometchat-uid-1"}}
	case q.ID == "climbing":
		return relay.Answer{State: relay.AnswerMissing}
	}
	return relay.Answer{State: relay.AnswerGiven, Unread: now.Minute() % 2}
}

// Ask implements Chat.
func (s *story) Ask(_ context.Context, q relay.Question) (relay.Answer, error) {
	answer := s.said(q, s.now)
	switch answer.State {
	case relay.AnswerDown:
		return relay.Answer{}, errDown
	case relay.AnswerMissing:
		return relay.Answer{}, ErrGone
	default:
		return answer, nil
	}
}

// Lookup implements Directory.
func (s *story) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	if s.down(s.now) {
		return relay.Contact{}, errDown
	}
	return s.people.Lookup(ctx, uid)
}

// fate is what becomes of a delivery, the same both ways.
func (s *story) fate(d relay.Delivery) sim.Fate {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, s.seed, d.ID)
	chance := h.Sum32()
	after := time.Duration(chance%900+1) * time.Second
	switch chance >> 16 % 4 {
	case 0:
		return sim.Fate{State: relay.DeliveryDead, Reason: relay.ReasonRejected}
	case 1:
		return sim.Fate{State: relay.DeliveryUndelivered, After: after}
	case 2:
		return sim.Fate{State: relay.DeliveryDelivered, After: after}
	}
	return sim.Fate{State: relay.DeliverySent}
}

// Name implements Provider.
func (s *story) Name() string { return "sim" }

// Send implements Provider.
func (s *story) Send(_ context.Context, d relay.Delivery) relay.Outcome {
	fate := s.fate(d)
	if fate.State == relay.DeliveryDead {
		return relay.Outcome{Kind: relay.Permanent, Reason: fate.Reason}
	}
	if fate.State != relay.DeliverySent {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.receipts = append(s.receipts, receipt{s.now.Add(fate.After), d.ID, fate.State})
	}
	return relay.Outcome{Kind: relay.Accepted, ProviderID: "x"}
}

// play lets everything happen in the order of time: at one moment events first, then receipts, then alerts as they were received.
func (s *story) play() {
	s.Directory, s.Chat = s, s
	events := s.events
	for range 5000 {
		alert, due := s.next()
		receipt := s.nextReceipt()
		switch {
		case len(events) > 0 && !later(events[0].ReceivedAt, due) && (receipt < 0 || !later(events[0].ReceivedAt, s.receipts[receipt].at)):
			s.now = events[0].ReceivedAt
			plan, _ := s.Current().Plan(events[0])
			_, err := s.kept.Accept(s.t.Context(), plan)
			require.NoError(s.t, err)
			events = events[1:]
		case receipt >= 0 && !later(s.receipts[receipt].at, due):
			r := s.receipts[receipt]
			s.receipts = slices.Delete(s.receipts, receipt, receipt+1)
			s.now = r.at
			require.NoError(s.t, s.kept.Settle(s.t.Context(), r.delivery, store.Next{State: r.state}, s.now))
		case !due.IsZero():
			s.look(alert, due)
		default:
			return
		}
	}
	require.Fail(s.t, "it never ends", s.rules)
}

// later tells whether a moment is after another; zero is never.
func later(at, than time.Time) bool { return !than.IsZero() && at.After(than) }

// look does what an alert's wake-up does, and those of deliveries that have one of their own.
func (s *story) look(alert string, due time.Time) {
	if due.After(s.now) {
		s.now = due
	}
	require.NoError(s.t, s.due(s.t.Context(), alert))
	queued, err := s.kept.Deliveries(s.t.Context(), store.Filter{State: string(relay.DeliveryQueued)})
	require.NoError(s.t, err)
	for _, d := range queued {
		require.NoError(s.t, s.work(d.ID))
	}
}

func (s *story) next() (id string, due time.Time) {
	alerts, err := s.kept.Alerts(s.t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(s.t, err)
	for _, a := range slices.Backward(alerts) { // the oldest first
		if at := a.LookAt(); !at.IsZero() && (due.IsZero() || at.Before(due)) {
			id, due = a.ID, at
		}
	}
	return id, due
}

func (s *story) nextReceipt() int {
	first := -1
	for i, r := range s.receipts {
		if first < 0 || r.at.Before(s.receipts[first].at) {
			first = i
		}
	}
	return first
}

// outline says what became of everything, and when it was decided.
func (s *story) outline(alerts []relay.Alert, deliveries []relay.Delivery) []string {
	var out []string
	for _, a := range alerts {
		decided := a.ReceivedAt
		if len(a.Trace) > 0 {
			decided = a.Trace[len(a.Trace)-1].At
		}
		out = append(out, fmt.Sprintf("alert %s: %s %s, lead %q, after %s", a.ID, a.State, a.Reason, a.Lead, decided.Sub(s.start).Round(time.Second)))
	}
	for _, d := range deliveries {
		out = append(out, fmt.Sprintf("%s %s of %s: %s %s, after %s: %q", d.Channel, d.ID, d.AlertID, d.State, d.Reason,
			d.CreatedAt.Sub(s.start).Round(time.Second), d.Content.Text.Reveal()))
	}
	slices.Sort(out)
	return out
}
