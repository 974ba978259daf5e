package access_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/beckon-relay/beckon/internal/access"
)

const (
	proxyPeer = "10.1.2.3:4000"
	token     = "0123456789abcdef0123456789abcdef"
	look      = "fedcba9876543210fedcba9876543210"
	key       = "a key that replicas share, 32 and more"
)

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// everyWay are the options of a guard that lets people in by every way there is.
func everyWay(tb testing.TB) access.Options {
	tb.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("hashed"), bcrypt.MinCost)
	require.NoError(tb, err)
	return access.Options{
		Operators: []access.Operator{
			{Name: "ann", Secret: "plain"}, {Name: "bob", Secret: string(hash)}, {Name: "eve", Secret: "look", Viewer: true}, {Name: "nil"},
		},
		Tokens: []access.Token{
			{Name: "ci", SHA256: sum(token)}, {Name: "dash", SHA256: sum(look), Viewer: true}, {Name: "none", SHA256: "zz"}, {Name: "short", SHA256: "00"},
		},
		Proxy: access.Proxy{
			Header: "X-Forwarded-User", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
			Operators: []string{"kim@example.com"},
		},
		Keys: []string{key},
	}
}

func newGuard(tb testing.TB, o access.Options) *access.Guard {
	tb.Helper()
	g, err := access.New(o)
	require.NoError(tb, err)
	return g
}

// request is one from peer, changed.
func request(tb testing.TB, peer string, change ...func(*http.Request)) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/console/alerts", http.NoBody)
	r.RemoteAddr = peer
	for _, c := range change {
		c(r)
	}
	return r
}

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) {
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
}

func basic(name, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, secret) }
}

func TestEachWayInTellsWhoComes(t *testing.T) {
	t.Parallel()
	g := newGuard(t, everyWay(t))
	require.True(t, g.Configured())
	for name, c := range map[string]struct {
		peer   string
		change func(*http.Request)
		want   access.Person
		err    error
	}{
		"basic":                          {"", basic("ann", "plain"), access.Person{Name: "ann"}, nil},
		"basic of a viewer":              {"", basic("eve", "look"), access.Person{Name: "eve", Viewer: true}, nil},
		"basic by bcrypt":                {"", basic("bob", "hashed"), access.Person{Name: "bob"}, nil},
		"wrong secret":                   {"", basic("ann", "hashed"), access.Person{}, access.ErrWrong},
		"the hash in place of a secret":  {"", basic("bob", "$2a$04$"), access.Person{}, access.ErrWrong},
		"unknown name":                   {"", basic("zoe", "hashed"), access.Person{}, access.ErrWrong},
		"operator without a secret":      {"", basic("nil", ""), access.Person{}, access.ErrWrong},
		"nothing":                        {"", func(*http.Request) {}, access.Person{}, access.ErrNone},
		"another scheme":                 {"", header("Authorization", "Negotiate abc"), access.Person{}, access.ErrNone},
		"token":                          {"", header("Authorization", "Bearer "+token), access.Person{Name: "ci"}, nil},
		"token, scheme in small letters": {"", header("Authorization", "bearer  "+token), access.Person{Name: "ci"}, nil},
		"token of a viewer":              {"", header("Authorization", "Bearer "+look), access.Person{Name: "dash", Viewer: true}, nil},
		"wrong token":                    {"", header("Authorization", "Bearer "+token+"0"), access.Person{}, access.ErrWrong},
		"the hash in place of a token":   {"", header("Authorization", "Bearer "+sum(token)), access.Person{}, access.ErrWrong},
		"empty token":                    {"", header("Authorization", "Bearer "), access.Person{}, access.ErrWrong},
		"token as a password":            {"", basic("ci", token), access.Person{}, access.ErrWrong},
		"named by the proxy":             {proxyPeer, header("X-Forwarded-User", "kim@example.com"), access.Person{Name: "kim@example.com"}, nil},
		"named by the proxy over IPv6":   {"[fd00::1%eth0]:1", header("X-Forwarded-User", "kim@example.com"), access.Person{Name: "kim@example.com"}, nil},
		"a mapped IPv4 address":          {"[::ffff:10.1.2.3]:1", header("X-Forwarded-User", "kim@example.com"), access.Person{Name: "kim@example.com"}, nil},
		"named, and no operator":         {proxyPeer, header("X-Forwarded-User", "Kim@example.com"), access.Person{Name: "Kim@example.com", Viewer: true}, nil},
		"forged header":                  {"192.0.2.1:1", header("X-Forwarded-User", "kim@example.com"), access.Person{}, access.ErrNone},
		"forged header and address": {"192.0.2.1:1", func(r *http.Request) {
			r.Header.Set("X-Forwarded-User", "kim@example.com")
			r.Header.Set("X-Forwarded-For", "10.1.2.3")
		}, access.Person{}, access.ErrNone},
		"no peer":                       {"?", header("X-Forwarded-User", "kim@example.com"), access.Person{}, access.ErrNone},
		"header twice":                  {proxyPeer, header("X-Forwarded-User", "kim@example.com", "zoe"), access.Person{}, access.ErrNone},
		"empty header":                  {proxyPeer, header("X-Forwarded-User", " "), access.Person{}, access.ErrNone},
		"name of somebody else's":       {proxyPeer, header("X-Forwarded-User", access.Local), access.Person{}, access.ErrNone},
		"name that cannot be shown":     {proxyPeer, header("X-Forwarded-User", "kim\u202e"), access.Person{}, access.ErrNone},
		"proxy without a name":          {proxyPeer, basic("ann", "plain"), access.Person{Name: "ann"}, nil},
		"proxy that passes credentials": {proxyPeer, func(r *http.Request) { header("X-Forwarded-User", "zoe")(r); basic("ann", "wrong")(r) }, access.Person{Name: "zoe", Viewer: true}, nil},
		"another cookie":                {"", header("Cookie", "beckon=AQ"), access.Person{}, access.ErrNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := c.peer
			if peer == "" {
				peer = "192.0.2.7:1"
			}
			got, err := g.Identify(request(t, peer, c.change), name)
			require.Equal(t, c.want, got)
			require.ErrorIs(t, err, c.err)
		})
	}
}

