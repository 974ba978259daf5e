package app

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/config"
)

func TestOnLoopbackEverybodyMayActUntilSomebodyIsConfigured(t *testing.T) {
	t.Parallel()
	a := &App{lasting: access.NewLasting()}
	proxy := config.ConsoleProxy{Header: "X-Forwarded-User", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Operators: []string{"kim"}}
	for name, c := range map[string]struct {
		c    config.Config
		open bool
	}{
		"loopback":       {config.Config{AdminListen: "127.0.0.1:8081"}, true},
		"off loopback":   {config.Config{AdminListen: ":8081"}, false},
		"with a user":    {config.Config{AdminListen: "127.0.0.1:8081", ConsoleUsers: []config.ConsoleUser{{Name: "kim", Secret: "x"}}}, false},
		"with a token":   {config.Config{AdminListen: "127.0.0.1:8081", ConsoleTokens: []config.ConsoleToken{{Name: "ci", Hash: "00"}}}, false},
		"behind a proxy": {config.Config{AdminListen: "127.0.0.1:8081", ConsoleProxy: proxy}, false},
	} {
		g, err := a.guard(c.c)
		require.NoError(t, err)
		require.Equal(t, c.open, g.Open(), name)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/", http.NoBody)
		r.RemoteAddr, r.Host = "127.0.0.1:5", "127.0.0.1:8081"
		_, err = g.Identify(r, "127.0.0.1")
		require.Equal(t, c.open, err == nil, name)
		r.Header.Set("X-Forwarded-User", "kim")
		person, _ := g.Known(r)
		require.Equal(t, name == "behind a proxy", person.Name == "kim" && !person.Viewer, name)
	}
}

func TestASessionOutlivesAReloadWithoutASecretKey(t *testing.T) {
	t.Parallel()
	a := &App{lasting: access.NewLasting()}
	c := config.Config{ConsoleUsers: []config.ConsoleUser{{Name: "kim", Secret: "x"}}}
	g, err := a.guard(c)
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/", http.NoBody)
	answer := httptest.NewRecorder()
	require.NoError(t, g.Login(answer, r, "127.0.0.1", "kim", "x"))
	r.AddCookie(answer.Result().Cookies()[0])
	g, err = a.guard(c)
	require.NoError(t, err)
	_, ok := g.Known(r)
	require.True(t, ok)
}

func TestWhoMayComeInIsTakenOverByAReload(t *testing.T) {
	t.Parallel()
	user := config.ConsoleUser{Name: "kim", Secret: "x"}
	seen := map[string]string{}
	for name, c := range map[string]config.Config{
		"none":    {},
		"user":    {ConsoleUsers: []config.ConsoleUser{user}},
		"viewer":  {ConsoleUsers: []config.ConsoleUser{{Name: user.Name, Secret: user.Secret, Viewer: true}}},
		"token":   {ConsoleTokens: []config.ConsoleToken{{Name: "kim", Hash: "x"}}},
		"proxy":   {ConsoleProxy: config.ConsoleProxy{Header: "X-Forwarded-User"}},
		"network": {ConsoleProxy: config.ConsoleProxy{Header: "X-Forwarded-User", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
		"acting":  {ConsoleProxy: config.ConsoleProxy{Header: "X-Forwarded-User", Operators: []string{"kim"}}},
	} {
		stamp := secretsOf(c)
		require.NotContains(t, seen, stamp, "%s and %s", name, seen[stamp])
		seen[stamp] = name
	}
}
