package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/server"
)

// intake is a function as server.Intake.
type intake func(ctx context.Context, body []byte) (server.Receipt, error)

func (f intake) Accept(ctx context.Context, body []byte) (server.Receipt, error) { return f(ctx, body) }

func accept(context.Context, []byte) (server.Receipt, error) {
	return server.Receipt{ID: "e1", Alerts: 2}, nil
}

// outcomes records what the observer is told.
type outcomes struct {
	mu   sync.Mutex
	seen []string
}

func (o *outcomes) Webhook(_ context.Context, _, outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, outcome)
}

func (o *outcomes) Callback(source, outcome string, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, source+" "+outcome)
}

// lines is a log that may be written to from many goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

var users = []server.Credential{{User: "chat", Password: "secret"}, {User: "chat", Password: "older"}, {User: "bot", Password: "other"}}

// intakes are the intakes that testdata/requests.yaml names.
var intakes = map[string]intake{
	"": accept,
	"duplicate": func(context.Context, []byte) (server.Receipt, error) {
		return server.Receipt{ID: "e1", Duplicate: true}, nil
	},
	"empty": func(context.Context, []byte) (server.Receipt, error) {
		return server.Receipt{ID: "e1", Empty: true}, nil
	},
	"not_json":   refuse(&server.Refusal{Status: 400, Code: "not_json", Message: "the body is not JSON"}),
	"wrong_app":  refuse(&server.Refusal{Status: 403, Code: "wrong_app", Message: "another app"}),
	"slow_down":  refuse(&server.Refusal{Status: 429, Code: "slow_down", Message: "wait", RetryAfter: 3100 * time.Millisecond}),
	"overloaded": refuse(&server.Refusal{Status: 503, Code: "overloaded", Message: "wait"}),
	"odd":        refuse(&server.Refusal{Status: 200, Code: "odd", Message: "internal-detail"}),
	"trouble":    refuse(errors.New("disk /var/internal-detail is full")),
	"panic":      func(_ context.Context, body []byte) (server.Receipt, error) { panic("internal-detail " + string(body)) },
}

func refuse(err error) intake {
	return func(context.Context, []byte) (server.Receipt, error) { return server.Receipt{}, err }
}

// exchange is one entry of testdata/requests.yaml.
type exchange struct {
	Name, Method, Path, Type, Encoding string
	User, Password, Intake             string
	Size                               int
	Chunked                            bool
	Status                             int
	Code, Outcome, Header, Value       string
	Body                               *string
}

// UnmarshalYAML fills in what most requests have.
func (e *exchange) UnmarshalYAML(n *yaml.Node) error {
	type bare exchange
	b := bare{
		Method: http.MethodPost, Path: "/webhooks/cometchat", Type: "application/json", User: "chat", Password: "secret", Size: 2,
	}
	if err := n.Decode(&b); err != nil {
		return err
	}
	*e = exchange(b)
	return nil
}

func (e *exchange) request(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), e.Method, e.Path+"?key=query-value", strings.NewReader(strings.Repeat("x", e.Size)))
	if e.Chunked {
		r.ContentLength = -1
	}
	r.Header.Set("Content-Type", e.Type)
	r.Header.Set("Content-Encoding", e.Encoding)
	if e.User != "" {
		r.SetBasicAuth(e.User, e.Password)
	}
	return r
}

func TestEveryRequestGetsItsAnswer(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("testdata", "requests.yaml"))
	require.NoError(t, err)
	var exchanges []exchange
	require.NoError(t, yaml.Unmarshal(src, &exchanges))
	require.NotEmpty(t, exchanges)
	for _, e := range exchanges {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, intakes, e.Intake)
			seen, log := &outcomes{}, &lines{}
			handler := server.NewPublic(server.PublicOptions{
				Intake: intakes[e.Intake], Users: users, Logger: log.logger(), Observer: seen,
			})
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, e.request(t))
			e.check(t, answer)
			if e.Outcome != "" {
				require.Equal(t, []string{e.Outcome}, seen.seen)
				require.Contains(t, server.Outcomes(), e.Outcome)
			} else {
				require.Empty(t, seen.seen, "only webhooks are counted")
			}
			require.Contains(t, log.String(), `"msg":"request"`)
			require.NotContains(t, log.String(), "query-value")
			require.NotContains(t, log.String(), "secret")
		})
	}
}

func (e *exchange) check(t *testing.T, answer *httptest.ResponseRecorder) {
	t.Helper()
	body := strings.TrimSpace(answer.Body.String())
	require.Equal(t, e.Status, answer.Code, body)
	require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
	require.NotContains(t, body, "internal-detail")
	if e.Body != nil {
		require.Equal(t, *e.Body, body)
	}
	if e.Header != "" {
		require.Equal(t, e.Value, answer.Header().Get(e.Header))
	}
	if e.Status == http.StatusOK {
		return
	}
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	var problem struct {
		Error struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &problem))
	require.Equal(t, e.Code, problem.Error.Code)
	require.NotEmpty(t, problem.Error.Message)
}

func post(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/cometchat", body)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("chat", "secret")
	return r
}

func TestWithoutCredentialsNobodyGetsIn(t *testing.T) {
	t.Parallel()
	for _, known := range [][]server.Credential{nil, {{}}, {{User: "chat"}}, {{Password: "secret"}}} {
		handler := server.NewPublic(server.PublicOptions{Intake: intake(accept), Users: known, Logger: slog.New(slog.DiscardHandler)})
		for _, sent := range []server.Credential{{}, {User: "chat"}, {Password: "secret"}, {User: "chat", Password: "secret"}} {
			r := post(t, strings.NewReader("{}"))
			r.SetBasicAuth(sent.User, sent.Password)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, r)
			require.Equal(t, http.StatusUnauthorized, answer.Code)
		}
	}
}

