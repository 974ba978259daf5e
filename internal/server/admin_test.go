package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/server"
)

// healthy is an admin listener where everything works and everybody may act.
func healthy() server.AdminOptions {
	return server.AdminOptions{
		Ready: func(context.Context) error { return nil }, Alive: func() error { return nil },
		Reload: func(context.Context) error { return nil }, Guard: guardOf(access.Options{Open: true}),
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("beckon_up 1\n")) }),
	}
}

func guardOf(o access.Options) *access.Guard {
	g, err := access.New(o)
	if err != nil {
		panic(err)
	}
	return g
}

// kimAndVi are an operator and a viewer.
func kimAndVi() *access.Guard {
	return guardOf(access.Options{Operators: []access.Operator{
		{Name: "kim", Secret: "open sesame"}, {Name: "vi", Secret: "look only", Viewer: true},
	}})
}

// ask sends a request as a client on this machine would.
func ask(t *testing.T, h http.Handler, method, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	r.Host = "127.0.0.1:8081"
	for _, c := range change {
		c(r)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

func as(name, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, secret) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestProbesAndMetricsOfAHealthyProcess(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(healthy())
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, path := range []string{"/livez", "/readyz"} {
			answer := ask(t, h, method, path)
			require.Equal(t, http.StatusOK, answer.Code)
			require.Equal(t, "ok", answer.Body.String())
		}
	}
	require.Equal(t, "beckon_up 1\n", ask(t, h, http.MethodGet, "/metrics").Body.String())
	require.Equal(t, http.StatusNotFound, ask(t, h, http.MethodPost, "/webhooks/cometchat").Code)

	bare := healthy()
	bare.Metrics = nil
	require.Equal(t, http.StatusNotFound, ask(t, server.NewAdmin(bare), http.MethodGet, "/metrics").Code)
}

func TestAFailedProbeShowsNoInternalsAndLogsThem(t *testing.T) {
	t.Parallel()
	log := &lines{}
	o := healthy()
	o.Logger = log.logger()
	o.Ready = func(context.Context) error { return errors.New("open /var/internal-detail") }
	o.Alive = func() error { return errors.New("loop of internal-detail") }
	h := server.NewAdmin(o)
	for path, code := range map[string]string{"/readyz": "not_ready", "/livez": "not_alive"} {
		answer := ask(t, h, http.MethodGet, path)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Contains(t, answer.Body.String(), `"code":"`+code+`"`)
		require.NotContains(t, answer.Body.String(), "internal-detail")
	}
	require.Contains(t, log.String(), "open /var/internal-detail")
	require.Contains(t, log.String(), "loop of internal-detail")
}

func TestAReasonThatMayBeShownIsShown(t *testing.T) {
	t.Parallel()
	o := healthy()
	o.Ready = func(context.Context) error { return &server.Refusal{Code: "draining", Message: "shutting down"} }
	answer := ask(t, server.NewAdmin(o), http.MethodGet, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.JSONEq(t, `{"error":{"code":"draining","message":"shutting down"}}`, answer.Body.String())
}

func TestAReadinessCheckThatHangsIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := healthy()
		o.Ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		require.Equal(t, http.StatusServiceUnavailable, ask(t, server.NewAdmin(o), http.MethodGet, "/readyz").Code)
		require.Less(t, time.Since(start), time.Second)
	})
}

