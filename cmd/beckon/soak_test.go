//go:build soak

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	soakRules = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, limits: off, send: [ { sms: mention } ] }
  - { name: unread, trigger: message_sent, to: receiver, wait: 20s, unless: [read], urgent: true, limits: off, send: [ { sms: unread-message } ] }
`
	// soakVariable is how long the soak takes.
	soakVariable = "BECKON_SOAK"
	soakTime     = 10 * time.Minute
	// soakMeasure is how long the capacity is measured for, and soakPosters how many post meanwhile.
	soakMeasure = 20 * time.Second
	soakPosters = 32
	// soakBacklog is how many messages may be on their way while it is measured.
	soakBacklog = 256
	// soakGrowth is by how much memory may differ between the first minute and the end: the garbage collector's own wobble.
	soakGrowth = 1.15
)

// TestSoak finds out how many messages a second one relay on SQLite brings from the webhook to the provider, and then keeps it at
// half of that for ten minutes. It prints the memory minute by minute; the last must be what the first was.
func TestSoak(t *testing.T) { //nolint:paralleltest // it takes the whole machine
	long := soakTime
	if text := os.Getenv(soakVariable); text != "" { //nolint:forbidigo // of the test
		var err error
		long, err = time.ParseDuration(text)
		require.NoError(t, err, soakVariable)
	}
	s := newSoak(t)
	capacity := s.capacity()
	t.Logf("%s/%s, %d processors; events and messages on one machine with this test", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	t.Logf("capacity: %.0f messages/s from webhook to provider over %s, %d posting at once", capacity, soakMeasure, soakPosters)
	s.keepAt(capacity/2, long)
}

// soak is a relay with a provider that takes everything.
type soak struct {
	*lab

	relay    *process
	n, taken atomic.Int64
	// mentions are the events that make a message at once.
	mentions atomic.Int64
	refused  atomic.Int64
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{lab: newLab(t, soakRules)}
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"sid":"SM%032x","status":"queued"}`, s.taken.Add(1))
	}))
	t.Cleanup(sink.Close)
	s.env["BECKON_TWILIO_BASE_URL"] = sink.URL
	s.env["BECKON_SMS_RATE"], s.env["BECKON_SMS_CONCURRENCY"] = "10000", "128"
	s.begin()
	return s
}

// begin starts the relay. What it logs is written as always, and thrown away here.
func (s *soak) begin() {
	s.relay = s.serve()
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.deaf = true
}

// body is a new event in one of a thousand conversations; every fourth waits, and half of those are read meanwhile.
func (s *soak) body(n int64) []byte {
	id, from := strconv.FormatInt(n, 10), fmt.Sprint("s", n/8%1000)
	switch n % 8 {
	case 5:
		return sample(s.t, relay.MessageReadReceipt, map[string]any{
			"data.body.messageId": strconv.FormatInt(n-1, 10), "data.receiver": from, "data.messageSender": from,
		})
	case 0, 4:
		return sample(s.t, relay.MessageSent, s.from(id, from))
	}
	s.mentions.Add(1)
	return sample(s.t, relay.UserMentioned, s.from(id, from))
}

func (s *soak) from(id, uid string) map[string]any {
	return map[string]any{
		"data.message.id": id, "data.message.sender": uid, "data.message.data.entities.sender.entity.uid": uid,
	}
}

func (s *soak) post() {
	a, err := s.relay.post(s.body(s.n.Add(1)))
	if err != nil || a.Status != http.StatusOK {
		s.refused.Add(1)
	}
}

// capacity posts as fast as messages reach the provider, and tells how many a second that are. More would be accepted, and wait.
func (s *soak) capacity() float64 {
	ctx, cancel := context.WithTimeout(s.t.Context(), soakMeasure)
	defer cancel()
	start := time.Now()
	var posters sync.WaitGroup
	for range soakPosters {
		posters.Go(func() {
			pause := time.NewTicker(time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				if s.mentions.Load()-s.taken.Load() < soakBacklog {
					s.post()
					continue
				}
				<-pause.C
			}
		})
	}
	<-ctx.Done()
	rate := float64(s.taken.Load()) / time.Since(start).Seconds()
	posters.Wait()
	s.relay.kill()
	return rate
}

// keepAt posts at that rate, whatever is answered, and looks at the memory.
func (s *soak) keepAt(perSecond float64, long time.Duration) {
	s.env["BECKON_DATABASE_URL"] = "sqlite:" + s.path("soak.db")
	s.begin() // its memory is that of this rate, and not of the measurement before
	s.refused.Store(0)
	before, start := s.taken.Load(), time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var under sync.WaitGroup
	var first, last, most int
	posted, look := 0, start
	for elapsed := time.Duration(0); elapsed < long; elapsed = time.Since(start) {
		for ; float64(posted) < perSecond*elapsed.Seconds(); posted++ {
			under.Go(s.post)
		}
		if time.Since(look) >= min(time.Minute, long/10) {
			look = time.Now()
			last = s.resident()
			most = max(most, last)
			if first == 0 {
				first = last
			}
			s.t.Logf("after %s: %d MiB, %d messages", elapsed.Round(time.Second), last>>20, s.taken.Load()-before)
		}
		<-tick.C
	}
	under.Wait()
	last = s.resident()
	s.t.Logf("%s at %.0f events/s: memory after the first minute %d MiB, at the end %d MiB, at most %d MiB; %d messages, %d events refused",
		long, perSecond, first>>20, last>>20, max(most, last)>>20, s.taken.Load()-before, s.refused.Load())
	require.LessOrEqual(s.t, float64(last), soakGrowth*float64(first), "memory grows")
	require.Zero(s.t, s.refused.Load())
	s.relay.stop()
}

// resident is the memory of the relay, in bytes.
func (s *soak) resident() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.relay.cmd.Process.Pid))
	require.NoError(s.t, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(s.t, err)
			return kib << 10
		}
	}
	require.Fail(s.t, "the system does not say how much memory it has")
	return 0
}
