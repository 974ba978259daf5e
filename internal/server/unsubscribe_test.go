package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/server"
)

// mailing knows one link, to a mailbox with an odd mask, and counts who unsubscribed.
type mailing struct {
	mu   sync.Mutex
	gone int
	err  error
}

const goodToken = "good-Token_1"

func (m *mailing) Whose(token string) (string, error) {
	if token != goodToken {
		return "", server.ErrBadLink
	}
	return "<***@example.com", nil
}

func (m *mailing) Unsubscribe(ctx context.Context, token string) (string, error) {
	if err := errors.Join(ctx.Err(), m.err); err != nil {
		return "", err
	}
	masked, err := m.Whose(token)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.gone++
	}
	return masked, err
}

// follow asks for what is behind a link, in English unless the change says otherwise.
func follow(t *testing.T, who server.Unsubscriber, method, path, body string, change func(*http.Request)) (*httptest.ResponseRecorder, string) {
	t.Helper()
	log := &lines{}
	handler := server.NewPublic(server.PublicOptions{Intake: intake(accept), Users: users, Unsubscriber: who, Logger: log.logger()})
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Accept-Language", "fr, en;q=0.5")
	if change != nil {
		change(r)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	for _, token := range []string{goodToken, "bad-token"} {
		require.NotContains(t, log.String(), token, "whoever has it can unsubscribe somebody: it is not for the log")
	}
	return answer, log.String()
}

func TestLookingAtAnUnsubscribeLinkAsksAndChangesNothing(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		who := &mailing{}
		answer, log := follow(t, who, method, "/u/"+goodToken, "", nil)
		require.Equal(t, http.StatusOK, answer.Code)
		require.Zero(t, who.gone, "programs that look for harmful links open every one")
		require.Contains(t, log, `"route":"/u/:token"`)
		page := answer.Body.String()
		require.Contains(t, page, "&lt;***@example.com", "the address is shown masked, and is no HTML")
		require.Equal(t, 1, strings.Count(page, "<button"))
		require.Contains(t, page, `<form method="post">`)
	}
}

func TestTheUnsubscribePageIsCompleteInItself(t *testing.T) {
	t.Parallel()
	answer, _ := follow(t, &mailing{}, http.MethodGet, "/u/"+goodToken, "", nil)
	page, h := answer.Body.String(), answer.Header()
	require.Equal(t, "text/html; charset=UTF-8", h.Get("Content-Type"))
	require.Contains(t, h.Get("X-Robots-Tag"), "noindex")
	require.Contains(t, page, `name="robots" content="noindex`)
	require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Contains(t, page, `name="viewport" content="width=device-width`)
	require.Contains(t, page, "prefers-color-scheme: dark")
	require.NotRegexp(t, `(?i)<script|\son\w+=|src=|href=|url\(|@import|https?:`, page)
	require.NotContains(t, page, goodToken)

	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	require.NotNil(t, style)
	sum := sha256.Sum256([]byte(style[1]))
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", h.Get("Content-Security-Policy"),
		"the browser applies the style, and nothing else")
}

func TestAnUnsubscribePageSpeaksTheLanguageOfItsReader(t *testing.T) {
	t.Parallel()
	for accepted, want := range map[string][2]string{
		"":                         {"en", "Unsubscribe"},
		"de":                       {"de", "Abmelden"},
		"de-CH, en;q=0.8":          {"de", "Abmelden"},
		"en-GB, de;q=0.8":          {"en", "Unsubscribe"},
		"fr, de;q=0.5":             {"de", "Abmelden"},
		"ja":                       {"en", "Unsubscribe"},
		"not a language; q=x":      {"en", "Unsubscribe"},
		strings.Repeat("de-", 5e3): {"en", "Unsubscribe"},
	} {
		answer, _ := follow(t, &mailing{}, http.MethodGet, "/u/"+goodToken, "", func(r *http.Request) {
			r.Header.Set("Accept-Language", accepted)
		})
		require.Equal(t, want[0], answer.Header().Get("Content-Language"), accepted)
		require.Equal(t, "Accept-Language", answer.Header().Get("Vary"))
		require.Contains(t, answer.Body.String(), `<html lang="`+want[0]+`">`)
		require.Contains(t, answer.Body.String(), want[1])
	}
}

func TestAPostUnsubscribesWhateverItsBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, body string }{
		"one click, as a form":   {"application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"},
		"one click, in parts":    {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"},
		"the button of the page": {"application/x-www-form-urlencoded", ""},
		"of no type":             {"", "List-Unsubscribe=One-Click"},
		"of another type":        {"application/json", "{}"},
		"as large as it may be":  {"text/plain", strings.Repeat("x", 4096)},
	} {
		who := &mailing{}
		answer, _ := follow(t, who, http.MethodPost, "/u/"+goodToken, c.body, func(r *http.Request) {
			r.Header.Set("Content-Type", c.kind)
			r.Header.Set("Origin", "null") // what a browser sends from a page without referrer
		})
		require.Equal(t, http.StatusOK, answer.Code, name)
		require.Equal(t, 1, who.gone, name)
		require.Contains(t, answer.Body.String(), "You are unsubscribed", name)
		require.NotContains(t, answer.Body.String(), "<button", name)
	}
}

func TestSomebodyWhoHangsUpIsUnsubscribedAllTheSame(t *testing.T) {
	t.Parallel()
	who := &mailing{}
	answer, _ := follow(t, who, http.MethodPost, "/u/"+goodToken, "", func(r *http.Request) {
		ctx, hangUp := context.WithCancel(r.Context())
		hangUp()
		*r = *r.WithContext(ctx)
		r.Body = io.NopCloser(cut{})
	})
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, 1, who.gone)
}

func TestWhatIsNoUnsubscriptionIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path, body string
		err                error
		status             int
		contains           string
	}{
		"another token":           {http.MethodPost, "/u/bad-token", "List-Unsubscribe=One-Click", nil, 404, "not valid"},
		"a look at another token": {http.MethodGet, "/u/bad-token", "", nil, 404, "not valid"},
		"more behind the token":   {http.MethodGet, "/u/" + goodToken + "/x", "", nil, 404, "not valid"},
		"no token":                {http.MethodPost, "/u/", "", nil, 404, ""},
		"a body that is too long": {http.MethodPost, "/u/" + goodToken, strings.Repeat("x", 4097), nil, 413, "4 KiB"},
		"a store that is down":    {http.MethodPost, "/u/" + goodToken, "", errors.New("internal-detail"), 503, "not unsubscribed yet"},
		"another method":          {http.MethodPut, "/u/" + goodToken, "", nil, 405, "method_not_allowed"},
		"deleting":                {http.MethodDelete, "/u/" + goodToken, "", nil, 405, "method_not_allowed"},
	} {
		who := &mailing{err: c.err}
		answer, log := follow(t, who, c.method, c.path, c.body, nil)
		require.Equal(t, c.status, answer.Code, name)
		require.Zero(t, who.gone, name)
		require.Contains(t, answer.Body.String(), c.contains, name)
		require.NotContains(t, answer.Body.String(), "internal-detail", name)
		require.Equal(t, c.err != nil, strings.Contains(log, "internal-detail"), name)
		if c.status == http.StatusServiceUnavailable {
			require.Equal(t, "2", answer.Header().Get("Retry-After"))
		}
	}
}

func TestWithoutAKeyThereAreNoUnsubscribeLinks(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer, _ := follow(t, nil, method, "/u/"+goodToken, "", nil)
		require.Equal(t, http.StatusNotFound, answer.Code)
	}
}
