package twilio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/outbound"
	"github.com/beckon-relay/beckon/internal/relay"
)

// row is one line of testdata/answers.yaml.
type row struct {
	Status int
	Code   int
	Body   string
	Kind   relay.OutcomeKind
	Blame  relay.Blame
	Reason relay.Reason
}

func (r row) String() string { return fmt.Sprintf("%d_%d_%s", r.Status, r.Code, r.Body) }

// answer is what the server is told to say, with everything in it that must not come out.
func (r row) answer() vendortest.Answer {
	body := "<html>gateway: ask " + leakPhone + "</html>"
	switch {
	case r.Body == "none":
		body = ""
	case r.Code != 0:
		body = fmt.Sprintf(`{"code":%d,"message":"no: %s %s %s","status":%d}`, r.Code, leakPhone, leakSID, leakMail, r.Status)
	case r.Status == 201 || r.Status == 202:
		body = fmt.Sprintf(`{"sid":%q,"status":"queued"}`, leakSID)
	case r.Status == 204:
		body = ""
	}
	return vendortest.Answer{Status: r.Status, Body: body, CutOff: r.Body == "cut"}
}

const (
	leakPhone = "+14155550123"
	leakSID   = "SM0123456789abcdef0123456789abcdef"
	leakMail  = "ann@example.com"
)

func rows(t *testing.T) []row {
	t.Helper()
	raw, err := os.ReadFile("testdata/answers.yaml")
	require.NoError(t, err)
	var out []row
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&out))
	return out
}

func TestEveryAnswerMeansWhatTheListSays(t *testing.T) {
	t.Parallel()
	server := vendortest.NewTwilio(t)
	client := newClient(t, server)
	for _, r := range rows(t) {
		t.Run(r.String(), func(t *testing.T) {
			server.Next(r.answer())
			got := client.Send(t.Context(), delivery("dl_1"))
			require.Equal(t, r.Kind, got.Kind)
			require.Equal(t, r.Blame, got.Blame)
			require.Equal(t, r.Reason, got.Reason)
			require.Equal(t, r.Status, got.Status)
			if r.Code != 0 {
				require.Equal(t, strconv.Itoa(r.Code), got.Code)
			}
			require.NotContains(t, got.Detail, leakPhone[2:])
			require.NotContains(t, got.Detail, leakSID[2:])
			require.NotContains(t, got.Detail, leakMail)
			require.Equal(t, r.Kind == relay.Accepted, got.Detail == "", got.Detail)
		})
	}
}

func TestEveryCodeOfTheTableIsInTheList(t *testing.T) {
	t.Parallel()
	listed := map[int]bool{}
	for _, r := range rows(t) {
		listed[r.Code] = true
	}
	for code, v := range codes {
		require.True(t, listed[code], "code %d is missing in testdata/answers.yaml", code)
		require.NotEmpty(t, v.Words, code)
	}
}

func TestAnUnknownErrorIsQuotedScrubbed(t *testing.T) {
	t.Parallel()
	got := judge(answer{status: 400, code: 29999, message: outbound.Scrub("ask " + leakMail + " about it")})
	require.Equal(t, "twilio answered 400, code 29999: the request is refused: ask [address] about it", got.Detail)
}

func FuzzErrorBody(f *testing.F) {
	f.Add([]byte(`{"code":21211,"message":"The 'To' number +14155550123 is not a valid phone number.","status":400}`))
	f.Add([]byte(`{"code":"21211"}`))
	f.Add([]byte(`<html>502</html>`))
	f.Add([]byte(`{"code":-1,"message":"\u0000"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message := decodeError(body)
		require.GreaterOrEqual(t, code, 0)
		require.LessOrEqual(t, len(message), outbound.DetailMax)
		require.True(t, utf8.ValidString(message))
		if code != 0 {
			require.True(t, json.Valid(body))
		}
	})
}
