package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

const reportPath = "/webhooks/vendor/report"

type receive func(context.Context, server.Call) (server.Reply, error)

// reported makes a public listener with one callback.
func reported(r receive, log *slog.Logger, seen server.Observer) http.Handler {
	return server.NewPublic(server.PublicOptions{
		Intake: intake(accept), Users: users, Logger: log, Observer: seen,
		Callbacks: map[string]server.Callback{
			reportPath: {Source: "vendor", MediaType: "text/plain", MaxBody: 1 << 10, Receive: r},
		},
	})
}

func thank(context.Context, server.Call) (server.Reply, error) {
	return server.Reply{Status: http.StatusOK, ContentType: "text/xml", Body: "<Response/>"}, nil
}

func report(t *testing.T, body io.Reader, change ...func(*http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, reportPath+"?m=dl_1&x=a%20b", body)
	r.Header.Set("Content-Type", "Text/Plain; charset=utf-8")
	r.Header.Set("X-Signature", "s")
	for _, c := range change {
		c(r)
	}
	return r
}

func TestEveryReportGetsItsAnswer(t *testing.T) {
	t.Parallel()
	refusing := func(r *server.Refusal) receive {
		return func(context.Context, server.Call) (server.Reply, error) { return server.Reply{}, r }
	}
	tests := map[string]struct {
		receive receive
		size    int
		change  func(*http.Request)
		status  int
		code    string
		outcome string
	}{
		"a report": {thank, 5, nil, 200, "", "accepted"},
		"one without an answer": {func(context.Context, server.Call) (server.Reply, error) {
			return server.Reply{Status: http.StatusNoContent}, nil
		}, 5, nil, 204, "", "accepted"},
		"a wrong signature": {refusing(&server.Refusal{Status: 403, Code: "bad_signature"}), 5, nil, 403, "bad_signature", "unauthorized"},
		"unreadable":        {refusing(&server.Refusal{Status: 400, Code: "unreadable"}), 5, nil, 400, "unreadable", "invalid"},
		"no room":           {refusing(&server.Refusal{Status: 503, Code: "overloaded"}), 5, nil, 503, "overloaded", "overloaded"},
		"a store in trouble": {func(context.Context, server.Call) (server.Reply, error) {
			return server.Reply{}, errors.New("internal-detail")
		}, 5, nil, 503, "store_unavailable", "failed"},
		"a panic": {func(_ context.Context, c server.Call) (server.Reply, error) {
			panic("internal-detail " + string(c.Body))
		}, 5, nil, 500, "internal", "failed"},
		"as large as may be":      {thank, 1 << 10, nil, 200, "", "accepted"},
		"a byte too large":        {thank, 1<<10 + 1, nil, 413, "too_large", "invalid"},
		"one too large in chunks": {thank, 1<<10 + 1, func(r *http.Request) { r.ContentLength = -1 }, 413, "too_large", "invalid"},
		"another media type":      {thank, 5, header("Content-Type", "application/json"), 415, "unsupported_media_type", "invalid"},
		"no media type":           {thank, 5, header("Content-Type", ""), 415, "unsupported_media_type", "invalid"},
		"compressed":              {thank, 5, header("Content-Encoding", "gzip"), 415, "unsupported_encoding", "invalid"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, log := &outcomes{}, &lines{}
			r := report(t, strings.NewReader(strings.Repeat("x", test.size)))
			if test.change != nil {
				test.change(r)
			}
			answer := httptest.NewRecorder()
			reported(test.receive, log.logger(), seen).ServeHTTP(answer, r)
			require.Equal(t, test.status, answer.Code)
			require.Equal(t, []string{"vendor " + test.outcome}, seen.seen)
			require.NotContains(t, answer.Body.String(), "internal-detail")
			require.NotContains(t, log.String(), "a%20b", "no query in the log")
			if test.code != "" {
				require.Contains(t, answer.Body.String(), `"code":"`+test.code+`"`)
			}
			if test.status == http.StatusServiceUnavailable {
				require.NotEmpty(t, answer.Header().Get("Retry-After"))
			}
		})
	}
}

