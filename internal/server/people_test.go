package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

// registry remembers what it was asked for.
type registry struct {
	forgets []server.ForgetRequest
	exports []server.ExportRequest
	// said is told as progress before the answer.
	said []string
	err  error
}

func (r *registry) Forget(_ context.Context, f server.ForgetRequest, progress func(string, int, int)) (server.ForgottenView, error) {
	r.forgets = append(r.forgets, f)
	for _, what := range r.said {
		progress(what, 1, 2)
	}
	return server.ForgottenView{Addresses: 2, Removed: server.RemovedView{Events: 3}, Scrubbed: true}, r.err
}

func (r *registry) Export(_ context.Context, e server.ExportRequest, w io.Writer) error {
	r.exports = append(r.exports, e)
	if len(r.said) > 0 || r.err == nil {
		_, _ = io.WriteString(w, `{"uid":"x"`)
	}
	return r.err
}

func people(r *registry) http.Handler {
	o := healthy()
	o.People, o.Guard = r, kimAndVi()
	return server.NewAdmin(o)
}

func TestOperatorsForgetAndExportPeopleUnderTheirName(t *testing.T) {
	t.Parallel()
	r := &registry{said: []string{"events"}}
	h := people(r)
	kim := as("kim", "open sesame")
	answer := ask(t, h, http.MethodPost, "/console/api/people/a%2Fb/forget", kim, body(`{"addresses":["+14155550123"],"compact":true}`))
	require.Equal(t, http.StatusOK, answer.Code)
	lines := strings.Split(strings.TrimSpace(answer.Body.String()), "\n")
	require.Len(t, lines, 2)
	require.JSONEq(t, `{"progress":{"what":"events","done":1,"of":2}}`, lines[0])
	require.Contains(t, lines[1], `{"forgotten":{"addresses":2,"removed":{"events":3,`)
	require.Equal(t, []server.ForgetRequest{{UID: "a/b", By: "kim", Addresses: []string{"+14155550123"}, Compact: true}}, r.forgets)

	answer = ask(t, h, http.MethodGet, "/console/api/people/ann", kim, func(r *http.Request) {
		r.Header.Add(server.AddressHeader, "ann@example.com")
	})
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	require.Equal(t, []server.ExportRequest{{UID: "ann", By: "kim", Addresses: []string{"ann@example.com"}}}, r.exports)
	for _, who := range []func(*http.Request){as("vi", "look only"), as("kim", "wrong")} {
		require.NotEqual(t, http.StatusOK, ask(t, h, http.MethodGet, "/console/api/people/ann", who).Code)
		require.NotEqual(t, http.StatusOK, ask(t, h, http.MethodPost, "/console/api/people/ann/forget", who).Code)
	}
	require.Len(t, r.forgets, 1)
	require.Len(t, r.exports, 1)
}

func TestWhatCannotBeForgottenIsRefusedInWords(t *testing.T) {
	t.Parallel()
	kim := as("kim", "open sesame")
	for name, c := range map[string]struct {
		path, body, want string
		status           int
		r                registry
	}{
		"no JSON":    {"/console/api/people/ann/forget", "{", "bad_json", http.StatusBadRequest, registry{}},
		"a stranger": {"/console/api/people/ann/forget", `{"uid":"x"}`, "bad_json", http.StatusBadRequest, registry{}},
		"many":       {"/console/api/people/ann/forget", `{"addresses":["` + strings.Repeat(`","`, 101) + `"]}`, "too_many", http.StatusBadRequest, registry{}},
		"a long uid": {"/console/api/people/" + strings.Repeat("x", 1001) + "/forget", "", "bad_uid", http.StatusBadRequest, registry{}},
		"refused": {"/console/api/people/ann/forget", "", `"code":"no_key"`, http.StatusUnprocessableEntity, registry{err: &server.Refusal{
			Status: http.StatusUnprocessableEntity, Code: "no_key", Message: "no key",
		}}},
		"in trouble": {"/console/api/people/ann/forget", "", "store_unavailable", http.StatusServiceUnavailable, registry{err: errors.New("secret +14155550123")}},
		"in trouble after it began": {
			"/console/api/people/ann/forget", "", `{"error":{"code":"store_unavailable"`, http.StatusOK,
			registry{said: []string{"events"}, err: errors.New("secret +14155550123")},
		},
	} {
		answer := ask(t, people(&c.r), http.MethodPost, c.path, kim, body(c.body))
		require.Equal(t, c.status, answer.Code, name)
		require.Contains(t, answer.Body.String(), c.want, name)
		require.NotContains(t, answer.Body.String(), "secret", name)
	}
}

func TestAnExportThatBreaksOffDoesNotLookWhole(t *testing.T) {
	t.Parallel()
	before := httptest.NewServer(people(&registry{err: errors.New("trouble")}))
	defer before.Close()
	after := httptest.NewServer(people(&registry{err: errors.New("trouble"), said: []string{"some"}}))
	defer after.Close()
	get := func(base string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/console/api/people/ann", nil)
		require.NoError(t, err)
		request.SetBasicAuth("kim", "open sesame")
		return http.DefaultClient.Do(request)
	}
	response, err := get(before.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	response, err = get(after.URL)
	if err == nil {
		_, err = io.ReadAll(response.Body)
		require.NoError(t, response.Body.Close())
	}
	require.Error(t, err)
}
