package server

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"
)

const (
	// Failed attempts: ten at once, then one every ten seconds for each client.
	failureBurst = 10
	failureEvery = 10 * time.Second
	// maxClients bounds the memory of failures; past it all are forgiven.
	maxClients = 4096
)

// Operator may use the admin listener's actions, or, as a viewer, only look.
type Operator struct {
	Name string
	// Secret is the password, or its bcrypt hash when it begins with "$2".
	Secret string
	Viewer bool
}

// gate lets operators in.
type gate struct {
	operators []Operator
	// decoy is compared with when the name is not known, so that the time does not tell; nil without bcrypt secrets.
	decoy    []byte
	failures *failures
}

func newGate(operators []Operator) *gate {
	g := &gate{failures: &failures{clients: map[netip.Prefix]*client{}}}
	for _, o := range operators {
		if o.Name == "" || o.Secret == "" {
			continue
		}
		g.operators = append(g.operators, o)
		if hashed(o.Secret) {
			g.decoy = []byte(o.Secret)
		}
	}
	return g
}

var (
	errWrongOperator = errors.New("no such operator, or a wrong secret")
	errTooMany       = errors.New("too many failed attempts")
)

// enter finds the operator who makes the request. A client's attempts are checked one after the other, so that it
// cannot try many at once before the first failure counts.
func (g *gate) enter(r *http.Request, address string) (Operator, error) {
	if _, _, sent := r.BasicAuth(); !sent {
		return Operator{}, errWrongOperator // no guess, as a browser asks before it shows its dialog
	}
	c := g.failures.of(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left.Tokens() < 1 {
		return Operator{}, errTooMany
	}
	operator, ok := g.find(r)
	if !ok {
		c.left.Allow()
		return Operator{}, errWrongOperator
	}
	return operator, nil
}

// find compares with every plain secret and with exactly one hash, if there are any.
func (g *gate) find(r *http.Request) (Operator, bool) {
	name, secret, _ := r.BasicAuth()
	sum := hashPair(name, secret)
	hash, named := g.decoy, -1
	found := -1
	for i, o := range g.operators {
		known := hashPair(o.Name, o.Secret)
		switch {
		case hashed(o.Secret) && o.Name == name:
			hash, named = []byte(o.Secret), i
		case !hashed(o.Secret) && subtle.ConstantTimeCompare(sum[:], known[:]) == 1:
			found = i
		}
	}
	if hash != nil && bcrypt.CompareHashAndPassword(hash, []byte(secret)) == nil && named >= 0 {
		found = named
	}
	if found < 0 {
		return Operator{}, false
	}
	return g.operators[found], true
}

func hashed(secret string) bool { return strings.HasPrefix(secret, "$2") }

// failures counts failed attempts by client.
type failures struct {
	mu      sync.Mutex
	clients map[netip.Prefix]*client
}

type client struct {
	mu   sync.Mutex
	left *rate.Limiter
}

// of finds a client by its address; one that cannot be read is a client, too. IPv6 counts by /64, which is what one
// subscriber has.
func (f *failures) of(address string) *client {
	ip, _ := netip.ParseAddr(address)
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	network, _ := ip.Prefix(bits)
	f.mu.Lock()
	defer f.mu.Unlock()
	found, ok := f.clients[network]
	if !ok {
		if len(f.clients) >= maxClients {
			clear(f.clients)
		}
		found = &client{left: rate.NewLimiter(rate.Every(failureEvery), failureBurst)}
		f.clients[network] = found
	}
	return found
}