func TestWithoutAnybodyConfiguredNobodyComesIn(t *testing.T) {
	t.Parallel()
	for _, o := range []access.Options{
		{}, {Proxy: access.Proxy{Header: "X-Forwarded-User"}}, {Proxy: access.Proxy{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
	} {
		g := newGuard(t, o)
		require.False(t, g.Configured())
		_, err := g.Identify(request(t, proxyPeer, basic("", ""), header("X-Forwarded-User", "kim"), header("", "kim")), "")
		require.ErrorIs(t, err, access.ErrNobody)
		require.ErrorIs(t, g.Login(httptest.NewRecorder(), request(t, ""), "", "", ""), access.ErrNoLogin)
	}
}

func TestAnOpenGuardLetsInWhoNamesThisMachine(t *testing.T) {
	t.Parallel()
	g := newGuard(t, access.Options{Open: true, Operators: []access.Operator{{Name: "ann", Secret: "plain"}}})
	require.True(t, g.Open())
	require.False(t, g.Logins())
	for host, want := range map[string]error{
		"127.0.0.1:8081": nil, "[::1]:8081": nil, "::1": nil, "LocalHost": nil, "10.0.0.1": nil,
		"evil.example:8081": access.ErrForeignHost, "localhost.evil.example": access.ErrForeignHost, "": access.ErrForeignHost,
	} {
		r := request(t, "127.0.0.1:1", func(r *http.Request) { r.Host = host })
		person, err := g.Identify(r, "127.0.0.1")
		require.ErrorIs(t, err, want, host)
		_, known := g.Known(r)
		require.Equal(t, want == nil, known)
		if want == nil {
			require.Equal(t, access.Person{Name: "local"}, person)
		}
	}
	require.ErrorIs(t, g.Login(httptest.NewRecorder(), request(t, ""), "", "ann", "plain"), access.ErrNoLogin)
}

func TestAllGuessesOfAClientCountTogetherAndOutliveAReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := everyWay(t)
		o.Lasting, o.Logger = access.NewLasting(), slog.New(slog.NewJSONHandler(&log, nil))
		g := newGuard(t, o)
		login := func(client string) error {
			return g.Login(httptest.NewRecorder(), request(t, ""), client, "ann", "hunter2")
		}
		for range 4 {
			require.ErrorIs(t, login("2001:db8::1"), access.ErrWrong)
			_, err := g.Identify(request(t, "", basic("ann", "hunter2")), "2001:db8::2")
			require.ErrorIs(t, err, access.ErrWrong)
		}
		for range 2 {
			_, err := g.Identify(request(t, "", header("Authorization", "Bearer hunter2")), "2001:db8::3")
			require.ErrorIs(t, err, access.ErrWrong)
		}
		g = newGuard(t, o)
		require.ErrorIs(t, login("2001:db8::4"), access.ErrTooMany)
		require.ErrorIs(t, g.Login(httptest.NewRecorder(), request(t, ""), "2001:db8::4", "ann", "plain"), access.ErrTooMany)
		_, err := g.Identify(request(t, "", header("Authorization", "Bearer "+token)), "2001:db8::5")
		require.ErrorIs(t, err, access.ErrTooMany)
		require.ErrorIs(t, login("192.0.2.99"), access.ErrWrong, "another client")
		<-time.After(access.FailureEvery)
		require.NoError(t, g.Login(httptest.NewRecorder(), request(t, ""), "2001:db8::4", "ann", "plain"))

		require.Contains(t, log.String(), `"by":"login","client":"2001:db8::/48"`)
		require.Contains(t, log.String(), `"client":"192.0.2.0/24"`)
		require.NotContains(t, log.String(), "hunter2")
		require.NotContains(t, log.String(), "192.0.2.99")
	})
}

