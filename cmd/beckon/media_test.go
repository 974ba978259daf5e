package main

import (
	"io"
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

// visit opens an address as a browser would that follows no redirects.
func visit(t *testing.T, method, address string) (*http.Response, string) {
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
	return response, string(body)
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

func TestALinkInAMailLeadsToTheFileAndNowhereElse(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(evil.Close)
	chat := cometchattest.New(t, nil)
	l := newLab(t, mediaRules)
	for name, value := range map[string]string{
		"COMETCHAT_APP_ID": cometchattest.AppID, "COMETCHAT_REGION": cometchattest.Region, "COMETCHAT_API_KEY": cometchattest.APIKey,
		"BECKON_COMETCHAT_BASE_URL": chat.URL, "BECKON_PROVIDERS": "outbox", "BECKON_LOG_LEVEL": "debug",
	} {
		l.env[name] = value
	}
	p, s := l.serve(), l.kept()
	file := chat.File("tent.png", []byte("a tent"))
	foreign := evil.URL + "/" + cometchattest.AppID + "/media/tent.png"
	set := map[string]any{
		"appId": cometchattest.AppID, "data.message.data.text": "",
		"data.message.data.attachments": []any{
			map[string]any{"url": foreign, "name": "tent.png", "mimeType": "image/png"},
			map[string]any{"url": file, "name": "tent.png", "mimeType": "image/png"},
		},
	}
	mail := p.mail(s, sample(t, relay.MessageSent, set))
	for _, part := range []relay.Text{mail.Content.HTML, mail.Content.Text} {
		require.NotContains(t, part.Reveal(), chat.URL, "no raw link")
		require.NotContains(t, part.Reveal(), evil.URL)
		require.Contains(t, part.Reveal(), "sent you 2 files")
		require.Len(t, mediaLink.FindAllString(part.Reveal(), -1), 1, "nor one that would lead nowhere")
	}
	path := mediaLink.FindStringSubmatch(mail.Content.Text.Reveal())[1]

	response, _ := visit(t, http.MethodGet, p.public+path)
	require.Equal(t, http.StatusFound, response.StatusCode)
	fresh := response.Header.Get("Location")
	require.Equal(t, file+"?fat=token1", fresh)
	head, _ := visit(t, http.MethodHead, p.public+path)
	require.Equal(t, http.StatusFound, head.StatusCode)
	require.Equal(t, file+"?fat=token2", head.Header.Get("Location"), "each click has its own")
	got, err := http.Get(fresh) //nolint:noctx,gosec // of a test
	require.NoError(t, err)
	defer got.Body.Close() //nolint:errcheck // of a test
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, "a tent", string(body))

	asked := len(chat.Calls())
	signer, err := links.New([]string{l.env["BECKON_SECRET_KEY"]})
	require.NoError(t, err)
	soon := time.Now().Add(time.Hour)
	for name, bad := range map[string]string{
		"tampered":       path[:len(path)-6] + "AAAAAA",
		"foreign host":   "/m/" + signer.Media(links.File{Event: mail.EventID, Index: 0, Expires: soon}),
		"expired":        "/m/" + signer.Media(links.File{Event: mail.EventID, Index: 1, Expires: time.Now().Add(-time.Second)}),
		"no such file":   "/m/" + signer.Media(links.File{Event: mail.EventID, Index: 2, Expires: soon}),
		"no such event":  "/m/" + signer.Media(links.File{Event: strings.Repeat("ab", 32), Index: 0, Expires: soon}),
		"for a mailbox":  "/m/" + signer.Unsubscribe(links.Subscription{Address: "george@example.net"}),
		"something else": "/m/x",
	} {
		response, page := visit(t, http.MethodGet, p.public+bad)
		require.Equal(t, http.StatusNotFound, response.StatusCode, name)
		require.Empty(t, response.Header.Get("Location"), name)
		require.Contains(t, page, "Este enlace no lleva a ninguna parte", name)
	}
	require.Len(t, chat.Calls(), asked, "CometChat is not asked for them")
	require.Zero(t, visits.Load(), "and nobody else ever is")

	chat.Fail("/"+cometchattest.AppID, cometchattest.TooMany(7))
	response, page := visit(t, http.MethodGet, p.public+path)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Contains(t, []string{"6", "7"}, response.Header.Get("Retry-After"))
	require.Contains(t, page, "Intentar de nuevo")

	set["data.message.id"], set["data.message.data.text"] = "7001", "<@uid:cometchat-uid-2> the combination is 4711"
	private := p.mail(s, sample(t, relay.UserMentioned, set))
	for _, part := range []relay.Text{private.Content.Subject, private.Content.HTML, private.Content.Text} {
		require.NotContains(t, part.Reveal(), "4711")
		require.NotRegexp(t, mediaLink, part.Reveal())
	}
	require.Contains(t, private.Content.Text.Reveal(), "Andrew Joseph mentioned you.\n")
	p.stop()
	for _, secret := range []string{strings.TrimPrefix(path, "/m/"), "tent.png", "4711", "token1"} {
		require.NotContains(t, p.log(), secret)
	}
}
