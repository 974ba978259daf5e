package access

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Failed attempts: ten at once, then one every FailureEvery for each client.
	failureBurst = 10
	// FailureEvery is how long a client waits for one more attempt after ErrTooMany.
	FailureEvery = 10 * time.Second
	// maxClients bounds the memory of failures; past it all are forgiven.
	maxClients = 4096
)

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
	network := network(address, 32, 64)
	f.mu.Lock()
	defer f.mu.Unlock()
	found, ok := f.clients[network]
	if !ok {
		if len(f.clients) >= maxClients {
			clear(f.clients)
		}
		found = &client{left: rate.NewLimiter(rate.Every(FailureEvery), failureBurst)}
		f.clients[network] = found
	}
	return found
}

// try makes one attempt, which tells whether it failed. A client's attempts are made one after the other, so that it cannot make
// many at once before the first failure counts. ErrTooMany, without an attempt, where too many failed before.
func (f *failures) try(address string, attempt func() error) error {
	c := f.of(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left.Tokens() < 1 {
		return ErrTooMany
	}
	err := attempt()
	if err != nil {
		c.left.Allow()
	}
	return err
}

// network is the one of an address that has so many bits; the zero one for what is no address.
func network(address string, bits4, bits6 int) netip.Prefix {
	ip, _ := netip.ParseAddr(address)
	ip = ip.Unmap().WithZone("")
	bits := bits4
	if ip.Is6() {
		bits = bits6
	}
	found, _ := ip.Prefix(bits)
	return found
}

// masked shows of a client no more than its network: enough to find it in the log of a firewall.
func masked(address string) string {
	if found := network(address, 24, 48); found.IsValid() {
		return found.String()
	}
	return "unknown"
}
