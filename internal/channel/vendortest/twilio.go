package vendortest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"
)

// The one account that NewTwilio knows. TwilioFrom is the sender of Twilio's test credentials that always works.
const (
	TwilioAccountSID = "ACbec0bec0bec0bec0bec0bec0bec0bec0"
	TwilioAuthToken  = "bec0bec0bec0bec0bec0bec0bec0bec1"   //nolint:gosec // no secret: only the fake knows it
	TwilioAPIKey     = "SKbec0bec0bec0bec0bec0bec0bec0bec0" //nolint:gosec // no secret: only the fake knows it
	TwilioAPISecret  = "beckonbeckonbeckonbeckonbeckonbe"
	TwilioServiceSID = "MGbec0bec0bec0bec0bec0bec0bec0bec0"
	TwilioFrom       = "+15005550006"
)

// SMS is a text message that was taken.
type SMS struct {
	// DeliveryID stands in the StatusCallback, as parameter m; empty without a callback.
	DeliveryID string
	SID        string
	To         string
	// From or MessagingServiceSID is set.
	From                string
	MessagingServiceSID string
	Body                string
	StatusCallback      string
	// Status is Twilio's word for what became of it so far, ErrorCode why it was not delivered.
	Status    string
	ErrorCode int
	// Form is the whole request.
	Form url.Values
	At   time.Time
}

// Twilio is a server that behaves like Twilio's Messages resource.
type Twilio struct {
	server

	messages []SMS
	token    string
}

// NewTwilio starts one for the length of the test.
func NewTwilio(tb testing.TB, options ...Option) *Twilio {
	tb.Helper()
	t := &Twilio{token: TwilioAuthToken}
	t.usual, t.source = t.answer, twilioDocument
	t.start(tb, options)
	return t
}

// Messages are those that were taken, oldest first.
func (t *Twilio) Messages() []SMS {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.messages)
}

// Sent are the messages that were taken for a delivery, oldest first.
func (t *Twilio) Sent(deliveryID string) []SMS {
	return slices.DeleteFunc(t.Messages(), func(m SMS) bool { return m.DeliveryID != deliveryID })
}

func (t *Twilio) answer(r *http.Request, body []byte) reply {
	if e := t.checkEnvelope(r); e != nil {
		return e.reply()
	}
	if r.Method == http.MethodGet {
		return t.list(r.URL.Query())
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.fault("the body is not form encoded")
		return twilioError{http.StatusBadRequest, 20001, "Malformed body"}.reply()
	}
	t.noteParameters(form)
	if e := checkMessage(form); e != nil {
		return e.reply()
	}
	return t.take(form)
}

// take answers as Twilio does, and keeps the message.
func (t *Twilio) take(form url.Values) reply {
	message := SMS{
		SID: newSID(), To: form.Get("To"), From: form.Get("From"), MessagingServiceSID: form.Get("MessagingServiceSid"),
		Body: form.Get("Body"), StatusCallback: form.Get("StatusCallback"), Form: form, At: time.Now(),
		Status: "queued",
	}
	if message.MessagingServiceSID != "" {
		message.Status = "accepted"
	}
	if callback, err := url.Parse(message.StatusCallback); err == nil {
		message.DeliveryID = callback.Query().Get("m")
	}
	raw, err := json.Marshal(shown(message))
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{
		status: http.StatusCreated, header: map[string]string{"Content-Type": "application/json"}, body: string(raw),
		keep: func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.messages = append(t.messages, message)
		},
	}
}

// shown is a message as Twilio shows it, with the fields of Twilio's document.
func shown(m SMS) map[string]any {
	path := "/2010-04-01/Accounts/" + TwilioAccountSID + "/Messages/" + m.SID
	at := m.At.UTC().Format(time.RFC1123Z)
	out := map[string]any{
		"account_sid": TwilioAccountSID, "api_version": "2010-04-01", "body": m.encoded(), "date_created": at,
		"date_sent": nil, "date_updated": at, "direction": "outbound-api", "error_code": nil, "error_message": nil,
		"from": m.From, "messaging_service_sid": nil, "num_media": "0", "num_segments": "1", "price": nil,
		"price_unit": nil, "sid": m.SID, "status": m.Status,
		"subresource_uris": map[string]string{"media": path + "/Media.json"}, "to": m.To, "uri": path + ".json",
	}
	if m.ErrorCode != 0 {
		out["error_code"] = m.ErrorCode
	}
	if m.MessagingServiceSID != "" {
		out["messaging_service_sid"], out["from"] = m.MessagingServiceSID, TwilioFrom
		if m.Status == "accepted" {
			// The service chooses the sender, and so the segments, later.
			out["from"], out["num_segments"] = nil, "0"
		}
	}
	return out
}

// twilioError is an error as Twilio writes it.
type twilioError struct {
	status, code int
	message      string
}

func (e twilioError) reply() reply {
	raw, err := json.Marshal(map[string]any{
		"code": e.code, "message": e.message, "status": e.status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.code),
	})
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{status: e.status, header: map[string]string{"Content-Type": "application/json"}, body: string(raw)}
}

// checkEnvelope checks everything but the parameters.
func (t *Twilio) checkEnvelope(r *http.Request) *twilioError {
	user, password, _ := r.BasicAuth()
	token := user == TwilioAccountSID && password == TwilioAuthToken
	if key := user == TwilioAPIKey && password == TwilioAPISecret; !token && !key {
		return &twilioError{http.StatusUnauthorized, 20003, "Authenticate"}
	}
	if r.URL.Path != "/2010-04-01/Accounts/"+TwilioAccountSID+"/Messages.json" {
		return &twilioError{http.StatusNotFound, 20404, "The requested resource " + r.URL.Path + " was not found"}
	}
	if r.Method == http.MethodGet {
		return nil
	}
	if r.Method != http.MethodPost {
		t.fault("method %s: messages are made with POST", r.Method)
		return &twilioError{http.StatusMethodNotAllowed, 20004, "Method not allowed"}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		t.fault("content type %q: Twilio reads forms only", r.Header.Get("Content-Type"))
		return &twilioError{http.StatusUnsupportedMediaType, 20001, "Unsupported content type"}
	}
	return nil
}
