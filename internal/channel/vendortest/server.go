// Package vendortest has servers that behave like Twilio and SendGrid where messages are sent, for tests anywhere in the
// project: they check what the vendors check, answer as they answer, keep what they took, list it, and can be told to fail in
// every way that a network and a vendor can. They also make the signed reports that the vendors post afterwards (Report).
//
// One server may serve several processes for as long as its test takes; everything is safe for many goroutines.
//
// A server refuses a bad request as the vendor would, which the test sees by what its client makes of the answer. What a
// correct client never sends, whatever its settings and messages, is noted as a fault besides: tests end with
// require.Empty(t, server.Faults()).
//
// With Specs, each request is also checked against the vendors' own OpenAPI documents. They are not part of this
// project: see SpecsDir.
package vendortest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Answer is what a server is told to do with a request, instead of what it would do. The zero value changes nothing.
type Answer struct {
	// Status, and with it Header and Body, replace the usual answer; 0 leaves it. A message that would be taken is taken
	// all the same if Status is 0 or 2xx, and not taken otherwise.
	Status int
	Header map[string]string
	Body   string
	// Delay passes before the answer; it is cut short when the client or the test goes away.
	Delay time.Duration
	// Reset breaks the connection instead of answering. As with Status 0 the message was taken: the answer is lost.
	Reset bool
	// Drop breaks the connection before the message is taken; everything else in the Answer but Delay plays no part then.
	Drop bool
	// CutOff ends the answer in the middle of its body.
	CutOff bool
}

// Option changes a server before it starts.
type Option func(testing.TB, *server)

// server is what both vendors have in common.
type server struct {
	// URL is where it listens, such as "http://127.0.0.1:34567".
	URL string

	// usual gives the vendor's own answer to a request.
	usual func(*http.Request, []byte) reply
	// source is the vendor's document; document checks against it, nil without Specs.
	source   source
	document document
	closing  chan struct{}

	mu          sync.Mutex
	script      []Answer
	policy      func(n int, r *http.Request) Answer
	faults      []string
	requests    int
	connections int
}

// reply is an answer about to be given. keep, if set, records the message that was taken.
type reply struct {
	status int
	header map[string]string
	body   string
	keep   func()
}

// maxRequest is what SendGrid takes at most, in bytes; Twilio takes far less.
const maxRequest = 30 << 20

func (s *server) start(tb testing.TB, options []Option) {
	tb.Helper()
	for _, option := range options {
		option(tb, s)
	}
	s.closing = make(chan struct{})
	listener := httptest.NewUnstartedServer(http.HandlerFunc(s.handle))
	listener.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.connections++
		}
	}
	listener.Start()
	s.URL = listener.URL
	tb.Cleanup(func() {
		close(s.closing)
		listener.Close()
	})
}

// Next tells the server what to do with the next requests, one answer each; after them it is its usual self.
func (s *server) Next(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

// Policy is asked what to do with each request that Next says nothing of: n counts all requests from 1. It may be called by many
// goroutines at once, and must not read the body. nil, as at the start, leaves the server its usual self.
func (s *server) Policy(policy func(n int, r *http.Request) Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = policy
}

// Faults is what was noted in requests that a correct client would never send.
func (s *server) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// Requests counts what has arrived, taken or not.
func (s *server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Connections counts the connections that were opened.
func (s *server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

func (s *server) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *server) arrived(r *http.Request) Answer {
	s.mu.Lock()
	s.requests++
	n, policy := s.requests, s.policy
	if len(s.script) > 0 {
		defer s.mu.Unlock()
		next := s.script[0]
		s.script = s.script[1:]
		return next
	}
	s.mu.Unlock()
	if policy == nil {
		return Answer{}
	}
	return policy(n, r)
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	told := s.arrived(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, "body cannot be read", http.StatusBadRequest)
		return
	}
	s.inspect(r, body)
	if told.Drop {
		s.wait(r, told.Delay)
		reset(w)
		return
	}
	answer := s.usual(r, body)
	switch {
	case told.Status >= 300:
		answer = reply{status: told.Status, header: told.Header, body: told.Body}
	case told.Status != 0 && answer.keep != nil:
		answer = reply{status: told.Status, header: told.Header, body: told.Body, keep: answer.keep}
	}
	if answer.keep != nil {
		answer.keep()
	}
	s.wait(r, told.Delay)
	if told.Reset {
		reset(w)
		return
	}
	send(w, answer, told.CutOff)
}

// inspect notes what no vendor's own check would tell.
func (s *server) inspect(r *http.Request, body []byte) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if r.Header.Get(name) != "" {
			s.fault("header %s: the vendor ignores it, and Go repeats the request by itself because of it", name)
		}
	}
	if s.document != nil && r.URL.Path != activityPath { // which the document of mail/send does not know
		for _, finding := range s.document(r, body) {
			s.fault("OpenAPI document: %s", finding)
		}
	}
}

func (s *server) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.closing:
	}
}

// reset closes the connection so that the client sees a reset and not an orderly end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func send(w http.ResponseWriter, answer reply, cutOff bool) {
	for name, value := range answer.header {
		w.Header().Set(name, value)
	}
	if !cutOff {
		w.WriteHeader(answer.status)
		_, _ = io.WriteString(w, answer.body)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)+1))
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body[:len(answer.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
