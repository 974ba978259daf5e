package sendgrid

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

func newEvents(tb testing.TB, now func() time.Time, keys ...string) *Events {
	tb.Helper()
	e, err := NewEvents(EventsConfig{PublicKeys: keys, Now: now})
	require.NoError(tb, err)
	return e
}

func batch(r vendortest.Report) Batch {
	return Batch{Signature: r.Header.Get(SignatureHeader), Timestamp: r.Header.Get(TimestampHeader), Body: r.Body}
}

// taken sends a mail and gives what the vendor has of it.
func taken(t *testing.T, server *vendortest.SendGrid) vendortest.Mail {
	t.Helper()
	require.Equal(t, relay.Accepted, newClient(t, server).Send(t.Context(), delivery("dl_1")).Kind)
	return server.Sent("dl_1")[0]
}

func TestEverySignatureMadeWithSendGridsToolsIsJudgedAlike(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(vendortest.VectorsDir(t), "sendgrid-signatures.json"))
	require.NoError(t, err)
	var vectors struct {
		Cases []struct {
			Name, Body, Timestamp, Signature string
			PublicKey                        string `json:"public_key"`
			Valid                            bool
		}
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.GreaterOrEqual(t, len(vectors.Cases), 13)
	for _, v := range vectors.Cases {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			seconds, err := strconv.ParseInt(v.Timestamp, 10, 64)
			require.NoError(t, err)
			e := newEvents(t, func() time.Time { return time.Unix(seconds, 0) }, v.PublicKey)
			b := Batch{Signature: v.Signature, Timestamp: v.Timestamp, Body: []byte(v.Body)}
			require.Equal(t, v.Valid, e.verified(b))
			got, err := e.Read(b)
			if v.Valid {
				require.NoError(t, err)
				require.Empty(t, got, "none of these mails is ours")
			} else {
				require.ErrorIs(t, err, channel.ErrSignature)
			}
		})
	}
}

func TestABatchIsBelievedForItsSignatureAlone(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	good := batch(server.Batch(t, server.Event(taken(t, server), "delivered", nil)))
	e := newEvents(t, nil, server.PublicKey(t))
	got, err := e.Read(good)
	require.NoError(t, err)
	require.Len(t, got, 1)
	tests := map[string]func(*Batch){
		"no signature":         func(b *Batch) { b.Signature = "" },
		"no base64":            func(b *Batch) { b.Signature = "§" },
		"no ASN.1":             func(b *Batch) { b.Signature = "AAAA" },
		"zeroes":               func(b *Batch) { b.Signature = "MAYCAQACAQA=" },
		"no timestamp":         func(b *Batch) { b.Timestamp = "" },
		"a timestamp in words": func(b *Batch) { b.Timestamp = "now" },
		"another timestamp":    func(b *Batch) { b.Timestamp = strconv.FormatInt(time.Now().Unix()-60, 10) },
		"without its line end": func(b *Batch) { b.Body = bytes.TrimRight(b.Body, "\r\n") },
		"another address":      func(b *Batch) { b.Body = bytes.ReplaceAll(b.Body, []byte("ann@"), []byte("bob@")) },
		"no body":              func(b *Batch) { b.Body = nil },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := good
			change(&b)
			_, err := e.Read(b)
			require.ErrorIs(t, err, channel.ErrSignature)
		})
	}
	other := vendortest.NewSendGrid(t)
	_, err = newEvents(t, nil, other.PublicKey(t)).Read(good)
	require.ErrorIs(t, err, channel.ErrSignature, "another account's key")
	_, err = newEvents(t, nil, other.PublicKey(t), server.PublicKey(t)).Read(good)
	require.NoError(t, err, "both keys while one is rotated")
}

func TestABatchOfTheDayBeforeYesterdayIsPlayedBack(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	e := newEvents(t, func() time.Time { return noon }, server.PublicKey(t))
	for age, valid := range map[time.Duration]bool{
		0: true, 24 * time.Hour: true, 48 * time.Hour: true, 48*time.Hour + time.Second: false, -time.Hour: true, -time.Hour - time.Second: false,
	} {
		_, err := e.Read(batch(server.Sign(t, []byte("[]"), noon.Add(-age))))
		require.Equal(t, valid, err == nil, age)
	}
	b := batch(server.Sign(t, []byte("[]"), noon))
	b.Timestamp = "99999999999999999999"
	_, err := e.Read(b)
	require.ErrorIs(t, err, channel.ErrSignature)
}

