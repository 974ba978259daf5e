package twilio

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

const publicURL = "https://beckon.example.com"

func newCallbacks(tb testing.TB, public string, tokens ...string) *Callbacks {
	tb.Helper()
	c, err := NewCallbacks(CallbackConfig{AuthTokens: tokens, PublicURL: public, Now: validConfig().Now})
	require.NoError(tb, err)
	return c
}

func callback(r vendortest.Report) Callback {
	return Callback{URI: r.URI, Signature: r.Header.Get(SignatureHeader), Body: r.Body}
}

// taken sends a message and gives what the vendor has of it.
func taken(t *testing.T, server *vendortest.Twilio) vendortest.SMS {
	t.Helper()
	require.Equal(t, relay.Accepted, newClient(t, server).Send(t.Context(), delivery("dl_1")).Kind)
	return server.Sent("dl_1")[0]
}

func TestEverySignatureMadeWithTwiliosToolsIsJudgedAlike(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(vendortest.VectorsDir(t), "twilio-signatures.json"))
	require.NoError(t, err)
	var vectors struct {
		Cases []struct {
			Name, Token, URL, Body, Signature string
			Valid                             bool
		}
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.GreaterOrEqual(t, len(vectors.Cases), 16)
	for _, v := range vectors.Cases {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			address, err := url.Parse(v.URL)
			require.NoError(t, err)
			c := newCallbacks(t, address.Scheme+"://"+address.Host, v.Token)
			uri := strings.TrimPrefix(v.URL, address.Scheme+"://"+address.Host)
			require.Equal(t, v.Valid, c.verified(Callback{URI: uri, Signature: v.Signature, Body: []byte(v.Body)}))
		})
	}
}

