package server_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/server"
)

// pages is a console of one page, which says who looks, with a log-in.
func pages(guard *access.Guard) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/console/", func(w http.ResponseWriter, r *http.Request) {
		person, _ := access.PersonFrom(r.Context())
		_, _ = io.WriteString(w, r.URL.Path+" for "+person.Name+" at "+access.ClientFrom(r.Context())) //nolint:gosec // for a recorder
	})
	mux.HandleFunc("/console/frame", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "sandbox")
	})
	mux.HandleFunc("POST /console/login", func(w http.ResponseWriter, r *http.Request) {
		if err := guard.Login(w, r, access.ClientFrom(r.Context()), r.PostFormValue("name"), r.PostFormValue("secret")); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, access.Next(r.PostFormValue("next")), http.StatusSeeOther) //nolint:gosec // Next leads nowhere else
	})
	mux.HandleFunc("POST /console/logout", func(w http.ResponseWriter, r *http.Request) {
		guard.Logout(w, r)
		http.Redirect(w, r, "/console/login", http.StatusSeeOther)
	})
	return mux
}

// withConsole is an admin listener with pages, for an operator and a viewer.
func withConsole(guard *access.Guard) server.AdminOptions {
	o := healthy()
	o.Guard, o.Console = guard, pages(guard)
	l := &ledger{}
	o.Preferences, o.Suppressions = l, l
	return o
}

const suppressionsRoute = "/console/api/suppressions"

func browser(r *http.Request) {
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
}

func form(fields url.Values) func(*http.Request) {
	return func(r *http.Request) {
		body(fields.Encode())(r)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		browser(r)
	}
}

// loggedIn gives the cookie of somebody who logged in.
func loggedIn(t *testing.T, h http.Handler, name, secret string) func(*http.Request) {
	t.Helper()
	answer := ask(t, h, http.MethodPost, "/console/login", form(url.Values{"name": {name}, "secret": {secret}, "next": {"//evil.example"}}))
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Equal(t, "/console/", answer.Header().Get("Location"))
	cookies := answer.Result().Cookies()
	require.Len(t, cookies, 1)
	return func(r *http.Request) { r.AddCookie(cookies[0]) }
}

func TestABrowserIsLedToTheLogInAndOthersAreRefused(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	for name, c := range map[string]struct {
		method, path string
		change       func(*http.Request)
		status       int
		location     string
	}{
		"page":                  {http.MethodGet, "/console/deliveries?state=dead", browser, 303, "/console/login?next=%2Fconsole%2Fdeliveries%3Fstate%3Ddead"},
		"first page":            {http.MethodGet, "/console/", browser, 303, "/console/login"},
		"head of a page":        {http.MethodHead, "/console/", browser, 303, "/console/login"},
		"without a slash":       {http.MethodGet, "/console", browser, 302, "/console/"},
		"program":               {http.MethodGet, "/console/deliveries", func(*http.Request) {}, 401, ""},
		"stream of events":      {http.MethodGet, "/console/events/live", header("Accept", "text/event-stream"), 401, ""},
		"post":                  {http.MethodPost, "/console/deliveries/retry", form(nil), 401, ""},
		"wrong secret":          {http.MethodGet, "/console/", as("kim", "guess"), 401, ""},
		"log-in":                {http.MethodGet, "/console/login", browser, 200, ""},
		"style":                 {http.MethodGet, "/console/static/console.css", browser, 200, ""},
		"post to the style":     {http.MethodPost, "/console/static/console.css", form(nil), 401, ""},
		"page below the style":  {http.MethodGet, "/console/static/../deliveries", browser, 303, "/console/login"},
		"page behind an escape": {http.MethodGet, "/console/static/..%2fdeliveries", browser, 303, "/console/login"},
		"page behind backslash": {http.MethodGet, "/console/static/..%5cdeliveries", browser, 303, "/console/login"},
		"page like the log-in":  {http.MethodGet, "/console/login/deliveries", browser, 303, "/console/login?next=%2Fconsole%2Flogin%2Fdeliveries"},
		"operator by Basic":     {http.MethodGet, "/console/", as("kim", "open sesame"), 200, ""},
		"viewer by Basic":       {http.MethodGet, "/console/", as("vi", "look only"), 200, ""},
		"viewer who posts":      {http.MethodPost, "/console/deliveries/retry", as("vi", "look only"), 403, ""},
		"viewer who tries":      {http.MethodPost, "/console/playground", as("vi", "look only"), 200, ""},
		"viewer who tries on":   {http.MethodPost, "/console/playground/preview", as("vi", "look only"), 200, ""},
		"viewer behind a try":   {http.MethodPost, "/console/playground/../retry", as("vi", "look only"), 403, ""},
		"viewer like a try":     {http.MethodPost, "/console/playgrounds", as("vi", "look only"), 403, ""},
		"operator who posts":    {http.MethodPost, "/console/deliveries/retry", as("kim", "open sesame"), 200, ""},
	} {
		answer := ask(t, h, c.method, c.path, c.change)
		require.Equal(t, c.status, answer.Code, name)
		require.Equal(t, c.location, answer.Header().Get("Location"), name)
		if c.status == 401 {
			require.NotEmpty(t, answer.Header().Get("WWW-Authenticate"), name)
		}
	}
}

