package console_test

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/beckon-relay/beckon/internal/view"
)

func TestDeliveriesThatFailedComeFirst(t *testing.T) {
	t.Parallel()
	r := busy()
	body := pageOf(t, handler(r), ops, "/console/deliveries")
	require.Contains(t, body, "31 deliveries")
	require.Contains(t, body, "Retry all 31 that match")
	require.NotContains(t, body, "</svg>queued</span>")
	body = pageOf(t, handler(r), ops, "/console/deliveries?rule=missed-call")
	require.Contains(t, body, "</svg>queued</span>", "a link with a filter of its own shows every state")
	require.NotContains(t, body, "Retry all", "not all of these can be retried")
	body = pageOf(t, handler(r), ops, "/console/deliveries?state=retrying")
	require.Contains(t, body, "next in 40 s")
}

func TestFiltersStandInTheAddressAndSurvive(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	answer := get(t, h, ops, "/console/deliveries?state=dead&rule=&reason=&channel=sms&to=&since=")
	require.Equal(t, "/console/deliveries?channel=sms&state=dead", answer.Header().Get("Location"), "empty fields of the form go")
	require.Equal(t, "/console/deliveries?state=all", get(t, h, ops, "/console/deliveries?state=&rule=").Header().Get("Location"))
	address := "/console/deliveries?channel=sms&reason=gave_up&since=2026-03-02T10%3A00&state=all&to=uid-2&address=%2B14155550123&last=24h"
	body := pageOf(t, h, ops, address)
	require.Contains(t, strings.Join(r.asked, "\n"), "deliveries reason=gave_up channel=sms to=uid-2 address=+14155550123 since=2026-03-02T10:00:00Z")
	require.Contains(t, body, `value="2026-03-02T10:00"`)
	from := strings.Index(body, `rel="next"`)
	require.Positive(t, from)
	older := body[strings.LastIndex(body[:from], `href="`)+6 : from-2]
	require.Contains(t, older, "after=50")
	require.Contains(t, older, "reason=gave_up")
	second := pageOf(t, h, ops, html.UnescapeString(older))
	require.Contains(t, second, ">Newest</a>")
	require.Contains(t, strings.Join(r.asked, "\n"), "after=50")
	for _, bad := range []string{"channel=fax", "since=yesterday", "last=-1h", "since=2026-03-02T10:00&until=2026-03-01T10:00", "rule=" + strings.Repeat("x", 600)} {
		require.Equal(t, http.StatusBadRequest, get(t, h, ops, "/console/deliveries?"+bad).Code, bad)
	}
}

func TestAnIDLeadsToWhatItNames(t *testing.T) {
	t.Parallel()
	answer := get(t, handler(busy()), looker, "/console/find?id=dl_d")
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Equal(t, "/console/deliveries/dl_dead", answer.Header().Get("Location"))
}

func TestAFileHasAllRowsMaskedAndNoFormula(t *testing.T) {
	t.Parallel()
	r := busy()
	r.deliveries[0].Person = "=cmd()"
	answer := get(t, handler(r), looker, "/console/deliveries.csv?state=all")
	require.Contains(t, answer.Header().Get("Content-Disposition"), "beckon-deliveries-20260302-120000.csv")
	rows, err := csv.NewReader(answer.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+len(r.deliveries))
	require.Equal(t, "'=cmd()", rows[1][4])
	require.Equal(t, "'+14*******23", rows[1][5])
	require.NotContains(t, rows[0], "text")
	require.Equal(t, http.StatusOK, get(t, handler(r), looker, "/console/alerts.csv").Code)
	require.Equal(t, http.StatusOK, get(t, handler(r), looker, "/console/events.csv").Code)
}

func TestADeliverySaysWhatHappenedInOrderAndWhatCodesMean(t *testing.T) {
	t.Parallel()
	body := pageOf(t, handler(busy()), ops, "/console/deliveries/dl_dead")
	last := 0
	for _, line := range []string{
		"Webhook received: call_initiated", "Rule missed-call matched", "Send by SMS: queued", "Attempt 1: not taken, will be retried (provider_trouble)",
		"Attempt 2: refused for good (invalid_number)", "The number is not valid.", "https://www.twilio.com/docs/api/errors/21211",
	} {
		at := strings.Index(body, line)
		require.Greater(t, at, last, line)
		last = at
	}
	require.Contains(t, body, "took 214 ms")
	require.Contains(t, body, "took 0 ms", "a clock that was put back makes no negative time")
	require.NotContains(t, body, "You missed a call from", "masked until revealed")
	require.Contains(t, body, "[37 bytes]")
}