// cookieOf logs ann in and gives the cookie that the browser has then.
func cookieOf(tb testing.TB, g *access.Guard, change ...func(*http.Request)) *http.Cookie {
	tb.Helper()
	answer := httptest.NewRecorder()
	require.NoError(tb, g.Login(answer, request(tb, "192.0.2.7:1", change...), "192.0.2.7", "ann", "plain"))
	cookies := answer.Result().Cookies()
	require.Len(tb, cookies, 1)
	return cookies[0]
}

func renamed(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func with(cookies ...*http.Cookie) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range cookies {
			r.Header.Add("Cookie", c.Name+"="+c.Value)
		}
	}
}

// comesIn says who comes in with a cookie.
func comesIn(tb testing.TB, g *access.Guard, cookie *http.Cookie) string {
	tb.Helper()
	person, ok := g.Known(request(tb, "192.0.2.7:1", with(cookie)))
	require.Equal(tb, ok, person.Session)
	return person.Name
}

func TestASessionIsGoodWhereTheKeyAndTheSecretAreKnown(t *testing.T) {
	t.Parallel()
	operators := func(secret string, viewer bool) []access.Operator {
		return []access.Operator{{Name: "bob", Secret: "x"}, {Name: "ann", Secret: secret, Viewer: viewer}}
	}
	lasting := access.NewLasting()
	first := access.Options{Keys: []string{key}, Operators: operators("plain", false)}
	cookie := cookieOf(t, newGuard(t, first))
	random := cookieOf(t, newGuard(t, access.Options{Lasting: lasting, Operators: operators("plain", false)}))
	for name, c := range map[string]struct {
		cookie *http.Cookie
		o      access.Options
		want   string
	}{
		"another replica":        {cookie, first, "ann"},
		"key rotated":            {cookie, access.Options{Keys: []string{"new", key}, Operators: first.Operators}, "ann"},
		"key gone":               {cookie, access.Options{Keys: []string{"new"}, Operators: first.Operators}, ""},
		"secret changed":         {cookie, access.Options{Keys: first.Keys, Operators: operators("other", false)}, ""},
		"operator removed":       {cookie, access.Options{Keys: first.Keys, Operators: first.Operators[:1]}, ""},
		"nobody left":            {cookie, access.Options{Keys: first.Keys}, ""},
		"reloaded, without key":  {random, access.Options{Lasting: lasting, Operators: first.Operators}, "ann"},
		"restarted, without key": {random, access.Options{Operators: first.Operators}, ""},
	} {
		require.Equal(t, c.want, comesIn(t, newGuard(t, c.o), c.cookie), name)
	}
	first.Operators = operators("plain", true)
	person, ok := newGuard(t, first).Known(request(t, "", with(cookie)))
	require.True(t, ok)
	require.True(t, person.Viewer, "the role is what it is now")
}

func TestAnyChangeOfACookieMakesItNobodys(t *testing.T) {
	t.Parallel()
	g := newGuard(t, everyWay(t))
	cookie := cookieOf(t, g)
	require.Equal(t, "ann", comesIn(t, g, cookie))
	for i := range cookie.Value {
		for _, letter := range []byte("Ab_") {
			changed := []byte(cookie.Value)
			changed[i] = letter
			if string(changed) != cookie.Value {
				require.Empty(t, comesIn(t, g, renamed(cookie.Name, string(changed))), i)
			}
		}
	}
	for _, value := range []string{cookie.Value[:len(cookie.Value)-2], cookie.Value + "AA", cookie.Value + "=", ""} {
		require.Empty(t, comesIn(t, g, renamed(cookie.Name, value)))
	}
}

