// Package cometchattest has a server that behaves like CometChat's REST API where Beckon asks it, for tests anywhere in the
// project: users, contact details, members by pages, messages, conversations, calls and files, in the documented shapes with
// their oddities, and every failure that a network and CometChat can bring.
//
// One server may serve several processes for as long as its test takes; everything is safe for many goroutines. It stands for all hosts of
// the app, since a base address replaces them all.
package cometchattest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The one app that the server knows.
const (
	AppID  = "2468bec0n1357"
	Region = "eu"
	APIKey = "bec0bec0bec0bec0bec0bec0bec0bec0bec0bec0" //nolint:gosec // no secret: only the fake knows it
)

// Fault is what the server does with a request instead of answering it. The zero value changes nothing.
type Fault struct {
	// Status, and with it Header and Body, replace the answer.
	Status int
	Header map[string]string
	Body   string
	// Code makes the Body an error of CometChat's with that code.
	Code string
	// Hang lets the request wait until the client or the test goes away.
	Hang bool
	// Reset breaks the connection instead of answering.
	Reset bool
	// Times is how many requests it is for; 0 is all until another Fault for the same path.
	Times int
}

// TooMany is the fault of a call beyond CometChat's limits, as documented: come again after so many seconds.
func TooMany(seconds int) Fault {
	return Fault{
		Status: http.StatusTooManyRequests, Code: "ERR_TOO_MANY_REQUESTS",
		Header: map[string]string{"Retry-After": strconv.Itoa(seconds)},
	}
}

// Call is a request that arrived.
type Call struct {
	Method, Path string
	Query        url.Values
	OnBehalfOf   string
	// Key is what was shown, in the header of the API or that of files.
	Key string
}

// Server is the fake.
type Server struct {
	// URL is where it listens, such as "http://127.0.0.1:34567".
	URL string

	now     func() time.Time
	closing chan struct{}

	mu      sync.Mutex
	users   map[string]user
	details map[string]map[string]string
	groups  map[string][]string
	// totals says that pages of members count all of them, which CometChat's own sample does not.
	totals        bool
	messages      map[string]map[string]any
	conversations map[string]int
	sessions      map[string]map[string]any
	files         map[string][]byte
	tokens        map[string]time.Time
	faults        []*pathFault
	calls         []Call
}

type user struct {
	name     string
	metadata any
}

type pathFault struct {
	prefix string
	Fault

	left int
}

// New starts a server for the length of the test. Links of files run out by the given clock; nil is time.Now.
func New(tb testing.TB, now func() time.Time) *Server {
	tb.Helper()
	if now == nil {
		now = time.Now
	}
	s := &Server{
		now: now, closing: make(chan struct{}), users: map[string]user{}, details: map[string]map[string]string{},
		groups: map[string][]string{}, messages: map[string]map[string]any{}, conversations: map[string]int{},
		sessions: map[string]map[string]any{}, files: map[string][]byte{}, tokens: map[string]time.Time{},
	}
	listener := httptest.NewServer(http.HandlerFunc(s.handle))
	s.URL = listener.URL
	tb.Cleanup(func() {
		close(s.closing)
		listener.Close()
	})
	return s
}

// Fail sets what becomes of requests whose path begins so, such as "/v3/users/ann" or "/": the longest path that fits counts. The
// zero Fault ends it.
func (s *Server) Fail(path string, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *pathFault) bool { return f.prefix == path })
	s.faults = append(s.faults, &pathFault{prefix: path, Fault: fault, left: fault.Times})
	slices.SortStableFunc(s.faults, func(a, b *pathFault) int { return len(b.prefix) - len(a.prefix) })
}

// Calls are the requests that arrived, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Asked counts the requests whose path begins so.
func (s *Server) Asked(path string) int {
	n := 0
	for _, call := range s.Calls() {
		if strings.HasPrefix(call.Path, path) {
			n++
		}
	}
	return n
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	fault := s.arrived(r)
	switch {
	case fault.Hang:
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
	case fault.Reset:
		reset(w)
	case fault.Status != 0:
		for name, value := range fault.Header {
			w.Header().Set(name, value)
		}
		if fault.Code != "" {
			fault.Body = failure(fault.Code)
		}
		w.WriteHeader(fault.Status)
		_, _ = w.Write([]byte(fault.Body))
	default:
		s.answer(w, r)
	}
}

// arrived notes a request and gives what becomes of it.
func (s *Server) arrived(r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Apikey") // header names are the same in any case
	s.calls = append(s.calls, Call{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), OnBehalfOf: r.Header.Get("Onbehalfof"), Key: key,
	})
	for _, f := range s.faults {
		if !strings.HasPrefix(r.URL.Path, f.prefix) || f.Times > 0 && f.left == 0 {
			continue
		}
		f.left--
		return f.Fault
	}
	return Fault{}
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

// failure is the body of an error as CometChat writes it. It names things that must not get into a log.
func failure(code string) string {
	raw, err := json.Marshal(map[string]any{"error": map[string]any{
		"code": code, "message": "The thing asked for by +14155550199 and leak@example.com went wrong.",
		"devMessage": "Key " + APIKey + " was shown.", "source": "api",
	}})
	if err != nil {
		return "{}"
	}
	return string(raw)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(failure(code)))
}

func show(w http.ResponseWriter, answer map[string]any) {
	raw, err := json.Marshal(answer)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Rate-Limit", "20000")
	w.Header().Set("X-Rate-Limit-Remaining", "19999")
	_, _ = w.Write(raw)
}
