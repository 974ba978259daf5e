package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

// maxPicture is how large a picture of the README may be, in bytes.
const maxPicture = 200_000

const shownRules = `version: 1
rules:
  - name: missed-call
    description: Text the person called when nobody picked up.
    trigger: call_initiated
    if: event.conversation.kind == "user"
    to: callee
    wait: 1s
    unless: [answered, declined]
    urgent: true
    send: [ { sms: missed-call } ]

  - name: unread-mention
    description: Mail a mention that was neither read nor answered.
    trigger: user_mentioned
    to: mentioned
    unless: [read, replied]
    wait: 1s
    send: [ { email: mention } ]

  - name: unread-message
    description: Mail a direct message that stayed unread while the person was away.
    trigger: message_sent
    if: event.conversation.kind == "user" && event.message.category == "message"
    to: receiver
    wait: 30m
    unless: [read, replied, online]
    send: [ { email: unread-message } ]
`

// TestScreenshots takes the pictures of the README (make screenshots). They are of a relay whose vendors are servers of this test, which
// refuse some texts, and of people who do not exist.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("BECKON_SCREENSHOTS") //nolint:forbidigo // of the test
	if dir == "" {
		t.Skip("make screenshots takes the pictures of the README")
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	l := newLab(t, shownRules)
	l.env["BECKON_RULES"] = "rules.yaml"
	l.env["BECKON_CONSOLE_USERS"] = operator + ":" + operatorSecret
	l.yesterday()
	p, s := l.serve(), l.kept()
	l.today(p, s)
	b := newTab(t, p.admin)
	b.login(operator, operatorSecret)
	b.until("it is live", `document.querySelector("#live-status").textContent === "Live"`)
	take := func(name, path string, width, height int64) {
		b.size(width, height)
		if path != "" {
			b.open("/console" + path)
		}
		b.until("it is drawn", `[...document.images].every(i => i.complete)`)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.Less(t, len(picture), maxPicture, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)) //nolint:gosec // for everybody
	}
	take("overview", "/", wide, 960)
	take("overview-phone", "/", narrow, 844)
	b.dark(true)
	take("overview-dark", "/", wide, 960)
	b.dark(false)
	take("deliveries", "/deliveries", wide, 760)
	dead, err := s.Deliveries(t.Context(), store.Filter{State: "dead", Channel: relay.ChannelSMS, Limit: 1})
	require.NoError(t, err)
	take("delivery", "/deliveries/"+dead[0].ID, wide, 1000)
	quiet, err := s.Alerts(t.Context(), store.Filter{State: "cancelled", Limit: 1})
	require.NoError(t, err)
	take("alert", "/alerts/"+quiet[0].ID, wide, 900)
	b.size(1440, 900)
	b.open("/console/playground")
	b.fill("#sample", "call_initiated")
	b.follow(named("Use this sample"))
	b.fill("#rules", strings.Replace(shownRules, `kind == "user"`, `kind == "group"`, 1))
	b.follow(named("Explain"))
	eval[any](b, `document.activeElement.blur()`)
	take("playground", "", 1440, 900)
	l.demoInbox(dir)
}

// demoInbox takes the picture of the inbox of `beckon dev --demo`.
func (l *lab) demoInbox(dir string) {
	demo := newLab(l.t, walkRules)
	delete(demo.env, "BECKON_DIRECTORY")
	b := newTab(l.t, demo.dev())
	b.size(wide, 520)
	b.open("/console/inbox")
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(l.t, err)
	require.NoError(l.t, os.WriteFile(filepath.Join(dir, "inbox.png"), picture, 0o644)) //nolint:gosec // for everybody
}

// yesterday keeps counters of a day that was, more by day than by night.
func (l *lab) yesterday() {
	l.t.Helper()
	s, err := sqlite.Open(l.t.Context(), sqlite.Options{
		Path: l.path("beckon.db"), Decode: cometchat.Decode, Logger: slog.New(slog.DiscardHandler), Keys: func() relay.HashKeys { return relay.HashKeys{} },
		Now: time.Now,
	})
	require.NoError(l.t, err)
	defer s.Close() //nolint:errcheck // of a test
	now := time.Now().UTC().Truncate(store.TallySlot)
	var counts []store.Tallied
	for i := range 24 * 12 {
		at := now.Add(-time.Duration(i+1) * store.TallySlot)
		n := 2 + (i*7)%5 + max(0, 12-2*max(at.Hour()-14, 14-at.Hour()))
		count := func(what, of, by, as string, n int) {
			counts = append(counts, store.Tallied{At: at, What: what, Of: of, By: by, As: as, N: n, LastAt: at})
		}
		count("accepted", "user_mentioned", "", "", n)
		count("accepted", "call_initiated", "", "", n/2)
		count("delivery", "email", "sendgrid", "sent", n)
		count("delivery", "email", "sendgrid", "delivered", n-1)
		count("delivery", "sms", "twilio", "sent", n/2+1)
		count("delivery", "sms", "twilio", "delivered", n/2)
		if i%29 == 3 {
			count("delivery", "sms", "twilio", "dead", 1)
		}
	}
	for part := range slices.Chunk(counts, store.MaxTallies) {
		require.NoError(l.t, s.Tally(l.t.Context(), part))
	}
}

// today posts what is looked at: some that arrive, some that are read in time, some that the vendor refuses.
func (l *lab) today(p *process, s store.Store) {
	l.t.Helper()
	l.twilio.Policy(func(n int, _ *http.Request) vendortest.Answer {
		if n%2 == 0 {
			return vendortest.Answer{}
		}
		return vendortest.Answer{Status: http.StatusBadRequest, Body: `{"code":21614,"status":400,"message":"not a mobile number"}`}
	})
	l.sendgrid.Policy(func(n int, _ *http.Request) vendortest.Answer {
		if n%4 != 1 {
			return vendortest.Answer{}
		}
		return vendortest.Answer{Status: http.StatusBadRequest, Body: `{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.0.to.0.email"}]}`}
	})
	var events []string
	for i := range 12 {
		call := fmt.Sprintf("call-%d", i)
		events = append(events, p.mustPost(sample(l.t, relay.CallInitiated, map[string]any{
			"data.call.id": call, "data.call.data.entities.on.entity.sessionid": call,
		})).ID)
		events = append(events, p.mustPost(sample(l.t, relay.UserMentioned, map[string]any{"data.message.id": strconv.Itoa(9000+i)})).ID)
		if i == 9 {
			p.mustPost(sample(l.t, relay.MessageReadReceipt, map[string]any{"data.body.messageId": strconv.Itoa(9000+i)}))
		}
	}
	p.mustPost(sample(l.t, relay.MessageSent, nil))
	for _, id := range events {
		p.alert(s, id)
	}
}
