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

// mailing knows one link, to a mailbox with an odd mask, and keeps what was wished of it.
type mailing struct {
	mu       sync.Mutex
	wishes   []server.Wish
	standing server.Standing
	err      error
}

const goodToken = "good-Token_1"

func (m *mailing) Standing(ctx context.Context, token string) (server.Standing, error) {
	if token != goodToken {
		return server.Standing{}, server.ErrBadLink
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.standing
	if s.Mail == "" {
		s.Mail = server.MailOn
	}
	s.Address = "<***@example.com"
	return s, errors.Join(ctx.Err(), m.err)
}

func (m *mailing) Change(ctx context.Context, token string, wish server.Wish) (server.Standing, error) {
	if s, err := m.Standing(ctx, token); err != nil {
		return s, err
	}
	m.mu.Lock()
	m.wishes = append(m.wishes, wish)
	switch wish {
	case server.WishNoMail:
		m.standing.Mail = server.MailOff
	case server.WishNoKind:
		m.standing.Kind = server.KindOff
	case server.WishResume:
		m.standing.Mail, m.standing.Kind = server.MailOn, server.KindOn
	}
	m.mu.Unlock()
	return m.Standing(ctx, token)
}

// follow asks for what is behind a link, in English unless the change says otherwise.
func follow(t *testing.T, who server.Unsubscriber, method, path, body string, change func(*http.Request)) (*httptest.ResponseRecorder, string) {
	t.Helper()
	log := &lines{}
	handler := server.NewPublic(server.PublicOptions{Intake: intake(accept), Users: users, Unsubscriber: who, Logger: log.logger()})
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Accept-Language", "ja, en;q=0.5")
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

// buttons are what a page offers, in its order: "name=value text".
func buttons(page string) []string {
	var all []string
	for _, found := range regexp.MustCompile(`<button type="submit" name="([^"]+)" value="([^"]+)"[^>]*>([^<]+)</button>`).FindAllStringSubmatch(page, -1) {
		all = append(all, found[1]+"="+found[2]+" "+found[3])
	}
	return all
}

func TestLookingAtTheLinkOfAMailAsksAndChangesNothing(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		who := &mailing{}
		answer, log := follow(t, who, method, "/u/"+goodToken+"?wish=no_mail&List-Unsubscribe=One-Click", "", nil)
		require.Equal(t, http.StatusOK, answer.Code)
		require.Empty(t, who.wishes, "programs that look for harmful links open every one")
		require.Contains(t, log, `"route":"/u/:token"`)
		page := answer.Body.String()
		require.Contains(t, page, "&lt;***@example.com", "the address is shown masked, and is no HTML")
		require.Equal(t, 1, strings.Count(page, "<button"))
		require.Contains(t, page, `<form method="post">`)
	}
}

func TestThePageShowsHowThingsAreAndOffersWhatCanBeChanged(t *testing.T) {
	t.Parallel()
	const noKind, noMail = "wish=no_kind No more messages like this mail", "List-Unsubscribe=One-Click No more mails at all"
	for name, tt := range map[string]struct {
		standing server.Standing
		says     string
		want     []string
	}{
		"all goes out": {server.Standing{Mail: server.MailOn, Kind: server.KindOn}, "You get mails", []string{noKind, noMail}},
		"all goes out, of a link that knows no kind": {server.Standing{Mail: server.MailOn}, "You get mails", []string{noMail}},
		"not that kind": {
			server.Standing{Mail: server.MailOn, Kind: server.KindOff},
			"no more messages like the mail",
			[]string{"wish=resume Send me messages like that again", noMail},
		},
		"no mail": {server.Standing{Mail: server.MailOff, Kind: server.KindOn}, "You are unsubscribed", []string{"wish=resume Send me mails again"}},
		"neither": {server.Standing{Mail: server.MailOff, Kind: server.KindOff}, "You are unsubscribed", []string{"wish=resume Send me mails again"}},
		"blocked": {server.Standing{Mail: server.MailBlocked, Kind: server.KindOn}, "Only whoever runs the chat can change that", nil},
		"blocked, and not that kind": {
			server.Standing{Mail: server.MailBlocked, Kind: server.KindOff},
			"Only whoever runs the chat can change that",
			[]string{"wish=resume Send me messages like that again"},
		},
	} {
		answer, _ := follow(t, &mailing{standing: tt.standing}, http.MethodGet, "/u/"+goodToken, "", nil)
		require.Equal(t, tt.want, buttons(answer.Body.String()), name)
		require.Contains(t, answer.Body.String(), tt.says, name)
		require.Contains(t, answer.Body.String(), "answer one with STOP", name)
	}
}

func TestEachButtonDoesWhatItSaysAndTheNextPageOffersTheWayBack(t *testing.T) {
	t.Parallel()
	who := &mailing{standing: server.Standing{Mail: server.MailOn, Kind: server.KindOn}}
	press := func(field, says string) []string {
		answer, log := follow(t, who, http.MethodPost, "/u/"+goodToken, field, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		})
		require.Equal(t, http.StatusOK, answer.Code)
		require.Contains(t, answer.Body.String(), "<h1>Saved</h1>")
		require.Contains(t, answer.Body.String(), says)
		require.Contains(t, log, `"a recipient said what they want"`)
		return buttons(answer.Body.String())
	}
	require.Contains(t, press("wish=no_kind", "no more messages like the mail"), "wish=resume Send me messages like that again")
	require.Equal(t, []string{"wish=resume Send me mails again"}, press("List-Unsubscribe=One-Click", "You are unsubscribed"))
	require.Len(t, press("wish=resume", "You get mails"), 2)
	require.Equal(t, []server.Wish{server.WishNoKind, server.WishNoMail, server.WishResume}, who.wishes)
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

func TestTheUnsubscribePageSpeaksTheLanguageOfItsReader(t *testing.T) {
	t.Parallel()
	says := map[string]string{"en": "No more mails", "de": "Gar keine E-Mails mehr", "fr": "Plus aucun e-mail", "es": "No más correos"}
	for _, tt := range []struct{ locale, accepted, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-CH, en;q=0.8", "de"},
		{"", "en-GB, de;q=0.8", "en"},
		{"", "fr, de;q=0.5", "fr"},
		{"", "es-MX", "es"},
		{"", "ja", "en"},
		{"", "not a language; q=x", "en"},
		{"", strings.Repeat("de-", 5e3), "en"},
		{"fr-CA", "de", "fr"},
		{"de-AT", "", "de"},
		{"en", "de", "en"},
		{"ja", "es", "es"},
		{"no language", "es", "es"},
	} {
		who := &mailing{standing: server.Standing{Locale: tt.locale}}
		answer, _ := follow(t, who, http.MethodGet, "/u/"+goodToken, "", func(r *http.Request) {
			r.Header.Set("Accept-Language", tt.accepted)
		})
		require.Equal(t, tt.want, answer.Header().Get("Content-Language"), "%.80v", tt)
		require.Equal(t, "Accept-Language", answer.Header().Get("Vary"))
		require.Contains(t, answer.Body.String(), `<html lang="`+tt.want+`">`)
		require.Contains(t, answer.Body.String(), says[tt.want])
	}
}

func TestAPostThatSaysNothingElseUnsubscribes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, body string }{
		"one click, as a form":   {"application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"},
		"one click, in parts":    {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"},
		"the button of the page": {"application/x-www-form-urlencoded", ""},
		"of no type":             {"", "List-Unsubscribe=One-Click"},
		"of another type":        {"application/json", "{}"},
		"as large as it may be":  {"text/plain", strings.Repeat("x", 4096)},
		"a wish of another page": {"application/x-www-form-urlencoded", "wish=riches"},
		"a wish beside it":       {"application/x-www-form-urlencoded", "List-Unsubscribe=One-Click&wish=resume"},
		"a wish in another form": {"text/plain", "wish=resume"},
		"a broken form":          {"application/x-www-form-urlencoded", "wish=resume&%zz"},
	} {
		who := &mailing{}
		answer, _ := follow(t, who, http.MethodPost, "/u/"+goodToken, c.body, func(r *http.Request) {
			r.Header.Set("Content-Type", c.kind)
			r.Header.Set("Origin", "null") // what a browser sends from a page without referrer
		})
		require.Equal(t, http.StatusOK, answer.Code, name)
		require.Equal(t, []server.Wish{server.WishNoMail}, who.wishes, name)
		require.Contains(t, answer.Body.String(), "You are unsubscribed", name)
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
	require.Equal(t, []server.Wish{server.WishNoMail}, who.wishes)
}

func TestAButtonOfThePageWhoseBodyBreaksOffStopsNothing(t *testing.T) {
	t.Parallel()
	who := &mailing{}
	answer, _ := follow(t, who, http.MethodPost, "/u/"+goodToken, "", func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("wish=res"), cut{}))
	})
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Empty(t, who.wishes, "it would have been taken for a no to all mail")
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
		"a store that is down":    {http.MethodPost, "/u/" + goodToken, "", errors.New("internal-detail"), 503, "Nothing is changed yet"},
		"a look at such a store":  {http.MethodGet, "/u/" + goodToken, "", errors.New("internal-detail"), 503, "open the link again"},
		"another method":          {http.MethodPut, "/u/" + goodToken, "", nil, 405, "method_not_allowed"},
		"deleting":                {http.MethodDelete, "/u/" + goodToken, "", nil, 405, "method_not_allowed"},
	} {
		who := &mailing{err: c.err}
		answer, log := follow(t, who, c.method, c.path, c.body, nil)
		require.Equal(t, c.status, answer.Code, name)
		require.Empty(t, who.wishes, name)
		require.Contains(t, answer.Body.String(), c.contains, name)
		require.NotContains(t, answer.Body.String(), "internal-detail", name)
		require.Equal(t, c.err != nil, strings.Contains(log, "internal-detail"), name)
		if c.status == http.StatusServiceUnavailable {
			require.Equal(t, "2", answer.Header().Get("Retry-After"))
		}
	}
}

func TestWhatCouldNotBeKeptIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"List-Unsubscribe=One-Click": "List-Unsubscribe=One-Click Try again", "wish=resume": "wish=resume Try again",
		"wish=no_kind": "wish=no_kind Try again",
	} {
		answer, _ := follow(t, &mailing{err: errors.New("full")}, http.MethodPost, "/u/"+goodToken, field, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		})
		require.Equal(t, []string{want}, buttons(answer.Body.String()))
	}
	answer, _ := follow(t, &mailing{err: errors.New("full")}, http.MethodGet, "/u/"+goodToken, "", nil)
	require.Empty(t, buttons(answer.Body.String()), "nothing was asked for")
}

func TestWithoutAKeyThereAreNoUnsubscribeLinks(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		answer, _ := follow(t, nil, method, "/u/"+goodToken, "", nil)
		require.Equal(t, http.StatusNotFound, answer.Code)
	}
}