func TestASessionEndsWhenIdleAndAfterTwelveHours(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	o := everyWay(t)
	o.Now = func() time.Time { return now }
	g := newGuard(t, o)
	cookie := cookieOf(t, g)
	idle := cookie
	require.Equal(t, int((2 * time.Hour).Seconds()), cookie.MaxAge)
	renew := func() *http.Cookie {
		answer := httptest.NewRecorder()
		g.Renew(answer, request(t, "", with(cookie)))
		if found := answer.Result().Cookies(); len(found) == 1 {
			return found[0]
		}
		return nil
	}
	now = now.Add(4 * time.Minute)
	require.Nil(t, renew(), "not each request needs a new one")
	for range 6 { // in steps of 100 minutes, to 10:04
		now = now.Add(100 * time.Minute)
		cookie = renew()
		require.NotNil(t, cookie)
		require.Equal(t, "ann", comesIn(t, g, cookie))
		if now.Hour() >= 14 {
			require.Empty(t, comesIn(t, g, idle), "the one that was not used for two hours")
		}
	}
	require.Equal(t, int((116 * time.Minute).Seconds()), cookie.MaxAge, "it ends twelve hours after the log-in")
	now = now.Add(115 * time.Minute)
	require.Equal(t, "ann", comesIn(t, g, cookie))
	require.Nil(t, renew())
	now = now.Add(time.Minute)
	require.Empty(t, comesIn(t, g, cookie))
	require.Nil(t, renew())
	now = now.Add(-13 * time.Hour)
	require.Empty(t, comesIn(t, g, cookie), "a session from the future")
}

func TestARenewedSessionIsSignedByTheNewKey(t *testing.T) {
	t.Parallel()
	now := time.Now()
	o := everyWay(t)
	o.Now = func() time.Time { return now }
	cookie := cookieOf(t, newGuard(t, o))
	now = now.Add(time.Hour)
	o.Keys = []string{"new", key}
	answer := httptest.NewRecorder()
	newGuard(t, o).Renew(answer, request(t, "", with(cookie)))
	o.Keys = []string{"new"}
	require.Equal(t, "ann", comesIn(t, newGuard(t, o), answer.Result().Cookies()[0]))
}

func TestTheCookieIsForTheConsoleAloneAndSecureOverHTTPS(t *testing.T) {
	t.Parallel()
	o := everyWay(t)
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	g := newGuard(t, o)
	from := func(peer string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = peer } }
	for name, c := range map[string]struct {
		peer, proto string
		tls, want   bool
	}{
		"plain":                    {"192.0.2.7:1", "", false, false},
		"tls here":                 {"192.0.2.7:1", "", true, true},
		"tls at the console proxy": {proxyPeer, "https", false, true},
		"tls at another proxy":     {"203.0.113.9:1", "HTTPS, http", false, true},
		"plain at the proxy":       {proxyPeer, "http", false, false},
		"forged":                   {"192.0.2.7:1", "https", false, false},
	} {
		change := func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", c.proto)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
		}
		cookie := cookieOf(t, g, from(c.peer), change)
		require.Equal(t, c.want, cookie.Secure, name)
		require.Equal(t, map[bool]string{true: "__Secure-beckon", false: "beckon"}[c.want], cookie.Name)
		require.True(t, cookie.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		require.Equal(t, "/console/", cookie.Path)
		require.Empty(t, cookie.Domain)
		_, ok := g.Known(request(t, "", from(c.peer), change, with(cookie)))
		require.True(t, ok)
		planted := renamed(map[bool]string{false: "__Secure-beckon", true: "beckon"}[c.want], cookie.Value)
		_, ok = g.Known(request(t, "", from(c.peer), change, with(planted)))
		require.False(t, ok, "over https a cookie that plain http may set does not count")

		answer := httptest.NewRecorder()
		g.Logout(answer, request(t, "", from(c.peer), change, with(cookie)))
		gone := answer.Result().Cookies()[0]
		require.Equal(t, [4]any{cookie.Name, cookie.Path, c.want, ""}, [4]any{gone.Name, gone.Path, gone.Secure, gone.Value})
		require.Negative(t, gone.MaxAge)
	}
}

