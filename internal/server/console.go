package server

import (
	"fmt"
	"html"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/access"
)

// consolePolicy lets the console's pages load what is the console's, and nothing else.
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Parts of the console that are not like its other pages.
const (
	consoleAPI    = access.Pages + "api/"
	consoleStatic = access.Pages + "static/"
	consoleLogin  = access.Pages + "login"
	consoleLogout = access.Pages + "logout"
	// consoleTrials are posted to and change nothing.
	consoleTrials = access.Pages + "playground"
)

// withConsole serves the pages beside the API, each with a router of its own: for Echo a page for every address would be an answer
// to a wrong method of the API as well.
func (a *admin) withConsole(api http.Handler) http.Handler {
	e := newEdge(a.Logger, a.TrustedProxies, a.Tracer)
	e.Use(a.endStreams)
	e.Any(access.Pages+"*", a.console)
	// Browsers ask for it where a page names no icon, as an answer in JSON does not.
	e.GET("/favicon.ico", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.Any("/console", func(c echo.Context) error { return c.Redirect(http.StatusFound, access.Pages) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		if p == "/console" || p == "/favicon.ico" || strings.HasPrefix(p, access.Pages) && !strings.HasPrefix(p, consoleAPI) {
			e.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

func (a *admin) console(c echo.Context) error {
	consoleHeaders(c.Response().Header())
	redirect, err := a.admitToConsole(c)
	switch {
	case err != nil:
		return answerPage(c, err)
	case redirect != "":
		return c.Redirect(http.StatusSeeOther, redirect)
	}
	a.Console.ServeHTTP(pageWriter{c.Response()}, c.Request())
	return nil
}

// pageWriter flushes as net/http does, which begins the answer where nothing was written yet: Echo would begin it once more.
type pageWriter struct{ *echo.Response }

// FlushError is what http.ResponseController calls.
func (w pageWriter) FlushError() error {
	if !w.Committed {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.Writer).Flush()
}

// Flush implements http.Flusher.
func (w pageWriter) Flush() { _ = w.FlushError() }

func consoleHeaders(h http.Header) {
	h.Set(echo.HeaderContentSecurityPolicy, consolePolicy)
	h.Set(echo.HeaderXFrameOptions, "DENY")
	h.Set(echo.HeaderReferrerPolicy, "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// admitToConsole lets a request through to the console, or says where the browser has to go first.
func (a *admin) admitToConsole(c echo.Context) (redirect string, err error) {
	r := c.Request()
	if !a.Guard.Configured() && (!a.Guard.Open() || !a.Dev) {
		return "", &Refusal{
			Status: http.StatusNotFound, Code: "console_off",
			Message: "the console is off; set BECKON_CONSOLE_USERS, BECKON_CONSOLE_TOKENS or BECKON_CONSOLE_PROXY_HEADER to switch it on, " +
				"or look at it with beckon dev",
		}
	}
	if a.origins.Check(r) != nil {
		return "", errCrossOrigin()
	}
	if forEverybody(r) {
		if person, ok := a.Guard.Known(r); ok {
			c.SetRequest(r.WithContext(access.WithPerson(r.Context(), person)))
		}
		c.SetRequest(c.Request().WithContext(access.WithClient(c.Request().Context(), c.RealIP())))
		return "", nil
	}
	person, err := a.identify(c)
	if refusal, ok := err.(*Refusal); ok { //nolint:errorlint // identify makes it
		if refusal.Status == http.StatusUnauthorized && isSafe(r) && wantsPage(r) {
			c.Response().Header().Del(echo.HeaderWWWAuthenticate)
			return access.LoginPage(r), nil
		}
		return "", refusal
	}
	if person.Viewer && !isSafe(r) && !within(r.URL.Path, consoleTrials) {
		return "", errViewer()
	}
	a.enter(c, person)
	return "", nil
}

// forEverybody says whether a request is to what must be there before somebody has come in. A path that leads somewhere else than it
// seems to is not.
func forEverybody(r *http.Request) bool {
	p := r.URL.Path
	if path.Clean(p) != p || strings.Contains(p, "\\") {
		return false
	}
	return strings.HasPrefix(p, consoleStatic) && isSafe(r) || p == consoleLogin || p == consoleLogout
}

// within says whether a path is a page, or below it.
func within(p, page string) bool { return p == page || strings.HasPrefix(path.Clean(p), page+"/") }

func isSafe(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// wantsPage says whether somebody looks at the answer with a browser.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get(echo.HeaderAccept), echo.MIMETextHTML)
}

// answerPage refuses in the form that is asked for.
func answerPage(c echo.Context, err error) error {
	if !wantsPage(c.Request()) {
		return err
	}
	refusal := refusalFrom(err)
	if refusal.RetryAfter > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, retrySeconds(refusal.RetryAfter))
	}
	title, message := html.EscapeString(http.StatusText(refusal.Status)), html.EscapeString(refusal.Message)
	return c.HTML(refusal.Status, fmt.Sprintf(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Beckon: %s</title>
<main><h1>%s</h1><p>%s</p></main>
</html>
`, title, title, message))
}
