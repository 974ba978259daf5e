package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// slow makes a vendor take a while with each of its next requests, so that a kill finds some of them under way.
func slow(n int) []vendortest.Answer {
	answers := make([]vendortest.Answer, n)
	for i := range answers {
		answers[i].Delay = 40 * time.Millisecond
	}
	return answers
}

const (
	crashRounds = 4
	crashBurst  = 120
)

// TestKillLosesNothing kills the real binary in the middle of a burst that is being sent, several times, and counts in the end: every
// event that was answered 200 has reached the vendor, once, but for those whose attempt the kill left without an
// outcome; these are counted apart.
func TestKillLosesNothing(t *testing.T) {
	t.Parallel()
	l := newWatchedLab(t, `version: 1
defaults: { sender_limit: off }
rules:
  - { name: at-once, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: mention } ] }
  - { name: later, trigger: message_sent, to: receiver, wait: 2s, urgent: true, send: [ { sms: unread-message } ] }
`)
	l.twilio.Next(slow(crashRounds * crashBurst * 3)...)
	accepted := map[string]bool{}
	for round := range crashRounds {
		p := l.serve()
		for _, id := range l.burst(p, round) {
			accepted[id] = true
		}
		p.kill()
	}
	p := l.serve()
	s := l.kept()
	require.Greater(t, len(accepted), crashRounds*crashBurst/4, "the burst was cut too early to mean anything")
	l.eventually("every alert ends", func() bool {
		stats, err := s.Stats(t.Context())
		require.NoError(t, err)
		return stats.Alerts[relay.AlertHeld]+stats.Alerts[relay.AlertDue] == 0
	})
	p.stop()

	sent := map[string]int{}
	for _, sms := range l.twilio.Messages() {
		sent[sms.DeliveryID]++
	}
	var arrived, wanted, lost, twice int
	for id := range accepted {
		deliveries, err := s.Deliveries(t.Context(), store.Filter{EventID: id})
		require.NoError(t, err)
		require.Len(t, deliveries, 1, "event %s", id)
		d := deliveries[0]
		attempts, err := s.Attempts(t.Context(), d.ID)
		require.NoError(t, err)
		unknown := unanswered(attempts)
		if unknown > 1 && d.State == relay.DeliveryDead {
			require.Equal(t, relay.ReasonNoAnswer, d.Reason)
			twice++ // two kills hit it: it is not sent a third time
			continue
		}
		require.Equal(t, relay.DeliverySent, d.State, "delivery %s: %s", d.ID, d.Reason)
		if unknown == 0 {
			require.Equal(t, 1, sent[d.ID], "delivery %s, whose outcome was known", d.ID)
		}
		wanted++
		arrived += sent[d.ID]
		lost += unknown
	}
	require.GreaterOrEqual(t, arrived, wanted, "a message never arrived")
	require.LessOrEqual(t, arrived, wanted+lost, "a message arrived again although its outcome was known")
	require.Positive(t, lost, "no kill hit an attempt: the test proves less than it says")
	t.Logf("%d events accepted over %d kills, all sent but %d that two kills hit; %d attempts were left without an outcome, "+
		"%d messages were repeated", len(accepted), crashRounds, twice, lost, arrived-wanted)
}

// unanswered counts the attempts that were begun, and the process was gone before they ended.
func unanswered(attempts []relay.Attempt) (n int) {
	for _, a := range attempts {
		if a.EndedAt.IsZero() || a.Outcome.Kind == relay.Unknown {
			n++
		}
	}
	return n
}

// burst posts events from several clients at once and returns the IDs of those answered 200. It returns while some are under way.
func (l *lab) burst(p *process, round int) []string {
	l.t.Helper()
	var (
		mu    sync.Mutex
		ids   []string
		group sync.WaitGroup
		next  = make(chan int)
	)
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	for range 8 {
		group.Go(func() {
			for n := range next {
				a, err := p.post(l.burstEvent(round, n))
				if err != nil || a.Status != http.StatusOK {
					continue
				}
				mu.Lock()
				ids = append(ids, a.ID)
				mu.Unlock()
			}
		})
	}
	go func() {
		defer close(next)
		for n := range crashBurst {
			select {
			case next <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	l.eventually("half of the burst is accepted and some of it sent", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(ids) > crashBurst/2 && l.twilio.Requests() > (round+1)*10
	})
	mu.Lock()
	defer mu.Unlock()
	return ids
}

func (l *lab) burstEvent(round, n int) []byte {
	id := strconv.Itoa(100_000*(round+1) + n)
	set := map[string]any{"data.message.id": id, "data.message.data.text": "number " + id}
	if n%2 == 0 {
		return sample(l.t, relay.UserMentioned, set)
	}
	return sample(l.t, relay.MessageSent, set)
}

func TestTermFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	l := newWatchedLab(t, labRules)
	l.twilio.Next(vendortest.Answer{Delay: 1500 * time.Millisecond})
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	l.eventually("the text is on its way", func() bool { return l.twilio.Requests() == 1 })
	p.stop()
	deliveries, err := l.kept().Deliveries(t.Context(), store.Filter{EventID: event.ID, Channel: relay.ChannelSMS})
	require.NoError(t, err)
	require.Len(t, deliveries, 1)
	require.Equal(t, relay.DeliverySent, deliveries[0].State)
	require.Len(t, l.twilio.Messages(), 1)
}

func TestALostAnswerIsFoundInTheListAfterTheWait(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.twilio.Next(vendortest.Answer{Reset: true})
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	s := l.kept()
	var d relay.Delivery
	l.eventually("it is found", func() bool {
		deliveries, err := s.Deliveries(t.Context(), store.Filter{EventID: event.ID, Channel: relay.ChannelSMS})
		require.NoError(t, err)
		if len(deliveries) == 1 {
			d = deliveries[0]
		}
		return d.State == relay.DeliverySent
	})
	attempts, err := s.Attempts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	require.Equal(t, relay.Unknown, attempts[0].Outcome.Kind)
	require.GreaterOrEqual(t, d.UpdatedAt.Sub(attempts[0].EndedAt), 2*time.Second, "BECKON_UNKNOWN_WAIT is 2s")
	require.Equal(t, l.twilio.Messages()[0].SID, d.ProviderID)
	require.Len(t, l.twilio.Messages(), 1, "the vendor had taken it")
	p.stop()
}

func TestRetriesHonourRetryAfter(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.twilio.Next(vendortest.Answer{Status: 429, Header: map[string]string{"Retry-After": "3"}, Body: `{"code":20429,"status":429}`})
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	require.Equal(t, relay.AlertSent, l.alert(l.kept(), event.ID).State)
	l.eventually("the text arrives", func() bool { return len(l.twilio.Messages()) == 1 })
	deliveries, err := l.kept().Deliveries(t.Context(), store.Filter{EventID: event.ID, Channel: relay.ChannelSMS})
	require.NoError(t, err)
	attempts, err := l.kept().Attempts(t.Context(), deliveries[0].ID)
	require.NoError(t, err)
	require.Equal(t, relay.Retry, attempts[0].Outcome.Kind)
	require.Equal(t, relay.ReasonThrottled, attempts[0].Outcome.Reason)
	require.GreaterOrEqual(t, attempts[1].StartedAt.Sub(attempts[0].EndedAt), 3*time.Second)
	p.stop()
}

func TestASecondRelayOnTheSameDatabaseRefusesToStart(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	out, err := l.command("serve").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, strings.ToLower(string(out)), "beckon.db")
	p.stop()
	require.NotContains(t, string(out), "panic")
}
