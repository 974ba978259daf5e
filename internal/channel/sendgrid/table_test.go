package sendgrid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
)

// row is one line of testdata/answers.yaml.
type row struct {
	Status  int
	Field   string
	Message string
	Body    string
	Kind    relay.OutcomeKind
	Blame   relay.Blame
	Reason  relay.Reason
}

func (r row) String() string { return fmt.Sprintf("%d_%s_%s_%s", r.Status, r.Field, r.Message, r.Body) }

const (
	leakMail = "ann@example.com"
	leakKey  = "SG.abcdefghij.klmnopqrst"
)

// answer is what the server is told to say, with everything in it that must not come out.
func (r row) answer(t *testing.T) vendortest.Answer {
	t.Helper()
	a := vendortest.Answer{Status: r.Status, CutOff: r.Body == "cut", Header: map[string]string{"X-Message-Id": "msg-1"}}
	switch {
	case r.Body == "none":
	case r.Field == "" && r.Message == "":
		a.Body = "<html>gateway: ask " + leakMail + "</html>"
	default:
		one := map[string]any{"message": r.Message + " " + leakMail + " " + leakKey, "field": nil, "help": nil}
		if r.Field != "" {
			one["field"] = r.Field
		}
		raw, err := json.Marshal(map[string]any{"errors": []any{one}, "id": "x"})
		require.NoError(t, err)
		a.Body = string(raw)
	}
	return a
}

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
	server := vendortest.NewSendGrid(t)
	client := newClient(t, server)
	for _, r := range rows(t) {
		t.Run(r.String(), func(t *testing.T) {
			server.Next(r.answer(t))
			got := client.Send(t.Context(), delivery("dl_1"))
			require.Equal(t, r.Kind, got.Kind)
			require.Equal(t, r.Blame, got.Blame)
			require.Equal(t, r.Reason, got.Reason)
			require.Equal(t, r.Status, got.Status)
			require.NotContains(t, got.Detail, leakMail)
			require.NotContains(t, got.Detail, leakKey)
			if r.Kind == relay.Accepted {
				require.Equal(t, "msg-1", got.ProviderID, "the id stands in the header, readable or not the body")
				require.Empty(t, got.Detail)
			} else {
				require.NotEmpty(t, got.Detail)
			}
		})
	}
}

func TestEveryRowOfTheTableIsInTheList(t *testing.T) {
	t.Parallel()
	listed := rows(t)
	for i, r := range table {
		met := false
		for _, l := range listed {
			// The row counts as met if this answer reaches it and no row before it.
			problems := []problem{{field: l.Field, message: l.Message}}
			met = met || l.Status == r.status && r.matches(problems) && first(l.Status, problems) == i
		}
		require.True(t, met, "no line of testdata/answers.yaml reaches row %d, status %d", i, r.status)
	}
}

func first(status int, problems []problem) int {
	for i, r := range table {
		if r.status == status && r.matches(problems) {
			return i
		}
	}
	return -1
}

func TestSendGridsWordsAreQuotedScrubbedUnlessTheyAreAboutTheRecipient(t *testing.T) {
	t.Parallel()
	got := judge(answer{status: 400, errors: []problem{{field: "subject", message: "The subject of " + leakMail + " is required."}}})
	require.Equal(t, "sendgrid answered 400: the request is refused: The subject of [address] is required.", got.Detail)
	got = judge(answer{status: 400, errors: []problem{{field: "personalizations.0.to", message: "Ann Smith is no address."}}})
	require.Equal(t, "sendgrid answered 400: the recipient's address is refused", got.Detail)
}

func FuzzErrorBody(f *testing.F) {
	f.Add([]byte(`{"errors":[{"message":"The subject is required.","field":"subject","help":null}],"id":"1"}`))
	f.Add([]byte(`{"errors":["text"]}`))
	f.Add([]byte(`{"errors":null}`))
	f.Add([]byte(`<html>413</html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, status := range []int{400, 401, 403, 500} {
			got := judge(answer{status: status, errors: decodeErrors(body)})
			require.NotEmpty(t, got.Reason)
			require.LessOrEqual(t, len(got.Detail), 400)
			require.NotEqual(t, relay.Accepted, got.Kind)
		}
	})
}
