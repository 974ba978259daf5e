package console

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// root is where all pages are; the handler wants addresses as they came, with it.
const root = "/console"

// Options configures the pages. All but Sessions must be set.
type Options struct {
	Overview     Overview
	Switches     Switches
	Lists        Lists
	Counter      Counter
	Details      Details
	Finder       Finder
	Bulk         Bulk
	Suppressions Suppressions
	Audit        Audit
	Rules        Rules
	Playground   Playground
	Inbox        Inbox
	// Sessions is nil where nobody logs in by a form: no credentials are set, or a proxy says who it is.
	Sessions Sessions
	Version  string
	Logger   *slog.Logger
	Now      func() time.Time
}

// console is the pages.
type console struct {
	Options
	static *static
	pages  func() *pages
	stamp  *stamp
}

// New makes the handler of everything below /console/ but /console/api/. Whoever mounts it knows who is there
// (access.WithPerson), refuses those who are not let in but at /console/login and /console/static/, and refuses posts from other
// sites' pages.
func New(o Options) http.Handler {
	k := &console{Options: o, static: newStatic(), stamp: &stamp{of: o.Overview, now: o.Now}}
	// When somebody first looks: they are a fifth of what an idle relay keeps in memory, and each reload makes a console anew.
	k.pages = sync.OnceValue(func() *pages { return newPages(k) })
	e := echo.New()
	e.HTTPErrorHandler = k.answerError
	e.Use(k.headers, k.catchPanics)
	k.routes(e.Group(root))
	return e
}

// routes says which page is where. What changes something is a POST and for operators; what only looks is a GET and for viewers, too.
func (k *console) routes(g *echo.Group) {
	g.GET("", func(c echo.Context) error { return c.Redirect(http.StatusFound, root+"/") })
	g.GET("/static/:name", k.static.serve)
	g.GET("/", k.overview)
	g.GET("/plot.svg", k.plot)
	g.GET("/live", k.live)
	g.GET("/find", k.find)
	g.GET("/login", k.loginForm)
	g.POST("/login", k.login)
	g.POST("/logout", k.logout)
	g.GET("/pause", k.pauseForm, k.operators)
	g.POST("/pause", k.pause, k.operators)
	g.GET("/resume", k.resumeForm, k.operators)
	g.POST("/resume", k.resume, k.operators)
	k.routesOfLists(g)
	g.GET("/suppressions", k.suppressions)
	g.POST("/suppressions", k.suppress, k.operators)
	g.GET("/suppressions/reveal", to("/suppressions"))
	g.POST("/suppressions/reveal", k.revealSuppressions, k.operators)
	g.GET("/suppressions/lift", to("/suppressions"))
	g.POST("/suppressions/lift", k.lift, k.operators)
	g.GET("/audit", k.auditPage)
	k.routesOfPlay(g)
}

// routesOfPlay are the rules, the playground and the inbox. In the playground nothing is changed, so its posts are for viewers, too.
func (k *console) routesOfPlay(g *echo.Group) {
	g.GET("/rules", k.rules)
	g.GET("/playground", k.play)
	g.POST("/playground", k.tryPlay)
	g.POST("/playground/mail", k.echoMail)
	g.GET("/inbox", k.inbox)
	g.GET("/inbox/reveal", to("/inbox"))
	g.POST("/inbox/reveal", k.revealInbox, k.operators)
	g.GET("/inbox/:seq", k.outboxMessage)
	g.GET("/inbox/:seq/reveal", back)
	g.POST("/inbox/:seq/reveal", k.revealMessage, k.operators)
	g.GET("/inbox/:seq/mail", k.outboxMail)
}

// routesOfLists are those of what is kept: lists, one of them, and many at once.
func (k *console) routesOfLists(g *echo.Group) {
	g.GET("/deliveries", k.deliveries)
	g.GET("/deliveries.csv", k.deliveriesCSV)
	g.GET("/deliveries/bulk", k.bulkForm, k.operators)
	g.POST("/deliveries/bulk", k.bulk, k.operators)
	g.GET("/deliveries/:id", k.delivery)
	g.GET("/deliveries/:id/reveal", back)
	g.POST("/deliveries/:id/reveal", k.revealDelivery, k.operators)
	g.GET("/deliveries/:id/mail", k.mail, k.operators)
	g.GET("/alerts", k.alerts)
	g.GET("/alerts.csv", k.alertsCSV)
	g.GET("/alerts/bulk", k.bulkForm, k.operators)
	g.POST("/alerts/bulk", k.bulk, k.operators)
	g.GET("/alerts/:id", k.alert)
	g.GET("/events", k.events)
	g.GET("/events.csv", k.eventsCSV)
	g.GET("/events/:id", k.event)
	g.GET("/events/:id/reveal", back)
	g.POST("/events/:id/reveal", k.revealEvent, k.operators)
}

// to leads to another page: what was posted to here is not to be asked for by itself.
func to(address string) echo.HandlerFunc {
	return func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, root+address) }
}

// back leads from a page in clear to the same masked.
func back(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, strings.TrimSuffix(c.Request().URL.EscapedPath(), "/reveal"))
}