func TestTheProxysWordCountsBeforeASession(t *testing.T) {
	t.Parallel()
	g := newGuard(t, everyWay(t))
	cookie := cookieOf(t, g)
	person, err := g.Identify(request(t, proxyPeer, with(cookie), header("X-Forwarded-User", "zoe")), "")
	require.NoError(t, err)
	require.Equal(t, access.Person{Name: "zoe", Viewer: true}, person)
	person, err = g.Identify(request(t, proxyPeer, with(cookie), basic("ann", "an old one that the browser still sends")), "")
	require.NoError(t, err)
	require.Equal(t, access.Person{Name: "ann", Session: true}, person)
}

func TestAfterALogInNobodyIsLedOutOfTheConsole(t *testing.T) {
	t.Parallel()
	for wanted, want := range map[string]string{
		"/console/":                            "/console/",
		"/console/deliveries?state=dead&q=%26": "/console/deliveries?state=dead&q=%26",
		"/console/events/a%2Fb":                "/console/events/a%2Fb",
		"/console/rules/":                      "/console/rules/",
		"":                                     "/console/",
		"deliveries":                           "/console/",
		"/":                                    "/console/",
		"/-/reload":                            "/console/",
		"/consolex":                            "/console/",
		"/console":                             "/console/",
		"https://evil.example/console/":        "/console/",
		"//evil.example/console/":              "/console/",
		"///evil.example/console/":             "/console/",
		"/\\evil.example/console/":             "/console/",
		"/console/\\..\\..\\evil":              "/console/",
		"/console/..//evil.example":            "/console/",
		"/console/../../evil":                  "/console/",
		"/console/%2e%2e/%2e%2e/evil":          "/console/",
		"/console//evil.example":               "/console/",
		"/console/%5cevil":                     "/console/",
		"javascript:alert(1)//console/":        "/console/",
		"\t//evil.example":                     "/console/",
		"/console/\r\nSet-Cookie: x=y":         "/console/",
		"/console/%zz":                         "/console/",
		"/console/login":                       "/console/",
		"/console/logout":                      "/console/",
		"/console/alerts#x":                    "/console/alerts",
	} {
		require.Equal(t, want, access.Next(wanted), wanted)
	}
	require.Equal(t, "/console/login?next=%2Fconsole%2Falerts", access.LoginPage(request(t, "")))
	require.Equal(t, "/console/login", access.LoginPage(request(t, "", func(r *http.Request) { r.URL.Path = "/console/" })))
}

func TestAContextCarriesWhoAsksAndFromWhere(t *testing.T) {
	t.Parallel()
	_, ok := access.PersonFrom(t.Context())
	require.False(t, ok)
	require.Empty(t, access.ClientFrom(t.Context()))
	ctx := access.WithClient(access.WithPerson(t.Context(), access.Person{Name: "ann"}), "192.0.2.1")
	person, ok := access.PersonFrom(ctx)
	require.True(t, ok)
	require.Equal(t, "ann", person.Name)
	require.Equal(t, "192.0.2.1", access.ClientFrom(ctx))
}

func FuzzASessionIsTakenOnlyAsItWasGiven(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	o := everyWay(f)
	o.Now = func() time.Time { return now }
	g := newGuard(f, o)
	given := cookieOf(f, g)
	f.Add(given.Value)
	f.Add("")
	f.Add("AQ")
	f.Add(given.Value[:len(given.Value)/2])
	f.Fuzz(func(t *testing.T, value string) {
		r := request(t, "192.0.2.7:1")
		r.Header.Set("Cookie", given.Name+"="+value)
		_, ok := g.Known(r)
		if cookie, err := r.Cookie(given.Name); err == nil {
			value = cookie.Value // as net/http reads it
		}
		require.Equal(t, value == given.Value, ok)
	})
}

func FuzzNextStaysInTheConsole(f *testing.F) {
	f.Add("/console/alerts?x=y")
	f.Add("//evil.example/console/")
	f.Add("/console/..%2f..%2f/evil")
	f.Fuzz(func(t *testing.T, wanted string) {
		next := access.Next(wanted)
		require.Regexp(t, `^/console/`, next)
		require.NotContains(t, next, "\\")
		require.NotContains(t, next, "\n")
		require.Equal(t, next, access.Next(next))
	})
}
