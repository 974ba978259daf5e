package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

// What is allocated for a request before and after it is taken in, without what net/http does for it.
func TestAWebhookIsAnsweredWithFewAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all goroutines
	handler := server.NewPublic(server.PublicOptions{
		Intake: intake(accept), Users: users, Logger: slog.New(slog.DiscardHandler),
	})
	body := strings.Repeat(" ", 1300)
	answer := &silent{header: http.Header{}}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/cometchat", nil)
	request.SetBasicAuth("bot", "other")
	request.Header.Set("Content-Type", "application/json")
	request.ContentLength = int64(len(body))
	n := testing.AllocsPerRun(200, func() {
		request.Body = readCloser{strings.NewReader(body)}
		clear(answer.header)
		answer.status = 0
		handler.ServeHTTP(answer, request)
	})
	require.Equal(t, http.StatusOK, answer.status)
	require.LessOrEqual(t, n, 30.0)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// silent is a ResponseWriter that keeps the status alone.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(p []byte) (int, error) { return len(p), nil }
func (s *silent) WriteHeader(status int)      { s.status = status }