func TestASessionOpensPagesAndTheAPIUntilTheLogOut(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	kim, vi := loggedIn(t, h, "kim", "open sesame"), loggedIn(t, h, "vi", "look only")
	from := func(r *http.Request) { r.RemoteAddr = "192.0.2.9:1" }
	require.Equal(t, "/console/alerts for kim at 192.0.2.9", ask(t, h, http.MethodGet, "/console/alerts", browser, kim, from).Body.String())
	require.Equal(t, "/console/login for kim at 192.0.2.9", ask(t, h, http.MethodGet, "/console/login", browser, kim, from).Body.String())
	require.Equal(t, "/console/login for  at 192.0.2.9", ask(t, h, http.MethodGet, "/console/login", browser, from).Body.String())
	require.Equal(t, http.StatusOK, ask(t, h, http.MethodGet, suppressionsRoute, kim).Code)
	require.Equal(t, http.StatusOK, ask(t, h, http.MethodGet, suppressionsRoute, vi).Code)
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodGet, suppressionsRoute+"?reveal=true", vi).Code)
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodPost, "/-/reload", vi).Code)
	require.Equal(t, http.StatusOK, ask(t, h, http.MethodPost, "/-/reload", kim).Code)
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodPost, "/-/reload", kim, header("Sec-Fetch-Site", "same-site")).Code)

	// A link of another site leads to pages, but not to what is asked for by the API.
	require.Equal(t, http.StatusOK, ask(t, h, http.MethodGet, "/console/alerts", browser, kim, header("Sec-Fetch-Site", "cross-site")).Code)
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodGet, suppressionsRoute, browser, kim, header("Sec-Fetch-Site", "cross-site")).Code)

	answer := ask(t, h, http.MethodPost, "/console/logout", form(nil), kim)
	require.Negative(t, answer.Result().Cookies()[0].MaxAge)
	answer = ask(t, h, http.MethodPost, "/console/login", form(url.Values{"name": {"kim"}, "secret": {"guess"}}))
	require.Equal(t, http.StatusUnauthorized, answer.Code)
	require.Empty(t, answer.Result().Cookies())
}

func TestTokensAndTheProxyOpenTheAPIUnderTheirNames(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef0123456789abcdef"
	b := &board{}
	o := healthy()
	o.Switches = b
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	o.Guard = guardOf(access.Options{
		// printf %s 0123456789abcdef0123456789abcdef | sha256sum
		Tokens: []access.Token{{Name: "ci", SHA256: "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"}},
		Proxy:  access.Proxy{Header: "X-Forwarded-User", Networks: o.TrustedProxies, Operators: []string{"zoe"}},
	})
	h := server.NewAdmin(o)
	from := func(peer string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = peer } }
	pause := func(change ...func(*http.Request)) int {
		return ask(t, h, http.MethodPost, "/-/pause", change...).Code
	}
	require.Equal(t, http.StatusOK, pause(header("Authorization", "Bearer "+token)))
	require.Equal(t, http.StatusOK, pause(from("10.0.0.1:1"), header("X-Forwarded-User", "zoe")))
	require.Equal(t, http.StatusForbidden, pause(from("10.0.0.1:1"), header("X-Forwarded-User", "yan")))
	require.Equal(t, http.StatusUnauthorized, pause(from("192.0.2.1:1"), header("X-Forwarded-User", "zoe")))
	require.Equal(t, http.StatusForbidden, pause(from("10.0.0.1:1"), header("X-Forwarded-User", "zoe"), header("Sec-Fetch-Site", "cross-site")))
	var who []string
	for _, p := range b.paused {
		who = append(who, p.By)
	}
	require.Equal(t, []string{"ci", "zoe"}, who)

	// Behind the proxy each client has its own guesses.
	for range 11 {
		pause(from("10.0.0.1:1"), header("X-Forwarded-For", "198.51.100.1"), as("x", "y"))
	}
	require.Equal(t, http.StatusTooManyRequests, pause(from("10.0.0.1:1"), header("X-Forwarded-For", "198.51.100.1"), as("x", "y")))
	require.Equal(t, http.StatusUnauthorized, pause(from("10.0.0.1:1"), header("X-Forwarded-For", "198.51.100.2"), as("x", "y")))
}

