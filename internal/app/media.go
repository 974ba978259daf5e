package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/beckon-relay/beckon/internal/cometchat/rest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/links"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// Bounds of what readers of messages may have CometChat asked: whoever has one link can open it as often as they like, and the
// look-ups of people go over the same connections.
const (
	openingsAtOnce    = 8
	openingsPerSecond = 20
	// spentSoon is how long a link must still work for a reader to be sent there.
	spentSoon = 30 * time.Second
)

// media makes the links to files in messages, and leads from them to where CometChat has the file now.
type media struct {
	public string
	signer *links.Signer
	files  *rest.Client
	events interface {
		Event(ctx context.Context, id string) (relay.Event, error)
	}
	ttl   time.Duration
	now   func() time.Time
	slots *semaphore.Weighted
	limit *rate.Limiter
}

// newMedia is nil where there can be no links: without a public URL, keys to sign them with, or the key of CometChat's API.
func newMedia(c config.Config, mail mailLinks, files *rest.Client, kept store.Store) *media {
	if mail.public == "" || mail.signer == nil || files == nil {
		return nil
	}
	return &media{
		public: mail.public, signer: mail.signer, files: files, events: kept, ttl: c.MediaLinkTTL, now: time.Now,
		slots: semaphore.NewWeighted(openingsAtOnce), limit: rate.NewLimiter(openingsPerSecond, 2*openingsPerSecond),
	}
}

// of gives the links to the files of an event that lie at CometChat, in the order of the attachments.
func (m *media) of(event relay.Event) (attachments []string, recording string) {
	if m == nil {
		return nil, ""
	}
	if event.Message != nil {
		for i, file := range event.Message.Attachments {
			attachments = append(attachments, m.link(event.ID, i, m.files.MediaHost(file.URL)))
		}
	}
	if r := event.Recording; r != nil {
		recording = m.link(event.ID, links.Recording, m.files.RecordingHost(r.URL) || m.files.MediaHost(r.URL))
	}
	return attachments, recording
}

func (m *media) link(event string, index int, ours bool) string {
	if !ours {
		return ""
	}
	token := m.signer.Media(links.File{Event: event, Index: index, Expires: m.now().Add(m.ttl)})
	if token == "" {
		return ""
	}
	return m.public + "/m/" + token
}

// opener is nil without links.
func (m *media) opener() server.Media {
	if m == nil {
		return nil
	}
	return m
}

// Open implements server.Media. Nobody is asked about a link that is not ours or is over.
func (m *media) Open(ctx context.Context, token string) (string, error) {
	file, err := m.signer.File(token)
	if err != nil {
		return "", fmt.Errorf("%w: %w", server.ErrBadLink, err)
	}
	if !m.now().Before(file.Expires) {
		return "", fmt.Errorf("%w: its time is over", server.ErrBadLink)
	}
	if !m.limit.Allow() {
		return "", &server.LaterError{After: time.Second, Err: errors.New("too many links are opened")}
	}
	if err := m.slots.Acquire(ctx, 1); err != nil {
		return "", fmt.Errorf("wait for other links to be opened: %w", err)
	}
	defer m.slots.Release(1)
	event, err := m.events.Event(ctx, file.Event)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("%w: the event is gone", server.ErrBadLink)
	}
	if err != nil {
		return "", fmt.Errorf("read the event of a link: %w", err)
	}
	return m.address(ctx, event, file.Index)
}

// address finds where a file of an event can be fetched now. What a chat user wrote as an address of theirs is never asked or led to.
func (m *media) address(ctx context.Context, event relay.Event, index int) (string, error) {
	known := ""
	switch {
	case index == links.Recording && event.Recording != nil:
		known = event.Recording.URL
	case event.Message != nil && index >= 0 && index < len(event.Message.Attachments):
		known = event.Message.Attachments[index].URL
	}
	u, err := url.Parse(known)
	switch {
	case err == nil && index == links.Recording && m.files.RecordingHost(known):
		return u.String(), nil
	case err != nil || !m.files.MediaHost(known):
		return "", fmt.Errorf("%w: not a file of this app at CometChat", server.ErrBadLink)
	}
	if m.spent(u) {
		if u, err = m.again(ctx, event, u); err != nil {
			return "", err
		}
	}
	address, err := m.files.MediaURL(ctx, u.String())
	if err != nil {
		return "", m.failed(err)
	}
	if u, err = url.Parse(address); err != nil || !m.files.MediaHost(address) {
		return "", errors.New("CometChat's link to a file does not lead to its files")
	}
	return u.String(), nil
}

// spent reports a link that was signed by CometChat and does not work any more, or not for long. A link without a signature at the
// host of those that have one is as good as spent.
func (m *media) spent(u *url.URL) bool {
	if !m.files.Signed(u.String()) {
		return false
	}
	expires, err := strconv.ParseInt(u.Query().Get("Expires"), 10, 64)
	return err != nil || !u.Query().Has("Signature") || !m.now().Add(spentSoon).Before(time.Unix(expires, 0))
}

// again asks CometChat for the message anew, whose files come with fresh links then, and finds the same file by its path.
func (m *media) again(ctx context.Context, event relay.Event, old *url.URL) (*url.URL, error) {
	if event.Message == nil {
		return nil, fmt.Errorf("%w: its signature is over", server.ErrBadLink)
	}
	message, err := m.files.Message(ctx, event.Message.ID)
	if err != nil {
		return nil, m.failed(err)
	}
	for _, file := range message.Attachments {
		u, err := url.Parse(file.URL)
		if err != nil || u.Path != old.Path || !m.files.MediaHost(file.URL) {
			continue
		}
		if m.spent(u) {
			return nil, errors.New("CometChat's fresh link to a file is over already; is the clock right?")
		}
		return u, nil
	}
	return nil, fmt.Errorf("%w: the message has no such file any more", server.ErrBadLink)
}

// failed sorts what became of a question to CometChat: the file is gone, or can be had later.
func (m *media) failed(err error) error {
	if errors.Is(err, rest.ErrNotFound) || errors.Is(err, rest.ErrForeign) {
		return fmt.Errorf("%w: %w", server.ErrBadLink, err)
	}
	refusal, ok := errors.AsType[*rest.Error](err)
	switch {
	case ok && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusGone):
		return fmt.Errorf("%w: %w", server.ErrBadLink, err)
	case ok && !refusal.Until.IsZero():
		return &server.LaterError{After: refusal.Until.Sub(m.now()), Err: err}
	}
	return err
}
