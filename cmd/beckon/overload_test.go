package main

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// TestTenTimesTheLoadThatFitsLosesNothing posts from ten times as many at once as the relay has places for. Who does not fit is told to
// come again; what was answered 200 is kept, and sent in the end.
func TestTenTimesTheLoadThatFitsLosesNothing(t *testing.T) { //nolint:paralleltest // it takes the whole machine
	l := newWatchedLab(t, `version: 1
defaults: { sender_limit: off }
rules:
  - { name: later, trigger: message_sent, to: receiver, wait: 1s, urgent: true, limits: off, send: [ { sms: unread-message } ] }
`)
	l.env["BECKON_SMS_RATE"] = "10000"
	p := l.serve()
	const atOnce = 5120
	var (
		group    sync.WaitGroup
		mu       sync.Mutex
		accepted []string
		refused  atomic.Int64
		begin    = make(chan struct{})
	)
	for n := range atOnce {
		group.Go(func() {
			<-begin
			a, err := p.post(sample(t, relay.MessageSent, map[string]any{"data.message.id": strconv.Itoa(1 + n)}))
			switch {
			case err != nil:
			case a.Status == http.StatusOK:
				mu.Lock()
				accepted = append(accepted, a.ID)
				mu.Unlock()
			default:
				refused.Add(1)
				if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
					t.Errorf("refused with %d %s", a.Status, a.Error.Code)
				}
			}
		})
	}
	close(begin)
	group.Wait()
	t.Logf("%d posts: %d accepted, %d refused with 503", atOnce, len(accepted), refused.Load())
	require.NotEmpty(t, accepted)
	require.Positive(t, refused.Load(), "everything fitted: the test proves nothing")
	s := l.kept()
	for _, id := range accepted {
		_, err := s.Event(t.Context(), id)
		require.NoError(t, err, "a lost 200")
	}
	require.Eventually(t, func() bool {
		stats, err := s.Stats(t.Context())
		return err == nil && stats.Alerts[relay.AlertHeld]+stats.Alerts[relay.AlertDue] == 0
	}, 5*time.Minute, 50*time.Millisecond)
	texts := map[string]int{}
	for _, m := range l.twilio.Messages() {
		texts[m.DeliveryID]++
	}
	for id, n := range texts {
		require.Equal(t, 1, n, id)
	}
	require.GreaterOrEqual(t, len(texts), len(accepted), "one whose answer was lost may have been kept, too")
	p.stop()
}
