package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/server"
)

// replayer remembers what it was asked.
type replayer struct{ orders []server.BacktestOrder }

func (r *replayer) Backtest(_ context.Context, order server.BacktestOrder) (backtest.Report, error) {
	r.orders = append(r.orders, order)
	return backtest.Report{Events: 7}, nil
}

func posting(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body = io.NopCloser(strings.NewReader(body))
	}
}

func TestABacktestIsForWhoeverMayLookAndSaysWhatItCannotBe(t *testing.T) {
	t.Parallel()
	r := &replayer{}
	o := healthy()
	o.Guard, o.API = kimAndVi(), &server.API{Backtester: r}
	h := server.NewAdmin(o)
	const path, good = "/console/api/backtest", `{"rules":"a","templates":{"b/sms.txt":"c"},"since":"2h","examples":4}`
	answer := ask(t, h, http.MethodPost, path, as("vi", "look only"), posting(good))
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	require.Contains(t, answer.Body.String(), `"events":7`)
	require.Equal(t, []server.BacktestOrder{
		{Rules: "a", Templates: map[string]string{"b/sms.txt": "c"}, Since: 2 * time.Hour, Examples: 4},
	}, r.orders)

	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodPost, path, posting(good)).Code)
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodPost, path, as("vi", "look only"), posting(good), header("Sec-Fetch-Site", "cross-site")).Code)
	for body, status := range map[string]int{
		`{"rules":"a","since":"x"}`:                      http.StatusUnprocessableEntity,
		`{"rules":"a","since":"-1h"}`:                    http.StatusUnprocessableEntity,
		`{"rules":"a","since":"1h","examples":51}`:       http.StatusUnprocessableEntity,
		`{"rules":"a","since":"1h","texts":true}`:        http.StatusBadRequest,
		`{"rules":"` + strings.Repeat("a", 3<<20) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		require.Equal(t, status, ask(t, h, http.MethodPost, path, as("vi", "look only"), posting(body)).Code, "%.60s", body)
	}
	require.Len(t, r.orders, 1)
}