func TestACallbackIsBelievedForItsSignatureAlone(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	good := callback(server.Reports(taken(t, server), "delivered")[0])
	c := newCallbacks(t, publicURL, vendortest.TwilioAuthToken)
	tests := map[string]struct {
		change func(*Callback)
		valid  bool
	}{
		"as it came":             {func(*Callback) {}, true},
		"no signature":           {func(b *Callback) { b.Signature = "" }, false},
		"another's signature":    {func(b *Callback) { b.Signature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }, false},
		"another delivery":       {func(b *Callback) { b.URI = StatusPath + "?m=dl_2" }, false},
		"no query":               {func(b *Callback) { b.URI = StatusPath }, false},
		"another status":         {func(b *Callback) { b.Body = []byte(strings.ReplaceAll(string(b.Body), "delivered", "failed")) }, false},
		"one parameter more":     {func(b *Callback) { b.Body = append(b.Body, "&ErrorCode=21610"...) }, false},
		"no form":                {func(b *Callback) { b.Body = append(b.Body, "&%zz"...) }, false},
		"no address":             {func(b *Callback) { b.URI = "/\x7f" }, false},
		"a second value behind":  {func(b *Callback) { b.Body = append(b.Body, "&MessageStatus=failed"...) }, true},
		"the same value another": {func(b *Callback) { b.Body = append([]byte("MessageStatus=failed&"), b.Body...) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := good
			b.Body = append([]byte{}, good.Body...)
			test.change(&b)
			got, err := c.Status(b)
			if !test.valid {
				require.ErrorIs(t, err, channel.ErrSignature)
				require.Empty(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, relay.DeliveryDelivered, got[0].State, "the first value is the one that is signed")
		})
	}
}

func TestWhileATokenIsRotatedBothAreBelieved(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	m := taken(t, server)
	old := callback(server.Reports(m, "sent")[0])
	server.SignWith("anothertoken")
	young := callback(server.Reports(m, "delivered")[0])
	both := newCallbacks(t, publicURL, "anothertoken", vendortest.TwilioAuthToken)
	for _, b := range []Callback{old, young} {
		_, err := both.Status(b)
		require.NoError(t, err)
	}
	_, err := newCallbacks(t, publicURL, "anothertoken").Status(old)
	require.ErrorIs(t, err, channel.ErrSignature, "rotated away")
}

func TestTheSignatureIsForThePublicAddressWithItsPathAndPort(t *testing.T) {
	t.Parallel()
	for _, public := range []string{
		"https://beckon.example.com", "https://example.com/beckon/", "https://example.com:8443", "https://example.com:443/x",
	} {
		server := vendortest.NewTwilio(t)
		r := server.Inbound(public, "+14155550123", "STOP", "")
		address, err := url.Parse(public)
		require.NoError(t, err)
		// A proxy that takes the path away.
		r.URI = strings.TrimPrefix(r.URI, strings.TrimRight(address.Path, "/"))
		got, err := newCallbacks(t, public, vendortest.TwilioAuthToken).Inbound(callback(r))
		require.NoError(t, err, public)
		require.Len(t, got, 1)
		_, err = newCallbacks(t, "https://other.example.com", vendortest.TwilioAuthToken).Inbound(callback(r))
		require.ErrorIs(t, err, channel.ErrSignature)
	}
}

func TestWhatIsRepeatedIsNothingThatIsRead(t *testing.T) {
	t.Parallel()
	joined, all := joinRepeats([]byte("b=2&a=y&a=x&a=y"))
	require.True(t, all)
	require.Equal(t, map[string]string{"a": "xay", "b": "2"}, joined)
	for _, body := range []string{"a=1&b=2", "MessageStatus=a&MessageStatus=b", "a=1&a=2&OptOutType=&OptOutType=STOP", "%zz"} {
		_, all = joinRepeats([]byte(body))
		require.False(t, all, body)
	}
}

func TestCallbacksAreNotVerifiedWithWrongSettings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config CallbackConfig
		want   string
	}{
		"no token":                {CallbackConfig{PublicURL: publicURL}, "TWILIO_AUTH_TOKEN: must be set"},
		"an empty token":          {CallbackConfig{PublicURL: publicURL, AuthTokens: []string{"secret", ""}}, "TWILIO_AUTH_TOKEN: entry 2 is empty"},
		"no public address":       {CallbackConfig{AuthTokens: []string{"secret"}}, "BECKON_PUBLIC_URL"},
		"a query in it":           {CallbackConfig{AuthTokens: []string{"secret"}, PublicURL: publicURL + "?secret"}, "BECKON_PUBLIC_URL"},
		"an address that is none": {CallbackConfig{AuthTokens: []string{"secret"}, PublicURL: "beckon"}, "BECKON_PUBLIC_URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewCallbacks(test.config)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func FuzzCallback(f *testing.F) {
	f.Add("?m=dl_1", "MessageSid=SM1&MessageStatus=delivered&To=%2B14155550123")
	f.Add("", "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005&To=%2B14155550123")
	f.Add("?m=%zz", "SmsSid=SM1&SmsStatus=FAILED&ErrorCode=-1")
	f.Add("?bodySHA256=x", "Body=stop&From=whatsapp%3A%2B14155550123&MessageSid=SM1")
	f.Add("#a", "Body=+Stop%0a&From=%2B14155550123&MessageSid=SM1&Media=a&Media=b&;")
	c := newCallbacks(f, publicURL, simpleToken)
	f.Fuzz(func(t *testing.T, query, body string) {
		b := Callback{URI: StatusPath + query, Body: []byte(body), Signature: "x"}
		_, err := c.Status(b)
		require.ErrorIs(t, err, channel.ErrSignature)
		b.Signature = sign(publicURL+b.URI, body)
		for _, read := range []func(Callback) ([]relay.Receipt, error){c.Status, c.Inbound} {
			got, err := read(b)
			if err != nil {
				require.True(t, err == channel.ErrSignature || err == channel.ErrUnreadable) //nolint:errorlint // nothing else
				continue
			}
			for _, r := range got {
				requireSound(t, r)
			}
		}
	})
}

// requireSound holds what is true of every receipt.
func requireSound(t *testing.T, r relay.Receipt) {
	t.Helper()
	require.Equal(t, Name, r.Provider)
	require.NotEmpty(t, r.Key)
	require.LessOrEqual(t, len(r.Key), 2*128+1)
	require.LessOrEqual(t, len(r.DeliveryID), 128)
	require.LessOrEqual(t, len(r.Detail), outbound.DetailMax)
	require.Contains(t, Statuses(), r.Status)
	require.Equal(t, r.State == relay.DeliveryUndelivered, r.Reason != "")
	require.Equal(t, r.Address != relay.Address{}, r.Suppress != "" || r.Lift != "")
	require.Equal(t, r.Address != relay.Address{}, r.Source != "")
	require.Equal(t, noon, r.At)
}
