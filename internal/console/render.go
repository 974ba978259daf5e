package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/access"
)

//go:embed templates
var templateFiles embed.FS

// policy lets a page load nothing but what is ours, and run no script but the one file.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are those of every answer.
func (k *console) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderContentSecurityPolicy, policy)
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
		h.Set(echo.HeaderXFrameOptions, "DENY")
		h.Set(echo.HeaderReferrerPolicy, "same-origin") // a filter may name a person
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set(echo.HeaderCacheControl, "no-store")
		return next(c)
	}
}

// operators lets nobody else through.
func (k *console) operators(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if who := personOf(c); who.Viewer || who.Name == "" {
			return errViewer()
		}
		return next(c)
	}
}

func personOf(c echo.Context) access.Person {
	who, _ := access.PersonFrom(c.Request().Context())
	return who
}

// pages are the templates, each with the layout around it.
type pages struct{ byName map[string]*template.Template }

func newPages(k *console) *pages {
	p := &pages{byName: map[string]*template.Template{}}
	layout := template.Must(template.New("layout.html").Funcs(k.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html"))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(fmt.Sprintf("embedded templates of the console: %v", err)) // cannot be: the pattern is a constant
	}
	for _, name := range names {
		if base := path.Base(name); base != "layout.html" {
			clone := template.Must(layout.Clone())
			p.byName[base] = template.Must(clone.ParseFS(templateFiles, name))
		}
	}
	return p
}

// page is what the layout shows. Data is the page's own.
type page struct {
	Title string
	// Nav is the address of the entry of the navigation that the page belongs to, such as "/deliveries".
	Nav string
	// Live says that the parts of the page that are marked data-live are kept up to date by the script.
	Live bool
	// Refresh has the page loaded anew after so many seconds without script; 0 for never.
	Refresh int
	// Wide uses all of a wide screen.
	Wide bool
	Data any

	// The rest is filled in.
	Person access.Person
	// Operator says whether the person may act and see in clear.
	Operator bool
	// LogOut says whether there is a session to end.
	LogOut  bool
	Said    string
	Here    string
	Now     time.Time
	Version string
	Entries []entry
}

// entry is one of the navigation.
type entry struct {
	Address, Name string
	Current       bool
}

// navigation is in the order in which they stand; the empty one draws a line.
func navigation() []entry {
	return []entry{
		{Address: "/", Name: "Overview"},
		{Address: "/deliveries", Name: "Deliveries"},
		{Address: "/alerts", Name: "Alerts"},
		{Address: "/events", Name: "Events"},
		{Address: "/rules", Name: "Rules"},
		{Address: "/playground", Name: "Playground"},
		{Address: "/inbox", Name: "Inbox"},
		{Address: "/suppressions", Name: "Suppressions"},
		{Address: "/audit", Name: "Audit"},
	}
}

// show makes a whole page before it writes any of it.
func (k *console) show(c echo.Context, status int, name string, p page) error {
	body, err := k.render(c, name, p)
	if err != nil {
		return err
	}
	return c.HTMLBlob(status, body)
}

func (k *console) render(c echo.Context, name string, p page) ([]byte, error) {
	t, ok := k.pages().byName[name]
	if !ok {
		return nil, fmt.Errorf("the console has no template %q", name)
	}
	p.Person = personOf(c)
	p.Operator = p.Person.Name != "" && !p.Person.Viewer
	p.LogOut = k.Sessions != nil && p.Person.Session
	p.Said = said(c.QueryParams())
	p.Here = here(c.Request().URL)
	p.Now, p.Version = k.Now(), k.Version
	if p.Person.Name != "" {
		p.Entries = navigation()
	}
	for i := range p.Entries {
		p.Entries[i].Current = p.Entries[i].Address == p.Nav
		p.Entries[i].Address = root + p.Entries[i].Address
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, "layout.html", p); err != nil {
		return nil, fmt.Errorf("make the page %s: %w", name, err)
	}
	return body.Bytes(), nil
}

// here is the address of a page without what was said on it.
func here(u *url.URL) string {
	q := u.Query()
	for key := range q {
		if strings.HasPrefix(key, "said") {
			q.Del(key)
		}
	}
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}

// see leads to a page after something was done, which says so there.
func see(c echo.Context, address, what string, n int) error {
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	address += sep + "said=" + url.QueryEscape(what)
	if n > 0 {
		address += fmt.Sprintf("&said_n=%d", n)
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// said is what a page says was done. The address only chooses among our words.
func said(q url.Values) string {
	var n int
	_, _ = fmt.Sscanf(q.Get("said_n"), "%d", &n)
	switch q.Get("said") {
	case "paused":
		return "Paused. Webhooks are still accepted; messages wait."
	case "resumed":
		return "Resumed. " + plural(n, "message that was held goes out now.", "messages that were held go out now.")
	case "suppressed":
		return "Kept. Nothing is sent to that address any more."
	case "lifted":
		return "Lifted. That address may be written to again."
	case "out":
		return "You are logged out."
	}
	return ""
}
