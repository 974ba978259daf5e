package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/beckon-relay/beckon/internal/access"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// everyPage are the addresses of this helper's pages that look.
func everyPage() []string {
	return []string{
		"/console/", "/console/deliveries", "/console/deliveries?state=all", "/console/deliveries/dl_dead", "/console/deliveries/dl_mail",
		"/console/alerts", "/console/alerts?state=all", "/console/alerts/al_held", "/console/alerts/al_failed", "/console/events",
		"/console/events/ev_call", "/console/events/ev_quiet", "/console/suppressions", "/console/audit",
	}
}

func TestEveryPageIsWholeForOperatorsAndViewersWithMuchAndWithNothing(t *testing.T) {
	t.Parallel()
	for _, who := range []access.Person{ops, looker} {
		full := handler(busy())
		for _, address := range everyPage() {
			body := pageOf(t, full, who, address)
			require.Contains(t, body, "</html>", address)
			require.NotContains(t, body, "ZgotmplZ", "%s has what the template refused", address)
			require.NotContains(t, body, "style=", "%s has a style that the policy forbids", address)
			require.NotContains(t, body, " onclick", address)
			_, err := html.Parse(strings.NewReader(body))
			require.NoError(t, err)
			if who.Viewer {
				require.NotContains(t, body, "Reveal</button>", "%s offers a viewer what is refused", address)
				require.NotContains(t, body, "Retry…", address)
				require.NotContains(t, body, `type="checkbox" name="id"`, address)
			}
		}
		empty := handler(&relayed{})
		for _, address := range []string{"/console/", "/console/deliveries", "/console/alerts", "/console/events", "/console/suppressions", "/console/audit"} {
			require.Contains(t, pageOf(t, empty, who, address), `class="empty"`, "%s says what to do next", address)
		}
	}
}

func TestEveryAnswerHasThePolicyThatLetsNothingForeignIn(t *testing.T) {
	t.Parallel()
	h := handler(busy())
	for _, address := range append(everyPage(), "/console/nope", "/console/login") {
		headers := get(t, h, ops, address).Header()
		policy := headers.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", address)
		require.NotContains(t, policy, "unsafe", address)
		require.Equal(t, "no-store", headers.Get("Cache-Control"), address)
		require.Equal(t, "nosniff", headers.Get("X-Content-Type-Options"), address)
		require.Equal(t, "DENY", headers.Get("X-Frame-Options"), address)
	}
}

func TestFilesAreKeptForEverUnderTheHashOfTheirContent(t *testing.T) {
	t.Parallel()
	h := handler(busy())
	page := pageOf(t, h, ops, "/console/")
	from := strings.Index(page, "/console/static/console.")
	require.Positive(t, from)
	address, _, _ := strings.Cut(page[from:], `"`)
	answer := get(t, h, access.Person{}, address)
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Header().Get("Cache-Control"), "immutable")
	require.Contains(t, answer.Header().Get("Content-Type"), "text/css")
	require.Equal(t, http.StatusNotFound, get(t, h, ops, "/console/static/console.css").Code)
}

func TestAStoreThatIsAwayIsSaidAsSuchAndNoPageIsHalf(t *testing.T) {
	t.Parallel()
	for _, address := range append(everyPage(), "/console/deliveries.csv", "/console/live", "/console/deliveries/bulk?action=retry&state=dead") {
		r := busy()
		r.away = errors.New("dial tcp 10.0.0.7:5432: connection refused")
		answer := get(t, handler(r), ops, address)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, address)
		require.NotEmpty(t, answer.Header().Get("Retry-After"), address)
		require.Contains(t, answer.Body.String(), "The store does not answer", address)
		require.Contains(t, answer.Body.String(), ">Retry</a>", address)
		require.NotContains(t, answer.Body.String(), "10.0.0.7", "an error's words are for the log")
		require.NotContains(t, answer.Body.String(), "<table", address)
	}
}

