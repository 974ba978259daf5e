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
		for _, of := range []links.Subscription{
			{Address: address},
			{Address: address, Locale: "pt-BR"},
			{Address: address, UID: "ann-1", Rule: "missed-call"},
			{Address: address, UID: strings.Repeat("u", 100), Rule: "größer", Locale: "de-AT"},
		} {
			token := s.Unsubscribe(of)
			require.Equal(t, token, url.PathEscape(token), "it stands in an address as it is")
			require.Less(t, len("List-Unsubscribe: <https://relay.example.com/u/>")+len(token), 998, "and in one line of a header")
			got, err := s.Subscription(token)
			require.NoError(t, err)
			require.Equal(t, of.Address.Reveal(), got.Address.Reveal())
			require.Equal(t, of, got)
		}
	}
	require.NotEqual(t, ofAnn(s), s.Unsubscribe(links.Subscription{Address: "ann@example.net"}))
}

func ofAnn(s *links.Signer) string {
	return s.Unsubscribe(links.Subscription{Address: "ann@example.com"})
}

func TestWhatDoesNotFitIsLeftOut(t *testing.T) {
	t.Parallel()
	s := signer(t, newer)
	for name, of := range map[string]links.Subscription{
		"a rule without a person": {Address: "ann@example.com", Rule: "missed-call"},
		"a person without a rule": {Address: "ann@example.com", UID: "ann-1"},
		"a rule that is too long": {Address: "ann@example.com", UID: "ann-1", Rule: strings.Repeat("r", 255)},
		"together they are":       {Address: "ann@example.com", UID: strings.Repeat("u", 250), Rule: strings.Repeat("r", 250)},
		"an endless language":     {Address: "ann@example.com", Locale: strings.Repeat("x-", 500)},
	} {
		got, err := s.Subscription(s.Unsubscribe(of))
		require.NoError(t, err, name)
		require.Equal(t, links.Subscription{Address: "ann@example.com"}, got, name)
	}
}

func TestALinkThatWentOutStaysGood(t *testing.T) {
	t.Parallel()
	const token = "ARKRTnaURotHDShyGBp6mGRdixuzZ00z3BCGc29q9UwoYW5uQGV4YW1wbGUuY29t" //nolint:gosec // signed with a key that only this test has
	require.Equal(t, token, ofAnn(signer(t, older)), "mails with this link lie in mailboxes: a change needs a new kind beside the old one")
	const second = "A_34okzF3hncwVVEQktZzyS1v1GtsYn99AUlT6dHhkMjD2FubkBleGFtcGxlLmNvbQVhbm4tMQttaXNzZWQtY2FsbAJkZQ"
	of := links.Subscription{Address: "ann@example.com", UID: "ann-1", Rule: "missed-call", Locale: "de"}
	require.Equal(t, second, signer(t, older).Unsubscribe(of), "and so do these")
	got, err := signer(t, newer, older).Subscription(token)
	require.NoError(t, err)
	require.Equal(t, links.Subscription{Address: "ann@example.com"}, got)
	got, err = signer(t, newer, older).Subscription(second)
	require.NoError(t, err)
	require.Equal(t, of, got)
}

func TestNoAddressHasNoLink(t *testing.T) {
	t.Parallel()
	require.Empty(t, signer(t, newer).Unsubscribe(links.Subscription{UID: "ann-1", Rule: "missed-call"}))
	require.Empty(t, signer(t, newer).Unsubscribe(links.Subscription{Address: relay.Email(strings.Repeat("a", 243) + "@example.com")}), "no mailbox is that long")
}

func TestAKeyIsRotatedByPuttingTheNewOneInFront(t *testing.T) {
	t.Parallel()
	old := ofAnn(signer(t, older))
	both := signer(t, newer, older)
	got, err := both.Subscription(old)
	require.NoError(t, err)
	require.Equal(t, relay.Email("ann@example.com"), got.Address)
	fresh := ofAnn(both)
	_, err = signer(t, newer).Subscription(fresh)
	require.NoError(t, err, "the first key signs")
	_, err = signer(t, newer).Subscription(old)
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
	good := s.Unsubscribe(links.Subscription{Address: "ann@example.com", UID: "ann-1", Rule: "missed-call", Locale: "de"})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	for i := range raw {
		for bit := range 8 {
			changed := append([]byte{}, raw...)
			changed[i] ^= 1 << bit
			_, err := s.Subscription(base64.RawURLEncoding.EncodeToString(changed))
			require.Error(t, err, "bit %d of byte %d", bit, i)
			if i == 0 && changed[0] != 1 {
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
		_, err := s.Subscription(c.token)
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "unsubscribe link: ", name)
		if c.token != "" {
			require.NotContains(t, err.Error(), c.token, name)
		}
	}
}

func FuzzSubscription(f *testing.F) {
	s := signer(f, newer)
	f.Add(ofAnn(s))
	f.Add(s.Unsubscribe(links.Subscription{Address: "ann@example.com", UID: "ann-1", Rule: "missed-call", Locale: "de"}))
	f.Add("")
	f.Add("ARKRTnaURotHDShyGBp6mGRdixuzZ00z3BCGc29q9UwoYW5uQGV4YW1wbGUuY29t")
	f.Fuzz(func(t *testing.T, token string) {
		of, err := s.Subscription(token)
		if err != nil {
			require.Empty(t, of)
			return
		}
		require.Equal(t, token, s.Unsubscribe(of), "only what we signed is taken, in its one spelling")
	})
}
