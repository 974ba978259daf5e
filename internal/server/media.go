package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
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

// mediaLinks leads from a link in a message to the file.
type mediaLinks struct {
	media  Media
	pages  *pages
	logger *slog.Logger
}

func (m *mediaLinks) register(e *echo.Echo) {
	e.Match([]string{http.MethodGet, http.MethodHead}, "/m/:token", m.open)
}

func (m *mediaLinks) open(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), mediaDeadline)
	defer cancel()
	address, err := m.media.Open(ctx, c.Param("token"))
	private(c)
	if err == nil {
		return c.Redirect(http.StatusFound, address)
	}
	words := mediaWordsFor(acceptedBy(c.Request()))
	if errors.Is(err, ErrBadLink) {
		return m.pages.answer(c, http.StatusNotFound, pageView{Lang: words.lang, Title: words.gone, Lines: []string{words.old}})
	}
	if c.Request().Context().Err() == nil { // a reader who left is no trouble of ours
		m.logger.WarnContext(ctx, "a link to a file could not be followed", "error", err)
	}
	retry := mediaRetry
	if later, ok := errors.AsType[*LaterError](err); ok && later.After > 0 {
		retry = later.After
	}
	c.Response().Header().Set(echo.HeaderRetryAfter, retrySeconds(retry))
	return m.pages.answer(c, http.StatusServiceUnavailable, pageView{
		Lang: words.lang, Title: words.later, Lines: []string{words.notNow}, Method: "get", Buttons: []pageButton{{Text: words.again}},
	})
}

// mediaWords are all that the pages of a media link say, in one language. gone and old are for every link that leads nowhere, whatever
// the reason.
type mediaWords struct {
	lang                            string
	gone, old, later, notNow, again string
}

// mediaWordsFor chooses by an Accept-Language header; English where it names no language that we speak.
func mediaWordsFor(accepted string) mediaWords {
	all := []mediaWords{
		{
			lang: "en", gone: "This link leads nowhere", old: "It may be too old. Please look for the file in the chat.",
			later: "That did not work", notNow: "The file cannot be had right now. Please try again in a minute.", again: "Try again",
		},
		{
			lang: "de", gone: "Dieser Link führt nirgends hin", old: "Vielleicht ist er zu alt. Bitte die Datei im Chat suchen.",
			later: "Das hat nicht geklappt", notNow: "Die Datei ist gerade nicht zu haben. Bitte in einer Minute noch einmal versuchen.",
			again: "Noch einmal versuchen",
		},
		{
			lang: "fr", gone: "Ce lien ne mène nulle part", old: "Il est peut-être trop ancien. Cherchez le fichier dans la messagerie.",
			later: "Cela n’a pas fonctionné", notNow: "Le fichier n’est pas disponible pour le moment. Réessayez dans une minute.",
			again: "Réessayer",
		},
		{
			lang: "es", gone: "Este enlace no lleva a ninguna parte", old: "Puede que sea demasiado antiguo. Busque el archivo en el chat.",
			later: "No ha funcionado", notNow: "El archivo no está disponible ahora. Inténtelo de nuevo en un minuto.", again: "Intentar de nuevo",
		},
	}
	spoken := make([]string, len(all))
	for i, words := range all {
		spoken[i] = words.lang
	}
	return all[languageFor(spoken, accepted)]
}
