package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/view"
)

// hands note the last order.
type hands struct {
	order   view.BulkOrder
	err     error
	counted bool
}

func (h *hands) Count(_ context.Context, order view.BulkOrder) (view.BulkCount, error) {
	h.order, h.counted = order, true
	return view.BulkCount{Found: 3, More: true}, h.err
}

func (h *hands) Bulk(_ context.Context, order view.BulkOrder, progress func(done, of int)) (view.BulkResult, error) {
	h.order, h.counted = order, false
	if _, refused := errors.AsType[*server.Refusal](h.err); !refused {
		progress(1, 3)
	}
	return view.BulkResult{Done: 1, Skipped: map[string]int{"sent": 2}}, h.err
}

func TestOrdersByHandAreCountedOrDone(t *testing.T) {
	t.Parallel()
	h := &hands{}
	o := healthy()
	o.Bulk = h
	handler := server.NewAdmin(o)
	post := func(path, body string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/console/api/"+path, strings.NewReader(body))
		request.Host = "localhost"
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	answer := post("deliveries/retry", `{"query":{"state":"dead"},"late":true,"dry_run":true}`)
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	require.JSONEq(t, `{"found":3,"more":true}`, answer.Body.String())
	require.True(t, h.counted)
	require.Equal(t, view.BulkRetry, h.order.Action)
	require.Equal(t, "deliveries", h.order.Of)
	require.Equal(t, "dead", h.order.Query.State)
	require.True(t, h.order.Late)
	require.NotEmpty(t, h.order.By)
	require.False(t, h.order.MadeBefore.IsZero(), "what comes in later is not touched")

	answer = post("alerts/cancel", `{"ids":["al_1"]}`)
	require.Equal(t, "application/x-ndjson", answer.Header().Get("Content-Type"))
	lines := strings.Split(strings.TrimSpace(answer.Body.String()), "\n")
	require.Len(t, lines, 2)
	require.JSONEq(t, `{"progress":{"what":"alerts","done":1,"of":3}}`, lines[0])
	require.JSONEq(t, `{"result":{"done":1,"skipped":{"sent":2}}}`, lines[1])
	require.Equal(t, []string{"al_1"}, h.order.IDs)

	require.Equal(t, http.StatusBadRequest, post("deliveries/cancel", `{"action":"retry"}`).Code)
	require.Equal(t, http.StatusBadRequest, post("deliveries/cancel", `{"states":"dead"}`).Code)
	h.err = &server.Refusal{Status: http.StatusUnprocessableEntity, Code: "bad_order", Message: "no"}
	answer = post("deliveries/cancel", `{}`)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	h.err = errors.New("the disk at /var burns")
	answer = post("deliveries/cancel", `{}`)
	require.Contains(t, answer.Body.String(), `{"error":{"code":"store_unavailable"`)
	require.NotContains(t, answer.Body.String(), "burns")
}
