package access

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/beckon-relay/beckon/internal/relay"
)

// maxName is the longest name of a person, in bytes; the settings allow no longer one.
const maxName = 128

// Proxy says which proxies name the person behind a request. The zero value is none.
type Proxy struct {
	// Header has the name, such as X-Forwarded-User.
	Header string
	// Networks are the proxies'. From anywhere else the header is ignored.
	Networks []netip.Prefix
	// Operators may act; everybody else who is named is a viewer.
	Operators []string
}

func (p Proxy) configured() bool { return p.Header != "" && len(p.Networks) > 0 }

// person is whom a trusted proxy names. A name that is none, or several, are nobody's: it is not known then what the proxy made of
// what the browser sent.
func (p Proxy) person(r *http.Request) (Person, bool) {
	if !p.configured() || !peerIn(r, p.Networks) {
		return Person{}, false
	}
	values := r.Header.Values(p.Header)
	if len(values) != 1 {
		return Person{}, false
	}
	name := strings.TrimSpace(values[0])
	if !validName(name) {
		return Person{}, false
	}
	return Person{Name: name, Viewer: !slices.Contains(p.Operators, name)}, true
}

// validName says whether somebody may be called so: the name stands in the audit, in logs and on pages. It is not one of those that
// the audit has for others than operators.
func validName(name string) bool {
	return name != "" && len(name) <= maxName && name != Local && name != relay.ByRecipient && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// peerIn says whether the other end of the connection, whatever headers say, is in one of the networks.
func peerIn(r *http.Request, networks []netip.Prefix) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// checkLocalHost refuses names but localhost where no credentials protect: a page whose name was made to resolve to
// this machine counts as the same origin, but cannot send another Host than its own.
func checkLocalHost(hostport string) error {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); err == nil || strings.EqualFold(host, "localhost") {
		return nil
	}
	return ErrForeignHost
}
