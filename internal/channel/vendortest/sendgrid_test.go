package vendortest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
)

func TestSendGridTakesAGoodMailAndKeepsIt(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	res := postMail(t, server, goodMail)
	require.Equal(t, http.StatusAccepted, res.StatusCode)
	require.Empty(t, res.Body)

	sent := server.Sent("dl_1")
	require.Len(t, sent, 1)
	require.NotEmpty(t, sent[0].MessageID)
	require.Equal(t, res.Header.Get("X-Message-Id"), sent[0].MessageID)
	require.Equal(t, []string{"ann@example.org", "Hello", "hi", "<p>hi"},
		[]string{sent[0].To, sent[0].Subject, sent[0].Text, sent[0].HTML})
	require.JSONEq(t, goodMail, string(sent[0].Raw))
	require.Empty(t, server.Faults())
}

func TestSendGridRefusesWhatItWouldRefuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		old, changed string
		status       int
		field        string
	}{
		"no sender":            {`"from":{"email":"alerts@example.com"},`, ``, 400, "from.email"},
		"a sender in Unicode":  {`"from":{`, `"from":{"name":"Grüße",`, 400, "from.name"},
		"a list as sender":     {`"from":{`, `"from":{"name":"a; b",`, 400, "from.name"},
		"an unverified sender": {`alerts@example.com`, `alerts@example.net`, 403, "from"},
		"nobody":               {`"personalizations":[`, `"personalizations":[{"to":[]},`, 400, "personalizations.0.to"},
		"no address":           {`ann@example.org`, `ann`, 400, "personalizations.0.to.0.email"},
		"one address twice": {
			`{"email":"ann@example.org"}`, `{"email":"ann@example.org"},{"email":"ANN@example.org"}`, 400, "personalizations",
		},
		"large custom_args": {`"dl_1"`, `"` + strings.Repeat("x", 10000) + `"`, 400, "personalizations.0.custom_args"},
		"no subject":        {`"Hello"`, `""`, 400, "subject"},
		"an empty part":     {`"hi"`, `""`, 400, "content.0.value"},
		"HTML before text":  {`"content":[`, `"content":[{"type":"text/html","value":"x"},`, 400, "content"},
		"a header of its own": {
			`"subject"`, `"headers":{"Subject":"x"},"subject"`, 400, "headers",
		},
		"a line break in a header": {`"subject"`, `"headers":{"X-A":"a\nb"},"subject"`, 400, "headers"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewSendGrid(t)
			require.Contains(t, goodMail, test.old)
			res := postMail(t, server, strings.Replace(goodMail, test.old, test.changed, 1))
			require.Equal(t, test.status, res.StatusCode)
			var got struct {
				Errors []struct{ Message, Field string }
			}
			require.NoError(t, json.Unmarshal(res.Body, &got))
			require.Len(t, got.Errors, 1)
			require.Equal(t, test.field, got.Errors[0].Field)
			require.Empty(t, server.Mails())
			require.Empty(t, server.Faults())
		})
	}
}

func TestSendGridAsksForContentAndRecipients(t *testing.T) {
	t.Parallel()
	server := vendortest.NewSendGrid(t)
	for _, body := range []string{
		`{"from":{"email":"alerts@example.com"},"subject":"x"}`,
		`{"from":{"email":"alerts@example.com"},"subject":"x","personalizations":[{"to":[{"email":"ann@example.org"}]}]}`,
	} {
		require.Equal(t, 400, postMail(t, server, body).StatusCode)
	}
}

func TestAWrongClientOfSendGridIsNoted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body   string
		change func(*http.Request)
		status int
		fault  string
	}{
		"a field too many":   {strings.Replace(goodMail, `"subject"`, `"categorys":[],"subject"`, 1), nil, 400, "categorys"},
		"something behind":   {goodMail + "{}", nil, 400, "behind the object"},
		"no JSON":            {"to=ann", nil, 400, "body"},
		"a wrong key":        {goodMail, func(r *http.Request) { r.Header.Set("Authorization", "Bearer SG.x") }, 401, ""},
		"another path":       {goodMail, func(r *http.Request) { r.URL.Path = "/v3/mail" }, 404, ""},
		"another method":     {goodMail, func(r *http.Request) { r.Method = http.MethodPut }, 405, "method PUT"},
		"a form":             {goodMail, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "content type"},
		"a key to repeat by": {goodMail, func(r *http.Request) { r.Header.Set("X-Idempotency-Key", "x") }, 202, "Idempotency-Key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := vendortest.NewSendGrid(t)
			req := request(t, server.URL+"/v3/mail/send", test.body)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+vendortest.SendGridAPIKey)
			if test.change != nil {
				test.change(req)
			}
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
