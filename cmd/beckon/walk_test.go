package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Those who look at the console in tests.
const (
	operator, operatorSecret = "olivia", "an operator's secret"
	viewer, viewerSecret     = "victor", "a viewer's secret" //nolint:gosec // no secret: only the test knows it
)

const walkRules = `version: 1
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, unless: [read], send: [ { sms: mention } ] }
  - { name: missed-call, trigger: call_initiated, if: event.conversation.kind == "user", to: callee, wait: 1h, urgent: true, send: [ { sms: missed-call } ] }
  - { name: unread-message, trigger: message_sent, to: receiver, urgent: true, send: [ { email: unread-message } ] }
`

// newConsole is a relay with an operator and a viewer.
func newConsole(t *testing.T) (*process, store.Store) {
	t.Helper()
	l := newLab(t, walkRules)
	l.env["BECKON_CONSOLE_USERS"] = fmt.Sprintf("%s:%s,%s:%s:viewer", operator, operatorSecret, viewer, viewerSecret)
	return l.serve(), l.kept()
}

// dev runs `beckon dev --demo` to its end and on, and gives where its console is.
func (l *lab) dev() (base string) {
	l.t.Helper()
	for _, usual := range []string{"127.0.0.1:8080", "127.0.0.1:8081"} { // two of them at once would both find these free
		if taken, err := (&net.ListenConfig{}).Listen(l.t.Context(), "tcp", usual); err == nil {
			defer taken.Close() //nolint:errcheck // of a test
		}
	}
	cmd := l.command("dev", "--demo", "--dir", l.dir)
	rules, err := filepath.Abs("../../rules.yaml")
	require.NoError(l.t, err)
	cmd.Env = append(cmd.Env, "BECKON_RULES="+rules)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(l.t, err)
	require.NoError(l.t, cmd.Start())
	l.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	page := regexp.MustCompile(`(http://\S+)/console/`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if found := page.FindStringSubmatch(lines.Text()); found != nil {
			return found[1]
		}
	}
	require.Fail(l.t, "it never said where its console is")
	return ""
}

func TestTheDemosTextAndMailAreSeenInTheInbox(t *testing.T) {
	t.Parallel()
	l := newLab(t, walkRules)
	delete(l.env, "BECKON_RULES")
	delete(l.env, "BECKON_DIRECTORY")
	b := newTab(t, l.dev())
	b.open("/console/")
	require.Contains(t, b.text("main"), "All is well")
	b.follow(named("Inbox"))
	require.Contains(t, b.text(".phone"), "You missed a call from Andrew Joseph.")
	require.Contains(t, b.text(".phone .number"), "+14155550105")
	require.Contains(t, b.text(".mails"), "to george@example.com")
	b.follow(named("Andrew Joseph mentioned you"))

	require.Equal(t, 1, b.count(`iframe.mail[sandbox=""]`), "nothing in a mail can run or reach out of its frame")
	require.Contains(t, b.frame(), "are you coming on Saturday?")
	wide := b.width("iframe.mail")
	b.follow(named("Phone"))
	require.Contains(t, b.frame(), "are you coming on Saturday?")
	require.Less(t, b.width("iframe.mail"), wide/2)
	require.InDelta(t, 390, b.width("iframe.mail"), 20)
	b.follow(named("Text"))
	require.Contains(t, b.text("main"), "@George Alan are you coming on Saturday?")
	b.follow(named("Source"))
	require.Contains(t, b.text("main"), "<html")
}

func (b *tab) width(selector string) float64 {
	b.t.Helper()
	return eval[float64](b, `document.querySelector(%q).getBoundingClientRect().width`, selector)
}

