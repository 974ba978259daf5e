package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// Widths of a window, in pixels.
const (
	wide   = 1280
	narrow = 390
)

// look holds what a page shows against axe-core in all its looks, and against its window: nothing may reach out of it at the side.
func (b *tab) look(page string) {
	b.t.Helper()
	for _, width := range []int64{wide, narrow} {
		b.size(width, 900)
		for _, dark := range []bool{false, true} {
			b.dark(dark)
			rules := axeAll
			if dark {
				rules = axeColours
			}
			for _, violation := range b.axe(rules) {
				b.t.Errorf("%s (%d pixels, dark %t): %s", page, width, dark, violation)
			}
		}
		if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			b.t.Errorf("%s (%d pixels): %d too wide: %s", page, width, over, eval[string](b, `[...document.querySelectorAll("body *")]
				.filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, pre, .code, nav")).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("\n")`))
		}
	}
	b.size(wide, 900)
	b.dark(false)
}

// peopled is a relay that has something to show on every page.
func peopled(t *testing.T) (p *process, s store.Store, event string) {
	t.Helper()
	p, s = newConsole(t)
	p.refuseTexts(true)
	p.mentions(s, 7001, 2)
	p.refuseTexts(false)
	event = p.mentions(s, 7101, 2)[0]
	p.mustPost(sample(t, relay.CallInitiated, nil))
	p.alert(s, p.mustPost(sample(t, relay.MessageSent, nil)).ID)
	p.mustPost(sample(t, relay.MessageReadReceipt, nil))
	return p, s, event
}

func TestListsAndTheirPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	p, s, event := peopled(t)
	b := newTab(t, p.admin)
	b.open("/console/login")
	b.look("login")
	b.login(operator, operatorSecret)
	dead, err := s.Deliveries(t.Context(), store.Filter{State: "dead"})
	require.NoError(t, err)
	held, err := s.Alerts(t.Context(), store.Filter{State: "held"})
	require.NoError(t, err)
	for _, path := range []string{
		"/", "/deliveries", "/deliveries?state=all&rule=mention&last=1h", "/deliveries?state=queued", "/deliveries/" + dead[0].ID,
		"/alerts?state=all", "/alerts", "/alerts/" + held[0].ID, "/alerts/" + dead[0].AlertID, "/events", "/events/" + event,
	} {
		b.open("/console" + path)
		b.look(path)
	}
	b.follow(named("Reveal"))
	b.look("an event in clear")
	b.openFailing("/console/nothing", http.StatusNotFound)
	b.look("an error")
}

func TestWhatActsAndTriesIsForEverybody(t *testing.T) {
	t.Parallel()
	p, _, event := peopled(t)
	b := newTab(t, p.admin)
	b.login(operator, operatorSecret)
	for _, path := range []string{"/rules", "/inbox", "/audit", "/pause"} {
		b.open("/console" + path)
		b.look(path)
	}
	b.open("/console/playground?event=" + event)
	b.look("playground")
	b.fill("#sample", "message_sent")
	b.follow(named("Use this sample"))
	b.follow(named("Explain"))
	b.look("playground with a result")
	b.fill("#rules", strings.Replace(walkRules, "call_initiated", "call_initated", 1))
	b.follow(named("Explain"))
	b.look("playground with a finding")
	b.open("/console/suppressions")
	b.look("nobody said no")
	b.fill("#add-address", "+14155550111")
	b.follow(named("Send nothing there"))
	b.look("suppressions")
	b.follow(named("Reveal these"))
	b.look("suppressions in clear")
	b.follow(named("Lift…"))
	b.look("lift")
	b.open("/console/deliveries")
	b.follow(named("Retry all 2 that match"))
	b.look("bulk, asked")
	b.follow(named("Retry 2"))
	b.look("bulk, done")
	b.open("/console/pause")
	b.follow(named("Pause everything"))
	b.look("paused")
}

func TestAViewersPagesAndTheInboxAreForEverybody(t *testing.T) {
	t.Parallel()
	l := newLab(t, walkRules)
	l.env["BECKON_PROVIDERS"] = "outbox"
	l.env["BECKON_CONSOLE_USERS"] = fmt.Sprintf("%s:%s,%s:%s:viewer", operator, operatorSecret, viewer, viewerSecret)
	p, s := l.serve(), l.kept()
	event := p.mentions(s, 7001, 1)[0]
	p.alert(s, p.mustPost(sample(t, relay.MessageSent, nil)).ID)
	d, err := s.Deliveries(t.Context(), store.Filter{EventID: event})
	require.NoError(t, err)
	b := newTab(t, p.admin)
	b.login(viewer, viewerSecret)
	for _, path := range []string{"/", "/deliveries?state=all", "/deliveries/" + d[0].ID, "/events/" + event, "/inbox"} {
		b.open("/console" + path)
		b.look("viewer: " + path)
	}
	b.openFailing("/console/pause", http.StatusForbidden)
	b.look("viewer: refused")
	o := newTab(t, p.admin)
	o.login(operator, operatorSecret)
	o.open("/console/inbox")
	o.follow(named("Reveal this page"))
	o.look("inbox in clear")
	o.open("/console/inbox")
	o.follow(`//ul[@class="mails"]//a`)
	require.Equal(t, "Mail", o.title())
	o.look("a mail, masked")
	o.follow(named("Reveal"))
	o.look("a mail in clear")
}
