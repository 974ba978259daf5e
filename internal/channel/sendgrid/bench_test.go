package sendgrid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkSignature verifies and reads a batch of one event.
func BenchmarkSignature(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(b, err)
	const at = "1600112502"
	body := []byte(`[{"event":"delivered","email":"ann@example.org","sg_event_id":"a","beckon_delivery":"dl_1","timestamp":1600112500,` +
		`"sg_message_id":"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0","response":"250 OK"}]`)
	sum := sha256.Sum256(append([]byte(at), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	require.NoError(b, err)
	e := newEvents(b, func() time.Time { return time.Unix(1600112502, 0) }, base64.StdEncoding.EncodeToString(der))
	call := Batch{Signature: base64.StdEncoding.EncodeToString(signature), Timestamp: at, Body: body}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := e.Read(call); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}