func TestADeadDeliveryIsFoundExplainedAndRetriedWithItsLike(t *testing.T) {
	t.Parallel()
	p, s := newConsole(t)
	p.refuseTexts(true)
	p.mentions(s, 7001, 3)
	p.refuseTexts(false)
	p.mentions(s, 7101, 2)
	b := newTab(t, p.admin)
	b.open("/console/deliveries?rule=mention")
	require.Equal(t, "/console/login?next=%2Fconsole%2Fdeliveries%3Frule%3Dmention", b.address())
	b.fill("#name", operator)
	b.fill("#secret", "not "+operatorSecret)
	b.mu.Lock()
	b.expected = p.admin + "/console/login"
	b.mu.Unlock()
	require.Equal(t, http.StatusUnauthorized, b.loads(chromedp.Click(chromedp.CSS("main button"))))
	require.Contains(t, b.text("[role=alert]"), "No operator has that name and secret.")
	b.fill("#secret", operatorSecret)
	b.follow(named("Log in"))
	require.Equal(t, "/console/deliveries?rule=mention", b.address(), "one comes to where one wanted to go")

	b.follow(named("Deliveries"))
	require.Equal(t, 3, b.count("#list tbody tr"), "those that failed come first")
	require.Equal(t, 3, strings.Count(b.text("#list tbody"), "dead"))
	b.follow(`//*[@id="tabs"]//a[starts-with(., "All")]`)
	require.Equal(t, 5, b.count("#list tbody tr"))
	b.do(chromedp.Click(chromedp.CSS("#filter > summary")))
	b.fill("#state", "dead")
	b.fill("#address", "+1 (415) 555-0102")
	b.follow(named("Apply"))
	require.Contains(t, b.address(), "state=dead")
	require.Equal(t, 3, b.count("#list tbody tr"))

	b.follow(`//*[@id="list"]//tbody//td[@data-label="To"]//a`)
	summary := b.text("#summary")
	require.Contains(t, summary, "Why it did not arrive")
	require.Contains(t, summary, "dead")
	require.NotContains(t, b.text("main"), "+14155550102")
	require.Contains(t, b.text("#timeline"), "21617")
	require.Equal(t, 1, b.count(`#timeline a[href="https://www.twilio.com/docs/api/errors/21617"]`))
	b.do(chromedp.NavigateBack())

	b.follow(named("Retry all 3 that match"))
	require.Equal(t, "Retry 3 deliveries?", b.title())
	require.Contains(t, b.text("main"), "Each goes out again with the same text")
	require.Len(t, p.twilio.Messages(), 2, "nothing happens before it is confirmed")
	b.follow(named("Retry 3"))
	require.Contains(t, b.text("main"), "Done: 3 go out again")
	p.eventually("they are sent", func() bool { return len(p.twilio.Messages()) == 5 })
	b.open("/console/deliveries")
	require.Contains(t, b.text("#list"), "No delivery is dead")
	b.follow(named("Audit"))
	require.Regexp(t, operator+`\s+retry\s+3 deliveries`, b.text("#list tbody"))
}

func TestAPlaygroundShowsWhyARuleDoesNotMatchAndWhereAFileIsBroken(t *testing.T) {
	t.Parallel()
	p, _ := newConsole(t)
	b := newTab(t, p.admin)
	b.login(operator, operatorSecret)
	b.follow(named("Playground"))
	b.fill("#sample", "call_initiated")
	b.follow(named("Use this sample"))
	b.follow(named("Explain"))
	require.Contains(t, b.text("#result"), "You missed a call from Andrew Joseph.")

	b.fill("#rules", strings.Replace(walkRules, `event.conversation.kind == "user"`, `event.conversation.kind == "group" && event.call.kind == "call"`, 1))
	b.follow(named("Explain"))
	require.Contains(t, b.text("#result"), "does not match")
	require.Regexp(t, `false\s+event\.conversation\.kind == "group"\s+event\.conversation\.kind.*user`, b.text("#result .conditions"))

	b.fill("#rules", walkRules+"  - { name: [, }\n")
	b.follow(named("Explain"))
	require.Regexp(t, `rules\.yaml:\d+(:\d+)?`, b.text("#result .findings"))
	b.fill("#rules", strings.Replace(walkRules, "call_initiated", "call_initated", 1))
	b.follow(named("Explain"))
	require.Contains(t, b.text("#result .findings"), "rules.yaml:4:35")
	require.Contains(t, b.text("#result .findings"), `did you mean "call_initiated"?`)
	require.Empty(t, p.twilio.Messages(), "nothing here is sent")
}

