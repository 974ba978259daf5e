package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

// shelf is where files are, or why not.
type shelf struct {
	address string
	err     error
	asked   []string
	left    time.Duration
}

func (s *shelf) Open(ctx context.Context, token string) (string, error) {
	s.asked = append(s.asked, token)
	if deadline, ok := ctx.Deadline(); ok {
		s.left = time.Until(deadline)
	}
	return s.address, s.err
}

// reach asks for what is behind a link to a file.
func reach(t *testing.T, media server.Media, method, accepted string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	log := &lines{}
	handler := server.NewPublic(server.PublicOptions{Intake: intake(accept), Users: users, Media: media, Logger: log.logger()})
	r := httptest.NewRequestWithContext(t.Context(), method, "/m/"+goodToken, http.NoBody)
	r.Header.Set("Accept-Language", accepted)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	require.NotContains(t, log.String(), goodToken, "whoever has it sees the file: it is not for the log")
	return answer, log.String()
}

func TestALinkLeadsToWhereTheFileIsNow(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		s := &shelf{address: "https://files-eu.cometchat.io/app/media/a.png?fat=1"}
		answer, log := reach(t, s, method, "en")
		require.Equal(t, http.StatusFound, answer.Code)
		require.Equal(t, s.address, answer.Header().Get("Location"))
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"), "the next click asks again")
		require.Equal(t, "no-referrer", answer.Header().Get("Referrer-Policy"), "the address here is the token")
		require.Contains(t, answer.Header().Get("X-Robots-Tag"), "noindex")
		require.Empty(t, answer.Body.String())
		require.Equal(t, []string{goodToken}, s.asked)
		require.Greater(t, s.left, time.Duration(0), "nobody waits for ever")
		require.Less(t, s.left, 10*time.Second)
		require.Contains(t, log, `"route":"/m/:token"`)
	}
}

func TestALinkThatIsNoGoodGetsOnePlainPage(t *testing.T) {
	t.Parallel()
	pages := map[string]bool{}
	for _, why := range []string{"tampered", "over", "a foreign host"} {
		answer, log := reach(t, &shelf{err: fmt.Errorf("%w: %s", server.ErrBadLink, why)}, http.MethodGet, "en")
		require.Equal(t, http.StatusNotFound, answer.Code)
		require.Empty(t, answer.Header().Get("Location"))
		require.Empty(t, answer.Header().Get("Retry-After"))
		require.Equal(t, "text/html; charset=UTF-8", answer.Header().Get("Content-Type"))
		require.NotRegexp(t, `(?i)<script|\son\w+=|src=|href=|url\(|@import|https?:|<button`, answer.Body.String())
		require.NotContains(t, log, why, "anybody can make such links: they are no news")
		pages[answer.Body.String()] = true
	}
	require.Len(t, pages, 1, "which of them it is, is nobody's business")
}

func TestWhileTheFileCannotBeHadThePageSaysSo(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"30": errors.New("internal-detail"),
		"15": &server.LaterError{After: 14500 * time.Millisecond, Err: errors.New("internal-detail")},
		"1":  fmt.Errorf("ask: %w", &server.LaterError{After: time.Millisecond, Err: errors.New("internal-detail")}),
	} {
		answer, log := reach(t, &shelf{err: err}, http.MethodGet, "en")
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Equal(t, want, answer.Header().Get("Retry-After"))
		require.Contains(t, answer.Body.String(), `<form method="get">`)
		require.NotContains(t, answer.Body.String(), "internal-detail")
		require.Contains(t, log, "internal-detail")
	}
}

func TestThePageOfALinkSpeaksTheLanguageOfItsReader(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for accepted, want := range map[string]string{
		"": "en", "de-CH, en;q=0.8": "de", "fr-CA": "fr", "es-419, en;q=0.2": "es", "ja, es;q=0.4": "es", "ja": "en", "no language; q=x": "en",
		strings.Repeat("de-", 5e3): "en",
	} {
		for _, err := range []error{server.ErrBadLink, errors.New("down")} {
			answer, _ := reach(t, &shelf{err: err}, http.MethodGet, accepted)
			require.Equal(t, want, answer.Header().Get("Content-Language"), accepted)
			require.Equal(t, "Accept-Language", answer.Header().Get("Vary"))
			require.Contains(t, answer.Body.String(), `<html lang="`+want+`">`)
			seen[answer.Body.String()] = true
		}
	}
	require.Len(t, seen, 8, "four languages say two things")
}

func TestALinkIsOnlyFollowed(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		s := &shelf{address: "https://files-eu.cometchat.io/app/media/a.png"}
		answer, _ := reach(t, s, method, "en")
		require.Equal(t, http.StatusMethodNotAllowed, answer.Code)
		require.Empty(t, s.asked)
	}
	answer, _ := reach(t, nil, http.MethodGet, "en")
	require.Equal(t, http.StatusNotFound, answer.Code, "without links to files there is nothing here")
}
