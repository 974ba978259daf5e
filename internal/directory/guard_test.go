package directory

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsAllowedIsDialledAndNothingElseInside(t *testing.T) {
	t.Parallel()
	g := guard{[]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/64")}}
	for address, want := range map[string]bool{
		"8.8.8.8:443":             true,
		"[2a00:1450:4001::1]:443": true,
		"10.1.2.3:443":            true,
		"[::ffff:10.1.2.3]:443":   true,
		"[fd00:1::7]:443":         true,
		"10.2.2.3:443":            false,
		"[fd00:2::7]:443":         false,
		"127.0.0.1:443":           false,
		"[::1]:443":               false,
		"169.254.169.254:80":      false,
		"[fe80::1%eth0]:443":      false,
		"100.100.1.1:443":         false,
		"name:443":                false,
		"":                        false,
	} {
		require.Equal(t, want, g.control("tcp", address, nil) == nil, address)
	}
	require.NoError(t, guard{loopbacks()}.control("tcp", "127.0.0.1:80", nil))
	require.NoError(t, guard{loopbacks()}.control("tcp", "[::1]:80", nil))
	require.Error(t, guard{loopbacks()}.control("tcp", "10.0.0.1:80", nil))
}