func TestAViewerSeesNothingInClearAndAnOperatorsLookIsAudited(t *testing.T) {
	t.Parallel()
	p, s := newConsole(t)
	event := p.mentions(s, 7001, 1)[0]
	d, err := s.Deliveries(t.Context(), store.Filter{EventID: event})
	require.NoError(t, err)
	page := "/console/deliveries/" + d[0].ID
	b := newTab(t, p.admin)
	b.login(viewer, viewerSecret)
	for path, masked := range map[string]string{page: "An operator can reveal it.", "/console/events/" + event: "An operator can reveal it."} {
		b.open(path)
		require.Contains(t, b.text("main"), masked)
		require.NotContains(t, b.text("body"), "+14155550102")
		require.Zero(t, b.count("main form button"), "a viewer has nothing to press")
		require.Equal(t, http.StatusForbidden, b.posts(path+"/reveal", nil))
	}
	require.Equal(t, http.StatusForbidden, b.posts("/console/pause", nil))
	require.Empty(t, p.did())

	o := newTab(t, p.admin)
	o.login(operator, operatorSecret)
	o.open(page)
	require.NotContains(t, o.text("main"), "+14155550102")
	o.follow(named("Reveal"))
	require.Contains(t, o.text("main"), "+14155550102")
	require.Contains(t, o.text("main .message"), "Andrew Joseph mentioned you")
	b.follow(named("Audit"))
	row := b.text("#list tbody tr")
	require.Contains(t, row, operator)
	require.Contains(t, row, "reveal")
	require.Contains(t, row, d[0].ID)
	require.Equal(t, 1, b.count("#list tbody tr time[datetime]"))
}

// posts makes a post by hand from a page of the console, and gives its status.
func (b *tab) posts(path string, form url.Values) int {
	b.t.Helper()
	b.mu.Lock()
	b.expected = b.base + path
	b.mu.Unlock()
	return eval[int](b, `fetch(%q, {method: "POST", body: new URLSearchParams(%q)}).then(r => r.status)`, path, form.Encode())
}

func TestAnotherSitesPageCannotPause(t *testing.T) {
	t.Parallel()
	p, s := newConsole(t)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<link rel="icon" href="data:"><form method="post" action="%s/console/pause"><button>Win a prize</button></form>`, p.admin)
	}))
	t.Cleanup(evil.Close)
	b := newTab(t, p.admin)
	b.login(operator, operatorSecret)
	b.expected = p.admin + "/console/pause"
	// The first is of the same site by the rules of cookies, so it comes with the session; the second is not.
	for _, origin := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} {
		b.loads(chromedp.Navigate(origin))
		require.Equal(t, http.StatusForbidden, b.loads(chromedp.Click(chromedp.CSS("button"))), origin)
		pauses, err := s.Pauses(t.Context())
		require.NoError(t, err)
		require.Empty(t, pauses)
	}
	cookies := send(b, network.GetCookies, network.GetCookiesParams{URLs: []string{p.admin + "/console/"}}).Cookies
	require.Len(t, cookies, 1)
	require.True(t, cookies[0].HTTPOnly)

	b.open("/console/")
	b.follow(named("Pause everything"))
	b.follow(named("Pause everything"))
	pauses, err := s.Pauses(t.Context())
	require.NoError(t, err)
	require.Len(t, pauses, 1, "the console's own form does")
	require.Equal(t, operator, pauses[0].By)
}

func TestAnOpenPageFollowsUnlessItIsPaused(t *testing.T) {
	t.Parallel()
	p, s := newConsole(t)
	b := newTab(t, p.admin)
	b.login(operator, operatorSecret)
	b.open("/console/deliveries?state=all")
	b.until("it is live", `document.querySelector("#live-status").textContent === "Live"`)
	p.mentions(s, 7001, 1)
	b.until("a delivery appears", `document.querySelectorAll("#list tbody tr").length === 1`)
	b.open("/console/")
	b.until("it is live", `document.querySelector("#live-status").textContent === "Live"`)
	p.mustPost(sample(t, relay.CallInitiated, nil))
	b.until("the trigger was seen", `document.querySelector("#triggers tbody tr time") && /call_initiated[^]*ago|call_initiated[^]*now/.test(document.querySelector("#triggers").innerText)`)

	b.click("#live-toggle")
	require.Equal(t, "Live updates are paused.", b.text("#live-status"))
	b.open("/console/deliveries?state=all")
	require.Equal(t, "Live updates are paused.", b.text("#live-status"), "that is remembered")
	p.mentions(s, 7002, 1)
	follower := newTab(t, p.admin) // what it sees is what this page would have
	follower.login(operator, operatorSecret)
	follower.open("/console/deliveries?state=all")
	follower.until("it is live", `document.querySelector("#live-status").textContent === "Live"`)
	const first = `document.querySelector('#list td[data-label="To"] a')`
	was := eval[string](follower, first+`.focus(); `+first+`.href`)
	p.mentions(s, 7003, 1)
	follower.until("a delivery appears", `document.querySelectorAll("#list tbody tr").length === 3`)
	require.Equal(t, was, eval[string](follower, `document.activeElement.href`), "the focus stays where it was")
	require.Equal(t, 1, b.count("#list tbody tr"))
	b.click("#live-toggle")
	b.until("it catches up", `document.querySelectorAll("#list tbody tr").length === 3`)
}

func TestEverythingWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	p, s := newConsole(t)
	p.refuseTexts(true)
	p.mentions(s, 7001, 1)
	p.refuseTexts(false)
	b := newTab(t, p.admin)
	send(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.login(operator, operatorSecret)
	require.False(t, b.shown("#live-toggle"), "what needs a script is not offered")
	b.follow(named("Pause everything"))
	b.follow(named("Pause everything"))
	require.Contains(t, b.text("main"), "Everything is paused")
	b.follow(named("Resume"))
	b.follow(named("Resume"))
	b.follow(named("Deliveries"))
	b.do(chromedp.Click(chromedp.CSS(`#list [name="id"]`)))
	b.follow(named("Retry those picked"))
	b.follow(named("Retry 1"))
	require.Contains(t, b.text("main"), "Done: 1 goes out again")
	p.eventually("it is sent", func() bool { return len(p.twilio.Messages()) == 1 })
	b.follow(named("Playground"))
	b.fill("#sample", "message_sent")
	b.follow(named("Use this sample"))
	b.follow(named("Explain"))
	require.True(t, b.shown(".showmail button"), "the mail is shown by a press")
	b.do(chromedp.Click(chromedp.CSS(".showmail button")))
	require.Contains(t, b.frame(), "Andrew Joseph")
}