func TestWhatIsSignedAndNoArrayIsUnreadable(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	e := newEvents(t, nil, server.PublicKey(t))
	for _, body := range []string{"", "{}", "null", "1", `[{}`, `[{},]`, `[{}] []`, `[{}]x`, `[{"event":}]`, strings.Repeat("[", 20000)} {
		_, err := e.Read(batch(server.Sign(t, []byte(body), time.Now())))
		require.ErrorIs(t, err, channel.ErrUnreadable, "%.20s", body)
	}
	_, err := e.Read(batch(server.Sign(t, []byte("["+strings.Repeat("{},", maxEvents)+"{}]"), time.Now())))
	require.ErrorIs(t, err, channel.ErrTooMany)
	got, err := e.Read(batch(server.Sign(t, []byte("["+strings.Repeat("{},", maxEvents-1)+"{}]"), time.Now())))
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestAWrongKeyIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	edwards, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	for want, keys := range map[string][]string{
		"SENDGRID_EVENT_PUBLIC_KEY: must be set":               {},
		"SENDGRID_EVENT_PUBLIC_KEY: entry 1: not base64":       {"§"},
		"SENDGRID_EVENT_PUBLIC_KEY: entry 1: not a public key": {"AAAA"},
		"SENDGRID_EVENT_PUBLIC_KEY: entry 1: not an ECDSA key": {base64.StdEncoding.EncodeToString(edwards)},
		"SENDGRID_EVENT_PUBLIC_KEY: entry 2: not a public key": {anyKey(t), ""},
	} {
		_, err := NewEvents(EventsConfig{PublicKeys: keys})
		require.ErrorContains(t, err, want)
	}
}

func anyKey(tb testing.TB) string {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(der)
}

func FuzzSignature(f *testing.F) {
	f.Add("MAYCAQACAQA=", "1600112502", []byte("[]"))
	f.Add("MAYCAf8CAf8=", "1600112502", []byte("[]"))
	f.Add("", "-1", []byte(nil))
	e := newEvents(f, func() time.Time { return time.Unix(1600112502, 0) }, anyKey(f))
	f.Fuzz(func(t *testing.T, signature, timestamp string, body []byte) {
		_, err := e.Read(Batch{Signature: signature, Timestamp: timestamp, Body: body})
		require.ErrorIs(t, err, channel.ErrSignature)
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`[{"event":"bounce","type":"bounce","email":"ann@example.org","sg_event_id":"a","beckon_delivery":"dl_1",` +
		`"sg_message_id":"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0","reason":"550 unknown","status":"5.1.1"}]`))
	f.Add([]byte(`[{"event":"dropped","reason":"Invalid","email":["x"],"sg_event_id":1,"beckon_delivery":{}}, 1, null, "x"]`))
	f.Add([]byte(`[{"event":"group_resubscribe","email":"Ann <ann@example.org>","sg_event_id":"a","beckon_delivery":"dl_1"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := decodeEvents(body)
		if err != nil {
			require.True(t, err == channel.ErrUnreadable || err == channel.ErrTooMany) //nolint:errorlint // nothing else
			return
		}
		for _, one := range events {
			if r, ok := one.receipt(); ok {
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
	require.NotEmpty(t, r.DeliveryID)
	require.LessOrEqual(t, len(r.Key)+len(r.DeliveryID)+len(r.ProviderID), 3*128)
	require.LessOrEqual(t, len(r.Detail), outbound.DetailMax+50)
	require.Contains(t, Statuses(), r.Status)
	require.Equal(t, r.State == relay.DeliveryUndelivered, r.Reason != "")
	require.Equal(t, r.Address != relay.Address{}, r.Suppress != "" || r.Lift != "")
	require.Equal(t, r.Address != relay.Address{}, r.Source != "")
}
