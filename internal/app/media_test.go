package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/beckon-relay/beckon/internal/cometchat/cometchattest"
	"github.com/beckon-relay/beckon/internal/cometchat/rest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/links"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// album is the events that are kept.
type album map[string]relay.Event

func (a album) Event(_ context.Context, id string) (relay.Event, error) {
	if event, ok := a[id]; ok {
		return event, nil
	}
	if id == strings.Repeat("dd", 32) {
		return relay.Event{}, errors.New("the store is down")
	}
	return relay.Event{}, store.ErrNotFound
}

// gallery is media under a clock of its own, before a fake CometChat.
type gallery struct {
	*media

	t      *testing.T
	chat   *cometchattest.Server
	kept   album
	offset atomic.Int64
}

func (g *gallery) pass(d time.Duration) { g.offset.Add(int64(d)) }

func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{t: t, kept: album{}}
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return start.Add(time.Duration(g.offset.Load())) }
	g.chat = cometchattest.New(t, now)
	client, err := rest.New(rest.Config{
		AppID: cometchattest.AppID, Region: cometchattest.Region, APIKey: cometchattest.APIKey, BaseURL: g.chat.URL, Now: now,
	})
	require.NoError(t, err)
	signer, err := links.New([]string{"0123456789abcdef0123456789abcdef"})
	require.NoError(t, err)
	g.media = &media{
		public: "https://relay.example.com", signer: signer, files: client, events: g.kept, ttl: 72 * time.Hour, now: now,
		slots: semaphore.NewWeighted(openingsAtOnce), limit: rate.NewLimiter(rate.Inf, 0),
	}
	return g
}

// keep keeps an event with these files and gives the links of a message about it.
func (g *gallery) keep(n string, addresses ...string) (relay.Event, []string) {
	event := relay.Event{ID: strings.Repeat(n, 32), Message: &relay.Message{ID: "4711"}}
	for _, address := range addresses {
		event.Message.Attachments = append(event.Message.Attachments, relay.Attachment{URL: address})
	}
	g.kept[event.ID] = event
	attachments, _ := g.of(event)
	return event, attachments
}

