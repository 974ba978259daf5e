package channel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// idlePerHost is how many connections wait for the next message: as many as attempts are usual at once.
	// net/http's own default of 2 makes most sends dial anew.
	idlePerHost = 64
	dialTimeout = 5 * time.Second
	idleTimeout = 90 * time.Second
	// maxHeader and maxBody bound an answer, in bytes. The longest one the providers document is under 10 KiB.
	maxHeader = 64 << 10
	maxBody   = 1 << 20
)

// errBodyTooLong is what reading an answer gives beyond maxBody.
var errBodyTooLong = fmt.Errorf("answer is longer than %d bytes", maxBody)

// ParseBaseURL reads a setting that replaces scheme, host and port of every call to a provider, and may put a path in
// front of it. The empty setting is no base: nil. The error says what would be right, but not what was given, as that
// may hold a password.
func ParseBaseURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("must be an address such as https://proxy.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must not have a user, a query or a fragment")
	}
	return u, nil
}

// NewHTTPClient makes a client for one provider, to be shared by all attempts. base comes from ParseBaseURL; nil leaves
// the provider's own host.
//
// It keeps connections, takes a proxy from the environment, has no cookies and follows no redirect: Go would repeat the
// POST, and with it the message. Answers are bounded. Each step has a timeout, but the attempt as a whole is ended by
// its context (see Deadline).
func NewHTTPClient(base *url.URL) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &transport{base: base, next: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConns:           2 * idlePerHost,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTimeout,
			ResponseHeaderTimeout:  Deadline,
			MaxResponseHeaderBytes: maxHeader,
		}},
	}
}

// transport sends requests to the base instead, and bounds what comes back.
type transport struct {
	base *url.URL
	next *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.base != nil {
		req = rebase(req, t.base)
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: maxBody}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the pool.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }

func rebase(req *http.Request, base *url.URL) *http.Request {
	clone := req.Clone(req.Context())
	clone.Host = ""
	clone.URL.Scheme, clone.URL.Host = base.Scheme, base.Host
	if prefix := strings.TrimRight(base.Path, "/"); prefix != "" {
		clone.URL.Path = prefix + clone.URL.Path
		clone.URL.RawPath = ""
	}
	return clone
}

// boundedBody fails instead of reading on for ever.
type boundedBody struct {
	io.ReadCloser

	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// Exactly maxBody bytes are fine: only a further one is too many.
		n, err := b.ReadCloser.Read(make([]byte, 1))
		if n > 0 {
			return 0, errBodyTooLong
		}
		return 0, err
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	return n, err
}
