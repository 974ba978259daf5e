package vendortest_test

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
)

func TestTwiliosDocumentFindsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	dir := vendortest.SpecsDir(t)
	good := url.Values{"To": {"+14155550123"}, "From": {vendortest.TwilioFrom}, "Body": {"hi & bye"}, "ValidityPeriod": {"60"}}
	tests := map[string]struct {
		name, value string
		found       bool
	}{
		"nothing":             {"Body", "hi", false},
		"not a number":        {"ValidityPeriod", "soon", true},
		"not true or false":   {"SmartEncoded", "perhaps", true},
		"not a service":       {"MessagingServiceSid", "MG1", true},
		"not in the list":     {"RiskCheck", "sometimes", true},
		"a value of the list": {"RiskCheck", "enable", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewTwilio(t, vendortest.Specs(dir))
			form := maps.Clone(good)
			form.Set(test.name, test.value)
			postForm(t, server, form)
			found := strings.Contains(strings.Join(server.Faults(), "\n"), "OpenAPI document")
			require.Equal(t, test.found, found, server.Faults())
		})
	}
}

func TestSendGridsDocumentFindsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	dir := vendortest.SpecsDir(t)
	tests := map[string]struct {
		old, changed string
		found        bool
	}{
		"nothing":                    {"", "", false},
		"custom_args of the message": {`"subject"`, `"custom_args":{"a":"b"},"subject"`, true},
		"a number as subject":        {`"Hello"`, `1`, true},
		"no sender":                  {`"from":{"email":"alerts@example.com"},`, ``, true},
		"no recipient":               {`"to":[{"email":"ann@example.org"}],`, ``, true},
		"an address that is none":    {`ann@example.org`, `ann`, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewSendGrid(t, vendortest.Specs(dir))
			postMail(t, server, strings.Replace(goodMail, test.old, test.changed, 1))
			found := strings.Contains(strings.Join(server.Faults(), "\n"), "OpenAPI document")
			require.Equal(t, test.found, found, server.Faults())
		})
	}
}

const goodMail = `{"from":{"email":"alerts@example.com"},"subject":"Hello","personalizations":[{"to":[{"email":"ann@example.org"}],` +
	`"custom_args":{"beckon_delivery":"dl_1"}}],"content":[{"type":"text/plain","value":"hi"},{"type":"text/html","value":"<p>hi"}]}`

func postForm(t *testing.T, server *vendortest.Twilio, form url.Values) answer {
	t.Helper()
	req := request(t, server.URL+"/2010-04-01/Accounts/"+vendortest.TwilioAccountSID+"/Messages.json", form.Encode())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(vendortest.TwilioAccountSID, vendortest.TwilioAuthToken)
	return do(t, req)
}

func postMail(t *testing.T, server *vendortest.SendGrid, body string) answer {
	t.Helper()
	req := request(t, server.URL+"/v3/mail/send", body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+vendortest.SendGridAPIKey)
	return do(t, req)
}

func request(t *testing.T, address, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

// answer is a response that was read and closed.
type answer struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return answer{res.StatusCode, res.Header, body}
}
