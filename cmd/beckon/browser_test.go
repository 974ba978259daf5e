package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axeFile is where .ci/need puts axe-core.
const axeFile = "../../.cache/axe.min.js"

// stepTime is how long one step in a browser may take on a machine that is busy.
const stepTime = time.Minute

// browsing is the one Chromium of all tests, which gives each its own cookies.
var browsing = &chromium{} //nolint:gochecknoglobals // one for all tests

type chromium struct {
	once sync.Once
	ctx  context.Context //nolint:containedctx // chromedp keeps a browser in a context
	err  error
	stop func()
}

func (c *chromium) get() (context.Context, error) {
	c.once.Do(func() {
		options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.WSURLReadTimeout(stepTime), chromedp.Flag("lang", "en-GB"), chromedp.Flag("force-color-profile", "srgb"),
			chromedp.Flag("disable-features", "Translate,IsolateSandboxedIframes")) // a frame in a process of its own is not in its page's tree
		if os.Getuid() == 0 {
			options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
		}
		allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
		c.ctx, _ = chromedp.NewContext(allocator)
		c.stop = func() {
			_ = chromedp.Cancel(c.ctx)
			stop()
		}
		if err := chromedp.Do(c.ctx); err != nil {
			c.err = fmt.Errorf("start Chromium, which .ci/need browser installs: %w", err)
		}
	})
	return c.ctx, c.err
}

func (c *chromium) close() {
	if c.stop != nil {
		c.stop()
	}
}

type step = chromedp.Action[chromedp.Void]

// tab is a page of somebody who came with no cookies. At the end of its test nothing may have been refused by a page's own policy, and
// nothing may stand in its console.
type tab struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // chromedp keeps a tab in a context
	base string

	mu     sync.Mutex
	faults []string
	// expected is an address that is to fail to load, which a browser notes as an error of the page's.
	expected string
}

// tellRefused notes what a page's policy refuses where the tab looks for errors.
const tellRefused = `addEventListener("securitypolicyviolation", e => console.error("refused by the policy: " + e.violatedDirective + " " + e.blockedURI))`

// newTab opens a tab for the pages at an address such as http://127.0.0.1:8081.
func newTab(t *testing.T, base string) *tab {
	t.Helper()
	parent, err := browsing.get()
	require.NoError(t, err)
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx, base: base}
	t.Cleanup(func() {
		cancel()
		require.Empty(t, b.noted(), "what the browser noted")
	})
	require.NoError(t, chromedp.Listen(ctx, b.note))
	send(b, audits.Enable, cdp.Empty{})
	send(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: tellRefused})
	b.size(1280, 900)
	b.dark(false)
	return b
}

func (b *tab) note(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			fault = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *devlog.EventEntryAdded:
		if e.Entry.Level == devlog.EntryLevelError || e.Entry.Level == devlog.EntryLevelWarning {
			fault = fmt.Sprintf("log: %s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			b.mu.Lock()
			if e.Entry.Source == devlog.EntrySourceNetwork && (e.Entry.URL == b.expected || b.t.Context().Err() != nil) {
				fault = "" // with the test ends its relay
			}
			b.mu.Unlock()
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			fault = "policy: " + e.Issue.Details.ContentSecurityPolicyIssueDetails.ViolatedDirective
		}
	}
	if fault != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fault)
	}
}

func (b *tab) noted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.faults)
}

// do does some things, all within a step's time.
func (b *tab) do(actions ...step) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// send sends the browser a command, and gives what it answers.
func send[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	answer, err := chromedp.Call(ctx, command, params)
	require.NoError(b.t, err)
	return answer
}

// eval asks the page in JavaScript. It works where scripts are off, too: it is the browser that is asked.
func eval[T any](b *tab, script string, args ...any) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(script, args...), chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return value
}

// loads does something that leads to another page, and gives the status of that.
func (b *tab) loads(actions ...step) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, actions...)
	require.NoError(b.t, err)
	require.NotNil(b.t, response)
	return int(response.Status)
}

// open opens a page by its path.
func (b *tab) open(path string) {
	b.t.Helper()
	require.Equal(b.t, 200, b.loads(chromedp.Navigate(b.base+path)), path)
}

// openFailing opens a page that is an error.
func (b *tab) openFailing(path string, status int) {
	b.t.Helper()
	b.mu.Lock()
	b.expected = b.base + path
	b.mu.Unlock()
	require.Equal(b.t, status, b.loads(chromedp.Navigate(b.base+path)), path)
}

// follow clicks what leads to another page.
func (b *tab) follow(what string) {
	b.t.Helper()
	require.Equal(b.t, 200, b.loads(chromedp.Click(chromedp.Search(what))), what)
}

