package links_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/links"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	older = "an older key of 32 characters ..."
	newer = "a newer key of 32 characters ...."
)

func signer(tb testing.TB, keys ...string) *links.Signer {
	tb.Helper()
	s, err := links.New(keys)
	require.NoError(tb, err)
	return s
}

func TestALinkLeadsBackToItsAddress(t *testing.T) {
	t.Parallel()
	s := signer(t, newer)
	for _, address := range []relay.Email{
		"ann@example.com", "Ann.Lee+chat@Example.com", "a@b", "müller@example.de",
		relay.Email(strings.Repeat("a", 242) + "@example.com"),
	} {
		token := s.Unsubscribe(address)
		require.Equal(t, token, url.PathEscape(token), "it stands in an address as it is")
		got, err := s.Unsubscriber(token)
		require.NoError(t, err)
		require.Equal(t, address.Reveal(), got.Reveal())
	}
	require.NotEqual(t, s.Unsubscribe("ann@example.com"), s.Unsubscribe("ann@example.net"))
}

func TestALinkThatWentOutStaysGood(t *testing.T) {
	t.Parallel()
	const token = "ARKRTnaURotHDShyGBp6mGRdixuzZ00z3BCGc29q9UwoYW5uQGV4YW1wbGUuY29t" //nolint:gosec // signed with a key that only this test has
	require.Equal(t, token, signer(t, older).Unsubscribe("ann@example.com"),
		"mails with this link lie in mailboxes: a change needs a new kind beside the old one")
}

func TestNoAddressHasNoLink(t *testing.T) {
	t.Parallel()
	require.Empty(t, signer(t, newer).Unsubscribe(""))
	require.Empty(t, signer(t, newer).Unsubscribe(relay.Email(strings.Repeat("a", 243)+"@example.com")), "no mailbox is that long")
}

func TestAKeyIsRotatedByPuttingTheNewOneInFront(t *testing.T) {
	t.Parallel()
	old := signer(t, older).Unsubscribe("ann@example.com")
	both := signer(t, newer, older)
	got, err := both.Unsubscriber(old)
	require.NoError(t, err)
	require.Equal(t, relay.Email("ann@example.com"), got)
	fresh := both.Unsubscribe("ann@example.com")
	_, err = signer(t, newer).Unsubscriber(fresh)
	require.NoError(t, err, "the first key signs")
	_, err = signer(t, newer).Unsubscriber(old)
	require.ErrorContains(t, err, "none of our keys", "the old key is gone")
}

func TestWithoutAKeyThereIsNoSigner(t *testing.T) {
	t.Parallel()
	_, err := links.New(nil)
	require.ErrorContains(t, err, "no key")
	_, err = links.New([]string{newer, ""})
	require.ErrorContains(t, err, "key 2 for links is empty")
}

func TestATokenThatWasChangedIsRefused(t *testing.T) {
	t.Parallel()
	s := signer(t, newer)
	good := s.Unsubscribe("ann@example.com")
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	for i := range raw {
		for bit := range 8 {
			changed := append([]byte{}, raw...)
			changed[i] ^= 1 << bit
			_, err := s.Unsubscriber(base64.RawURLEncoding.EncodeToString(changed))
			require.Error(t, err, "bit %d of byte %d", bit, i)
			if i == 0 {
				require.ErrorContains(t, err, "another kind")
			}
		}
	}
	for name, c := range map[string]struct{ token, want string }{
		"nothing":           {"", "wrong length"},
		"no address":        {base64.RawURLEncoding.EncodeToString(raw[:33]), "wrong length"},
		"cut":               {good[:len(good)-4], "none of our keys"},
		"with a tail":       {good + "AAAA", "none of our keys"},
		"padded":            {good + "=", "not base64url"},
		"in another base64": {"+" + good[1:], "not base64url"},
		"with a line break": {good[:8] + "\n" + good[8:], "not base64url"},
		"far too long":      {strings.Repeat("A", 1<<20), "wrong length"},
	} {
		_, err := s.Unsubscriber(c.token)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "unsubscribe link: ", name)
		if c.token != "" {
			require.NotContains(t, err.Error(), c.token, name)
		}
	}
}

func FuzzUnsubscriber(f *testing.F) {
	s := signer(f, newer)
	f.Add(s.Unsubscribe("ann@example.com"))
	f.Add("")
	f.Add("ARKRTnaURotHDShyGBp6mGRdixuzZ00z3BCGc29q9UwoYW5uQGV4YW1wbGUuY29t")
	f.Fuzz(func(t *testing.T, token string) {
		address, err := s.Unsubscriber(token)
		if err != nil {
			require.Empty(t, address.Reveal())
			return
		}
		require.Equal(t, token, s.Unsubscribe(address), "only what we signed is taken, in its one spelling")
	})
}