func TestReloadTellsTheOperatorHowItWent(t *testing.T) {
	t.Parallel()
	o := healthy()
	answer := ask(t, server.NewAdmin(o), http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusOK, answer.Code)
	require.JSONEq(t, `{"ok":true}`, answer.Body.String())

	o.Reload = func(context.Context) error { return errors.New("rules.yaml:3:1: unknown key") }
	answer = ask(t, server.NewAdmin(o), http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.JSONEq(t, `{"error":{"code":"reload_failed","message":"rules.yaml:3:1: unknown key"}}`, answer.Body.String())

	answer = ask(t, server.NewAdmin(o), http.MethodGet, "/-/reload")
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
	require.Contains(t, answer.Header().Get("Allow"), "POST")
}

func TestOnlyOperatorsActWhereTheListenerIsNotOpen(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("hashed"), bcrypt.MinCost)
	require.NoError(t, err)
	reloads := 0
	o := healthy()
	o.Reload = func(context.Context) error { reloads++; return nil }
	o.Guard = guardOf(access.Options{Operators: []access.Operator{
		{Name: "ann", Secret: "plain"}, {Name: "bob", Secret: string(hash)}, {Name: "eve", Secret: "look", Viewer: true}, {Name: "nil"}, {Name: "joe", Secret: "hashed"},
	}})
	h := server.NewAdmin(o)
	for _, c := range []struct {
		name, secret string
		want         int
	}{
		{"ann", "plain", 200},
		{"bob", "hashed", 200},
		{"joe", "hashed", 200}, // the same secret as another's hash
		{"eve", "look", 403},
		{"ann", "hashed", 401},
		{"bob", "plain", 401},
		{"bob", string(hash), 401},
		{"ann", "", 401},
		{"nil", "", 401},
		{"", "", 401},
		{"zoe", "hashed", 401},
	} {
		require.Equal(t, c.want, ask(t, h, http.MethodPost, "/-/reload", as(c.name, c.secret)).Code, "%s:%s", c.name, c.secret)
	}
	answer := ask(t, h, http.MethodPost, "/-/reload")
	require.Equal(t, http.StatusUnauthorized, answer.Code)
	require.NotEmpty(t, answer.Header().Get("WWW-Authenticate"))
	require.Equal(t, 3, reloads)
	require.Equal(t, http.StatusOK, ask(t, h, http.MethodGet, "/readyz").Code, "probes need no operator")

	o.Guard = guardOf(access.Options{})
	answer = ask(t, server.NewAdmin(o), http.MethodPost, "/-/reload", as("", ""))
	require.Equal(t, http.StatusForbidden, answer.Code)
	require.Contains(t, answer.Body.String(), "no_operators")
}

func TestGuessingIsSlowedDownForEachClientAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := healthy()
		o.Guard = guardOf(access.Options{Operators: []access.Operator{{Name: "ann", Secret: "right"}}})
		h := server.NewAdmin(o)
		from := func(peer string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = peer } }
		try := func(secret, peer string) *httptest.ResponseRecorder {
			return ask(t, h, http.MethodPost, "/-/reload", as("ann", secret), from(peer))
		}
		for range 50 {
			require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodPost, "/-/reload", from("[2001:db8::1]:1")).Code,
				"a request without credentials is no guess")
			require.Equal(t, http.StatusOK, try("right", "[2001:db8::1]:1").Code, "nor is a right one")
		}
		for range 10 {
			require.Equal(t, http.StatusUnauthorized, try("wrong", "[2001:db8::1]:1").Code)
		}
		answer := try("right", "[2001:db8::2]:9")
		require.Equal(t, http.StatusTooManyRequests, answer.Code, "the neighbour in the same /64 is the same client")
		require.Equal(t, "10", answer.Header().Get("Retry-After"))
		require.Equal(t, http.StatusOK, try("right", "192.0.2.1:1").Code)
		<-time.After(10 * time.Second)
		require.Equal(t, http.StatusOK, try("right", "[2001:db8::1]:1").Code)
	})
}

func TestNoForeignPageActs(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(healthy())
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"curl":                        {func(*http.Request) {}, 200},
		"own page":                    {header("Sec-Fetch-Site", "same-origin"), 200},
		"foreign page":                {header("Sec-Fetch-Site", "cross-site"), 403},
		"page of a sibling host":      {header("Sec-Fetch-Site", "same-site"), 403},
		"old browser's foreign page":  {header("Origin", "https://evil.example"), 403},
		"page from a file":            {header("Origin", "null"), 403},
		"name that resolves to us":    {func(r *http.Request) { r.Host = "evil.example:8081" }, 403},
		"localhost":                   {func(r *http.Request) { r.Host = "LocalHost:8081" }, 200},
		"IPv6 address":                {func(r *http.Request) { r.Host = "[::1]:8081" }, 200},
		"address without a port":      {func(r *http.Request) { r.Host = "::1" }, 200},
		"name that begins like local": {func(r *http.Request) { r.Host = "localhost.evil.example" }, 403},
	} {
		answer := ask(t, h, http.MethodPost, "/-/reload", c.change)
		require.Equal(t, c.want, answer.Code, name)
		require.Equal(t, c.want != 200, strings.Contains(answer.Body.String(), `"error"`), name)
	}
}
