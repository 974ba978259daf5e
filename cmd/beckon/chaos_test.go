package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// killsVariable says how many processes are killed; without it few are, so that the test is quick. See `make chaos`.
	killsVariable = "BECKON_CHAOS_KILLS"
	fewKills      = 4
	// chaosPeople is how many people are written to: so many that one page of Twilio's list shows all that one of them got.
	chaosPeople = 150
	// chaosPosters post at once.
	chaosPosters = 6
	// chaosBacklog is how many events may wait to be told of: more are accepted than are sent on a machine that is busy.
	chaosBacklog = 200
	// chaosProgress is how many events are accepted between two kills at least.
	chaosProgress = 20
)

// chaosRules have two rules for one thing, so that claims are raced for, and an `unless`, so that some are to be cancelled.
const chaosRules = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, wait: 1s, unless: [read], urgent: true, send: [ { sms: mention }, { email: mention } ] }
  - { name: again, trigger: user_mentioned, to: mentioned, wait: 1s, unless: [read], urgent: true, send: [ { sms: mention } ] }
`

// TestChaos posts mentions without a pause while processes are killed with -9 at random and the vendors do everything that vendors do:
// 429 with and without Retry-After, 5xx, pages of HTML, slow answers, connections that break before and after the message was
// taken, answers that are cut off, receipts late, twice and out of order. In the end every mention that was answered 200
// has told its person once on each channel, or not at all where it had been read: none is missing, and none came twice.
func TestChaos(t *testing.T) { //nolint:paralleltest // it takes the whole machine
	t.Run("sqlite", func(t *testing.T) { newChaos(t, newWatchedLab(t, chaosRules), 1).run() }) //nolint:paralleltest // see above
	t.Run("postgres with three replicas", func(t *testing.T) {                                 //nolint:paralleltest // see above
		l := newWatchedLab(t, chaosRules)
		l.onPostgres()
		newChaos(t, l, 3).run()
	})
}

// chaos is one run.
type chaos struct {
	*lab

	kills  int
	random *rand.Rand

	mu       sync.Mutex // guards what follows, and random
	replicas []*process
	accepted map[string]mention
	injected map[string]int

	posts, refused, broken atomic.Int64
	// mailed is how many mails the vendor took, as far as was looked: one for each event that was not read.
	mailed atomic.Int64
	calm   atomic.Bool
}

// mention is an event that was answered 200.
type mention struct {
	n    int
	read bool
}

func newChaos(t *testing.T, l *lab, replicas int) *chaos {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &chaos{
		lab: l, kills: fewKills, random: rand.New(rand.NewPCG(seed, 1)), replicas: make([]*process, replicas), //nolint:gosec // chance, not a secret
		accepted: map[string]mention{}, injected: map[string]int{},
	}
	if text := os.Getenv(killsVariable); text != "" { //nolint:forbidigo // of the test
		n, err := strconv.Atoi(text)
		require.NoError(t, err, killsVariable)
		c.kills = n
	}
	var people strings.Builder
	for n := range chaosPeople {
		fmt.Fprintf(&people, "p%d: { name: Person %d, phone: \"+1415555%04d\", email: p%d@example.net }\n", n, n, n, n)
	}
	l.write("people.yaml", people.String())
	maps.Copy(l.env, map[string]string{
		"BECKON_SMS_RATE": "1000", "BECKON_EMAIL_RATE": "1000", "BECKON_UNKNOWN_WAIT": "3s", "SENDGRID_ACTIVITY": "2s",
		"SENDGRID_EVENT_PUBLIC_KEY": l.sendgrid.PublicKey(t),
	})
	l.twilio.Policy(func(_ int, r *http.Request) vendortest.Answer { return c.fault(r, `{"code":20500,"status":500}`) })
	l.sendgrid.Policy(func(_ int, r *http.Request) vendortest.Answer {
		answer := c.fault(r, `{"errors":[{"message":"trouble"}]}`)
		if answer.Drop { // its list cannot prove that a mail was not taken, and two of these in a row would end it
			answer = vendortest.Answer{Status: http.StatusServiceUnavailable}
		}
		return answer
	})
	return c
}

// chance draws a number below n.
func (c *chaos) chance(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

// fault is what a vendor does with a request: in six of seven nothing special, so that the breakers rarely have their way.
func (c *chaos) fault(r *http.Request, trouble string) vendortest.Answer {
	if c.calm.Load() || c.chance(7) > 0 {
		return vendortest.Answer{Delay: time.Duration(c.chance(30)) * time.Millisecond}
	}
	name, answer := c.draw(trouble)
	if r.Method == http.MethodGet { // a list that is asked for is not sent
		name += " of a list"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.injected[name]++
	return answer
}

func (c *chaos) draw(trouble string) (string, vendortest.Answer) {
	json := map[string]string{"Content-Type": "application/json"}
	switch c.chance(10) {
	case 0:
		return "429 with Retry-After", vendortest.Answer{Status: 429, Header: map[string]string{"Retry-After": "1"}, Body: trouble}
	case 1:
		return "429 without", vendortest.Answer{Status: 429, Body: trouble}
	case 2:
		return "500", vendortest.Answer{Status: 500, Header: json, Body: trouble}
	case 3:
		return "502 in HTML", vendortest.Answer{Status: 502, Header: map[string]string{"Content-Type": "text/html"}, Body: "<h1>Bad Gateway</h1>"}
	case 4:
		return "503 without a body", vendortest.Answer{Status: 503}
	case 5:
		if c.chance(12) == 0 {
			return "answer after the deadline", vendortest.Answer{Delay: 11 * time.Second}
		}
		return "slow answer", vendortest.Answer{Delay: time.Duration(300+c.chance(1500)) * time.Millisecond}
	case 6:
		return "dropped before taking", vendortest.Answer{Drop: true}
	case 7, 8:
		return "dropped after taking", vendortest.Answer{Reset: true}
	}
	return "answer cut off", vendortest.Answer{CutOff: true}
}

func (c *chaos) run() {
	for i := range c.replicas {
		c.replicas[i] = c.serve()
	}
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	var posters, reporters sync.WaitGroup
	var next atomic.Int64
	for range chaosPosters {
		posters.Go(func() { c.post(ctx, &next) })
	}
	reporters.Go(func() { c.report(c.t.Context(), ctx) })
	c.killAll()
	for i := range c.replicas { // a rolling restart, as of a new version
		c.replace(i, (*process).stop)
	}
	stop()
	posters.Wait()
	c.calm.Store(true)
	s := c.kept()
	c.settled(s)
	reporters.Wait()
	c.judge(s)
	for _, p := range c.replicas {
		p.stop()
	}
	require.Empty(c.t, c.twilio.Faults())
	require.Empty(c.t, c.sendgrid.Faults())
}

// killAll kills one process after the other at random times, and starts another in its place. Between two kills at least
// chaosProgress events are accepted, however slow the machine is.
func (c *chaos) killAll() {
	for kill := range c.kills {
		pause := time.NewTimer(time.Duration(c.chance(2500)) * time.Millisecond)
		c.eventually("events are accepted", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.accepted) >= (kill+1)*chaosProgress
		})
		<-pause.C
		c.replace(c.chance(len(c.replicas)), (*process).kill)
	}
}

// replace ends a process and starts another in its place.
func (c *chaos) replace(i int, end func(*process)) {
	c.mu.Lock()
	victim := c.replicas[i]
	c.mu.Unlock()
	end(victim)
	successor := c.serve()
	c.mu.Lock()
	c.replicas[i] = successor
	c.mu.Unlock()
}

// any is a process that may be alive.
func (c *chaos) any() *process {
	i := c.chance(len(c.replicas))
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replicas[i]
}

// post posts mentions, each until it is answered 200, as CometChat does.
func (c *chaos) post(ctx context.Context, next *atomic.Int64) {
	for ctx.Err() == nil {
		if c.behind() {
			if pause(ctx, 50*time.Millisecond) != nil {
				return
			}
			continue
		}
		m := mention{n: int(next.Add(1)), read: c.chance(5) == 0}
		if m.read { // nothing depends on what comes first
			if !c.insist(ctx, c.event(relay.MessageReadReceipt, m.n), nil) {
				return
			}
		}
		c.insist(ctx, c.event(relay.UserMentioned, m.n), &m)
	}
}

// behind tells whether enough waits.
func (c *chaos) behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(len(c.accepted))*4/5-c.mailed.Load() > chaosBacklog
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// insist posts until the answer is 200, or everything ends. An answer that was lost counts as none, though the event may be kept.
func (c *chaos) insist(ctx context.Context, body []byte, m *mention) bool {
	for {
		a, err := c.any().post(body) //nolint:contextcheck // it has a deadline of its own
		c.posts.Add(1)
		switch {
		case err == nil && a.Status == http.StatusOK:
			if m != nil {
				c.mu.Lock()
				c.accepted[a.ID] = *m
				c.mu.Unlock()
			}
			return true
		case err == nil:
			c.refused.Add(1)
		default:
			c.broken.Add(1)
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return false
		}
	}
}

// event is one in a conversation of its own, with a text of its own.
func (c *chaos) event(trigger relay.Trigger, n int) []byte {
	from, to, id := fmt.Sprint("s", n), fmt.Sprint("p", n%chaosPeople), strconv.Itoa(10_000+n)
	if trigger == relay.MessageReadReceipt {
		return sample(c.t, trigger, map[string]any{
			"data.receiver": from, "data.messageSender": from, "data.sender": to, "data.body.user.uid": to, "data.body.messageId": id,
		})
	}
	return sample(c.t, trigger, map[string]any{
		"data.message.id": id, "data.message.sender": from, "data.message.receiver": to,
		"data.message.data.entities.sender.entity.uid": from, "data.message.data.entities.receiver.entity.uid": to,
		"data.message.data.text":     fmt.Sprintf("<@uid:%s> number %d", to, n),
		"data.message.data.mentions": map[string]any{to: map[string]any{"uid": to, "name": "Person"}},
	})
}

// report posts what the vendors report of each message, late, some twice, in any order, until all is told.
func (c *chaos) report(ctx, load context.Context) {
	texts, mails := 0, 0
	address := func() string { return c.any().public }
	for {
		var reports []vendortest.Report
		told := c.twilio.Messages()
		for ; texts < len(told); texts++ {
			reports = append(reports, c.twilio.Reports(told[texts], "sent", "delivered")...)
		}
		sent := c.sendgrid.Mails()
		c.mailed.Store(int64(len(sent)))
		for ; mails < len(sent); mails++ {
			m := sent[mails]
			reports = append(reports, c.sendgrid.Batch(c.t, c.sendgrid.Event(m, "processed", nil), c.sendgrid.Event(m, "delivered", nil)))
		}
		c.mu.Lock()
		reports = vendortest.Disorder(c.random, reports)
		c.mu.Unlock()
		var posts errgroup.Group
		posts.SetLimit(chaosPosters)
		for i, r := range reports {
			if i%3 == 0 && load.Err() == nil {
				continue // some never come while there is chaos
			}
			posts.Go(func() error { return r.Deliver(ctx, 20, address) })
		}
		_ = posts.Wait() // one that was never taken is one more that never came
		if pause(ctx, 500*time.Millisecond) != nil {
			return
		}
		if load.Err() != nil && texts == len(c.twilio.Messages()) && mails == len(c.sendgrid.Mails()) && c.calm.Load() {
			return
		}
	}
}

// settled waits until nothing is under way. Retries that chaos made wait for minutes.
func (c *chaos) settled(s store.Store) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		stats, err := s.Stats(c.t.Context())
		if err != nil {
			return false
		}
		open := stats.Alerts[relay.AlertHeld] + stats.Alerts[relay.AlertDue]
		for _, states := range stats.Deliveries {
			open += states[relay.DeliveryQueued] + states[relay.DeliverySending] + states[relay.DeliveryUnknown]
		}
		return open == 0
	}, 12*time.Minute, 200*time.Millisecond, "everything ends")
}

// verdict is what chaos came to.
type verdict struct {
	sent, cancelled, missing, twice, wrong int
	ways                                   map[string]int
}

// judge holds what the vendors took against what was accepted.
func (c *chaos) judge(s store.Store) {
	c.t.Helper()
	texts, mails := map[string]int{}, map[string]int{}
	for _, m := range c.twilio.Messages() {
		texts[m.DeliveryID]++
	}
	for _, m := range c.sendgrid.Mails() {
		mails[m.DeliveryID]++
	}
	v := verdict{ways: map[string]int{}}
	for id, m := range c.accepted {
		deliveries, err := s.Deliveries(c.t.Context(), store.Filter{EventID: id})
		require.NoError(c.t, err)
		c.judgeAlerts(s, id, m, &v)
		want, got := 1, map[relay.Channel]int{}
		for _, d := range deliveries {
			got[d.Channel] += texts[d.ID] + mails[d.ID]
			c.judgeDelivery(s, d, texts[d.ID]+mails[d.ID], &v)
		}
		if m.read {
			want = 0
		}
		for _, channel := range relay.Channels() {
			v.missing += max(want-got[channel], 0)
			v.twice += max(got[channel]-want, 0)
			if got[channel] != want {
				c.t.Logf("event %s (%+v): %d by %s; want %d: %s", id, m, got[channel], channel, want, c.story(s, deliveries))
			}
		}
	}
	c.print(v)
	require.Zero(c.t, v.missing, "messages that never came")
	require.Zero(c.t, v.twice, "messages that came twice")
	require.Zero(c.t, v.wrong, "alerts and deliveries that ended otherwise than they should")
	require.GreaterOrEqual(c.t, len(c.accepted), chaosProgress*c.kills)
	require.Positive(c.t, v.cancelled)
	lost := v.ways["unknown, then found or reported"] + v.ways["unknown, then sent again"]
	require.Positive(c.t, lost, "no answer was lost: the test proves less than it says")
}

// judgeAlerts: both rules saw each event, and ended it as they should.
func (c *chaos) judgeAlerts(s store.Store, eventID string, m mention, v *verdict) {
	c.t.Helper()
	alerts, err := s.Alerts(c.t.Context(), store.Filter{EventID: eventID})
	require.NoError(c.t, err)
	if len(alerts) != 2 {
		v.wrong++
		c.t.Logf("event %s has %d alerts", eventID, len(alerts))
	}
	for _, a := range alerts {
		collapsed := a.State == relay.AlertSuppressed && a.Reason == relay.ReasonCollapsed
		switch {
		case m.read && a.State == relay.AlertCancelled && a.Reason == relay.ReasonRead:
			v.cancelled++
		case !m.read && (a.State == relay.AlertSent || collapsed && a.Rule == "again"):
			v.sent++
		default:
			v.wrong++
			c.t.Logf("alert %s of %+v: %s %s", a.ID, m, a.State, a.Reason)
		}
	}
}

// judgeDelivery: what a vendor has is sent or further, what it has not is not; and how it came there.
func (c *chaos) judgeDelivery(s store.Store, d relay.Delivery, taken int, v *verdict) {
	c.t.Helper()
	if (taken > 0) != (d.State.Rank() > 0) {
		v.wrong++
		c.t.Logf("delivery %s is %s %s, and was taken %d times", d.ID, d.State, d.Reason, taken)
	}
	attempts, err := s.Attempts(c.t.Context(), d.ID)
	require.NoError(c.t, err)
	lost := slices.ContainsFunc(attempts, func(a relay.Attempt) bool { return a.EndedAt.IsZero() || a.Outcome.Kind == relay.Unknown })
	switch {
	case d.State == relay.DeliverySuppressed:
		v.ways["collapsed"]++
	case !lost && len(attempts) == 1:
		v.ways["at once"]++
	case !lost:
		v.ways["after retries"]++
	case attempts[len(attempts)-1].Outcome.Kind == relay.Accepted:
		v.ways["unknown, then sent again"]++
	default:
		v.ways["unknown, then found or reported"]++
	}
}

func (c *chaos) story(s store.Store, deliveries []relay.Delivery) string {
	var b strings.Builder
	for _, d := range deliveries {
		fmt.Fprintf(&b, "\n  %s %s %s %s by %s %s", d.ID, d.Rule, d.State, d.Reason, d.Provider, d.ProviderID)
		attempts, _ := s.Attempts(c.t.Context(), d.ID)
		for _, a := range attempts {
			fmt.Fprintf(&b, "\n    %d %s to %s: %s %s %s", a.N, a.StartedAt.Format(time.StampMilli), a.EndedAt.Format(time.StampMilli), a.Outcome.Kind, a.Outcome.ProviderID, a.Outcome.Detail)
		}
		receipts, _ := s.Receipts(c.t.Context(), d.ID)
		for _, r := range receipts {
			fmt.Fprintf(&b, "\n    %s %s %s", r.At.Format(time.StampMilli), r.Status, r.ProviderID)
		}
	}
	return b.String()
}

// print is the report.
func (c *chaos) print(v verdict) {
	c.t.Logf("%d kills of %d processes; %d posts: %d events accepted, %d refused with 503, %d broken off",
		c.kills, len(c.replicas), c.posts.Load(), len(c.accepted), c.refused.Load(), c.broken.Load())
	c.t.Logf("alerts: %d sent, %d cancelled as read, %d wrong; messages: %d missing, %d twice", v.sent, v.cancelled, v.wrong, v.missing, v.twice)
	for _, name := range slices.Sorted(maps.Keys(v.ways)) {
		c.t.Logf("deliveries %s: %d", name, v.ways[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.injected)) {
		c.t.Logf("injected %s: %d", name, c.injected[name])
	}
}
