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
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"
)

// Media knows the links to the files of messages.
type Media interface {
	// Open gives the address at which the file of a link can be fetched now, and changes nothing. ErrBadLink when the link is
	// none of ours, is over, or leads to nothing any more. Any other error is answered as 503 without its text; a LaterError says
	// when to come again.
	Open(ctx context.Context, token string) (address string, err error)
}

// LaterError is why a file cannot be had now, and how long that may last.
type LaterError struct {
	After time.Duration
	Err   error
}

// Error implements error.
func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *LaterError) Unwrap() error { return e.Err }

const (
	// mediaDeadline for finding out where a file is: a person waits for it.
	mediaDeadline = 6 * time.Second
	// mediaRetry is when to come again where nobody knows.
	mediaRetry = 30 * time.Second
)

//go:embed media.html
var mediaHTML string

// mediaLinks leads from a link in a message to the file.
type mediaLinks struct {
	media  Media
	page   *template.Template
	policy string
	logger *slog.Logger
}

func newMediaLinks(media Media, logger *slog.Logger) *mediaLinks {
	style := sha256.Sum256([]byte(unsubscribeCSS))
	return &mediaLinks{
		media: media, logger: logger, page: template.Must(template.New("media").Parse(mediaHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

func (m *mediaLinks) register(e *echo.Echo) {
	e.Match([]string{http.MethodGet, http.MethodHead}, "/m/:token", m.open)
}

func (m *mediaLinks) open(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), mediaDeadline)
	defer cancel()
	address, err := m.media.Open(ctx, c.Param("token"))
	h := c.Response().Header()
	h.Set(echo.HeaderReferrerPolicy, "no-referrer") // the address of this page is the token
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if err == nil {
		return c.Redirect(http.StatusFound, address)
	}
	words := mediaWordsFor(c.Request().Header.Get("Accept-Language"))
	if errors.Is(err, ErrBadLink) {
		return m.answer(c, http.StatusNotFound, words.lang, words.gone)
	}
	if c.Request().Context().Err() == nil { // a reader who left is no trouble of ours
		m.logger.WarnContext(ctx, "a link to a file could not be followed", "error", err)
	}
	retry := mediaRetry
	if later, ok := errors.AsType[*LaterError](err); ok && later.After > 0 {
		retry = later.After
	}
	h.Set(echo.HeaderRetryAfter, retrySeconds(retry))
	return m.answer(c, http.StatusServiceUnavailable, words.lang, words.later)
}

func (m *mediaLinks) answer(c echo.Context, status int, lang string, words pageWords) error {
	view := mediaView{Lang: lang, Words: words, Style: template.CSS(unsubscribeCSS)} //nolint:gosec // our own file
	var page bytes.Buffer
	if err := m.page.Execute(&page, view); err != nil {
		return fmt.Errorf("make the page of a link: %w", err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentSecurityPolicy, m.policy)
	h.Set("Content-Language", lang)
	h.Set(echo.HeaderVary, "Accept-Language")
	return c.HTMLBlob(status, page.Bytes())
}

// mediaView is what the page shows.
type mediaView struct {
	Lang  string
	Words pageWords
	Style template.CSS
}

// pageWords are what one page says; without a Button it has none.
type pageWords struct{ Title, Text, Button string }

// mediaWords are all that the pages of a media link say, in one language. gone is for every link that leads nowhere, whatever
// the reason.
type mediaWords struct {
	lang        string
	gone, later pageWords
}

// mediaWordsFor chooses by an Accept-Language header; English where it names no language that we speak.
func mediaWordsFor(accepted string) mediaWords {
	all := []mediaWords{
		{
			lang:  "en",
			gone:  pageWords{Title: "This link leads nowhere", Text: "It may be too old. Please look for the file in the chat."},
			later: pageWords{Title: "That did not work", Text: "The file cannot be had right now. Please try again in a minute.", Button: "Try again"},
		},
		{
			lang:  "de",
			gone:  pageWords{Title: "Dieser Link führt nirgends hin", Text: "Vielleicht ist er zu alt. Bitte die Datei im Chat suchen."},
			later: pageWords{Title: "Das hat nicht geklappt", Text: "Die Datei ist gerade nicht zu haben. Bitte in einer Minute noch einmal versuchen.", Button: "Noch einmal versuchen"},
		},
		{
			lang:  "fr",
			gone:  pageWords{Title: "Ce lien ne mène nulle part", Text: "Il est peut-être trop ancien. Cherchez le fichier dans la messagerie."},
			later: pageWords{Title: "Cela n’a pas fonctionné", Text: "Le fichier n’est pas disponible pour le moment. Réessayez dans une minute.", Button: "Réessayer"},
		},
		{
			lang:  "es",
			gone:  pageWords{Title: "Este enlace no lleva a ninguna parte", Text: "Puede que sea demasiado antiguo. Busque el archivo en el chat."},
			later: pageWords{Title: "No ha funcionado", Text: "El archivo no está disponible ahora. Inténtelo de nuevo en un minuto.", Button: "Intentar de nuevo"},
		},
	}
	spoken := make([]language.Tag, len(all))
	for i, words := range all {
		spoken[i] = language.MustParse(words.lang)
	}
	_, i := language.MatchStrings(language.NewMatcher(spoken), accepted)
	return all[i]
}
