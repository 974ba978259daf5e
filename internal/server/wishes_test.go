package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
)

// ledger remembers what was asked of people's wishes.
type ledger struct {
	uids    []string
	changes []server.PreferencesChange
	queries []server.SuppressionsQuery
	orders  []server.SuppressOrder
	lifts   []server.LiftOrder
	err     error
}

func (l *ledger) Preferences(_ context.Context, uid string) (server.PreferencesView, error) {
	l.uids = append(l.uids, uid)
	return server.PreferencesView{Locale: "de", Version: "7"}, l.err
}

func (l *ledger) KeepPreferences(_ context.Context, change server.PreferencesChange) (server.PreferencesView, error) {
	l.changes = append(l.changes, change)
	return server.PreferencesView{Channels: []string{"email"}, Warnings: []string{"no such rule"}, Version: "8"}, l.err
}

func (l *ledger) Suppressions(_ context.Context, q server.SuppressionsQuery) (server.SuppressionsView, error) {
	l.queries = append(l.queries, q)
	return server.SuppressionsView{Suppressions: []server.SuppressionView{{Address: "a***@example.com"}}, Next: "3"}, l.err
}

func (l *ledger) Suppress(_ context.Context, o server.SuppressOrder) (server.SuppressedView, error) {
	l.orders = append(l.orders, o)
	return server.SuppressedView{Added: 1}, l.err
}

func (l *ledger) Lift(_ context.Context, o server.LiftOrder) (server.LiftedView, error) {
	l.lifts = append(l.lifts, o)
	return server.LiftedView{Lifted: server.SuppressionView{Reason: relay.ReasonOptedOut}}, l.err
}

// guarded is an admin listener with an operator and a viewer.
func guarded(l *ledger) http.Handler {
	o := healthy()
	o.Preferences, o.Suppressions, o.Guard = l, l, kimAndVi()
	return server.NewAdmin(o)
}

var (
	kim = as("kim", "open sesame")
	vi  = as("vi", "look only")
)

func TestOperatorsChangeWishesAndViewersLookAtThem(t *testing.T) {
	t.Parallel()
	const preferences, suppressions = "/console/api/preferences/ann%2F1%20x", "/console/api/suppressions"
	l := &ledger{}
	h := guarded(l)
	for _, tt := range []struct{ method, path, body string }{
		{http.MethodGet, preferences, ""},
		{http.MethodPut, preferences, "{}"},
		{http.MethodGet, suppressions, ""},
		{http.MethodGet, suppressions + "?reveal=true", ""},
		{http.MethodPost, suppressions, `{"suppressions":[]}`},
		{http.MethodDelete, suppressions, `{"address":"ann@example.com"}`},
	} {
		name := tt.method + " " + tt.path
		require.Equal(t, http.StatusUnauthorized, ask(t, h, tt.method, tt.path, body(tt.body)).Code, name)
		require.Equal(t, http.StatusOK, ask(t, h, tt.method, tt.path, body(tt.body), kim).Code, name)
		want := http.StatusForbidden
		if tt.method == http.MethodGet && !strings.Contains(tt.path, "reveal") {
			want = http.StatusOK
		}
		require.Equal(t, want, ask(t, h, tt.method, tt.path, body(tt.body), vi).Code, name)
		if tt.method != http.MethodGet {
			require.Equal(t, http.StatusForbidden, ask(t, h, tt.method, tt.path, body(tt.body), kim, header("Sec-Fetch-Site", "cross-site")).Code, name)
		}
	}
	require.Equal(t, []string{"ann/1 x", "ann/1 x"}, l.uids)
	require.Equal(t, []server.PreferencesChange{{UID: "ann/1 x", Body: []byte("{}"), By: "kim"}}, l.changes)
	require.Len(t, l.orders, 1)
	require.Equal(t, "kim", l.orders[0].By)
	require.Equal(t, []server.LiftOrder{{Address: "ann@example.com", By: "kim"}}, l.lifts)
	require.True(t, l.queries[2].Reveal)

	bare := healthy()
	require.Equal(t, http.StatusNotFound, ask(t, server.NewAdmin(bare), http.MethodGet, suppressions).Code)
	require.Equal(t, http.StatusNotFound, ask(t, server.NewAdmin(bare), http.MethodGet, preferences).Code)
}

