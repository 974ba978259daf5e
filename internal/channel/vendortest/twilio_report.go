package vendortest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Twilio signs with
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// SignWith makes reports from now on signed with another auth token, as after its rotation.
func (t *Twilio) SignWith(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = token
}

// Reports are the status callbacks of a message, in the order of the statuses: Twilio's words, with the error code behind a space
// ("undelivered 30005"). The list shows the last one from now on. A message without a StatusCallback has none.
func (t *Twilio) Reports(m SMS, statuses ...string) []Report {
	var reports []Report
	for _, status := range statuses {
		word, code, _ := strings.Cut(status, " ")
		t.mark(m.SID, word, code)
		if r, ok := t.report(m, word, code); ok {
			reports = append(reports, r)
		}
	}
	return reports
}

func (t *Twilio) mark(sid, status, code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.messages {
		if t.messages[i].SID == sid {
			t.messages[i].Status = status
			t.messages[i].ErrorCode, _ = strconv.Atoi(code)
		}
	}
}

func (t *Twilio) report(m SMS, status, code string) (Report, bool) {
	callback, err := url.Parse(m.StatusCallback)
	if err != nil || m.StatusCallback == "" {
		return Report{}, false
	}
	callback.Fragment = "" // overrides of the connection, which are neither sent nor signed
	from := m.From
	if from == "" {
		from = TwilioFrom
	}
	form := url.Values{
		"AccountSid": {TwilioAccountSID}, "ApiVersion": {"2010-04-01"}, "From": {from}, "To": {m.To},
		"MessageSid": {m.SID}, "MessageStatus": {status}, "SmsSid": {m.SID}, "SmsStatus": {status},
	}
	if code != "" {
		form.Set("ErrorCode", code)
	}
	return t.sign(callback, form), true
}

// Inbound is what Twilio posts when somebody writes to our number. The public address is the relay's; optOutType is empty
// without Advanced Opt-Out.
func (t *Twilio) Inbound(publicURL, from, body, optOutType string) Report {
	address, err := url.Parse(strings.TrimRight(publicURL, "/") + "/webhooks/twilio/inbound")
	if err != nil {
		address = &url.URL{Path: "/webhooks/twilio/inbound"}
	}
	sid := newSID()
	form := url.Values{
		"AccountSid": {TwilioAccountSID}, "ApiVersion": {"2010-04-01"}, "From": {from}, "To": {TwilioFrom}, "Body": {body},
		"MessageSid": {sid}, "SmsSid": {sid}, "SmsStatus": {"received"}, "NumMedia": {"0"}, "NumSegments": {"1"},
	}
	if optOutType != "" {
		form.Set("OptOutType", optOutType)
	}
	return t.sign(address, form)
}

// sign makes the request. It is signed by an implementation of its own, so that ours is not held against itself.
func (t *Twilio) sign(address *url.URL, form url.Values) Report {
	t.mu.Lock()
	token := t.token
	t.mu.Unlock()
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = mac.Write([]byte(address.String()))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = mac.Write([]byte(name + form.Get(name)))
	}
	return Report{
		URI: address.RequestURI(), Body: []byte(form.Encode()),
		Header: http.Header{
			"Content-Type":       {"application/x-www-form-urlencoded; charset=UTF-8"},
			"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
			"User-Agent":         {"TwilioProxy/1.1"},
		},
	}
}