func TestAnAddressWithNothingIsSaidInAPage(t *testing.T) {
	t.Parallel()
	h := handler(busy())
	for _, address := range []string{"/console/nope", "/console/deliveries/dl_gone", "/console/alerts/al_gone", "/console/events/ev_gone", "/console/find?id=zzz"} {
		answer := get(t, h, ops, address)
		require.Equal(t, http.StatusNotFound, answer.Code, address)
		require.Contains(t, answer.Body.String(), "</html>", address)
	}
	require.Equal(t, http.StatusMethodNotAllowed, post(t, h, ops, "/console/audit", nil).Code)
}

func TestTheOverviewSaysTheWorstFirst(t *testing.T) {
	t.Parallel()
	r := busy()
	body := pageOf(t, handler(r), ops, "/console/")
	require.Contains(t, body, "All is well")
	require.Contains(t, body, "128,432")
	require.Contains(t, body, "Is it ticked among the webhook's triggers")
	r.overview.Pauses = []view.Pause{{By: "bob", At: noon.Add(-time.Hour)}}
	body = pageOf(t, handler(r), ops, "/console/")
	require.Contains(t, body, "Everything is paused by bob since 2026-03-02 11:00:00 UTC.")
	require.Contains(t, body, "/console/resume?")
	require.NotContains(t, body, "Pause everything")
	r.overview.Pauses = nil
	r.overview.Config.Refused = `rules.yaml:7:3: unknown role "<b>everybody</b>"`
	r.overview.Channels[0].Stopped = relay.ReasonMisconfigured
	body = pageOf(t, handler(r), ops, "/console/")
	require.Contains(t, body, "Something needs you")
	require.Contains(t, body, "SMS: twilio sends nothing (misconfigured)")
	require.Contains(t, body, "&lt;b&gt;everybody")
}

func TestPlotsAreDrawnFromTheirAddressAndToldAsATable(t *testing.T) {
	t.Parallel()
	h := handler(busy())
	page := pageOf(t, h, ops, "/console/")
	for _, prefix := range []string{`<img src="`, `prefers-color-scheme: dark)" srcset="`} {
		from := strings.Index(page, prefix+"/console/plot.svg")
		require.Positive(t, from, prefix)
		address, _, _ := strings.Cut(page[from+len(prefix):], `"`)
		answer := get(t, h, looker, html.UnescapeString(address))
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "image/svg+xml", answer.Header().Get("Content-Type"))
		require.True(t, strings.HasPrefix(answer.Body.String(), "<svg"))
	}
	require.Contains(t, page, "As a table")
	for _, bad := range []string{"", "?v=1&from=x&step=1", "?from=0&step=60&v=-1", "?from=0&step=0&v=1", "?from=0&step=60&v=" + strings.Repeat("1.", 200)} {
		require.Equal(t, http.StatusBadRequest, get(t, h, ops, "/console/plot.svg"+bad).Code, bad)
	}
}

func TestPauseAndResumeAskFirst(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	require.Contains(t, pageOf(t, h, ops, "/console/pause?channel=sms"), "Pause SMS?")
	require.Empty(t, r.last(), "asking does nothing")
	answer := post(t, h, ops, "/console/pause", url.Values{"channel": {"sms"}})
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Equal(t, "pause sms/ by ann", r.last())
	require.Contains(t, pageOf(t, h, ops, answer.Header().Get("Location")), "Paused. Webhooks are still accepted")
	answer = post(t, h, ops, "/console/resume", url.Values{"channel": {"sms"}})
	require.Equal(t, "resume sms/ by ann", r.last())
	require.Contains(t, pageOf(t, h, ops, answer.Header().Get("Location")), "Resumed. 3 messages that were held go out now.")
}

func TestAViewerMayNeitherActNorSeeInClear(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	for _, address := range []string{
		"/console/pause", "/console/resume", "/console/deliveries/bulk", "/console/alerts/bulk", "/console/deliveries/dl_dead/reveal",
		"/console/events/ev_call/reveal", "/console/suppressions", "/console/suppressions/reveal", "/console/suppressions/lift",
	} {
		answer := post(t, h, looker, address, url.Values{"action": {"retry"}, "id": {"dl_dead"}, "confirmed": {"yes"}})
		require.Equal(t, http.StatusForbidden, answer.Code, address)
	}
	require.Equal(t, http.StatusForbidden, get(t, h, looker, "/console/deliveries/dl_mail/mail").Code)
	require.Empty(t, r.asked)
	require.Empty(t, r.revealed)
}

