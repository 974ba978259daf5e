package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/labstack/echo/v4"
)

// Credential is a user and password that a webhook may come with. Several are valid at once, for rotation.
type Credential struct {
	User, Password string
}

// credentials are known pairs, hashed so that comparing takes the same time whatever their length.
type credentials [][sha256.Size]byte

// newCredentials leaves out pairs with an empty half: they would let in whoever sends an empty header.
func newCredentials(users []Credential) credentials {
	var known credentials
	for _, u := range users {
		if u.User != "" && u.Password != "" {
			known = append(known, hashPair(u.User, u.Password))
		}
	}
	return known
}

// match compares with every known pair, without stopping at the right one.
func (k credentials) match(r *http.Request) bool {
	user, password, sent := r.BasicAuth()
	sum := hashPair(user, password)
	found := 0
	for _, pair := range k {
		found |= subtle.ConstantTimeCompare(sum[:], pair[:])
	}
	return sent && found == 1
}

// hashPair hashes the pair as Basic Auth writes it, where a user has no colon.
func hashPair(user, password string) [sha256.Size]byte {
	return sha256.Sum256([]byte(user + ":" + password))
}

// unauthorized is the answer to credentials that are missing or wrong; it does not say which.
func unauthorized(c echo.Context) *Refusal {
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Basic realm="beckon", charset="UTF-8"`)
	return &Refusal{
		Status: http.StatusUnauthorized, Code: "unauthorized", Message: "the user or the password is missing or wrong",
	}
}