func TestPreferencesComeWithAVersionThatGuardsTheChange(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	h := guarded(l)
	answer := ask(t, h, http.MethodGet, "/console/api/preferences/ann", kim)
	require.Equal(t, `"7"`, answer.Header().Get("ETag"))
	require.JSONEq(t, `{"locale":"de"}`, answer.Body.String(), "what was asked for can be sent back")
	answer = ask(t, h, http.MethodPut, "/console/api/preferences/ann", body(`{"channels":["email"]}`), kim, header("If-Match", `"7"`))
	require.Equal(t, `"8"`, answer.Header().Get("ETag"))
	require.JSONEq(t, `{"channels":["email"],"warnings":["no such rule"]}`, answer.Body.String())
	require.Equal(t, "7", l.changes[0].Version)
	ask(t, h, http.MethodPut, "/console/api/preferences/ann", body(`{}`), kim, header("If-Match", `*`))
	require.Empty(t, l.changes[1].Version)
}

func TestSuppressionsAreAskedForByPage(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	h := guarded(l)
	answer := ask(t, h, http.MethodGet, "/console/api/suppressions?channel=sms&reason=opted_out&limit=1000&after=7&reveal=false", kim)
	require.JSONEq(t, `{"suppressions":[{"address":"a***@example.com"}],"next":"3"}`, answer.Body.String())
	ask(t, h, http.MethodGet, "/console/api/suppressions", kim)
	require.Equal(t, []server.SuppressionsQuery{
		{Channel: relay.ChannelSMS, Reason: relay.ReasonOptedOut, Limit: 1000, After: 7, By: "kim"}, {Limit: 50, By: "kim"},
	}, l.queries)
	for query, want := range map[string]string{
		"limit=0": "1 to 1000", "limit=1001": "1 to 1000", "limit=x": "1 to 1000", "after=0": "gave as next", "after=x": "gave as next",
		"reveal=1": "true or false",
	} {
		answer := ask(t, h, http.MethodGet, "/console/api/suppressions?"+query, kim)
		require.Equal(t, http.StatusBadRequest, answer.Code, query)
		require.Contains(t, answer.Body.String(), want, query)
	}
	require.Len(t, l.queries, 2)
}

func TestABodyThatIsNoneIsRefusedWithWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	h := guarded(l)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodPut, "preferences/ann", strings.Repeat("x", 64<<10+1), 413, "64 KiB at the most"},
		{http.MethodPost, "suppressions", strings.Repeat("x", 1<<20+1), 413, "1024 KiB at the most"},
		{http.MethodDelete, "suppressions", strings.Repeat("x", 4<<10+1), 413, "4 KiB at the most"},
		{http.MethodPost, "suppressions", `{"suppression":[]}`, 400, `{\"suppressions\":[{\"address\":\"+14155550123\"`},
		{http.MethodPost, "suppressions", ``, 400, "must be JSON such as"},
		{http.MethodDelete, "suppressions", `{"address":"a"} {}`, 400, `{\"address\":\"+14155550123\"}`},
		{http.MethodDelete, "suppressions", `["ann@example.com"]`, 400, `{\"address\":\"+14155550123\"}`},
	} {
		answer := ask(t, h, tt.method, "/console/api/"+tt.path, body(tt.body), kim)
		require.Equal(t, tt.status, answer.Code, "%.60s", tt.body)
		require.Contains(t, answer.Body.String(), tt.want)
		require.NotContains(t, answer.Body.String(), "ann@")
	}
	require.Empty(t, l.orders)
	require.Empty(t, l.lifts)
	require.Empty(t, l.changes)
}

func TestARefusalNamesEachFieldThatIsWrong(t *testing.T) {
	t.Parallel()
	l := &ledger{err: &server.Refusal{
		Status: http.StatusUnprocessableEntity, Code: "bad_preferences", Message: "locale: no",
		Findings: []server.Finding{{Field: "locale", Message: "no"}},
	}}
	answer := ask(t, guarded(l), http.MethodPut, "/console/api/preferences/ann", body(`{"locale":"xx-"}`), kim)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.JSONEq(t, `{"error":{"code":"bad_preferences","message":"locale: no","findings":[{"field":"locale","message":"no"}]}}`, answer.Body.String())

	l.err = errors.New("internal-detail")
	for _, tt := range [][3]string{
		{http.MethodGet, "preferences/ann", ""},
		{http.MethodPut, "preferences/ann", "{}"},
		{http.MethodGet, "suppressions", ""},
		{http.MethodPost, "suppressions", "{}"},
		{http.MethodDelete, "suppressions", "{}"},
	} {
		answer := ask(t, guarded(l), tt[0], "/console/api/"+tt[1], body(tt[2]), kim)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		var said struct{ Error struct{ Code string } }
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &said))
		require.Equal(t, "store_unavailable", said.Error.Code)
		require.NotContains(t, answer.Body.String(), "internal-detail")
	}
}
