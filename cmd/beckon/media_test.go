package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/links"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// visited is what an address answered.
type visited struct {
	status                int
	location, retry, page string
}

// visit opens an address as a browser would that follows no redirects.
func visit(t *testing.T, method, address string) visited {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept-Language", "es")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return visited{response.StatusCode, response.Header.Get("Location"), response.Header.Get("Retry-After"), string(body)}
}

// mail posts a webhook and gives what became of its only message.
func (p *process) mail(s store.Store, body []byte) relay.Delivery {
	p.t.Helper()
	event := p.mustPost(body).ID
	require.Equal(p.t, relay.AlertSent, p.alert(s, event).State)
	deliveries, err := s.Deliveries(p.t.Context(), store.Filter{EventID: event})
	require.NoError(p.t, err)
	require.Len(p.t, deliveries, 1)
	return deliveries[0]
}

const mediaRules = `version: 1
rules:
  - { name: open, trigger: message_sent, to: receiver, urgent: true, send: [ { email: unread-message } ] }
  - { name: closed, trigger: user_mentioned, to: mentioned, urgent: true, private: true, send: [ { email: mention } ] }
`

var mediaLink = regexp.MustCompile(`https://relay\.example\.com(/m/[A-Za-z0-9_-]+)`)

// studio is a relay with a fake CometChat, and a server that must never be visited.
type studio struct {
	*process

	chat   *cometchattest.Server
	kept   store.Store
	evil   string
	visits atomic.Int64
}

func newStudio(t *testing.T) *studio {
	t.Helper()
	st := &studio{chat: cometchattest.New(t, nil)}
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { st.visits.Add(1) }))
	t.Cleanup(evil.Close)
	st.evil = evil.URL
	l := newLab(t, mediaRules)
	maps.Copy(l.env, map[string]string{
		"COMETCHAT_APP_ID": cometchattest.AppID, "COMETCHAT_REGION": cometchattest.Region, "COMETCHAT_API_KEY": cometchattest.APIKey,
		"BECKON_COMETCHAT_BASE_URL": st.chat.URL, "BECKON_PROVIDERS": "outbox", "BECKON_LOG_LEVEL": "debug",
	})
	st.process, st.kept = l.serve(), l.kept()
	return st
}

// pictures is a webhook of two pictures, the first of them somewhere else.
func (st *studio) pictures(trigger relay.Trigger, text, file string) []byte {
	return sample(st.t, trigger, map[string]any{
		"appId": cometchattest.AppID, "data.message.id": "7001", "data.message.data.text": text,
		"data.message.data.attachments": []any{
			map[string]any{"url": st.evil + "/" + cometchattest.AppID + "/media/tent.png", "name": "tent.png", "mimeType": "image/png"},
			map[string]any{"url": file, "name": "tent.png", "mimeType": "image/png"},
		},
	})
}

func TestALinkInAMailLeadsToTheFileAndNowhereElse(t *testing.T) {
	t.Parallel()
	st := newStudio(t)
	file := st.chat.File("tent.png", []byte("a tent"))
	mail := st.mail(st.kept, st.pictures(relay.MessageSent, "", file))
	for _, part := range []relay.Text{mail.Content.HTML, mail.Content.Text} {
		require.NotContains(t, part.Reveal(), st.chat.URL, "no raw link")
		require.NotContains(t, part.Reveal(), st.evil)
		require.Contains(t, part.Reveal(), "sent you 2 files")
		require.Len(t, mediaLink.FindAllString(part.Reveal(), -1), 1, "nor one that would lead nowhere")
	}
	path := mediaLink.FindStringSubmatch(mail.Content.Text.Reveal())[1]

	click := visit(t, http.MethodGet, st.public+path)
	require.Equal(t, http.StatusFound, click.status)
	require.Equal(t, file+"?fat=token1", click.location)
	again := visit(t, http.MethodHead, st.public+path)
	require.Equal(t, http.StatusFound, again.status)
	require.Equal(t, file+"?fat=token2", again.location, "each click has its own")
	for range 2 { // CometChat leads on from the link with its token
		click = visit(t, http.MethodGet, click.location)
	}
	require.Equal(t, "a tent", click.page)

	st.chat.Fail("/"+cometchattest.AppID, cometchattest.TooMany(7))
	click = visit(t, http.MethodGet, st.public+path)
	require.Equal(t, http.StatusServiceUnavailable, click.status)
	require.Contains(t, []string{"6", "7"}, click.retry)
	require.Contains(t, click.page, "Intentar de nuevo")
	require.Zero(t, st.visits.Load())
	st.stop()
	for _, secret := range []string{strings.TrimPrefix(path, "/m/"), "tent.png", "token1"} {
		require.NotContains(t, st.log(), secret)
	}
}

func TestALinkThatIsNoGoodShowsNothingAndAsksNobody(t *testing.T) {
	t.Parallel()
	st := newStudio(t)
	mail := st.mail(st.kept, st.pictures(relay.MessageSent, "", st.chat.File("tent.png", []byte("a tent"))))
	path := mediaLink.FindStringSubmatch(mail.Content.Text.Reveal())[1]
	signer, err := links.New([]string{st.env["BECKON_SECRET_KEY"]})
	require.NoError(t, err)
	made := func(event string, index int, life time.Duration) string {
		return "/m/" + signer.Media(links.File{Event: event, Index: index, Expires: time.Now().Add(life)})
	}
	for name, bad := range map[string]string{
		"tampered":       path[:len(path)-6] + "AAAAAA",
		"foreign host":   made(mail.EventID, 0, time.Hour),
		"expired":        made(mail.EventID, 1, -time.Second),
		"no such file":   made(mail.EventID, 2, time.Hour),
		"no such event":  made(strings.Repeat("ab", 32), 0, time.Hour),
		"for a mailbox":  "/m/" + signer.Unsubscribe(links.Subscription{Address: "george@example.net"}),
		"something else": "/m/x",
	} {
		click := visit(t, http.MethodGet, st.public+bad)
		require.Equal(t, http.StatusNotFound, click.status, name)
		require.Empty(t, click.location, name)
		require.Contains(t, click.page, "Este enlace no lleva a ninguna parte", name)
	}
	require.Empty(t, st.chat.Calls(), "CometChat is not asked for them")
	require.Zero(t, st.visits.Load(), "and nobody else ever is")
	require.Equal(t, http.StatusFound, visit(t, http.MethodGet, st.public+path).status, "the good one is as good as before")
	st.stop()
}

func TestAPrivateRuleSendsNothingThatWasWritten(t *testing.T) {
	t.Parallel()
	st := newStudio(t)
	body := st.pictures(relay.UserMentioned, "<@uid:cometchat-uid-2> the combination is 4711", st.chat.File("tent.png", []byte("a tent")))
	private := st.mail(st.kept, body)
	for _, part := range []relay.Text{private.Content.Subject, private.Content.HTML, private.Content.Text} {
		require.NotContains(t, part.Reveal(), "4711")
		require.NotContains(t, part.Reveal(), "tent.png")
		require.NotRegexp(t, mediaLink, part.Reveal())
	}
	require.Contains(t, private.Content.Text.Reveal(), "Andrew Joseph mentioned you.\n")
	st.stop()
	require.NotContains(t, st.log(), "4711")
}
