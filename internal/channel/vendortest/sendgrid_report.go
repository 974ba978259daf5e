package vendortest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

const (
	activityPath = "/v3/messages"
	eventsPath   = "/webhooks/sendgrid/events"
)

// PublicKey verifies the batches of this server, in the form in which SendGrid shows it: base64 of DER.
func (s *SendGrid) PublicKey(tb testing.TB) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		tb.Fatalf("encode the key of the events: %v", err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// Event is one entry of a batch.
type Event map[string]any

// Event makes an event about a mail, with an id of its own and the fields that SendGrid always sends; more is added to them. The
// email activity shows from now on what it says.
func (s *SendGrid) Event(m Mail, name string, more Event) Event {
	if status, ok := activityStatus[name]; ok {
		s.mark(m.MessageID, status)
	}
	e := Event{
		"email": m.To, "timestamp": time.Now().Unix(), "event": name, "sg_event_id": rand.Text(),
		"sg_message_id": m.MessageID + ".recvd-5f9f8d7c-abcde-1-65A-12.0", "smtp-id": "<" + m.MessageID + "@geopod-ismtpd-1>",
	}
	if m.DeliveryID != "" {
		e["beckon_delivery"] = m.DeliveryID
	}
	maps.Copy(e, more)
	return e
}

var activityStatus = map[string]string{
	"processed": "processed", "deferred": "processed", "delivered": "delivered", "bounce": "not_delivered", "dropped": "not_delivered",
}

func (s *SendGrid) mark(id, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.mails {
		if s.mails[i].MessageID == id {
			s.mails[i].Status = status
		}
	}
}

// Batch is a signed request with events, or with anything else in their place.
func (s *SendGrid) Batch(tb testing.TB, events ...Event) Report {
	tb.Helper()
	body, err := json.Marshal(events)
	if err != nil {
		tb.Fatalf("encode a batch: %v", err)
	}
	return s.Sign(tb, append(body, '\r', '\n'), time.Now())
}

// Sign makes a request with that body, signed at that time.
func (s *SendGrid) Sign(tb testing.TB, body []byte, at time.Time) Report {
	tb.Helper()
	timestamp := strconv.FormatInt(at.Unix(), 10)
	hash := sha256.Sum256(append([]byte(timestamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, hash[:])
	if err != nil {
		tb.Fatalf("sign a batch: %v", err)
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json;charset=utf-8")
	header.Set("User-Agent", "SendGrid Event API")
	header.Set("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
	header.Set("X-Twilio-Email-Event-Webhook-Timestamp", timestamp)
	return Report{URI: eventsPath, Header: header, Body: body}
}

// search is the email activity. It understands a search by our custom argument and nothing else.
func (s *SendGrid) search(r *http.Request) reply {
	if r.Method != http.MethodGet {
		return sendgridError{http.StatusMethodNotAllowed, "", "method not allowed"}.reply()
	}
	if r.Header.Get("Authorization") != "Bearer "+SendGridAPIKey {
		return sendgridError{http.StatusUnauthorized, "", "The provided authorization grant is invalid, expired, or revoked"}.reply()
	}
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	asked := byArgument.FindStringSubmatch(query.Get("query"))
	if err != nil || limit < 1 || limit > 1000 || asked == nil {
		s.fault("search %s: not understood", query.Encode())
		return sendgridError{http.StatusBadRequest, "query", "invalid query"}.reply()
	}
	found := s.Sent(asked[1])
	slices.Reverse(found)
	messages := make([]map[string]any, 0, len(found))
	for _, m := range found[:min(limit, len(found))] {
		messages = append(messages, map[string]any{
			"from_email": m.From.Email, "msg_id": m.MessageID + ".recvd-5f9f8d7c-abcde-1-65A-12.0", "subject": m.Subject,
			"to_email": m.To, "status": m.Status, "opens_count": 0, "clicks_count": 0,
			"last_event_time": m.At.UTC().Format(time.RFC3339),
		})
	}
	raw, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: http.StatusOK, header: map[string]string{"Content-Type": "application/json"}, body: string(raw)}
}

var byArgument = regexp.MustCompile(`^\(unique_args\['beckon_delivery'\]="([^"\\]*)"\)$`)
