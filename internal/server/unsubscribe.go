package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// Unsubscriber knows the links by which people say that they want no more mail. Addresses come masked: the edge needs no
// others.
type Unsubscriber interface {
	// Whose gives the address of a link and changes nothing. ErrBadLink when the link is none of ours.
	Whose(token string) (masked string, err error)
	// Unsubscribe returns when it is on disk that the link's address gets no more mail. ErrBadLink as above; any other
	// error is answered as 503 without its text. Done twice it is done.
	Unsubscribe(ctx context.Context, token string) (masked string, err error)
}

// ErrBadLink is what an Unsubscriber answers for a link that is none of ours.
var ErrBadLink = errors.New("not one of our links")

const (
	// maxForm is the largest body of an unsubscribe request that is read, in bytes: RFC 8058's has 26.
	maxForm = 4 << 10
	// unsubscribeDeadline for keeping that somebody wants no more mail.
	unsubscribeDeadline = 5 * time.Second
)

//go:embed unsubscribe.html
var unsubscribeHTML string

//go:embed unsubscribe.css
var unsubscribeCSS string

// unsubscribing serves what is behind an unsubscribe link: a page that asks, and what its button or a mail program posts.
// Asking changes nothing, because programs that look for harmful links open every one (RFC 8058 §1).
type unsubscribing struct {
	who    Unsubscriber
	page   *template.Template
	policy string
	logger *slog.Logger
}

func newUnsubscribing(who Unsubscriber, logger *slog.Logger) *unsubscribing {
	style := sha256.Sum256([]byte(unsubscribeCSS))
	return &unsubscribing{
		who: who, logger: logger, page: template.Must(template.New("unsubscribe").Parse(unsubscribeHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

func (u *unsubscribing) register(e *echo.Echo) {
	const route = "/u/:token"
	e.Match([]string{http.MethodGet, http.MethodHead}, route, u.ask)
	e.POST(route, u.unsubscribe)
}

func (u *unsubscribing) ask(c echo.Context) error {
	masked, err := u.who.Whose(c.Param("token"))
	if err != nil {
		return u.failed(c, err)
	}
	words := wordsOf(c)
	return u.answer(c, http.StatusOK, pageView{Lang: words.lang, Words: words.ask, Address: masked})
}

// unsubscribe takes every body of an acceptable size for a yes: that it is a POST is what tells it from a look at the link.
func (u *unsubscribing) unsubscribe(c echo.Context) error {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(c.Response().Writer, c.Request().Body, maxForm))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return &Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body may have 4 KiB at the most",
		}
	}
	// A body that breaks off, or a sender that hangs up, takes nothing back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), unsubscribeDeadline)
	defer cancel()
	masked, err := u.who.Unsubscribe(ctx, c.Param("token"))
	if err != nil {
		return u.failed(c, err)
	}
	words := wordsOf(c)
	return u.answer(c, http.StatusOK, pageView{Lang: words.lang, Words: words.done, Address: masked})
}

func (u *unsubscribing) failed(c echo.Context, err error) error {
	words := wordsOf(c)
	if errors.Is(err, ErrBadLink) {
		return u.answer(c, http.StatusNotFound, pageView{Lang: words.lang, Words: words.unknown})
	}
	u.logger.ErrorContext(c.Request().Context(), "an unsubscription was not kept", "error", err)
	c.Response().Header().Set(echo.HeaderRetryAfter, retrySeconds(busyRetry))
	return u.answer(c, http.StatusServiceUnavailable, pageView{Lang: words.lang, Words: words.later})
}

// pageView is what the page shows.
type pageView struct {
	Lang    string
	Words   pageWords
	Address string
	Style   template.CSS
}

func (u *unsubscribing) answer(c echo.Context, status int, view pageView) error {
	view.Style = template.CSS(unsubscribeCSS) //nolint:gosec // our own file
	var page bytes.Buffer
	if err := u.page.Execute(&page, view); err != nil {
		return fmt.Errorf("make the unsubscribe page: %w", err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, u.policy)
	h.Set(echo.HeaderReferrerPolicy, "no-referrer") // the address of the page is the token
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Content-Language", view.Lang)
	h.Set(echo.HeaderVary, "Accept-Language")
	return c.HTMLBlob(status, page.Bytes())
}

func wordsOf(c echo.Context) unsubscribeWords {
	return wordsFor(c.Request().Header.Get("Accept-Language"))
}
