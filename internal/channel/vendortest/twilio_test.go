package vendortest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
)

func goodForm() url.Values {
	return url.Values{
		"To": {"+14155550123"}, "From": {vendortest.TwilioFrom}, "Body": {"hi"},
		"StatusCallback": {"https://beckon.example.com/webhooks/twilio/status?m=dl_1#rc=5"},
	}
}

func TestTwilioTakesAGoodMessageAndKeepsIt(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	res := postForm(t, server, goodForm())
	require.Equal(t, http.StatusCreated, res.StatusCode)
	var got struct{ SID, Status, To, From, Body string }
	require.NoError(t, json.Unmarshal(res.Body, &got))

	sent := server.Sent("dl_1")
	require.Len(t, sent, 1)
	require.Equal(t, sent[0].SID, got.SID)
	require.Regexp(t, `^SM[0-9a-f]{32}$`, got.SID)
	require.Equal(t, []string{"queued", "+14155550123", vendortest.TwilioFrom, "hi"},
		[]string{got.Status, got.To, got.From, got.Body})
	require.Empty(t, server.Sent("dl_2"))
	require.Empty(t, server.Faults())
}

func TestTwilioRefusesWhatItWouldRefuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		parameter, value string
		code             int
	}{
		"no number":             {"To", "", 21604},
		"no E.164":              {"To", "4155550123", 21211},
		"magic: invalid":        {"To", "+15005550001", 21211},
		"magic: unreachable":    {"To", "+15005550002", 21612},
		"magic: region":         {"To", "+15005550003", 21408},
		"magic: opted out":      {"To", "+15005550004", 21610},
		"magic: no mobile":      {"To", "+15005550009", 21614},
		"no sender":             {"From", "", 21603},
		"no valid sender":       {"From", "a name that is too long", 21212},
		"magic: invalid sender": {"From", "+15005550001", 21212},
		"magic: not ours":       {"From", "+15005550007", 21606},
		"magic: full queue":     {"From", "+15005550008", 21611},
		"another's service":     {"MessagingServiceSid", "MG0123456789abcdef0123456789abcdef", 21701},
		"no text":               {"Body", "", 21602},
		"1601 characters":       {"Body", strings.Repeat("é", 1601), 21617},
		"no callback address":   {"StatusCallback", "/status", 21609},
		"an underscore":         {"StatusCallback", "https://my_host/status", 21609},
		"no validity":           {"ValidityPeriod", "0", 21624},
		"ten hours and more":    {"ValidityPeriod", "36001", 21624},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewTwilio(t)
			form := goodForm()
			form.Set(test.parameter, test.value)
			res := postForm(t, server, form)
			require.Equal(t, http.StatusBadRequest, res.StatusCode)
			var got struct {
				Code, Status int
				Message      string
			}
			require.NoError(t, json.Unmarshal(res.Body, &got))
			require.Equal(t, test.code, got.Code)
			require.Equal(t, http.StatusBadRequest, got.Status)
			require.NotEmpty(t, got.Message)
			require.Empty(t, server.Messages())
			require.Empty(t, server.Faults(), "settings and people can be wrong: that is no fault of the client")
		})
	}
}

func TestTwilioTakesWhatIsJustAllowed(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	form := goodForm()
	form.Set("Body", strings.Repeat("é", 1600))
	form.Set("ValidityPeriod", "36000")
	require.Equal(t, http.StatusCreated, postForm(t, server, form).StatusCode)
	form.Del("From")
	form.Set("MessagingServiceSid", vendortest.TwilioServiceSID)
	require.Equal(t, http.StatusCreated, postForm(t, server, form).StatusCode)
	require.Len(t, server.Messages(), 2)
}

func TestAWrongClientOfTwilioIsNoted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*http.Request)
		status int
		fault  string
	}{
		"a wrong password":     {func(r *http.Request) { r.SetBasicAuth(vendortest.TwilioAccountSID, "x") }, 401, ""},
		"a key":                {func(r *http.Request) { r.SetBasicAuth(vendortest.TwilioAPIKey, vendortest.TwilioAPISecret) }, 201, ""},
		"nobody":               {func(r *http.Request) { r.Header.Del("Authorization") }, 401, ""},
		"another path":         {func(r *http.Request) { r.URL.Path = "/2010-04-01/Accounts/AC/Messages.json" }, 404, ""},
		"another method":       {func(r *http.Request) { r.Method = http.MethodPut }, 405, "method PUT"},
		"JSON":                 {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 415, "content type"},
		"a key to repeat by":   {func(r *http.Request) { r.Header.Set("Idempotency-Key", "x") }, 201, "Idempotency-Key"},
		"a parameter too many": {addToBody("&Tags=x"), 201, "parameter Tags"},
		"a parameter twice":    {addToBody("&To=%2B14155550124"), 201, "parameter To: given 2 times"},
		"no form":              {addToBody("&%zz"), 400, "not form encoded"},
		"neither yes nor no":   {addToBody("&SmartEncoded=yes"), 201, "SmartEncoded"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewTwilio(t)
			req := request(t, server.URL+"/2010-04-01/Accounts/"+vendortest.TwilioAccountSID+"/Messages.json", goodForm().Encode())
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.SetBasicAuth(vendortest.TwilioAccountSID, vendortest.TwilioAuthToken)
			test.change(req)
			require.Equal(t, test.status, do(t, req).StatusCode)
			if test.fault == "" {
				require.Empty(t, server.Faults())
				return
			}
			require.Len(t, server.Faults(), 1)
			require.Contains(t, server.Faults()[0], test.fault)
		})
	}
}

func addToBody(s string) func(*http.Request) {
	return func(r *http.Request) {
		body := goodForm().Encode() + s
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
}

func TestAScriptedAnswerIsGivenOnce(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	server.Next(
		vendortest.Answer{Status: 503, Header: map[string]string{"Retry-After": "3"}, Body: "busy"},
		vendortest.Answer{Status: 201, Body: "not JSON"},
		vendortest.Answer{Delay: time.Millisecond},
	)
	res := postForm(t, server, goodForm())
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, "3", res.Header.Get("Retry-After"))
	require.Empty(t, server.Messages(), "what is refused is not taken")

	res = postForm(t, server, goodForm())
	require.Equal(t, "not JSON", string(res.Body))
	require.Len(t, server.Messages(), 1, "a 2xx is taken, whatever it says")

	require.Equal(t, 201, postForm(t, server, goodForm()).StatusCode)
	require.Equal(t, 201, postForm(t, server, goodForm()).StatusCode, "its usual self again")
	require.Equal(t, 4, server.Requests())
}

func TestAScriptDoesNotMakeABadMessageGood(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	server.Next(vendortest.Answer{Status: 201})
	form := goodForm()
	form.Del("To")
	require.Equal(t, 400, postForm(t, server, form).StatusCode)
	require.Empty(t, server.Messages())
}
