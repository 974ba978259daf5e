package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// suppressionsView is the addresses that must not be written to, with the forms that add to them and take from them.
type suppressionsView struct {
	Page              view.Page[Suppression]
	Channels, Reasons []option
	// AddChannels and AddReasons are those of the form that adds one.
	AddChannels, AddReasons []option
	Channel                 relay.Channel
	Reason                  relay.Reason
	After, Older, Newest    string
	Revealed                bool
}

func (k *console) suppressions(c echo.Context) error { return k.showSuppressions(c, "") }

// revealSuppressions shows a page of the list in clear; the audit has it.
func (k *console) revealSuppressions(c echo.Context) error {
	return k.showSuppressions(c, personOf(c).Name)
}

func (k *console) showSuppressions(c echo.Context, by string) error {
	if c.Request().Method == http.MethodGet {
		if done, err := tidy(c); done {
			return err
		}
	}
	q := SuppressionQuery{Channel: relay.Channel(c.FormValue("channel")), Reason: relay.Reason(c.FormValue("reason")), After: c.FormValue("after")}
	found, err := k.Suppressions.Suppressions(c.Request().Context(), q, by)
	if err != nil {
		return err
	}
	reasons := names(relay.SuppressionReasons())
	v := suppressionsView{
		Page: found, Channel: q.Channel, Reason: q.Reason, After: q.After, Revealed: by != "",
		Channels: options(string(q.Channel), "any", names(relay.Channels())...), Reasons: options(string(q.Reason), "any", reasons...),
		AddChannels: options("", "as it is written", names(relay.Channels())...), AddReasons: options(string(relay.ReasonOptedOut), "", reasons...)[1:],
	}
	at := func(after string) string {
		out := url.Values{}
		for key, value := range map[string]string{"channel": string(q.Channel), "reason": string(q.Reason), "after": after} {
			if value != "" {
				out.Set(key, value)
			}
		}
		return root + "/suppressions?" + out.Encode()
	}
	if found.Next != "" {
		v.Older = at(found.Next)
	}
	if q.After != "" {
		v.Newest = at("")
	}
	return k.show(c, http.StatusOK, "suppressions.html", page{Title: "Suppressions", Nav: "/suppressions", Data: v})
}

func (k *console) suppress(c echo.Context) error {
	order := suppressionFrom(c)
	order.Reason, order.Source, order.At = relay.Reason(c.FormValue("reason")), relay.SuppressedByOperator, k.Now()
	if err := k.Suppressions.Suppress(c.Request().Context(), order, personOf(c).Name); err != nil {
		return err
	}
	return see(c, root+"/suppressions", "suppressed", 0)
}

func suppressionFrom(c echo.Context) Suppression {
	return Suppression{Channel: relay.Channel(c.FormValue("channel")), Address: strings.TrimSpace(c.FormValue("address"))}
}

// liftView is the question before an address may be written to again.
type liftView struct{ Suppression }

// lift asks first, and does it once that was confirmed.
func (k *console) lift(c echo.Context) error {
	order := suppressionFrom(c)
	if order.Address == "" {
		return errBadRequest("Write the address that may be written to again.")
	}
	if c.FormValue("confirmed") != "yes" {
		return k.show(c, http.StatusOK, "lift.html", page{Title: "Lift a suppression?", Nav: "/suppressions", Data: liftView{order}})
	}
	force := c.FormValue("force") != ""
	if err := k.Suppressions.Lift(c.Request().Context(), order, force, personOf(c).Name); err != nil {
		return err
	}
	return see(c, root+"/suppressions", "lifted", 0)
}

// auditView is what operators did.
type auditView struct {
	Page          view.Page[view.Audit]
	Who, Action   string
	Since, Until  string
	Actions       []option
	Older, Newest string
	Narrowed      bool
}

// auditActions are what the audit knows, in the order of the form.
func auditActions() []string {
	return []string{
		"pause", "resume", "reload", "retry", "cancel", "reveal event", "reveal delivery", "reveal outbox", "reveal suppressions", "suppress", "lift",
		"import suppressions", "set preferences", "forget", "export", "log level",
	}
}

func (k *console) auditPage(c echo.Context) error {
	if done, err := tidy(c); done {
		return err
	}
	f, err := filterFrom("/audit", c.QueryParams(), k.Now())
	if err != nil {
		return err
	}
	q := AuditQuery{Who: c.QueryParam("who"), Action: c.QueryParam("action"), Since: f.Query.Since, Until: f.Query.Until, After: f.Query.After}
	found, err := k.Audit.Audit(c.Request().Context(), q)
	if err != nil {
		return err
	}
	v := auditView{
		Page: found, Who: q.Who, Action: q.Action, Since: f.Local("since"), Until: f.Local("until"),
		Actions: options(q.Action, "any", auditActions()...), Narrowed: q.Who != "" || q.Action != "" || f.Any(),
	}
	if found.Next != "" {
		v.Older = f.address("/audit", "who", q.Who, "action", q.Action, "after", found.Next)
	}
	if q.After != "" {
		v.Newest = f.address("/audit", "who", q.Who, "action", q.Action)
	}
	return k.show(c, http.StatusOK, "audit.html", page{Title: "Audit", Nav: "/audit", Live: true, Data: v})
}
