package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// lookupDeadline is how long a source is waited for in all; whoever asks waits for five seconds.
	lookupDeadline = 4500 * time.Millisecond
	// maxEntry bounds an answer, in bytes.
	maxEntry = 64 << 10
	// maxRedirects are followed on the same host.
	maxRedirects = 3
	// pauseUnsaid is how long a source is left alone that has too much to do and does not say until when.
	pauseUnsaid = 10 * time.Second
	// maxPause bounds what a source may ask for.
	maxPause = 5 * time.Minute
	// placeholder stands for the uid in an address.
	placeholder = "{uid}"
)

// HTTPConfig is what an HTTP source is made with. Of Token and User one at most is set.
type HTTPConfig struct {
	// Address has the placeholder {uid} in its path, such as "https://crm.example/contacts/{uid}". It is http on loopback only.
	Address string
	// Token is shown as a bearer token, User and Password by Basic authentication.
	Token, User, Password string
	// Networks may be dialled although they are not public.
	Networks []netip.Prefix
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// HTTP is a source that asks a service of the operator's for one person at a time.
//
// It answers 200 with an entry as ParseEntry reads it, or 404 where it knows nobody of that uid. Everything else means that it
// cannot say.
type HTTP struct {
	config HTTPConfig
	// before and after the uid.
	before, after string
	host          string
	client        *http.Client
	pause         outbound.Pause
}

// NewHTTP makes one. The error does not quote the address, which may hold a secret.
func NewHTTP(c HTTPConfig) (*HTTP, error) {
	u, err := url.Parse(c.Address)
	before, after, found := strings.Cut(c.Address, placeholder)
	if err != nil || u.User != nil || u.Hostname() == "" || u.Fragment != "" || !found || strings.Count(u.Path, placeholder) != 1 ||
		strings.Contains(after, placeholder) {
		return nil, errors.New("not the address of a directory, such as https://crm.example/contacts/{uid}")
	}
	allowed := c.Networks
	if isLoopback(u.Hostname()) { // then the address itself says so
		allowed = append(loopbacks(), allowed...)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, errors.New("the address of a directory must be https, or http on loopback")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &HTTP{
		config: c, before: before, after: after, host: u.Host,
		client: outbound.NewClient(outbound.Options{
			Patience: lookupDeadline, MaxBody: maxEntry, Control: guard{allowed}.control, Redirect: sameHost,
		}),
	}, nil
}

// Close lets idle connections go.
func (h *HTTP) Close() { h.client.CloseIdleConnections() }

// sameHost follows redirects that stay where they are: what is shown with the request is for that host only.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// Lookup implements Source.
func (h *HTTP) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	uid = strings.ToLower(uid)
	if !askable(uid) {
		return relay.Contact{}, ErrUnknown
	}
	if until, on := h.pause.On(h.config.Now()); on {
		return relay.Contact{}, h.trouble("it asked for a pause, until " + until.UTC().Format(time.RFC3339))
	}
	ctx, cancel := context.WithTimeout(ctx, lookupDeadline)
	defer cancel()
	status, body, err := h.get(ctx, h.before+url.PathEscape(uid)+h.after)
	if err != nil {
		return relay.Contact{}, err
	}
	switch status {
	case http.StatusOK:
		contact, err := ParseEntry(uid, body)
		if err != nil {
			return relay.Contact{}, fmt.Errorf("ask the directory at %s: %w", h.host, err)
		}
		return contact, nil
	case http.StatusNotFound:
		return relay.Contact{}, ErrUnknown
	case http.StatusUnauthorized, http.StatusForbidden:
		return relay.Contact{}, h.trouble(fmt.Sprintf("%d: it refuses BECKON_DIRECTORY_TOKEN or BECKON_DIRECTORY_USER", status))
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return relay.Contact{}, h.trouble(fmt.Sprintf("%d: a redirect to another host, or one of many, is not followed", status))
	default:
		return relay.Contact{}, h.trouble(strconv.Itoa(status))
	}
}

// askable reports whether a uid can be put into a path. What could lead to another one is nobody's uid: they have letters, digits,
// hyphens and underscores.
func askable(uid string) bool {
	return uid != "" && len(uid) <= maxUID && strings.Trim(uid, ".") != "" && !strings.ContainsFunc(uid, notInUID) &&
		!strings.ContainsAny(uid, `/\%`)
}

// get gives status and body of an answer.
func (h *HTTP) get(ctx context.Context, address string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, nil, h.trouble("the address cannot be asked")
	}
	request.Header.Set("Accept", "application/json")
	switch {
	case h.config.Token != "":
		request.Header.Set("Authorization", "Bearer "+h.config.Token)
	case h.config.User != "":
		request.SetBasicAuth(h.config.User, h.config.Password)
	}
	response, err := h.client.Do(request)
	if err != nil {
		if inside, ok := errors.AsType[*insideError](err); ok {
			return 0, nil, h.trouble(inside.Error())
		}
		return 0, nil, h.trouble(outbound.Explain(err))
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	h.heed(response)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, h.trouble(outbound.Explain(err))
	}
	return response.StatusCode, body, nil
}

// heed begins a pause where the source asks for one.
func (h *HTTP) heed(response *http.Response) {
	now := h.config.Now()
	wait := outbound.RetryAfter(response.Header, now)
	switch response.StatusCode {
	case http.StatusTooManyRequests:
		if wait <= 0 {
			wait = pauseUnsaid
		}
	case http.StatusServiceUnavailable:
	default:
		return
	}
	if wait > 0 {
		h.pause.Hold(now.Add(min(wait, maxPause)))
	}
}

// trouble is an error that says nothing about the person.
func (h *HTTP) trouble(detail string) error {
	return fmt.Errorf("ask the directory at %s: %s", h.host, detail)
}