func TestAForeignPagePostsNothingToTheConsole(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	kim := loggedIn(t, h, "kim", "open sesame")
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"own page":           {header("Sec-Fetch-Site", "same-origin"), 200},
		"foreign page":       {header("Sec-Fetch-Site", "cross-site"), 403},
		"sibling's page":     {header("Sec-Fetch-Site", "same-site"), 403},
		"old foreign page":   {header("Origin", "https://evil.example"), 403},
		"page of a file":     {header("Origin", "null"), 403},
		"old browser's page": {header("Origin", "http://127.0.0.1:8081"), 200},
	} {
		answer := ask(t, h, http.MethodPost, "/console/deliveries/retry", kim, browser, c.change)
		require.Equal(t, c.want, answer.Code, name)
		if c.want == 403 {
			require.Contains(t, answer.Header().Get("Content-Type"), "text/html")
			require.Contains(t, answer.Body.String(), "another site")
			answer = ask(t, h, http.MethodPost, "/console/deliveries/retry", kim, c.change)
			require.Contains(t, answer.Body.String(), `"code":"cross_origin"`)
			require.Equal(t, 403, ask(t, h, http.MethodPost, "/console/login", c.change).Code, "%s: nobody is logged in as another", name)
		}
	}
}

func TestPagesCarryTheHeadersThatKeepThemToThemselves(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	answer := ask(t, h, http.MethodGet, "/console/", as("kim", "open sesame"))
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		"Cross-Origin-Opener-Policy": "same-origin",
	} {
		require.Equal(t, []string{want}, answer.Header().Values(name))
	}
	frame := ask(t, h, http.MethodGet, "/console/frame", as("kim", "open sesame"))
	require.Equal(t, []string{"sandbox"}, frame.Header().Values("Content-Security-Policy"))
	require.Contains(t, ask(t, h, http.MethodGet, suppressionsRoute, as("kim", "open sesame")).Header().Get("Content-Security-Policy"), "default-src 'none'; frame")
}

func TestABrowsersScriptGetsNoDialogForCredentials(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	require.Contains(t, ask(t, h, http.MethodGet, suppressionsRoute).Header().Get("WWW-Authenticate"), "Basic")
	answer := ask(t, h, http.MethodGet, suppressionsRoute, header("Sec-Fetch-Mode", "cors"))
	require.Equal(t, http.StatusUnauthorized, answer.Code)
	require.Contains(t, answer.Header().Get("WWW-Authenticate"), "Bearer")
}

func TestTheAPIsAnswersAreItsOwnBesideTheConsole(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	answer := ask(t, h, http.MethodGet, "/console/api/nothing", browser, as("kim", "open sesame"))
	require.Equal(t, http.StatusNotFound, answer.Code)
	require.Contains(t, answer.Body.String(), `"code":"not_found"`)
	answer = ask(t, h, http.MethodPatch, suppressionsRoute, as("kim", "open sesame"))
	require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
	require.Contains(t, answer.Header().Get("Allow"), "DELETE")
}

func TestAConsoleThatIsOffSaysHowItIsSwitchedOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open, dev bool
		want      int
	}{
		"off loopback": {false, false, 404}, "on loopback": {true, false, 404}, "dev": {true, true, 200}, "dev off loopback": {false, true, 404},
	} {
		o := withConsole(guardOf(access.Options{Open: c.open}))
		o.Dev = c.dev
		h := server.NewAdmin(o)
		for _, path := range []string{"/console/", "/console/login", "/console/static/x.css"} {
			answer := ask(t, h, http.MethodGet, path, browser)
			require.Equal(t, c.want, answer.Code, name)
			if c.want == 404 {
				require.Contains(t, answer.Body.String(), "<p>the console is off; set BECKON_CONSOLE_USERS")
				require.Contains(t, ask(t, h, http.MethodGet, path).Body.String(), `"code":"console_off"`)
			}
		}
		require.Equal(t, c.open, ask(t, h, http.MethodPost, "/-/reload").Code == 200, "%s: actions stay as they were", name)
		if c.want == 200 {
			require.Equal(t, "/console/ for local at 192.0.2.1", ask(t, h, http.MethodGet, "/console/").Body.String())
			answer := ask(t, h, http.MethodGet, "/console/", browser, func(r *http.Request) { r.Host = "evil.example" })
			require.Equal(t, http.StatusForbidden, answer.Code)
			require.Contains(t, answer.Body.String(), "localhost")
		}
	}
	o := withConsole(kimAndVi())
	o.Console = nil
	require.Equal(t, http.StatusNotFound, ask(t, server.NewAdmin(o), http.MethodGet, "/console/", as("kim", "open sesame")).Code)
}