func TestACallbackSeesTheRequestAsItCame(t *testing.T) {
	t.Parallel()
	var got server.Call
	h := reported(func(ctx context.Context, c server.Call) (server.Reply, error) {
		got = c
		return thank(ctx, c)
	}, slog.New(slog.DiscardHandler), nil)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, report(t, strings.NewReader("\x00 a\r\n")))
	require.Equal(t, reportPath+"?m=dl_1&x=a%20b", got.URI)
	require.Equal(t, "s", got.Header.Get("X-Signature"))
	require.Equal(t, "\x00 a\r\n", string(got.Body))
	require.Equal(t, "<Response/>", answer.Body.String())
	require.Equal(t, "text/xml", answer.Header().Get("Content-Type"))
}

func TestThereIsNothingWhereNoCallbackIsConfigured(t *testing.T) {
	t.Parallel()
	bare := server.NewPublic(server.PublicOptions{Intake: intake(accept), Users: users, Logger: slog.New(slog.DiscardHandler)})
	answer := httptest.NewRecorder()
	bare.ServeHTTP(answer, report(t, strings.NewReader("")))
	require.Equal(t, http.StatusNotFound, answer.Code)
	answer = httptest.NewRecorder()
	reported(thank, slog.New(slog.DiscardHandler), nil).ServeHTTP(answer,
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, reportPath, http.NoBody))
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
}

func TestReportsInWorkAreBoundedAndTakeNoRoomFromWebhooks(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	h := reported(func(ctx context.Context, c server.Call) (server.Reply, error) {
		entered <- struct{}{}
		<-leave
		return thank(ctx, c)
	}, slog.New(slog.DiscardHandler), nil)
	var wait sync.WaitGroup
	for range 128 {
		wait.Go(func() { h.ServeHTTP(httptest.NewRecorder(), report(t, strings.NewReader(""))) })
		<-entered
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, report(t, strings.NewReader("")))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Contains(t, answer.Body.String(), `"overloaded"`)
	answer = httptest.NewRecorder()
	h.ServeHTTP(answer, post(t, strings.NewReader("{}")))
	require.Equal(t, http.StatusOK, answer.Code)
	close(leave)
	wait.Wait()
	go func() { <-entered }()
	answer = httptest.NewRecorder()
	h.ServeHTTP(answer, report(t, strings.NewReader("")))
	require.Equal(t, http.StatusOK, answer.Code, "their places are free again")
}

func TestLargeReportsInWorkAreBoundedTogether(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	h := server.NewPublic(server.PublicOptions{
		Intake: intake(accept), Logger: slog.New(slog.DiscardHandler),
		Callbacks: map[string]server.Callback{reportPath: {
			Source: "vendor", MediaType: "text/plain", MaxBody: 8 << 20,
			Receive: func(ctx context.Context, c server.Call) (server.Reply, error) {
				entered <- struct{}{}
				<-leave
				return thank(ctx, c)
			},
		}},
	})
	unknown := func(r *http.Request) { r.ContentLength = -1 } // may become 8 MiB
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { h.ServeHTTP(httptest.NewRecorder(), report(t, strings.NewReader(""), unknown)) })
		<-entered
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, report(t, strings.NewReader(""), unknown))
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	close(leave)
	wait.Wait()
}

func TestACallbackHasADeadlineAndOutlivesAHangUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		h := reported(func(ctx context.Context, _ server.Call) (server.Reply, error) {
			start := time.Now()
			<-ctx.Done()
			left = time.Since(start)
			return server.Reply{}, ctx.Err()
		}, slog.New(slog.DiscardHandler), nil)
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, report(t, strings.NewReader("")).WithContext(ctx))
		require.Equal(t, 10*time.Second, left)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	})
}

func TestAReportThatEndsEarlyIsRefused(t *testing.T) {
	t.Parallel()
	h := reported(func(context.Context, server.Call) (server.Reply, error) { panic("a part of a report was taken") },
		slog.New(slog.DiscardHandler), nil)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, report(t, io.MultiReader(strings.NewReader("x"), cut{})))
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Contains(t, answer.Body.String(), "incomplete_body")
}
