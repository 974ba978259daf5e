package privacy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/privacy"
	"github.com/beckon-relay/beckon/internal/relay"
)

type found struct {
	UID, Phone, Email string
	Yes, No           []string
}

func (f found) person() *privacy.Person {
	return privacy.New(f.UID, relay.NewAddress(relay.ChannelSMS, f.Phone), relay.NewAddress(relay.ChannelEmail, f.Email))
}

func table(tb testing.TB) []found {
	tb.Helper()
	raw, err := os.ReadFile("testdata/found.yaml")
	require.NoError(tb, err)
	var all []found
	require.NoError(tb, yaml.Unmarshal(raw, &all))
	require.NotEmpty(tb, all)
	return all
}

func TestAPersonIsFoundHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, f := range table(t) {
		require.NotEmpty(t, append(f.Yes, f.No...))
		for _, raw := range f.Yes {
			require.True(t, f.person().In([]byte(raw)), "%s%s%s in %s", f.UID, f.Phone, f.Email, raw)
		}
		for _, raw := range f.No {
			require.False(t, f.person().In([]byte(raw)), "%s%s%s is not in %s", f.UID, f.Phone, f.Email, raw)
		}
	}
}

func TestOnlyThePersonIsMeant(t *testing.T) {
	t.Parallel()
	mail, phone := relay.NewAddress(relay.ChannelEmail, "Ann@example.com"), relay.NewAddress(relay.ChannelSMS, "+14155550123")
	p := privacy.New("ann", mail, phone, mail, relay.NewAddress(relay.ChannelSMS, ""))
	require.ElementsMatch(t, []relay.Address{mail, phone}, p.Addresses())
	require.True(t, p.Recipient(relay.Recipient{UID: "ANN"}))
	require.True(t, p.Recipient(relay.Recipient{Email: "ann@EXAMPLE.com"}))
	require.True(t, p.Recipient(relay.Recipient{Phone: "+14155550123"}))
	for _, other := range []relay.Recipient{{}, {UID: "bob"}, {Email: "bob@example.com"}, {Phone: "+14155550124"}} {
		require.False(t, p.Recipient(other))
	}
	require.False(t, privacy.New("").Recipient(relay.Recipient{}))
	require.False(t, privacy.New("").Text(""))
	require.False(t, privacy.New("").In([]byte(`{"uid":""}`)))
}

func TestAUIDIsRedactedWhereItIsAWord(t *testing.T) {
	t.Parallel()
	p := privacy.New("ann", relay.NewAddress(relay.ChannelEmail, "ann@example.com"))
	require.Equal(t, "preferences of X, by X_user_bob", p.Redact("preferences of Ann, by ann_user_bob", "X"))
	require.Equal(t, "rule annabel", p.Redact("rule annabel", "X"))
	require.Equal(t, "X", p.Redact("suppression of ann@example.com", "X"))
	require.Equal(t, "all", privacy.New("").Redact("all", "X"))
}

func FuzzIn(f *testing.F) {
	for _, row := range table(f) {
		for _, raw := range append(row.Yes, row.No...) {
			f.Add(raw)
		}
	}
	p := privacy.New("ann-7", relay.NewAddress(relay.ChannelEmail, "ann@example.com"), relay.NewAddress(relay.ChannelSMS, "+14155550123"))
	f.Fuzz(func(t *testing.T, raw string) {
		p.In([]byte(raw))
		if clean := p.Redact(raw, "?"); !strings.Contains(raw, "?") {
			require.False(t, p.Text(clean), "nothing is left")
		}
		require.True(t, p.In([]byte(`["`+"ann-7"+`",`+"\n1]")))
	})
}
