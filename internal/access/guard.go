package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What keeps somebody out.
var (
	// ErrNone says that the request brings nothing that tells who makes it.
	ErrNone = errors.New("nobody said who they are")
	// ErrWrong does not say what of it is wrong.
	ErrWrong = errors.New("no such operator, or a wrong secret")
	// ErrTooMany asks a client to wait for FailureEvery.
	ErrTooMany = errors.New("too many failed attempts")
	// ErrNobody says that nobody is let in, since nobody is configured.
	ErrNobody = errors.New("no operator is configured")
	// ErrForeignHost refuses a request to a name that is not this machine's, where no credentials are asked for.
	ErrForeignHost = errors.New("without credentials only localhost or an IP address is answered")
	// ErrNoLogin says that nobody logs in by name and secret here.
	ErrNoLogin = errors.New("nobody logs in by name and secret here")
)

// Options say who is let in.
type Options struct {
	Operators []Operator
	Tokens    []Token
	Proxy     Proxy
	// Keys are secrets that sign sessions: the first signs, all verify. Without any a session is good for this process only.
	Keys []string
	// TrustedProxies are the networks whose X-Forwarded-Proto is believed, besides those of Proxy.
	TrustedProxies []netip.Prefix
	// Open lets everybody in who reaches the listener, as Local: for loopback only.
	Open bool
	// Lasting is what outlives this Guard; nil makes a new one.
	Lasting *Lasting
	// Now is the clock; nil means time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Lasting is what outlives a Guard, which is made anew when secrets are rotated: who failed how often, and the key of this process.
type Lasting struct {
	failures failures
	secret   []byte
}

// NewLasting makes one for a process.
func NewLasting() *Lasting {
	return &Lasting{failures: failures{clients: map[netip.Prefix]*client{}}, secret: randomSecret()}
}

// Guard knows who may come in. It may be used from many goroutines.
type Guard struct {
	operators operators
	tokens    tokens
	proxy     Proxy
	proxies   []netip.Prefix
	keys      []sessionKey
	open      bool
	lasting   *Lasting
	now       func() time.Time
	logger    *slog.Logger
}

// New makes a Guard. It fails only where a key cannot be derived.
func New(o Options) (*Guard, error) {
	g := &Guard{
		operators: newOperators(o.Operators), tokens: newTokens(o.Tokens), proxy: o.Proxy, open: o.Open, lasting: o.Lasting,
		proxies: slices.Concat(o.TrustedProxies, o.Proxy.Networks), now: o.Now, logger: o.Logger,
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.logger == nil {
		g.logger = slog.New(slog.DiscardHandler)
	}
	if g.lasting == nil {
		g.lasting = NewLasting()
	}
	secrets := [][]byte{g.lasting.secret}
	if len(o.Keys) > 0 {
		secrets = nil
	}
	for _, key := range o.Keys {
		secrets = append(secrets, []byte(key))
	}
	for _, secret := range secrets {
		key, err := newSessionKey(secret)
		if err != nil {
			return nil, fmt.Errorf("derive the key of sessions: %w", err)
		}
		g.keys = append(g.keys, key)
	}
	return g, nil
}

// Open says that everybody is let in.
func (g *Guard) Open() bool { return g.open }

// Configured says that somebody is known who may come in.
func (g *Guard) Configured() bool {
	return len(g.operators.list) > 0 || len(g.tokens) > 0 || g.proxy.configured()
}

// Logins says that there is somebody who can log in by name and secret.
func (g *Guard) Logins() bool { return !g.open && len(g.operators.list) > 0 }

// Identify finds who makes a request: whom a trusted proxy names, else whose session it is, else whose credentials it brings. client is
// the address it comes from, by which failures are counted. The errors are those of this package.
func (g *Guard) Identify(r *http.Request, client string) (Person, error) {
	if g.open {
		return Person{Name: Local}, checkLocalHost(r.Host)
	}
	if !g.Configured() {
		return Person{}, ErrNobody
	}
	if person, ok := g.Known(r); ok {
		return person, nil
	}
	if token, ok := bearer(r); ok {
		return g.attempt(r.Context(), client, "token", func() (Person, bool) { return g.tokens.find(token) })
	}
	if name, secret, ok := r.BasicAuth(); ok {
		return g.attempt(r.Context(), client, "basic", func() (Person, bool) {
			o, ok := g.operators.find(name, secret)
			return Person{Name: o.Name, Viewer: o.Viewer}, ok
		})
	}
	return Person{}, ErrNone // no guess, as a browser asks before it shows its dialog
}

// Known is Identify for what cannot be guessed: a proxy's word, or a session. It counts and logs nothing.
func (g *Guard) Known(r *http.Request) (Person, bool) {
	if g.open {
		return Person{Name: Local}, checkLocalHost(r.Host) == nil
	}
	if person, ok := g.proxy.person(r); ok {
		return person, true
	}
	_, person, ok := g.session(r)
	return person, ok
}

// attempt lets a client try once. What fails is logged without what was tried, which may be a password in the wrong field.
func (g *Guard) attempt(ctx context.Context, client, way string, find func() (Person, bool)) (Person, error) {
	var person Person
	err := g.lasting.failures.try(client, func() error {
		found, ok := find()
		if !ok {
			return ErrWrong
		}
		person = found
		return nil
	})
	if errors.Is(err, ErrWrong) {
		g.logger.WarnContext(ctx, "somebody was not let in", "by", way, "client", masked(client))
	}
	return person, err
}

// bearer is the token that a request brings.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "bearer")
}