func (b *tab) click(what string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.Search(what)))
}

// fill replaces what stands in a field.
func (b *tab) fill(selector, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// named finds a link or a button by a part of its text.
func named(text string) string {
	return fmt.Sprintf(`(//main//a | //main//button | //header//a | //header//button)[contains(normalize-space(.), %q)]`, text)
}

// text is what the parts of a page that a selector finds show.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `[...document.querySelectorAll(%q)].map(e => e.innerText).join("\n")`, selector)
}

func (b *tab) count(selector string) int {
	b.t.Helper()
	return eval[int](b, `document.querySelectorAll(%q).length`, selector)
}

func (b *tab) title() string { return b.text("h1") }

func (b *tab) address() string {
	b.t.Helper()
	return strings.TrimPrefix(eval[string](b, `location.href`), b.base)
}

// until waits for something to come true in the page.
func (b *tab) until(what, script string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](script, chromedp.WithPollingInterval(50*time.Millisecond),
		chromedp.WithPollingTimeout(stepTime)))
	require.NoError(b.t, err, what)
}

// size is the window's, in pixels.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

func (b *tab) dark(dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// login comes in by the form.
func (b *tab) login(name, secret string) {
	b.t.Helper()
	b.open("/console/login")
	b.fill("#name", name)
	b.fill("#secret", secret)
	b.follow(named("Log in"))
	require.Equal(b.t, "/console/", b.address())
}

var axeScript = sync.OnceValues(func() (string, error) { //nolint:gochecknoglobals // read once
	script, err := os.ReadFile(axeFile)
	if err != nil {
		return "", fmt.Errorf("axe-core is fetched by .ci/need browser: %w", err)
	}
	return string(script), nil
})

const runAxe = `axe.run(document, {
	runOnly: %s, resultTypes: ["violations"], iframes: false, preload: false,
}).then(r => JSON.stringify({rules: r.passes.length, violations: r.violations.map(v =>
	v.id + ": " + v.help + ": " + v.nodes.map(n => n.target + " " + n.html.slice(0, 200) + " " + n.failureSummary).join(" | "))}))`

// What axe-core looks for: everything, or only what the colours of a scheme can change.
const (
	axeAll     = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	axeColours = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// axe gives what axe-core has against the page as it looks now. It runs in a world of its own, so the page's policy stays as it is.
func (b *tab) axe(rules string) []string {
	b.t.Helper()
	script, err := axeScript()
	require.NoError(b.t, err)
	world := b.world(send(b, page.GetFrameTree, cdp.Empty{}).FrameTree.Frame.ID)
	if b.asks(world, `typeof axe`) == "undefined" {
		b.asks(world, script+";''")
	}
	answer := b.asks(world, fmt.Sprintf(runAxe, rules))
	var found struct {
		Rules      int
		Violations []string
	}
	require.NoError(b.t, json.Unmarshal([]byte(answer), &found))
	require.Positive(b.t, found.Rules, "axe-core looked at the page")
	return found.Violations
}

// world makes a place for scripts in a frame, which its page neither sees nor forbids anything.
func (b *tab) world(frame cdp.FrameID) runtime.ExecutionContextID {
	b.t.Helper()
	return send(b, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame, WorldName: "test"}).ExecutionContextID
}

// asks gives the text that a script comes to in such a place.
func (b *tab) asks(world runtime.ExecutionContextID, script string) (text string) {
	b.t.Helper()
	yes := true
	answer := send(b, runtime.Evaluate, runtime.EvaluateParams{Expression: script, ContextID: world, AwaitPromise: &yes, ReturnByValue: &yes})
	require.Nil(b.t, answer.ExceptionDetails)
	require.NoError(b.t, json.Unmarshal(answer.Result.Value, &text))
	return text
}

// frame gives the text of the page in the only frame of this one, once it has come.
func (b *tab) frame() (text string) {
	b.t.Helper()
	yes := true
	require.Eventually(b.t, func() bool {
		tree, err := chromedp.Call(b.ctx, page.GetFrameTree, cdp.Empty{})
		if err != nil || len(tree.FrameTree.ChildFrames) != 1 {
			return false
		}
		// It may go from one page to the next between these.
		world, err := chromedp.Call(b.ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID})
		if err != nil {
			return false
		}
		answer, err := chromedp.Call(b.ctx, runtime.Evaluate, runtime.EvaluateParams{
			Expression: `document.body.innerText`, ContextID: world.ExecutionContextID, ReturnByValue: &yes,
		})
		return err == nil && answer.ExceptionDetails == nil && json.Unmarshal(answer.Result.Value, &text) == nil && strings.TrimSpace(text) != ""
	}, stepTime, 50*time.Millisecond, "a page in the frame")
	return text
}
