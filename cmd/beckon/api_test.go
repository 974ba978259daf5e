package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// filled is a relay with an operator and a viewer. It had a text refused and one delivered, put a mail into the outbox, and cancelled an
// alert; the event is that of the refused text.
func filled(t *testing.T) (p *process, event string) {
	t.Helper()
	l := newLab(t, labRules)
	l.env["BECKON_CONSOLE_USERS"] = "kim:open sesame,vi:look only:viewer"
	l.env["BECKON_ONLY_TO"] = "+1415*"
	p = l.serve()
	s := l.kept()
	l.twilio.Next(vendortest.Answer{Status: http.StatusBadRequest, Body: `{"code":21211,"status":400}`})
	event = p.mustPost(sample(t, relay.UserMentioned, nil)).ID
	l.only(s, event, relay.ChannelSMS, relay.DeliveryDead)
	l.only(s, event, relay.ChannelEmail, relay.DeliverySent)
	call := p.mustPost(sample(t, relay.CallInitiated, nil))
	l.only(s, call.ID, relay.ChannelSMS, relay.DeliverySent)
	p.accepted(http.StatusNoContent, l.twilio.Reports(l.twilio.Messages()[0], "undelivered 30003")...)
	l.only(s, call.ID, relay.ChannelSMS, relay.DeliveryUndelivered)
	p.mustPost(sample(t, relay.MessageReadReceipt, map[string]any{"data.body.messageId": "70001"}))
	p.mustPost(sample(t, "group_member_joined", nil))
	return p, event
}

// said is an answer, read.
type said struct {
	status   int
	raw      []byte
	response *http.Response
}

// as asks as somebody who may come in.
func (p *process) as(who, method, path, body string) said {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.admin+path, strings.NewReader(body))
	require.NoError(p.t, err)
	name, secret, _ := strings.Cut(who, ":")
	request.SetBasicAuth(name, secret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	raw, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	response.Body = io.NopCloser(bytes.NewReader(raw))
	return said{response.StatusCode, raw, response}
}

// document is the OpenAPI document of the relay.
func (p *process) document() validator.Validator {
	p.t.Helper()
	answer := p.as("vi:look only", http.MethodGet, "/console/api/openapi.yaml", "")
	require.Equal(p.t, http.StatusOK, answer.status)
	parsed, err := libopenapi.NewDocument(answer.raw)
	require.NoError(p.t, err)
	check, errs := validator.NewValidator(parsed, config.WithFormatAssertions())
	require.Empty(p.t, errs)
	return check
}

const api = "/console/api/"

// asking is a request, by whom, and the status of its answer.
type asking struct {
	who, method, path, body string
	status                  int
}

// asked are requests of every route, in an order in which they make sense.
func asked(event, alert, delivery string) []asking {
	return []asking{
		{"vi", "GET", api + "events?limit=2", "", 200},
		{"vi", "GET", api + "events/" + event, "", 200},
		{"kim", "GET", api + "events/" + event + "?reveal=true", "", 200},
		{"vi", "GET", api + "events/" + event + "?reveal=true", "", 403},
		{"vi", "GET", api + "events/nothing", "", 404},
		{"vi", "GET", api + "events/abc", "", 400},
		{"vi", "GET", api + "alerts?since=2h", "", 200},
		{"vi", "GET", api + "alerts/" + alert, "", 200},
		{"vi", "GET", api + "deliveries?channel=sms&limit=1", "", 200},
		{"vi", "GET", api + "deliveries?state=retrying", "", 200},
		{"vi", "GET", api + "deliveries?state=dead&address=%2B14155550102", "", 200},
		{"vi", "GET", api + "deliveries/" + delivery, "", 200},
		{"kim", "GET", api + "deliveries/" + delivery + "?reveal=true", "", 200},
		{"vi", "GET", api + "outbox", "", 200},
		{"kim", "GET", api + "outbox?reveal=true", "", 200},
		{"vi", "GET", api + "outbox/1", "", 200},
		{"vi", "GET", api + "outbox/99", "", 404},
		{"vi", "GET", api + "overview", "", 200},
		{"vi", "GET", api + "triggers", "", 200},
		{"vi", "GET", api + "rules", "", 200},
		{"vi", "POST", api + "backtest", `{"rules":"version: 1\nrules: [ { name: m, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: a } ] } ]","templates":{"a/sms.txt":"hi"},"since":"72h","examples":9}`, 200},
		{"vi", "POST", api + "backtest", `{"rules":"version: 2","templates":{},"since":"72h"}`, 422},
		{"vi", "GET", api + "audit?limit=2", "", 200},
		{"kim", "POST", "/-/reload", "", 200},
		{"kim", "POST", "/-/pause", `{"channel":"sms"}`, 200},
		{"kim", "GET", "/-/pauses", "", 200},
		{"kim", "POST", "/-/resume", `{}`, 200},
		{"kim", "POST", "/-/resume", `{}`, 404},
		{"kim", "GET", "/-/audit", "", 200},
		{"vi", "GET", "/-/log-level", "", 200},
		{"kim", "POST", "/-/log-level", `{"level":"info"}`, 200},
		{"kim", "PUT", api + "preferences/cometchat-uid-2", `{"channels":["sms"],"quiet_hours":{"from":"22:00","to":"06:00"},"mute":{"rules":["mention"]}}`, 200},
		{"vi", "GET", api + "preferences/cometchat-uid-2", "", 200},
		{"kim", "PUT", api + "preferences/cometchat-uid-2", `{"channels":["fax"]}`, 422},
		{"kim", "POST", api + "suppressions", `{"suppressions":[{"address":"mia@example.com"}]}`, 200},
		{"vi", "GET", api + "suppressions", "", 200},
		{"kim", "DELETE", api + "suppressions", `{"address":"mia@example.com"}`, 200},
		{"kim", "POST", api + "people/cometchat-uid-2/forget", `{"dry_run":true}`, 200},
		{"kim", "GET", api + "people/cometchat-uid-2", "", 200},
	}
}

