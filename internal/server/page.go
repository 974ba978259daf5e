package server

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// pages answers people who followed a link in a message: one page, which says something and may have buttons. It has no script.
type pages struct {
	page   *template.Template
	policy string
}

func newPages() *pages {
	style := sha256.Sum256([]byte(pageCSS))
	return &pages{
		page: template.Must(template.New("page").Parse(pageHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// pageView is what the page shows.
type pageView struct {
	Lang, Title, Address string
	Lines                []string
	// Note stands below the buttons.
	Note    string
	Buttons []pageButton
	// Method is that of the form that the buttons are in.
	Method string
	Style  template.CSS
}

// pageButton posts one field.
type pageButton struct {
	Name, Value, Text string
	// Quiet is one that is not the first to be thought of.
	Quiet bool
}

func (p *pages) answer(c echo.Context, status int, view pageView) error {
	view.Style = template.CSS(pageCSS) //nolint:gosec // our own file
	var page bytes.Buffer
	if err := p.page.Execute(&page, view); err != nil {
		return fmt.Errorf("make the page of a link: %w", err)
	}
	private(c)
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, p.policy)
	h.Set("Content-Language", view.Lang)
	h.Set(echo.HeaderVary, "Accept-Language")
	return c.HTMLBlob(status, page.Bytes())
}

// private keeps the address of a page, which is a token, from others.
func private(c echo.Context) {
	c.Response().Header().Set(echo.HeaderReferrerPolicy, "no-referrer")
	c.Response().Header().Set("X-Robots-Tag", "noindex, nofollow")
}

// languageFor chooses among languages by what somebody speaks: locales, or Accept-Language headers, in the order of their weight. It is
// the first where they name none of them.
func languageFor(spoken []string, wishes ...string) int {
	tags := make([]language.Tag, len(spoken))
	for i, name := range spoken {
		tags[i] = language.Make(name)
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), wishes...)
	return i
}

// acceptedBy is what the reader's browser says that they speak.
func acceptedBy(r *http.Request) string { return r.Header.Get("Accept-Language") }
