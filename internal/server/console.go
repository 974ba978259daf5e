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

// registerConsole serves what no route of the API is, so that an API's answer to a wrong method stays what it is.
func (a *admin) registerConsole(e *echo.Echo) {
	e.RouteNotFound(access.Pages+"*", a.console)
	e.Match([]string{http.MethodGet, http.MethodHead}, "/console", func(c echo.Context) error { return c.Redirect(http.StatusFound, access.Pages) })
}

func (a *admin) console(c echo.Context) error {
	if strings.HasPrefix(c.Request().URL.Path, consoleAPI) {
		return echo.ErrNotFound
	}
	consoleHeaders(c.Response().Header())
	redirect, err := a.admitToConsole(c)
	switch {
	case err != nil:
		return answerPage(c, err)
	case redirect != "":
		return c.Redirect(http.StatusSeeOther, redirect)
	}
	a.Console.ServeHTTP(c.Response(), c.Request())
	return nil
}

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
	if err := a.sameOrigin(r); err != nil {
		return "", err
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