// follow opens a link and gives what is there, following all the way like a browser.
func (g *gallery) follow(link string) (string, error) {
	token, ours := strings.CutPrefix(link, "https://relay.example.com/m/")
	require.True(g.t, ours, link)
	address, err := g.Open(g.t.Context(), token)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(g.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(g.t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	body, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	require.Equal(g.t, http.StatusOK, response.StatusCode)
	return string(body), nil
}

func TestALinkToAFileWorksHoursAfterItWasSent(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	signed := g.chat.SignedFile("b.png", []byte("signed"), 24*time.Hour)
	_, made := g.keep("aa", g.chat.File("a.png", []byte("by token")), signed)
	for range 3 {
		g.pass(time.Hour)
		got, err := g.follow(made[0])
		require.NoError(t, err)
		require.Equal(t, "by token", got, "a fresh link at each click, since one works for five minutes")
		got, err = g.follow(made[1])
		require.NoError(t, err)
		require.Equal(t, "signed", got)
	}
	require.Zero(t, g.chat.Asked("/v3/messages/"), "a signature that is good needs no question")

	g.pass(24 * time.Hour)
	fresh := g.chat.SignedFile("b.png", []byte("signed"), time.Hour)
	g.chat.Message("4711", "ann", "bob", cometchattest.Attachment{URL: g.chat.URL + "/" + cometchattest.AppID + "/media/other.png"},
		cometchattest.Attachment{URL: fresh})
	got, err := g.follow(made[1])
	require.NoError(t, err)
	require.Equal(t, "signed", got, "one that is over is asked for anew")
	require.Equal(t, 1, g.chat.Asked("/v3/messages/4711"))
}

func TestNothingIsLedToThatIsNotThisAppsFile(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	var visits atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(evil.Close)
	foreign := []string{
		evil.URL + "/" + cometchattest.AppID + "/media/a.png",
		"https://files-eu.cometchat.io.evil.example/" + cometchattest.AppID + "/media/a.png",
		"https://files-eu.cometchat.io@evil.example/" + cometchattest.AppID + "/media/a.png",
		"https://files-us.cometchat.io/" + cometchattest.AppID + "/media/a.png",
		"https://files-eu.cometchat.io/another/media/a.png",
		"https://files-eu.cometchat.io/" + cometchattest.AppID + "/media/../../another/media/a.png",
		"http://files-eu.cometchat.io/" + cometchattest.AppID + "/media/a.png",
		"https://recordings-eu.cometchat.io/" + cometchattest.AppID + "/2026-03-02/a.mp4", // of calls, not of messages
		"javascript:alert(1)", "", "https://files-eu.cometchat.io/" + cometchattest.AppID + "/media/\r\nX: y",
	}
	event, made := g.keep("aa", foreign...)
	for i, link := range made {
		require.Empty(t, link, "a dead link is not sent: %s", foreign[i])
		token := g.signer.Media(links.File{Event: event.ID, Index: i, Expires: g.now().Add(time.Hour)})
		_, err := g.Open(t.Context(), token)
		require.ErrorIs(t, err, server.ErrBadLink, foreign[i])
	}
	require.Zero(t, visits.Load())
	require.Empty(t, g.chat.Calls(), "nor is CometChat asked")

	// CometChat itself is led astray.
	file := g.chat.File("a.png", []byte("x"))
	event, made = g.keep("bb", file)
	g.chat.Fail("/"+cometchattest.AppID+"/media/", cometchattest.Fault{Status: 200, Body: `{"data":{"url":"` + evil.URL + `/x"}}`})
	_, err := g.follow(made[0])
	require.Error(t, err)
	require.NotErrorIs(t, err, server.ErrBadLink)
	g.chat.Message("4711", "ann", "bob", cometchattest.Attachment{URL: evil.URL + "/" + cometchattest.AppID + "/media/s.png?Expires=9999999999&Signature=x"})
	event.Message.Attachments[0].URL = g.chat.URL + "/" + cometchattest.AppID + "/media/s.png?Expires=1&Signature=x"
	_, err = g.follow(made[0])
	require.ErrorIs(t, err, server.ErrBadLink, "the same path on another host is another file")
	require.Zero(t, visits.Load())
}

func TestALinkDiesWithItsTimeItsEventAndItsFile(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	event, made := g.keep("aa", g.chat.File("a.png", []byte("x")))
	token := strings.TrimPrefix(made[0], "https://relay.example.com/m/")
	open := func(token string) error {
		_, err := g.Open(t.Context(), token)
		return err
	}
	require.NoError(t, open(token))
	asked := len(g.chat.Calls())
	require.ErrorIs(t, open(token[:len(token)-1]+"A"), server.ErrBadLink, "tampered with")
	require.ErrorIs(t, open("x"), server.ErrBadLink)
	require.ErrorIs(t, open(g.signer.Unsubscribe(links.Subscription{Address: "ann@example.com"})), server.ErrBadLink, "a link of another kind")
	for _, index := range []int{1, 200, links.Recording} {
		require.ErrorIs(t, open(g.signer.Media(links.File{Event: event.ID, Index: index, Expires: g.now().Add(time.Hour)})), server.ErrBadLink, "no such file")
	}
	g.pass(72*time.Hour - time.Second)
	require.NoError(t, open(token))
	asked++
	g.pass(time.Second)
	require.ErrorIs(t, open(token), server.ErrBadLink, "over")
	require.Len(t, g.chat.Calls(), asked, "nobody is asked for what is no good")

	_, made = g.keep("bb", g.chat.File("a.png", []byte("x")))
	delete(g.kept, strings.Repeat("bb", 32))
	_, err := g.follow(made[0])
	require.ErrorIs(t, err, server.ErrBadLink, "what was forgotten shows nothing")
	_, made = g.keep("cc", g.chat.URL+"/"+cometchattest.AppID+"/media/deleted.png")
	_, err = g.follow(made[0])
	require.ErrorIs(t, err, server.ErrBadLink, "CometChat does not have it any more")
	_, made = g.keep("ee", g.chat.SignedFile("s.png", []byte("x"), time.Hour))
	g.pass(time.Hour)
	_, err = g.follow(made[0])
	require.ErrorIs(t, err, server.ErrBadLink, "CometChat does not know the message any more")
}

func TestCometChatInTroubleIsAFileForLater(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	_, made := g.keep("aa", g.chat.File("a.png", []byte("x")))
	_, spent := g.keep("bb", g.chat.SignedFile("s.png", []byte("x"), 10*time.Second))
	files := "/" + cometchattest.AppID + "/media/"
	for name, fault := range map[string]cometchattest.Fault{
		"down":          {Status: 503},
		"a wrong key":   {Status: 401, Code: "AUTH_ERR_APIKEY_NOT_FOUND"},
		"nonsense":      {Status: 200, Body: "<html>"},
		"a reset":       {Reset: true},
		"a redirection": {Status: 302, Header: map[string]string{"Location": "https://evil.example/"}},
	} {
		g.chat.Fail(files, fault)
		g.chat.Fail("/v3/messages/", fault)
		for _, link := range []string{made[0], spent[0]} {
			_, err := g.follow(link)
			require.Error(t, err, name)
			require.NotErrorIs(t, err, server.ErrBadLink, name)
			require.NotContains(t, err.Error(), "4711", name)
		}
	}
	_, dead := g.keep("dd", g.chat.File("d.png", nil))
	delete(g.kept, strings.Repeat("dd", 32))
	_, err := g.follow(dead[0])
	require.ErrorContains(t, err, "the store is down")
	require.NotErrorIs(t, err, server.ErrBadLink)

	g.chat.Fail(files, cometchattest.TooMany(15))
	_, err = g.follow(made[0])
	later, ok := errors.AsType[*server.LaterError](err)
	require.True(t, ok, err)
	require.Equal(t, 15*time.Second, later.After)
	g.chat.Fail(files, cometchattest.Fault{})
	g.pass(15 * time.Second)
	_, err = g.follow(made[0])
	require.NoError(t, err)
}

func TestOpeningLinksIsBounded(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	_, made := g.keep("aa", g.chat.File("a.png", []byte("x")))
	g.chat.Fail("/", cometchattest.Fault{Hang: true})
	token := strings.TrimPrefix(made[0], "https://relay.example.com/m/")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, openingsAtOnce)
	for range openingsAtOnce {
		go func() {
			_, err := g.Open(ctx, token)
			done <- err
		}()
	}
	require.Eventually(t, func() bool { return len(g.chat.Calls()) == openingsAtOnce }, time.Minute, time.Millisecond)
	waiting, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err := g.Open(waiting, token)
	require.ErrorContains(t, err, "wait for other links")
	require.Len(t, g.chat.Calls(), openingsAtOnce)
	cancel()
	for range openingsAtOnce {
		require.Error(t, <-done)
	}
	g.limit = rate.NewLimiter(1, 1)
	g.chat.Fail("/", cometchattest.Fault{})
	_, err = g.Open(t.Context(), token)
	require.NoError(t, err)
	_, err = g.Open(t.Context(), token)
	later, ok := errors.AsType[*server.LaterError](err)
	require.True(t, ok, err)
	require.Equal(t, time.Second, later.After)
}

func TestARecordingIsLedToAsItIs(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	recording := "https://recordings-eu.cometchat.io/" + cometchattest.AppID + "/2026-03-02/call.mp4"
	event := relay.Event{ID: strings.Repeat("aa", 32), Recording: &relay.Recording{URL: recording}}
	g.kept[event.ID] = event
	files, link := g.of(event)
	require.Empty(t, files)
	address, err := g.Open(t.Context(), strings.TrimPrefix(link, "https://relay.example.com/m/"))
	require.NoError(t, err)
	require.Equal(t, recording, address)
	require.Empty(t, g.chat.Calls(), "nobody needs a key for it")
	for _, other := range []string{
		"https://recordings-us.cometchat.io/" + cometchattest.AppID + "/call.mp4", "https://recordings-eu.cometchat.io/another/call.mp4",
		"https://recordings-eu.cometchat.io/" + cometchattest.AppID + "/", "http://recordings-eu.cometchat.io/" + cometchattest.AppID + "/a.mp4",
		"https://recordings-eu.cometchat.io/" + cometchattest.AppID + "/../x/a.mp4", "https://evil.example/" + cometchattest.AppID + "/a.mp4",
	} {
		event.Recording = &relay.Recording{URL: other}
		_, link := g.of(event)
		require.Empty(t, link, other)
	}
}

func TestWithoutAllThatTheyNeedThereAreNoLinksToFiles(t *testing.T) {
	t.Parallel()
	public, err := url.Parse("https://relay.example.com")
	require.NoError(t, err)
	whole := config.Config{PublicURL: public, SecretKeys: []config.Secret{"0123456789abcdef0123456789abcdef"}, MediaLinkTTL: time.Hour}
	client, err := rest.New(rest.Config{AppID: "app", Region: "eu", APIKey: "key"})
	require.NoError(t, err)
	mail, err := newMailLinks(whole)
	require.NoError(t, err)
	require.NotNil(t, newMedia(whole, mail, client, nil).opener())
	for name, none := range map[string]*media{
		"CometChat's key":    newMedia(whole, mail, nil, nil),
		"keys to sign with":  newMedia(whole, mailLinks{public: mail.public}, client, nil),
		"the public address": newMedia(whole, mailLinks{signer: mail.signer}, client, nil),
	} {
		require.Nil(t, none.opener(), name)
		files, recording := none.of(relay.Event{Message: &relay.Message{Attachments: make([]relay.Attachment, 2)}, Recording: &relay.Recording{}})
		require.Empty(t, files, name)
		require.Empty(t, recording, name)
	}
}
