package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// board remembers which switches were thrown.
type board struct {
	paused, resumed []relay.Pause
	err             error
}

func (b *board) Pause(_ context.Context, p relay.Pause) (relay.Pause, bool, error) {
	b.paused = append(b.paused, p)
	return b.paused[0], len(b.paused) > 1, b.err
}

func (b *board) Resume(_ context.Context, p relay.Pause) ([]relay.Pause, int, error) {
	b.resumed = append(b.resumed, p)
	return b.paused, 7, b.err
}

func (b *board) Audit(context.Context) ([]relay.Audit, error) {
	return []relay.Audit{{Who: "kim", Action: "pause", Subject: "everything"}}, b.err
}

func (b *board) Pauses(context.Context) ([]relay.Pause, error) { return b.paused, b.err }

func body(text string) func(*http.Request) {
	return func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(text)) }
}

func TestOperatorsPauseAndResumeUnderTheirName(t *testing.T) {
	t.Parallel()
	b := &board{}
	o := healthy()
	o.Switches, o.Guard = b, kimAndVi()
	h := server.NewAdmin(o)
	answer := ask(t, h, http.MethodPost, "/-/pause", body(`{"channel":"sms","rule":"missed-call"}`), as("kim", "open sesame"))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), `{"channel":"sms","rule":"missed-call","by":"kim","at":"20`)
	require.Contains(t, answer.Body.String(), `"already":false}`)
	require.Equal(t, "kim", b.paused[0].By)
	require.Equal(t, relay.ChannelSMS, b.paused[0].Channel)
	require.False(t, b.paused[0].At.IsZero())
	answer = ask(t, h, http.MethodGet, "/-/pauses", as("kim", "open sesame"))
	require.Contains(t, answer.Body.String(), `"by":"kim"`)
	answer = ask(t, h, http.MethodPost, "/-/resume", as("kim", "open sesame")) // no body is everything
	require.Contains(t, answer.Body.String(), `{"ended":[{"channel":"sms","rule":"missed-call","by":"kim"`)
	require.Contains(t, answer.Body.String(), `"woken":7}`)
	answer = ask(t, h, http.MethodGet, "/-/audit", as("kim", "open sesame"))
	require.JSONEq(t, `{"audit":[{"at":"0001-01-01T00:00:00Z","who":"kim","action":"pause","subject":"everything"}]}`, answer.Body.String())
	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodGet, "/-/audit").Code)
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodGet, "/-/audit", as("vi", "look only")).Code)
	require.Equal(t, "everything", b.resumed[0].Subject())

	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodPost, "/-/pause", as("vi", "look only")).Code)
	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodPost, "/-/pause").Code)
	require.Equal(t, http.StatusMethodNotAllowed, ask(t, h, http.MethodGet, "/-/pause", as("kim", "open sesame")).Code)
	require.Equal(t, http.StatusForbidden,
		ask(t, h, http.MethodPost, "/-/pause", as("kim", "open sesame"), header("Sec-Fetch-Site", "cross-site")).Code)
	require.Len(t, b.paused, 1)
}

func TestAPauseThatCannotBeReadOrKeptIsRefused(t *testing.T) {
	t.Parallel()
	b := &board{}
	o := healthy()
	o.Switches = b
	h := server.NewAdmin(o)
	for text, status := range map[string]int{
		`{"chanel":"sms"}`: http.StatusBadRequest, `[`: http.StatusBadRequest,
		`{"rule":"` + strings.Repeat("x", 5000) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		require.Equal(t, status, ask(t, h, http.MethodPost, "/-/pause", body(text)).Code, "%.40s", text)
	}
	require.Empty(t, b.paused)
	b.err = &server.Refusal{Status: http.StatusNotFound, Code: "not_paused", Message: "nothing is paused"}
	require.Equal(t, http.StatusNotFound, ask(t, h, http.MethodPost, "/-/resume").Code)
	b.err = errors.New("disk of internal-detail")
	for _, path := range []string{"/-/pause", "/-/resume"} {
		answer := ask(t, h, http.MethodPost, path)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.NotContains(t, answer.Body.String(), "internal-detail")
	}
	require.Equal(t, http.StatusServiceUnavailable, ask(t, h, http.MethodGet, "/-/pauses").Code)
	require.Equal(t, "local", b.paused[0].By)
}