func TestWhatTheRelayAnswersIsAsTheOpenAPIDocumentSays(t *testing.T) {
	t.Parallel()
	p, event := filled(t)
	s := p.kept()
	alerts, err := s.Alerts(t.Context(), store.Filter{EventID: event})
	require.NoError(t, err)
	refused := p.only(s, event, relay.ChannelSMS, relay.DeliveryDead)
	check := p.document()
	for _, ask := range asked(event, alerts[0].ID, refused.ID) {
		what := ask.method + " " + ask.path
		answer := p.as(map[string]string{"vi": "vi:look only", "kim": "kim:open sesame"}[ask.who], ask.method, ask.path, ask.body)
		require.Equal(t, ask.status, answer.status, "%s: %s", what, answer.raw)
		if answer.response.Header.Get("Content-Type") == "application/x-ndjson" {
			continue // no validator reads it
		}
		_, faults := check.ValidateHttpResponse(answer.response.Request, answer.response)
		for _, f := range faults {
			t.Errorf("%s: %s: %s\n%.2000s", what, f.Message, f.Reason, answer.raw)
			for _, s := range f.SchemaValidationErrors {
				t.Errorf("  %s: %s", s.FieldPath, s.Reason)
			}
		}
	}
	sheet := p.as("vi:look only", http.MethodGet, api+"deliveries?format=csv", "")
	require.Equal(t, http.StatusOK, sheet.status)
	require.Contains(t, string(sheet.raw), refused.ID)
	require.NotContains(t, string(sheet.raw), "14155550102")
	p.stop()
}

func TestListsAreTheSameFromTheDatabaseAndFromARelay(t *testing.T) {
	t.Parallel()
	p, event := filled(t)
	refused := p.only(p.kept(), event, relay.ChannelSMS, relay.DeliveryDead)
	for _, args := range [][]string{
		{"events", "list"},
		{"events", "list", "--trigger", "user_mentioned", "--json"},
		{"events", "show", event},
		{"events", "show", event[:8], "--json"},
		{"events", "show", event, "--raw"},
		{"events", "show", event, "--raw", "--json"},
		{"alerts", "list"},
		{"alerts", "list", "--rule", "mention", "--json"},
		{"alerts", "show", refused.AlertID, "--json"},
		{"deliveries", "list"},
		{"deliveries", "list", "--all", "--json"},
		{"deliveries", "list", "--limit", "1"},
		{"deliveries", "list", "--address", "+14155550102", "--state", "dead"},
		{"deliveries", "list", "--state", "retrying", "--json"},
		{"deliveries", "show", refused.ID},
		{"deliveries", "show", refused.ID, "--json"},
		{"deliveries", "show", refused.ID, "--reveal"},
		{"deliveries", "show", refused.ID, "--reveal", "--json"},
		{"deliveries", "show", "dl_0000000"},
		{"deliveries", "show", "dl_1"},
		{"deliveries", "list", "--state", "lost"},
		{"alerts", "list", "--since", "x"},
	} {
		delete(p.env, "BECKON_OPERATOR")
		out, errs, code := p.run(args...)
		p.env["BECKON_OPERATOR"] = "kim:open sesame"
		outThere, errsThere, codeThere := p.run(append(args, "--server", p.admin)...)
		require.Equal(t, out, outThere, args)
		require.Equal(t, code, codeThere, "%s: %s %s", args, errs, errsThere)
		if code == exitFine {
			require.NotEmpty(t, out, args)
		}
	}
	out, _, _ := p.run("deliveries", "show", refused.ID, "--server", p.admin)
	require.Contains(t, out, "see https://www.twilio.com/docs/api/errors/21211")
	audit, err := p.kept().Audit(t.Context(), store.AuditFilter{Who: "kim"})
	require.NoError(t, err)
	var seen []string
	for _, a := range audit {
		seen = append(seen, a.Action+" "+a.Subject)
	}
	require.ElementsMatch(t, []string{
		"reveal event " + event, "reveal event " + event, "reveal delivery " + refused.ID, "reveal delivery " + refused.ID,
	}, seen)
	p.stop()
}

