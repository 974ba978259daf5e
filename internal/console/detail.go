package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// deliveryView is everything of a delivery, and of the alert that it is for.
type deliveryView struct {
	view.DeliveryDetail

	// Alert is nil where it is not kept any more.
	Alert    *view.AlertDetail
	Timeline []moment
	Why      string
	// Retry and Cancel say whether that can be done now.
	Retry, Cancel bool
}

func (k *console) delivery(c echo.Context) error { return k.showDelivery(c, "") }

// revealDelivery shows the same in clear; the audit has it.
func (k *console) revealDelivery(c echo.Context) error { return k.showDelivery(c, personOf(c).Name) }

func (k *console) showDelivery(c echo.Context, by string) error {
	ctx := c.Request().Context()
	d, err := k.Details.Delivery(ctx, c.Param("id"), by)
	if err != nil {
		return err
	}
	v := deliveryView{DeliveryDetail: d, Retry: mayRetry(d.State) && d.BlankedAt.IsZero(), Cancel: mayCancel(d.State)}
	var told []moment
	if a, err := k.Details.Alert(ctx, d.AlertID); err == nil {
		v.Alert = &a
		told = append([]moment{received(a.ReceivedAt, a.Trigger, a.EventID)}, decided(a)...)
	} else if refusal, hidden := refusalOf(err); hidden || refusal.Status != http.StatusNotFound {
		return err
	}
	v.Timeline = inOrder(append(told, carried(d)...))
	if d.State == string(relay.DeliverySuppressed) || d.State == string(relay.DeliveryDead) || d.State == string(relay.DeliveryUndelivered) {
		v.Why = cmp.Or(sentence(d.Meaning), means(view.Explained{}, d.Reason))
	}
	return k.show(c, http.StatusOK, "delivery.html", page{Title: "Delivery to " + cmp.Or(d.To, "nobody"), Nav: "/deliveries", Live: by == "", Data: v})
}

// mail is the HTML of a mail, for a frame of its own. It is only for a page of ours, and each look is in the audit.
func (k *console) mail(c echo.Context) error {
	if site := c.Request().Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return &Refusal{Status: http.StatusForbidden, Message: "This is shown in a frame of its delivery's page only."}
	}
	d, err := k.Details.Delivery(c.Request().Context(), c.Param("id"), personOf(c).Name)
	if err != nil {
		return err
	}
	if d.HTML == "" {
		return errNothingHere()
	}
	return showMail(c, d.HTML)
}

// alertView is everything of an alert and its deliveries.
type alertView struct {
	view.AlertDetail

	Timeline []moment
	// Why says why nothing was sent; empty where something was, or may yet be.
	Why    string
	Cancel bool
}

// maxFollowed is how many deliveries of an alert are followed in its timeline; an alert has one for each channel.
const maxFollowed = 20

func (k *console) alert(c echo.Context) error {
	ctx := c.Request().Context()
	a, err := k.Details.Alert(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	v := alertView{AlertDetail: a, Why: whyNothing(a), Cancel: a.State == relay.AlertHeld}
	told := append([]moment{received(a.ReceivedAt, a.Trigger, a.EventID)}, decided(a)...)
	for _, d := range a.Deliveries[:min(maxFollowed, len(a.Deliveries))] {
		detail, err := k.Details.Delivery(ctx, d.ID, "")
		if err != nil {
			return err
		}
		told = append(told, carried(detail)...)
	}
	v.Timeline = inOrder(told)
	return k.show(c, http.StatusOK, "alert.html", page{Title: "Alert of " + a.Rule, Nav: "/alerts", Live: true, Data: v})
}

// whyNothing says of an alert that told nobody why, and is empty for others.
func whyNothing(a view.AlertDetail) string {
	switch a.State {
	case relay.AlertCancelled, relay.AlertSuppressed, relay.AlertFailed:
	case relay.AlertHeld, relay.AlertDue, relay.AlertSent:
		return ""
	}
	reason := a.Reason
	said := cmp.Or(sentence(a.Meaning), means(view.Explained{}, reason))
	var parts []string
	for _, d := range a.Deliveries {
		if d.Reason != "" {
			doc, _ := docOf(string(d.Reason))
			parts = append(parts, fmt.Sprintf("%s: %s", channelName(d.Channel), doc.Meaning))
		}
	}
	if len(parts) > 0 && said == "" {
		said = strings.Join(parts, "; ") + "."
	}
	return said
}

// eventView is everything of an event.
type eventView struct {
	view.EventDetail

	// Nothing says that nobody was told, and Why lists why.
	Nothing bool
	Why     []string
	JSON    string
}

func (k *console) event(c echo.Context) error { return k.showEvent(c, "") }

// revealEvent shows the webhook as it was sent; the audit has it.
func (k *console) revealEvent(c echo.Context) error { return k.showEvent(c, personOf(c).Name) }

func (k *console) showEvent(c echo.Context, by string) error {
	e, err := k.Details.Event(c.Request().Context(), c.Param("id"), by)
	if err != nil {
		return err
	}
	v := eventView{EventDetail: e}
	v.Nothing, v.Why = whyNobody(e)
	var pretty bytes.Buffer
	if json.Indent(&pretty, e.Raw, "", "  ") == nil { // numbers stay as they were sent
		v.JSON = pretty.String()
	} else {
		v.JSON = string(e.Raw)
	}
	return k.show(c, http.StatusOK, "event.html", page{Title: "Event " + string(e.Trigger), Nav: "/events", Live: by == "", Data: v})
}

// whyNobody says whether nobody was told of an event, nor will be, and why.
func whyNobody(e view.EventDetail) (bool, []string) {
	var why []string
	if e.Noise != "" {
		why = append(why, means(view.Explained{}, e.Noise)+" No rule is applied to such an event.")
	}
	for _, a := range e.Alerts {
		if a.State == relay.AlertSent || a.State == relay.AlertDue || a.State == relay.AlertHeld {
			return false, nil
		}
		why = append(why, fmt.Sprintf("Rule %s, for %s: %s", a.Rule, cmp.Or(a.To, "nobody"), cmp.Or(whyNothing(a), string(a.Reason))))
	}
	if len(why) == 0 {
		for _, r := range e.Rules {
			if !r.Matched && r.Why != "" {
				why = append(why, fmt.Sprintf("Rule %s did not match: %s.", r.Rule, strings.TrimSuffix(r.Why, ".")))
			}
		}
	}
	if len(why) == 0 {
		why = append(why, "No rule is for "+string(e.Trigger)+".")
	}
	return true, why
}