func TestAnOperatorRevealsAndTheAuditSaysSo(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	answer := post(t, h, ops, "/console/deliveries/dl_mail/reveal", nil)
	body := answer.Body.String()
	require.Contains(t, body, "You missed a call.")
	require.Contains(t, body, `sandbox="" src="/console/deliveries/dl_mail/mail"`)
	require.NotContains(t, body, "data-live-url", "a page in clear is not masked again by its script")
	require.Equal(t, []string{"ann dl_mail"}, r.revealed)
	mail := get(t, h, ops, "/console/deliveries/dl_mail/mail")
	require.True(t, strings.HasPrefix(mail.Header().Get("Content-Security-Policy"), "sandbox; default-src 'none'"))
	require.Contains(t, mail.Body.String(), "<p>You missed a call.</p>")
	require.Len(t, r.revealed, 2)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/console/deliveries/dl_mail/mail", nil)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, ask(t, h, ops, request).Code)
	require.Equal(t, "/console/deliveries/dl_mail", get(t, h, ops, "/console/deliveries/dl_mail/reveal").Header().Get("Location"))
}

func TestAnEventSaysFirstWhyNothingWasSent(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	body := pageOf(t, h, looker, "/console/events/ev_quiet")
	require.Contains(t, body, "Why nothing was sent")
	require.Contains(t, body, "Rule unread-message did not match: its condition does not hold.")
	require.Contains(t, body, "saw &#34;group&#34;")
	body = pageOf(t, h, ops, "/console/events/ev_call")
	require.Contains(t, body, "Rule missed-call, for cometchat-uid-2: The call was taken.")
	require.NotContains(t, body, "12345678901234567890")
	body = post(t, h, ops, "/console/events/ev_call/reveal", nil).Body.String()
	require.Contains(t, body, "12345678901234567890", "numbers are exact")
	require.Contains(t, body, "&lt;b&gt;hi&lt;/b&gt;")
	require.Equal(t, []string{"ann ev_call"}, r.revealed)
}

func TestAnAlertThatWaitsSaysForWhat(t *testing.T) {
	t.Parallel()
	body := pageOf(t, handler(busy()), looker, "/console/alerts/al_held")
	require.Contains(t, body, "Not answered")
	require.Contains(t, body, "It is night, or another quiet hour, where the recipient is.")
	require.Contains(t, body, "in 9 h")
	require.NotContains(t, body, "Why nothing was sent")
	require.Contains(t, pageOf(t, handler(busy()), looker, "/console/alerts/al_cancelled"), "<strong>Why nothing was sent:</strong> The call was taken.")
}

func TestManyAreCountedAndAskedBeforeTheyAreRetried(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	body := pageOf(t, h, ops, "/console/deliveries/bulk?action=retry&state=dead&rule=missed-call")
	require.Contains(t, body, "Retry 1,234 deliveries?")
	require.Equal(t, "count retry deliveries by ann ids= late=false before=2026-03-02T12:00:00Z state=dead rule=missed-call", r.last())
	for _, words := range []string{"1,195", "12 may have", "34 are too late", "5 have no text any more", "state: dead; rule: missed-call"} {
		require.Contains(t, html.UnescapeString(body), words)
	}
	form := url.Values{}
	node, err := html.Parse(strings.NewReader(body))
	require.NoError(t, err)
	for n := range node.Descendants() {
		if n.Data == "input" && attribute(n, "type") == "hidden" {
			form.Add(attribute(n, "name"), attribute(n, "value"))
		}
	}
	require.Equal(t, "yes", form.Get("confirmed"))
	answer := post(t, h, ops, "/console/deliveries/bulk", form)
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "do retry deliveries by ann ids= late=false before=2026-03-02T12:00:00Z state=dead rule=missed-call", r.last())
	body = answer.Body.String()
	for _, words := range []string{"500 of 1,234 done", "Done: 1,183 go out again", "<code>late</code>", "<code>opted_out</code>", "</html>"} {
		require.Contains(t, body, words)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestThoseThatWerePickedAreAskedForToo(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	picked := url.Values{"action": {"cancel"}, "id": {"dl_b", "dl_a", "dl_b"}}
	require.Contains(t, post(t, h, ops, "/console/deliveries/bulk", picked).Body.String(), "picked one by one")
	require.True(t, strings.HasPrefix(r.last(), "count cancel deliveries by ann ids=dl_a,dl_b "), r.last())
	require.Equal(t, http.StatusBadRequest, post(t, h, ops, "/console/deliveries/bulk", url.Values{"action": {"retry"}}).Code, "none was picked")
	require.Equal(t, http.StatusBadRequest, post(t, h, ops, "/console/alerts/bulk", url.Values{"action": {"retry"}, "id": {"al_a"}}).Code)
	r.count = view.BulkCount{}
	require.Contains(t, post(t, h, ops, "/console/deliveries/bulk", picked).Body.String(), "Nothing is found that this could be done to")
}

func TestABulkActionThatBreaksOffSaysSoInAWholePage(t *testing.T) {
	t.Parallel()
	r := busy()
	r.breaks = errors.New("connection refused")
	order := url.Values{"action": {"retry"}, "state": {"dead"}, "confirmed": {"yes"}, "found": {"1234"}}
	body := post(t, handler(r), ops, "/console/deliveries/bulk", order).Body.String()
	require.Contains(t, body, "It broke off")
	require.NotContains(t, body, "connection refused")
	require.Contains(t, body, "</html>")
}
