package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
)

// Unsubscriber knows the links in mails by which people say what they want no more of. Addresses come masked: the edge needs no
// others.
type Unsubscriber interface {
	// Standing says how things are for the person whom a link was sent to, and changes nothing. ErrBadLink when the link is none
	// of ours; any other error is answered as 503 without its text.
	Standing(ctx context.Context, token string) (Standing, error)
	// Change returns, with how things are then, when it is on disk what the person wants. Done twice it is done. Errors are as above.
	Change(ctx context.Context, token string, wish Wish) (Standing, error)
}

// ErrBadLink is what an Unsubscriber answers for a link that is none of ours.
var ErrBadLink = errors.New("not one of our links")

// Wish is what somebody asks for behind the link of a mail.
type Wish string

// Wishes.
const (
	// WishNoMail: no more mail to that address, of any kind.
	WishNoMail Wish = "no_mail"
	// WishNoKind: no more messages of the kind that the mail was, on any channel.
	WishNoKind Wish = "no_kind"
	// WishResume takes both back.
	WishResume Wish = "resume"
)

// Standing is how things are for the person whom a link was sent to.
type Standing struct {
	// Address is masked.
	Address string
	// Locale is the person's, where it is known.
	Locale string
	Mail   MailStanding
	Kind   KindStanding
}

// MailStanding says whether mails go to the address.
type MailStanding string

// Standings of an address.
const (
	MailOn MailStanding = "on"
	// MailOff: it was said behind such a link that they should not, and can be taken back there.
	MailOff MailStanding = "off"
	// MailBlocked: they do not, for a reason that cannot be taken back there.
	MailBlocked MailStanding = "blocked"
)

// KindStanding says whether messages of a mail's kind go to the person.
type KindStanding string

// Standings of a kind of message.
const (
	// KindNone: the link does not know of what kind its mail was.
	KindNone KindStanding = ""
	KindOn   KindStanding = "on"
	KindOff  KindStanding = "off"
)

const (
	// maxForm is the largest body of an unsubscribe request that is read, in bytes: RFC 8058's has 26.
	maxForm = 4 << 10
	// unsubscribeDeadline for reading and keeping what somebody wants.
	unsubscribeDeadline = 5 * time.Second
)

// unsubscribing serves what is behind the link in a mail: a page that asks, and what its buttons or a mail program post.
// Asking changes nothing, because programs that look for harmful links open every one (RFC 8058 §1).
type unsubscribing struct {
	who    Unsubscriber
	pages  *pages
	logger *slog.Logger
}

func (u *unsubscribing) register(e *echo.Echo) {
	const route = "/u/:token"
	e.Match([]string{http.MethodGet, http.MethodHead}, route, u.ask)
	e.POST(route, u.change)
}

func (u *unsubscribing) ask(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), unsubscribeDeadline)
	defer cancel()
	standing, err := u.who.Standing(ctx, c.Param("token"))
	if err != nil {
		return u.failed(c, err, "")
	}
	words := wordsOf(c, standing.Locale)
	return u.answer(c, http.StatusOK, words.view(standing, words.ask))
}

// change takes every body of an acceptable size for a wish: that it is a POST is what tells it from a look at the link.
func (u *unsubscribing) change(c echo.Context) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, maxForm))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return &Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body may have 4 KiB at the most",
		}
	}
	if err != nil && bytes.HasPrefix(body, []byte(wishField+"=")) {
		return refuseBody(err) // what was wished is not known
	}
	// Another body that breaks off, or a sender that hangs up, takes nothing back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), unsubscribeDeadline)
	defer cancel()
	wish := wishOf(c.Request().Header.Get(echo.HeaderContentType), body)
	standing, err := u.who.Change(ctx, c.Param("token"), wish)
	if err != nil {
		return u.failed(c, err, wish)
	}
	u.logger.InfoContext(ctx, "a recipient said what they want", "wish", wish, "mail", standing.Mail, "kind", standing.Kind)
	words := wordsOf(c, standing.Locale)
	return u.answer(c, http.StatusOK, words.view(standing, words.done))
}

// wishField is what the page's buttons are called but for the one that posts what a mail program posts.
const wishField = "wish"

// wishOf reads what is asked for. Whatever is not said in the words of the page is a no to all mail, as RFC 8058 has it: a no must
// not be lost for its form.
func wishOf(contentType string, body []byte) Wish {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != echo.MIMEApplicationForm {
		return WishNoMail
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Has("List-Unsubscribe") {
		return WishNoMail
	}
	switch wish := Wish(form.Get(wishField)); wish {
	case WishNoKind, WishResume:
		return wish
	default:
		return WishNoMail
	}
}

// failed answers a link that is none of ours, or a wish that could not be kept, which can be repeated.
func (u *unsubscribing) failed(c echo.Context, err error, wish Wish) error {
	words := wordsOf(c, "")
	if errors.Is(err, ErrBadLink) {
		return u.answer(c, http.StatusNotFound, pageView{Lang: words.lang, Title: words.unknown, Lines: []string{words.wholeLink}})
	}
	u.logger.ErrorContext(c.Request().Context(), "what a recipient wants could not be read or kept", "error", err)
	c.Response().Header().Set(echo.HeaderRetryAfter, retrySeconds(busyRetry))
	view := pageView{Lang: words.lang, Title: words.later, Lines: []string{words.notKept}}
	if wish == "" {
		view.Lines = []string{words.notNow}
	} else {
		view.Buttons = []pageButton{buttonOf(wish, words.again)}
	}
	return u.answer(c, http.StatusServiceUnavailable, view)
}

// buttonOf is the button that says a wish.
func buttonOf(wish Wish, text string) pageButton {
	if wish == WishNoMail {
		return pageButton{Name: "List-Unsubscribe", Value: "One-Click", Text: text}
	}
	return pageButton{Name: wishField, Value: string(wish), Text: text}
}

func (u *unsubscribing) answer(c echo.Context, status int, view pageView) error {
	view.Method = "post"
	return u.pages.answer(c, status, view)
}

func wordsOf(c echo.Context, locale string) unsubscribeWords {
	return wordsFor(locale, acceptedBy(c.Request()))
}