func (b *tab) shown(selector string) bool {
	b.t.Helper()
	return eval[bool](b, `document.querySelector(%q)?.checkVisibility() ?? false`, selector)
}

// focused describes what has the focus, and whether one can see that.
func (b *tab) focused() string {
	b.t.Helper()
	return eval[string](b, `(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const seen = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 0 && r.bottom > 0 && r.top < innerHeight;
		return (seen ? "" : "unseen: ") + (e.getAttribute("aria-label") || e.innerText || e.id || e.tagName).trim().split("\n")[0]; })()`)
}

func TestTheConsoleIsUsedByKeyboard(t *testing.T) {
	t.Parallel()
	p, s := newConsole(t)
	p.refuseTexts(true)
	p.mentions(s, 7001, 1)
	p.refuseTexts(false)
	b := newTab(t, p.admin)
	b.open("/console/login")
	b.do(chromedp.Focus(chromedp.CSS("#name")), chromedp.KeyEvent(operator+kb.Tab+operatorSecret))
	require.Equal(t, http.StatusOK, b.loads(chromedp.KeyEvent(kb.Enter)))
	b.open("/console/deliveries")
	b.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Skip to the page", b.focused())
	b.do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Pause live updates", b.focused(), "the navigation was skipped")

	var went []string
	for range 25 {
		b.do(chromedp.KeyEvent(kb.Tab))
		went = append(went, b.focused())
		if strings.HasPrefix(went[len(went)-1], "Retry those picked") {
			break
		}
	}
	require.NotContains(t, strings.Join(went, "\n"), "unseen")
	at := 0
	for _, want := range []string{"Refresh", "Dead", "Filter", "Retry all 1 that match", "CSV", "Pick ", "+1", "mention", "Retry those picked"} {
		found := false
		for ; at < len(went) && !found; at++ {
			found = strings.HasPrefix(went[at], want)
		}
		require.True(t, found, "%s comes in its turn: %q", want, went)
	}
	b.do(chromedp.Focus(chromedp.CSS(`#list [name="id"]`)), chromedp.KeyEvent(" "), chromedp.Focus(chromedp.CSS(`button[value="retry"]`)))
	require.Equal(t, http.StatusOK, b.loads(chromedp.KeyEvent(kb.Enter)))
	require.Equal(t, "Retry 1 delivery?", b.title())
	b.do(chromedp.Focus(chromedp.CSS("main form button")))
	require.Equal(t, http.StatusOK, b.loads(chromedp.KeyEvent(kb.Enter)))
	p.eventually("it is sent", func() bool { return len(p.twilio.Messages()) == 1 })
}
