package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// drainWait is how long the alert of a missed call waits, so that it falls due in the middle of the shutdown.
const drainWait = 3 * time.Second

const drainRules = `version: 1
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: mention } ] }
  - { name: missed-call, trigger: call_initiated, to: callee, wait: 3s, urgent: true, send: [ { sms: missed-call } ] }
`

// heldOpen is a request whose body does not end, as a slow client makes one.
func (p *process) heldOpen() net.Conn {
	p.t.Helper()
	conn, err := new(net.Dialer).DialContext(p.t.Context(), "tcp", strings.TrimPrefix(p.public, "http://"))
	require.NoError(p.t, err)
	_, err = io.WriteString(conn, "POST /webhooks/sendgrid/events HTTP/1.1\r\nHost: relay.example.com\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n[")
	require.NoError(p.t, err)
	return conn
}

// At SIGTERM nothing new is begun from the first moment on, although a slow client keeps the public listener: what was begun ends, what
// falls due meanwhile is left to the next start, and /readyz says so all the time.
func TestAShutdownBeginsNothingAndEndsWhatWasBegun(t *testing.T) {
	t.Parallel()
	l := newLab(t, drainRules)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	l.twilio.Policy(func(int, *http.Request) vendortest.Answer { <-held; return vendortest.Answer{} })
	p := l.serve()
	begun := p.mustPost(sample(t, relay.UserMentioned, nil))
	l.eventually("an attempt is under way", func() bool { return l.twilio.Requests() == 1 })
	slow := p.heldOpen()
	defer slow.Close() //nolint:errcheck // of a test
	posted := time.Now()
	later := p.mustPost(sample(t, relay.CallInitiated, nil))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	l.eventually("it is not ready", func() bool {
		a, err := p.request(http.MethodGet, p.admin+"/readyz", nil, nil)
		return err == nil && a.Status == http.StatusServiceUnavailable && a.Error.Code == "draining"
	})
	require.Less(t, time.Since(posted), drainWait, "this machine is too busy: the alert was due before the shutdown")
	a, err := p.request(http.MethodGet, p.admin+"/livez", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.Status, "who is stopping is alive")
	_, err = p.post(sample(t, relay.UserMentioned, map[string]any{"data.message.id": "2"}))
	require.Error(t, err, "no webhook is taken that might not be answered")
	l.eventually("the other alert is due for a second", func() bool { return time.Since(posted) > drainWait+time.Second })
	require.Equal(t, 1, l.twilio.Requests(), "nothing new is begun")
	release()
	_ = slow.Close()
	<-p.exited
	require.True(t, p.cmd.ProcessState.Success(), p.log())

	s := l.kept()
	require.Equal(t, relay.AlertSent, l.alert(s, begun.ID).State, "what was begun was ended")
	alerts, err := s.Alerts(t.Context(), store.Filter{EventID: later.ID})
	require.NoError(t, err)
	require.Len(t, alerts, 1)
	require.False(t, alerts[0].State.Done(), "it is left to the next start")
	p = l.serve()
	require.Equal(t, relay.AlertSent, l.alert(s, later.ID).State)
	p.stop()
	require.Len(t, l.twilio.Messages(), 2, "each once")
}
