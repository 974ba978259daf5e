package vendortest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"testing"
	"time"
)

// The one account that NewSendGrid knows. It has verified the domain of SendGridFrom.
const (
	SendGridAPIKey = "SG.bec0-test-key.bec0-test-secret" //nolint:gosec // no secret: only the fake knows it
	SendGridFrom   = "Beckon <alerts@example.com>"

	verifiedDomain = "example.com"
)

// Mail is a mail that was taken, for one recipient.
type Mail struct {
	// DeliveryID stands in the custom arguments as beckon_delivery.
	DeliveryID string
	MessageID  string
	To         string
	From       Mailbox
	Subject    string
	Text       string
	HTML       string
	Headers    map[string]string
	// Status is what the email activity says of it: processed, delivered or not_delivered.
	Status string
	// Raw is the whole request.
	Raw []byte
	At  time.Time
}

// SendGrid is a server that behaves like SendGrid's mail/send.
type SendGrid struct {
	server

	mails []Mail
	key   *ecdsa.PrivateKey
}

// NewSendGrid starts one for the length of the test.
func NewSendGrid(tb testing.TB, options ...Option) *SendGrid {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("make a key to sign events with: %v", err)
	}
	s := &SendGrid{key: key}
	s.usual, s.source = s.answer, sendgridDocument
	s.start(tb, options)
	return s
}

// Mails are those that were taken, oldest first.
func (s *SendGrid) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Sent are the mails that were taken for a delivery, oldest first.
func (s *SendGrid) Sent(deliveryID string) []Mail {
	return slices.DeleteFunc(s.Mails(), func(m Mail) bool { return m.DeliveryID != deliveryID })
}

func (s *SendGrid) answer(r *http.Request, body []byte) reply {
	if r.URL.Path == activityPath {
		return s.search(r)
	}
	if e := s.checkEnvelope(r); e != nil {
		return e.reply()
	}
	var m mailBody
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&m)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something stands behind the object")
	}
	if err != nil {
		s.fault("body: %v", err)
		return sendgridError{http.StatusBadRequest, "", "Bad Request"}.reply()
	}
	if e := m.check(); e != nil {
		return e.reply()
	}
	return s.take(m, body)
}

func (s *SendGrid) take(m mailBody, raw []byte) reply {
	id := rand.Text()[:22]
	return reply{
		status: http.StatusAccepted, header: map[string]string{"X-Message-Id": id},
		keep: func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, p := range m.Personalizations {
				s.mails = append(s.mails, Mail{
					DeliveryID: p.CustomArgs["beckon_delivery"], MessageID: id, To: p.To[0].Email, From: *m.From,
					Subject: m.Subject, Text: m.part("text/plain"), HTML: m.part("text/html"), Headers: m.Headers,
					Raw: raw, At: time.Now(), Status: "processed",
				})
			}
		},
	}
}

// checkEnvelope checks everything but the body.
func (s *SendGrid) checkEnvelope(r *http.Request) *sendgridError {
	if r.URL.Path != "/v3/mail/send" {
		return &sendgridError{http.StatusNotFound, "", "Not Found"}
	}
	if r.Method != http.MethodPost {
		s.fault("method %s: mails are sent with POST", r.Method)
		return &sendgridError{http.StatusMethodNotAllowed, "", "method not allowed"}
	}
	if r.Header.Get("Authorization") != "Bearer "+SendGridAPIKey {
		return &sendgridError{
			http.StatusUnauthorized, "", "The provided authorization grant is invalid, expired, or revoked",
		}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.fault("content type %q: SendGrid reads JSON only", r.Header.Get("Content-Type"))
		return &sendgridError{http.StatusUnsupportedMediaType, "", "Content-Type should be application/json."}
	}
	return nil
}

// sendgridError is an error as SendGrid writes it.
type sendgridError struct {
	status         int
	field, message string
}

func (e sendgridError) reply() reply {
	one := map[string]any{"message": e.message, "field": nil, "help": nil}
	if e.field != "" {
		one["field"] = e.field
	}
	raw, err := json.Marshal(map[string]any{"errors": []any{one}})
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: e.status, header: map[string]string{"Content-Type": "application/json"}, body: string(raw)}
}