func TestGuessesAtPagesAreSlowedDown(t *testing.T) {
	t.Parallel()
	h := server.NewAdmin(withConsole(kimAndVi()))
	for range 10 {
		ask(t, h, http.MethodPost, "/console/login", form(url.Values{"name": {"kim"}, "secret": {"guess"}}))
	}
	answer := ask(t, h, http.MethodGet, "/console/", browser, as("kim", "open sesame"))
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.Equal(t, "10", answer.Header().Get("Retry-After"))
	require.Contains(t, answer.Body.String(), "too many failed attempts")
}

// streaming is a console that sends an event whenever it is told to, until its context ends.
func streaming(events <-chan string, ended chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			if err := control.Flush(); err != nil {
				ended <- err
				return
			}
			select {
			case <-r.Context().Done():
				ended <- context.Cause(r.Context())
				return
			case text := <-events:
				if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
					ended <- err
					return
				}
				_, _ = io.WriteString(w, "data: "+text+"\n\n")
			}
		}
	})
}

func TestAStreamOfEventsOutlivesTheDeadlinesAndEndsWhenTheProcessStops(t *testing.T) {
	t.Parallel()
	stopping, stop := context.WithCancel(context.Background())
	defer stop()
	events, ended := make(chan string), make(chan error, 1)
	o := withConsole(kimAndVi())
	o.Console, o.Stopping = streaming(events, ended), stopping
	listener := httptest.NewUnstartedServer(server.NewAdmin(o))
	listener.Config.ReadTimeout, listener.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	log := &lines{}
	listener.Config.ErrorLog = slog.NewLogLogger(log.logger().Handler(), slog.LevelWarn)
	listener.Start()
	defer listener.Close()

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, listener.URL+"/console/live", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.SetBasicAuth("vi", "look only")
	answer, err := listener.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close() //nolint:errcheck // of a test
	require.Equal(t, http.StatusOK, answer.StatusCode)
	stream := bufio.NewReader(answer.Body)
	for range 4 {
		<-time.After(50 * time.Millisecond) // in all past every deadline
		select {
		case events <- "still there":
		case err := <-ended:
			require.NoError(t, err, "it ended by itself")
		}
		line, err := stream.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "data: still there\n", line)
		_, err = stream.ReadString('\n')
		require.NoError(t, err)
	}
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	_, err = io.ReadAll(stream)
	require.NoError(t, err)
	require.Empty(t, log.String())
}

// volume is a log level and who set it.
type volume struct {
	level slog.Level
	by    string
	err   error
}

func (v *volume) Level() slog.Level { return v.level }

func (v *volume) SetLevel(ctx context.Context, level slog.Level) error {
	person, _ := access.PersonFrom(ctx)
	v.level, v.by = level, person.Name
	return v.err
}

func TestTheLogLevelIsShownAndSet(t *testing.T) {
	t.Parallel()
	v := &volume{level: slog.LevelWarn}
	o := healthy()
	o.Level, o.Guard = v, kimAndVi()
	h := server.NewAdmin(o)
	const route = "/-/log-level"
	kim, vi := as("kim", "open sesame"), as("vi", "look only")
	require.JSONEq(t, `{"level":"warn"}`, ask(t, h, http.MethodGet, route, vi).Body.String())
	require.Equal(t, http.StatusForbidden, ask(t, h, http.MethodPost, route, vi, body(`{"level":"debug"}`)).Code)
	for text, status := range map[string]int{
		`{"level":"loud"}`: 422, `{"level":"DEBUG+2"}`: 422, `{}`: 422, ``: 400, `{"level":1}`: 400, `{"debug":true}`: 400,
	} {
		require.Equal(t, status, ask(t, h, http.MethodPost, route, kim, body(text)).Code, text)
	}
	require.Empty(t, v.by)
	require.JSONEq(t, `{"level":"debug"}`, ask(t, h, http.MethodPost, route, kim, body(`{"level":"debug"}`)).Body.String())
	require.Equal(t, "kim", v.by)
	v.err = io.ErrUnexpectedEOF
	require.Equal(t, http.StatusServiceUnavailable, ask(t, h, http.MethodPost, route, kim, body(`{"level":"info"}`)).Code)
	o.Level = nil
	require.Equal(t, http.StatusNotFound, ask(t, server.NewAdmin(o), http.MethodGet, route, kim).Code)
}
