package outbound

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// idlePerHost is how many connections wait for the next call: as many as are usual at once.
	// net/http's own default of 2 makes most calls dial anew.
	idlePerHost = 64
	dialTimeout = 5 * time.Second
	idleTimeout = 90 * time.Second
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
)

// ParseBaseURL reads a setting that replaces scheme, host and port of every call to a service, and may put a path in
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

// Options say what a client may do.
type Options struct {
	// Base comes from ParseBaseURL and takes the place of every host; nil leaves the address as it is asked for.
	Base *url.URL
	// Patience is how long the beginning of an answer is waited for.
	Patience time.Duration
	// MaxBody bounds an answer, in bytes; what is longer is an error to whoever reads it.
	MaxBody int
	// Control is asked about each network address before it is dialled, as that of net.Dialer is; nil allows all.
	Control func(network, address string, c syscall.RawConn) error
	// Redirect is as CheckRedirect of http.Client; nil follows none, and gives back the answer that redirects.
	Redirect func(req *http.Request, via []*http.Request) error
}

// NewClient makes a client for one service, to be shared by all who call it.
//
// It keeps connections, takes a proxy from the environment and has no cookies. It follows no redirect unless it is told which: Go
// would repeat a POST, and with it the message, or take a credential elsewhere. Answers are bounded. Each step has a
// timeout, but the call as a whole is ended by its context.
func NewClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: o.Control}
	if o.Redirect == nil {
		o.Redirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &http.Client{
		CheckRedirect: o.Redirect,
		Transport: &transport{base: o.Base, most: o.MaxBody, next: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConns:           2 * idlePerHost,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTimeout,
			ResponseHeaderTimeout:  o.Patience,
			MaxResponseHeaderBytes: maxHeader,
		}},
	}
}

// transport sends requests to the base instead, and bounds what comes back.
type transport struct {
	base *url.URL
	most int
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
	res.Body = &boundedBody{ReadCloser: res.Body, most: t.most, left: t.most}
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

	most, left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// Exactly most bytes are fine: only a further one is too many.
		n, err := b.ReadCloser.Read(make([]byte, 1))
		if n > 0 {
			return 0, fmt.Errorf("answer is longer than %d bytes", b.most)
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
