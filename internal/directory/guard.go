package directory

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// guard keeps a client from addresses inside: a name that somebody else answers for could otherwise lead to the metadata of a
// cloud or to a database next door.
type guard struct{ allowed []netip.Prefix }

// insideError is an address that is not dialled.
type insideError struct{ ip netip.Addr }

// Error implements error.
func (e *insideError) Error() string {
	return fmt.Sprintf("%s is not a public address; if it is right, allow its network with BECKON_DIRECTORY_NETWORKS", e.ip)
}

// control looks at each address after its name was looked up and before it is dialled, so that nothing can change in between.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("not an address to dial: %w", err)
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, network := range g.allowed {
		if network.Contains(ip) {
			return nil
		}
	}
	if !public(ip) {
		return &insideError{ip}
	}
	return nil
}

// special are networks that the standard library counts as global and that are not everybody's: carriers' own addresses,
// benchmarks, protocol assignments, what is reserved, and those that hold an IPv4 address which may be any.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("::/96"),
}

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}

// loopbacks are the networks of this machine.
func loopbacks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// isLoopback reports whether a host can only be this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