func TestAViewerIsShownThroughARelayWhatIsMasked(t *testing.T) {
	t.Parallel()
	p, event := filled(t)
	refused := p.only(p.kept(), event, relay.ChannelSMS, relay.DeliveryDead)
	p.env["BECKON_OPERATOR"] = "vi:look only"
	out, said, code := p.run("deliveries", "show", refused.ID, "--server", p.admin)
	require.Equal(t, exitFine, code, said)
	require.NotContains(t, out, "14155550102")
	for _, args := range [][]string{{"deliveries", "show", refused.ID, "--reveal"}, {"events", "show", event, "--raw"}} {
		out, said, code = p.run(append(args, "--server", p.admin)...)
		require.Equal(t, exitFindings, code)
		require.Empty(t, out)
		require.Contains(t, said, "a viewer may look but not act")
	}
	p.env["BECKON_OPERATOR"] = "kim:wrong"
	_, said, code = p.run("alerts", "list", "--server", p.admin)
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "it asks for an operator")
	audit, err := p.kept().Audit(t.Context(), store.AuditFilter{})
	require.NoError(t, err)
	require.Empty(t, audit)
	p.stop()
}

func TestWithoutADatabaseTheListsSayBothWays(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	_, said, code := l.run("deliveries", "list")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "BECKON_DATABASE_URL")
	require.Contains(t, said, "--server")
	_, said, code = l.run("deliveries", "list", "--server", "http://127.0.0.1:1")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "nobody listens at http://127.0.0.1:1")
	_, _, code = l.run("deliveries", "list", "--server", "nonsense")
	require.Equal(t, exitUsage, code)
}

func TestAllPagesOfAListAreOneList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := rows[int]{w: &out, json: true}
	require.NoError(t, o.items([]int{1, 2}))
	require.NoError(t, o.items(nil))
	require.NoError(t, o.items([]int{3}))
	require.NoError(t, o.end())
	var whole bytes.Buffer
	require.NoError(t, printJSON(&whole, []int{1, 2, 3}))
	require.Equal(t, whole.String(), out.String())
}

// overviewed is the overview as JSON has it.
type overviewed struct {
	Config   struct{ Hash, Refused string }
	Accepted int `json:"events_accepted"`
	Span     int `json:"span_seconds"`
	Pauses   []view.Pause
	Channels []view.ChannelView
	Series   []struct {
		Name   string
		Step   int `json:"step_seconds"`
		Values []int
	}
	Triggers []view.TriggerSeen
}

func TestTheOverviewSaysHowTheRelayDoes(t *testing.T) {
	t.Parallel()
	p, _ := filled(t)
	p.as("kim:open sesame", http.MethodPost, "/-/pause", `{"rule":"mention"}`)
	p.write("rules.yaml", "version: 1\nrules: nonsense\n")
	require.Equal(t, http.StatusUnprocessableEntity, p.as("kim:open sesame", http.MethodPost, "/-/reload", "").status)
	var overview overviewed
	p.eventually("all is counted", func() bool {
		require.NoError(t, json.Unmarshal(p.as("vi:look only", http.MethodGet, "/console/api/overview", "").raw, &overview))
		return overview.Accepted == 4 && overview.Channels[0].Totals["undelivered"] == 1
	})
	require.Contains(t, overview.Config.Refused, "rules.yaml:2:")
	require.NotEmpty(t, overview.Config.Hash)
	require.Equal(t, "mention", overview.Pauses[0].Rule)
	require.Equal(t, 24*60*60, overview.Span)
	sms, mail := overview.Channels[0], overview.Channels[1]
	require.Equal(t, []string{"twilio", "sendgrid"}, []string{sms.Provider, mail.Provider})
	require.Equal(t, map[string]int{"dead": 1, "undelivered": 1, "sent": 0}, sms.Totals)
	require.Equal(t, 1, sms.Waiting["dead"])
	require.Equal(t, map[string]int{"sent": 1}, mail.Totals)
	sums := map[string]int{}
	for _, s := range overview.Series {
		require.Equal(t, 30*60, s.Step)
		require.Len(t, s.Values, 48)
		for _, n := range s.Values {
			sums[s.Name] += n
		}
	}
	require.Equal(t, map[string]int{"accepted": 4, "sms sent": 1, "sms failed": 2, "email sent": 1, "email failed": 0}, sums)
	seen := map[relay.Trigger]view.TriggerSeen{}
	for _, s := range overview.Triggers {
		seen[s.Trigger] = s
	}
	require.Equal(t, []string{"mention"}, seen[relay.UserMentioned].Wanted)
	require.WithinDuration(t, time.Now(), seen[relay.UserMentioned].LastAt, time.Minute)
	require.True(t, seen["message_edited"].LastAt.IsZero())
	require.True(t, seen["message_edited"].Known)

	var rules view.Rules
	require.NoError(t, json.Unmarshal(p.as("vi:look only", http.MethodGet, "/console/api/rules", "").raw, &rules))
	require.Equal(t, []int{1, 1}, []int{rules.Rules[0].Matches, rules.Rules[1].Matches})
	require.Equal(t, []bool{false, true}, []bool{rules.Rules[0].Paused, rules.Rules[1].Paused})
	require.NotEmpty(t, rules.Refused)
	p.stop()
}
