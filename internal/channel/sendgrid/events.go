package sendgrid

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
)

const (
	// EventsPath is where SendGrid posts what became of mails.
	EventsPath = "/webhooks/sendgrid/events"
	// SignatureHeader carries the signature of a batch.
	SignatureHeader = eventwebhook.VerificationHTTPHeader
	// TimestampHeader carries the time of the signature, which is signed with the batch.
	TimestampHeader = eventwebhook.TimestampHTTPHeader
	// EventsMedia is the media type of a batch.
	EventsMedia = "application/json"
	// MaxBatch is the largest batch that is read, in bytes: SendGrid closes one when it has 768 KB.
	MaxBatch = 2 << 20

	// maxEvents is how many events of a batch are read: one has 200 bytes and more.
	maxEvents = 10_000
	// How far the time of a signature may be from ours: SendGrid repeats a batch for a day. Older ones are played back by somebody
	// else, perhaps when we have forgotten that we had them.
	oldest   = 48 * time.Hour
	youngest = time.Hour
)

// EventsConfig says whose batches are believed.
type EventsConfig struct {
	// PublicKeys are base64 of ECDSA keys in DER, as SendGrid shows them: while one is being rotated there are two.
	PublicKeys []string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Events verifies and reads what SendGrid's event webhook posts. It may be used from many goroutines.
type Events struct {
	keys []*ecdsa.PublicKey
	now  func() time.Time
}

// NewEvents fails without a key, and for one that is none.
func NewEvents(config EventsConfig) (*Events, error) {
	e := &Events{now: config.Now}
	if e.now == nil {
		e.now = time.Now
	}
	for i, text := range config.PublicKeys {
		key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("verify sendgrid's events: SENDGRID_EVENT_PUBLIC_KEY: entry %d: %w", i+1, err)
		}
		e.keys = append(e.keys, key)
	}
	if len(e.keys) == 0 {
		return nil, errors.New("verify sendgrid's events: SENDGRID_EVENT_PUBLIC_KEY: must be set")
	}
	return e, nil
}

// parseKey is not the SDK's, which panics on a key of another kind.
func parseKey(text string) (*ecdsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("not a public key")
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("not an ECDSA key")
	}
	return key, nil
}

// Batch is a request as it came in.
type Batch struct {
	// Signature and Timestamp are what stands in SignatureHeader and TimestampHeader.
	Signature, Timestamp string
	// Body is signed byte by byte, with the line break at its end.
	Body []byte
}

// Read verifies a batch and reads its events: a receipt for each that is about a delivery of ours and says something. The
// error is channel.ErrSignature, channel.ErrUnreadable or channel.ErrTooMany.
func (e *Events) Read(b Batch) ([]relay.Receipt, error) {
	if !e.verified(b) {
		return nil, channel.ErrSignature
	}
	events, err := decodeEvents(b.Body)
	if err != nil {
		return nil, err
	}
	at := e.now()
	var receipts []relay.Receipt
	for _, one := range events {
		if r, ok := one.receipt(); ok {
			r.At = at
			receipts = append(receipts, r)
		}
	}
	return receipts, nil
}

func (e *Events) verified(b Batch) bool {
	seconds, err := strconv.ParseInt(b.Timestamp, 10, 64)
	if err != nil {
		return false
	}
	if age := e.now().Sub(time.Unix(seconds, 0)); age > oldest || age < -youngest {
		return false
	}
	for _, key := range e.keys {
		if ok, err := eventwebhook.VerifySignature(key, b.Body, b.Signature, b.Timestamp); err == nil && ok {
			return true
		}
	}
	return false
}

// decodeEvents reads an array of objects. What is no object among them, or an object that cannot be read, says nothing; it does not
// take its neighbours with it.
func decodeEvents(body []byte) ([]event, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return nil, channel.ErrUnreadable
	}
	var events []event
	for n := 0; decoder.More(); n++ {
		if n == maxEvents {
			return nil, channel.ErrTooMany
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, channel.ErrUnreadable
		}
		var one event
		if json.Unmarshal(raw, &one) == nil {
			events = append(events, one)
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, channel.ErrUnreadable
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, channel.ErrUnreadable
	}
	return events, nil
}

// text is a string, or nothing where the JSON has anything else in its place.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(s)
	}
	return nil
}