func TestAFailureIsLoggedAndAPanicWithoutWhatItQuotes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"trouble": {"disk /var/internal-detail is full", "private-text"},
		"panic":   {`"panic":"string"`, "internal-detail"},
	} {
		log := &lines{}
		handler := server.NewPublic(server.PublicOptions{Intake: intakes[name], Users: users, Logger: log.logger()})
		handler.ServeHTTP(httptest.NewRecorder(), post(t, strings.NewReader("private-text")))
		require.Contains(t, log.String(), want[0])
		require.NotContains(t, log.String(), want[1])
		require.NotContains(t, log.String(), "private-text")
	}
}

func TestARuntimePanicIsLoggedWithItsMessage(t *testing.T) {
	t.Parallel()
	log := &lines{}
	broken := func(_ context.Context, body []byte) (server.Receipt, error) {
		return server.Receipt{}, errors.New(string(body[9]))
	}
	handler := server.NewPublic(server.PublicOptions{Intake: intake(broken), Users: users, Logger: log.logger()})
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, post(t, strings.NewReader("{}")))
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Contains(t, log.String(), "index out of range [9]")
	require.Contains(t, log.String(), "public_test.go", "the stack says where")
}

func TestOneWebhookTooManyIsTurnedAwayAtOnce(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, []byte) (server.Receipt, error) {
		entered <- struct{}{}
		<-leave
		return server.Receipt{ID: "e1"}, nil
	}
	handler := server.NewPublic(server.PublicOptions{
		Intake: intake(slow), Users: users, MaxWaiting: 2, Logger: slog.New(slog.DiscardHandler),
	})
	codes := make(chan int, 2)
	for range 2 {
		go func() {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, post(t, strings.NewReader("{}")))
			codes <- answer.Code
		}()
		<-entered
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, post(t, strings.NewReader("{}")))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Equal(t, "2", answer.Header().Get("Retry-After"))
	require.Contains(t, answer.Body.String(), `"overloaded"`)
	close(leave)
	require.Equal(t, []int{200, 200}, []int{<-codes, <-codes})
	go func() { <-entered }()
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, post(t, strings.NewReader("{}")))
	require.Equal(t, http.StatusOK, answer.Code, "their places are free again")
}

func TestLargeWebhooksInWorkAreBoundedTogether(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, []byte) (server.Receipt, error) {
		entered <- struct{}{}
		<-leave
		return server.Receipt{}, nil
	}
	handler := server.NewPublic(server.PublicOptions{Intake: intake(slow), Users: users, Logger: slog.New(slog.DiscardHandler)})
	var wait sync.WaitGroup
	for range 64 {
		wait.Go(func() {
			r := post(t, strings.NewReader("{}"))
			r.ContentLength = -1 // may become 1 MiB
			handler.ServeHTTP(httptest.NewRecorder(), r)
		})
		<-entered
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, post(t, strings.NewReader("{}")))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	close(leave)
	wait.Wait()
	go func() { <-entered }()
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, post(t, strings.NewReader("{}")))
	require.Equal(t, http.StatusOK, answer.Code, "their room is free again")
}

func TestTheIntakeHasADeadlineAndOutlivesAHangUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		stuck := func(ctx context.Context, _ []byte) (server.Receipt, error) {
			start := time.Now()
			<-ctx.Done()
			left = time.Since(start)
			return server.Receipt{}, ctx.Err()
		}
		handler := server.NewPublic(server.PublicOptions{Intake: intake(stuck), Users: users, Logger: slog.New(slog.DiscardHandler)})
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, post(t, strings.NewReader("{}")).WithContext(ctx))
		require.Equal(t, 1800*time.Millisecond, left)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Contains(t, answer.Body.String(), "store_unavailable")
	})
}

func TestABodyThatEndsEarlyIsRefused(t *testing.T) {
	t.Parallel()
	never := func(context.Context, []byte) (server.Receipt, error) { panic("a part of a body was accepted") }
	handler := server.NewPublic(server.PublicOptions{Intake: intake(never), Users: users, Logger: slog.New(slog.DiscardHandler)})
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, post(t, io.MultiReader(strings.NewReader("{"), cut{})))
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Contains(t, answer.Body.String(), "incomplete_body")
}

// cut is a connection that broke.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestTheClientAddressIsBelievedFromProxiesOnly(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		peer, forwarded, client string
		proxies                 []netip.Prefix
	}{
		{"192.0.2.1:5", "203.0.113.9", "203.0.113.9", proxies},
		{"192.0.2.1:5", "198.51.100.1, 203.0.113.9", "203.0.113.9", proxies},
		{"[2001:db8::1]:5", "203.0.113.9", "203.0.113.9", proxies},
		{"198.51.100.7:5", "203.0.113.9", "198.51.100.7", proxies},
		{"10.0.0.1:5", "203.0.113.9", "10.0.0.1", proxies},
		{"127.0.0.1:5", "203.0.113.9", "127.0.0.1", proxies},
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1", nil},
	} {
		log := &lines{}
		handler := server.NewPublic(server.PublicOptions{
			Intake: intake(accept), Users: users, TrustedProxies: c.proxies, Logger: log.logger(),
		})
		r := post(t, strings.NewReader("{}"))
		r.RemoteAddr = c.peer
		r.Header.Set("X-Forwarded-For", c.forwarded)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		require.Contains(t, log.String(), `"client":"`+c.client+`"`, c.peer)
	}
}
