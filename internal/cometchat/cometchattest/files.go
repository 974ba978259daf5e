package cometchattest

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TokenLife is how long a link with a token works.
const TokenLife = 5 * time.Minute

// File keeps a file that needs the key, and gives its address as an attachment has it.
func (s *Server) File(name string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = content
	return s.URL + "/" + AppID + "/media/" + name
}

// SignedFile keeps a file and gives a link to it that is signed already and works for so long.
func (s *Server) SignedFile(name string, content []byte, life time.Duration) string {
	return s.signed(s.File(name, content), life)
}

func (s *Server) signed(address string, life time.Duration) string {
	return address + "?" + url.Values{
		"Expires": {strconv.FormatInt(s.now().Add(life).Unix(), 10)}, "Signature": {"fake"}, "Key-Pair-Id": {"K1"},
	}.Encode()
}

// file hands out a file, or the way to it.
func (s *Server) file(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.files[name]
	query := r.URL.Query()
	switch {
	case query.Has("Signature"):
		expires, err := strconv.ParseInt(query.Get("Expires"), 10, 64)
		if err != nil || !ok || !s.now().Before(time.Unix(expires, 0)) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(content)
	case query.Has("fat"):
		expires, known := s.tokens[query.Get("fat")]
		if !known || !ok || !s.now().Before(expires) {
			refuse(w, http.StatusUnauthorized, "AUTH_ERR_FILE_ACCESS_TOKEN_NOT_FOUND")
			return
		}
		http.Redirect(w, r, s.signed(s.URL+r.URL.Path, expires.Sub(s.now())), http.StatusFound) //nolint:gosec // a test's own address
	case r.Header.Get("Apikey") != APIKey || r.Header.Get("Appid") != AppID:
		refuse(w, http.StatusUnauthorized, "AUTH_ERR_EMPTY_APIKEY")
	case !ok:
		refuse(w, http.StatusNotFound, "ERR_FILE_NOT_FOUND")
	default:
		s.issue(w, r)
	}
}

// issue makes a link with a token. Without redirect=0 the answer leads there at once.
func (s *Server) issue(w http.ResponseWriter, r *http.Request) {
	token := "token" + strconv.Itoa(len(s.tokens)+1)
	s.tokens[token] = s.now().Add(TokenLife)
	link := s.URL + r.URL.Path + "?fat=" + token
	if r.URL.Query().Get("redirect") != "0" {
		http.Redirect(w, r, link, http.StatusFound) //nolint:gosec // a test's own address
		return
	}
	show(w, map[string]any{"data": map[string]any{"url": link}})
}