func TestLoggingInLeadsOnToAPageOfTheConsoleOnly(t *testing.T) {
	t.Parallel()
	h, nobody := handler(busy()), access.Person{}
	page := pageOf(t, h, nobody, "/console/login?next=/console/alerts")
	require.Contains(t, page, `value="/console/alerts"`)
	require.NotContains(t, page, "Suppressions", "who is not in sees no navigation")
	require.Contains(t, pageOf(t, h, nobody, "/console/login?next=//evil.example"), `value="/console/"`)
	answer := post(t, h, nobody, "/console/login", url.Values{"name": {"ops"}, "secret": {"right"}, "next": {"https://evil.example"}})
	require.Equal(t, "/console/", answer.Header().Get("Location"))
	answer = post(t, h, nobody, "/console/login", url.Values{"name": {"ops"}, "secret": {"wrong"}})
	require.Equal(t, http.StatusUnauthorized, answer.Code)
	require.Contains(t, answer.Body.String(), "No operator has that name and secret")
	require.NotContains(t, answer.Body.String(), "wrong\"")
	require.Equal(t, http.StatusTooManyRequests, post(t, h, nobody, "/console/login", url.Values{"secret": {"too many"}}).Code)
	answer = post(t, h, ops, "/console/logout", nil)
	require.Contains(t, pageOf(t, h, nobody, answer.Header().Get("Location")), "You are logged out")
}

func TestAPageIsToldThatSomethingChangedUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		answer := get(t, handlerAt(busy(), time.Now), looker, "/console/live")
		require.Equal(t, "text/event-stream", answer.Header().Get("Content-Type"))
		require.True(t, strings.HasPrefix(answer.Body.String(), "retry: 3000\n\nevent: changed\ndata: "), answer.Body)
		require.Equal(t, 5*time.Minute, time.Since(begun), "the browser comes again, and is asked who it is")
	})
}

func TestSuppressionsAreMaskedAddedAndLiftedAfterAQuestion(t *testing.T) {
	t.Parallel()
	r := busy()
	h := handler(r)
	require.Contains(t, pageOf(t, h, ops, "/console/suppressions"), "g***@example.com")
	answer := post(t, h, ops, "/console/suppressions/reveal", nil)
	require.Contains(t, answer.Body.String(), "george@example.com")
	require.Equal(t, []string{"ann suppressions"}, r.revealed)
	post(t, h, ops, "/console/suppressions", url.Values{"address": {" +14155550123 "}, "reason": {"opted_out"}})
	require.Equal(t, "suppress +14155550123 opted_out by ann", r.last())
	before := len(r.asked)
	answer = post(t, h, ops, "/console/suppressions/lift", url.Values{"address": {"+14155550123"}})
	require.Contains(t, answer.Body.String(), "Lift a suppression?")
	require.Len(t, r.asked, before, "asking does nothing")
	post(t, h, ops, "/console/suppressions/lift", url.Values{"address": {"+14155550123"}, "confirmed": {"yes"}, "force": {"1"}})
	require.Equal(t, "lift +14155550123 force=true by ann", r.last())
	require.Equal(t, http.StatusBadRequest, post(t, h, ops, "/console/suppressions/lift", nil).Code)
}

func TestTheAuditIsNarrowed(t *testing.T) {
	t.Parallel()
	r := busy()
	require.Contains(t, pageOf(t, handler(r), looker, "/console/audit?who=ann&action=reveal"), "delivery dl_dead")
	require.Equal(t, "audit ann reveal", r.last())
}

func TestARefusalIsShownInItsWords(t *testing.T) {
	t.Parallel()
	r := busy()
	r.away = &console.Refusal{Status: http.StatusConflict, Message: "It was resumed already."}
	answer := post(t, handler(r), ops, "/console/resume", nil)
	require.Equal(t, http.StatusConflict, answer.Code)
	require.Contains(t, answer.Body.String(), "It was resumed already.")
	r.away = &view.Refusal{Code: view.BadQuery, Message: "there is no such state"}
	answer = get(t, handler(r), ops, "/console/deliveries?state=nonsense")
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Contains(t, answer.Body.String(), "There is no such state.")
}
