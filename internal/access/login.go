package access

import (
	"crypto/hmac"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Pages is where the console's pages are, and where its cookie goes.
const Pages = "/console/"

// Names of the cookie. A browser takes the first one over https only, and so does the Guard: a page on plain http cannot plant it.
// (The prefix __Host- would want the path /, and so send the cookie along to what is not the console's.)
const (
	secureCookie = "__Secure-beckon"
	plainCookie  = "beckon"
)

// Login lets somebody in by name and secret, and gives the browser a session. The error is ErrWrong, ErrTooMany or ErrNoLogin. client
// is the address that the request comes from (ClientFrom).
func (g *Guard) Login(w http.ResponseWriter, r *http.Request, client, name, secret string) error {
	if !g.Logins() {
		return ErrNoLogin
	}
	var operator Operator
	_, err := g.attempt(r.Context(), client, "login", func() (found Person, ok bool) {
		operator, ok = g.operators.find(name, secret)
		return found, ok
	})
	if err != nil {
		return err
	}
	now := g.now()
	s := session{name: operator.Name, issued: now, fingerprint: g.keys[0].fingerprint(operator)}
	s.expires = s.ends(now)
	g.give(w, r, s)
	g.logger.InfoContext(r.Context(), "an operator logged in", "who", operator.Name)
	return nil
}

// Logout takes the session from the browser.
func (g *Guard) Logout(w http.ResponseWriter, r *http.Request) {
	cookie := blank(cookieName(g.secure(r))) //nolint:gosec // on plain http it cannot be Secure
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
	if _, person, ok := g.session(r); ok {
		g.logger.InfoContext(r.Context(), "an operator logged out", "who", person.Name)
	}
}

// Renew gives a browser whose session is used a cookie that lasts longer. It has to be called before anything is written.
func (g *Guard) Renew(w http.ResponseWriter, r *http.Request) {
	s, person, ok := g.session(r)
	if !ok {
		return
	}
	if ends := s.ends(g.now()); ends.Sub(s.expires) > renewAfter {
		operator, _ := g.operators.named(person.Name)
		s.expires, s.fingerprint = ends, g.keys[0].fingerprint(operator)
		g.give(w, r, s)
	}
}

// session finds whose session a request brings. Their role is what it is now.
func (g *Guard) session(r *http.Request) (session, Person, bool) {
	cookie, err := r.Cookie(cookieName(g.secure(r)))
	if err != nil || g.open {
		return session{}, Person{}, false
	}
	s, key, err := openSession(g.keys, cookie.Value)
	if err != nil || !s.holds(g.now()) {
		return session{}, Person{}, false
	}
	operator, ok := g.operators.named(s.name)
	known := key.fingerprint(operator)
	if !ok || !hmac.Equal(known[:], s.fingerprint[:]) {
		return session{}, Person{}, false
	}
	return s, Person{Name: operator.Name, Viewer: operator.Viewer, Session: true}, true
}

func (g *Guard) give(w http.ResponseWriter, r *http.Request, s session) {
	cookie := blank(cookieName(g.secure(r))) //nolint:gosec // on plain http it cannot be Secure
	cookie.Value = g.keys[0].seal(s)
	cookie.MaxAge = int(s.expires.Sub(g.now()) / time.Second)
	http.SetCookie(w, cookie)
}

func blank(name string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is set where the request came by https
		Name: name, Path: Pages, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: name == secureCookie,
	}
}

func cookieName(secure bool) string {
	if secure {
		return secureCookie
	}
	return plainCookie
}

// secure says whether the browser speaks https, here or with a trusted proxy.
func (g *Guard) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return strings.EqualFold(strings.TrimSpace(proto), "https") && peerIn(r, g.proxies)
}

// maxNext is the longest address to go on to after a log-in, in bytes.
const maxNext = 2000

// LoginPage is the address of the log-in page that leads on to the page asked for.
func LoginPage(r *http.Request) string {
	if next := Next(r.URL.RequestURI()); next != Pages {
		return Pages + "login?next=" + url.QueryEscape(next)
	}
	return Pages + "login"
}

// Next makes sure that somebody who logged in is led to a page of the console and nowhere else. What is no such address becomes the
// first page.
func Next(wanted string) string {
	u, err := url.Parse(wanted)
	if err != nil || len(wanted) > maxNext || !strings.HasPrefix(wanted, Pages) || strings.Contains(wanted, "\\") {
		return Pages
	}
	clean := path.Clean(u.Path)
	if strings.HasSuffix(u.Path, "/") && clean != "/" {
		clean += "/"
	}
	if clean != u.Path || strings.Contains(clean, "\\") || clean == Pages+"login" || clean == Pages+"logout" {
		return Pages
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}
