package console

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/access"
)

// maxForm is the largest form that is read, in bytes.
const maxForm = 1 << 20

// loginView is the form to log in by.
type loginView struct {
	Next, Name, Problem string
	// None says that nobody can log in by name and secret.
	None bool
}

func (k *console) loginForm(c echo.Context) error {
	next := access.Next(c.QueryParam("next"))
	if who := personOf(c); who.Name != "" {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return k.showLogin(c, http.StatusOK, loginView{Next: next})
}

func (k *console) showLogin(c echo.Context, status int, v loginView) error {
	v.None = k.Sessions == nil
	return k.show(c, status, "login.html", page{Title: "Log in", Data: v})
}

func (k *console) login(c echo.Context) error {
	v := loginView{Next: access.Next(c.FormValue("next")), Name: c.FormValue("name")}
	if k.Sessions == nil {
		return k.showLogin(c, http.StatusForbidden, v)
	}
	r := c.Request()
	err := k.Sessions.Login(c.Response(), r, access.ClientFrom(r.Context()), v.Name, c.FormValue("secret"))
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, v.Next)
	case errors.Is(err, access.ErrWrong):
		v.Problem = "No operator has that name and secret."
		return k.showLogin(c, http.StatusUnauthorized, v)
	case errors.Is(err, access.ErrTooMany):
		v.Problem = "Too many attempts failed. Wait a little, then try again."
		c.Response().Header().Set(echo.HeaderRetryAfter, "10")
		return k.showLogin(c, http.StatusTooManyRequests, v)
	case errors.Is(err, access.ErrNoLogin):
		return &Refusal{Status: http.StatusForbidden, Message: "Nobody logs in by name and secret here."}
	}
	return err
}

func (k *console) logout(c echo.Context) error {
	if k.Sessions != nil {
		k.Sessions.Logout(c.Response(), c.Request())
	}
	return see(c, root+"/login", "out", 0)
}
