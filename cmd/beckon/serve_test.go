package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

func TestServeSendsRequestsThatTheVendorsAccept(t *testing.T) {
	t.Parallel()
	var options []vendortest.Option
	if os.Getenv(vendortest.SpecsVariable) != "" { //nolint:forbidigo // of the test: third-party documents are not part of the project
		options = append(options, vendortest.Specs(vendortest.SpecsDir(t)))
	}
	l := newLab(t, labRules, options...)
	p := l.serve()
	mention := p.mustPost(sample(t, relay.UserMentioned, nil))
	require.Equal(t, 1, mention.Alerts)
	require.Equal(t, relay.AlertSent, l.alert(l.kept(), mention.ID).State)
	l.eventually("the text and the mail arrive", func() bool {
		return len(l.twilio.Messages()) == 1 && len(l.sendgrid.Mails()) == 1
	})
	p.stop()

	require.Empty(t, l.twilio.Faults())
	require.Empty(t, l.sendgrid.Faults())
	require.Equal(t, "+14155550102", l.twilio.Messages()[0].To)
	mail := l.sendgrid.Mails()[0]
	require.Equal(t, "george@example.net", mail.To)
	require.Contains(t, mail.Subject, "Andrew Joseph")
	require.NotContains(t, p.log(), "14155550102", "a number in the log")
	require.NotContains(t, p.log(), "george@", "an address in the log")
	require.NotContains(t, p.log(), "bus leaves", "a text in the log")
	require.NotContains(t, p.log(), vendortest.TwilioAuthToken, "a secret in the log")
}

func TestMissedCallWaitsAndLooksAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	call := func(id, session string) []byte {
		return sample(t, relay.CallInitiated, map[string]any{"data.call.id": id, "data.call.data.entities.on.entity.sessionid": session})
	}
	started := func(session string) []byte {
		return sample(t, relay.CallStarted, map[string]any{"data.sessionId": session})
	}

	missed := p.mustPost(call("1", "missed"))
	answered := p.mustPost(call("2", "answered"))
	p.mustPost(started("answered"))
	p.mustPost(started("early"))
	early := p.mustPost(call("3", "early"))

	s := l.kept()
	require.Equal(t, relay.AlertSent, l.alert(s, missed.ID).State)
	for _, event := range []answer{answered, early} {
		a := l.alert(s, event.ID)
		require.Equal(t, relay.AlertCancelled, a.State)
		require.Equal(t, relay.ReasonAnswered, a.Reason)
	}
	l.eventually("the text arrives", func() bool { return len(l.twilio.Messages()) == 1 })
	sms := l.twilio.Messages()[0]
	require.Equal(t, "+14155550105", sms.To)
	require.Equal(t, "You missed a call from Andrew Joseph.", sms.Body)
	p.stop()
	require.Len(t, l.twilio.Messages(), 1)
}

func TestEverySampleIsKeptOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	bodies := map[string][]byte{}
	for trigger := range cometchat.Catalogue() {
		bodies[string(trigger)] = sample(t, trigger, nil)
	}
	// The vendor's own documented samples are not part of the project; where a folder of them is at hand they are posted too.
	if dir := os.Getenv("BECKON_VENDOR_PAYLOADS"); dir != "" { //nolint:forbidigo // of the test
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			bodies[file], err = os.ReadFile(file) //nolint:gosec // named by who runs the test
			require.NoError(t, err)
		}
	}
	for name, body := range bodies {
		first := p.mustPost(body)
		require.False(t, first.Duplicate, name)
		if name == string(relay.BeforeMessage) {
			require.Empty(t, first.ID, "a legacy before_message is answered with an empty body")
			continue
		}
		second := p.mustPost(body)
		require.True(t, second.Duplicate, name)
		require.Equal(t, first.ID, second.ID, name)
		require.Zero(t, second.Alerts, name)
	}
	alerts, err := l.kept().Alerts(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, a := range alerts {
		key := a.EventID + a.Rule + a.Recipient.Key()
		require.False(t, seen[key], "a second alert for %s", a.Rule)
		seen[key] = true
	}
	p.stop()
}

func TestAHundredCopiesAtOnceAreOneEvent(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	body := sample(t, relay.UserMentioned, nil)
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		firsts int
	)
	for range 100 {
		group.Go(func() {
			a, err := p.post(body)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.Status == http.StatusOK && !a.Duplicate {
				firsts++
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, firsts)
	events, err := l.kept().Events(t.Context(), store.Filter{Trigger: relay.UserMentioned})
	require.NoError(t, err)
	require.Len(t, events, 1)
	l.eventually("one text", func() bool { return len(l.twilio.Messages()) == 1 })
	p.stop()
	require.Len(t, l.twilio.Messages(), 1)
	require.Len(t, l.sendgrid.Mails(), 1)
}

func TestBrokenWebhooksAreRefusedAndNothingIsKept(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["COMETCHAT_APP_ID"] = "ours"
	p := l.serve()
	good := sample(t, relay.MessageSent, map[string]any{"appId": "ours"})
	json := func(r *http.Request) {
		r.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
		r.SetBasicAuth("cometchat", "secret")
	}
	for name, c := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		status             int
		code               string
	}{
		"not json":       {http.MethodPost, "/webhooks/cometchat", `{"trigger":`, json, 400, "not_json"},
		"an array":       {http.MethodPost, "/webhooks/cometchat", `[]`, json, 400, "not_json"},
		"no trigger":     {http.MethodPost, "/webhooks/cometchat", `{"data":{}}`, json, 400, "no_trigger"},
		"no data":        {http.MethodPost, "/webhooks/cometchat", `{"trigger":"message_sent"}`, json, 400, "no_data"},
		"another app":    {http.MethodPost, "/webhooks/cometchat", `{"trigger":"x","data":{},"appId":"theirs"}`, json, 403, "wrong_app"},
		"too large":      {http.MethodPost, "/webhooks/cometchat", `{"trigger":"x","data":"` + strings.Repeat("a", 1<<20) + `"}`, json, 413, ""},
		"another method": {http.MethodGet, "/webhooks/cometchat", "", json, 405, ""},
		"another path":   {http.MethodPost, "/webhooks/other", "{}", json, 404, ""},
		"a form": {http.MethodPost, "/webhooks/cometchat", "a=b", func(r *http.Request) {
			r.SetBasicAuth("cometchat", "secret")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}, 415, ""},
		"wrong password": {http.MethodPost, "/webhooks/cometchat", string(good), func(r *http.Request) { json(r); r.SetBasicAuth("cometchat", "secre") }, 401, ""},
		"no credentials": {http.MethodPost, "/webhooks/cometchat", string(good), func(r *http.Request) { json(r); r.Header.Del("Authorization") }, 401, ""},
	} {
		a, err := p.request(c.method, p.public+c.path, bytes.NewReader([]byte(c.body)), c.change)
		require.NoError(t, err, name)
		require.Equal(t, c.status, a.Status, name)
		require.NotEmpty(t, a.Error.Code, name)
		if c.code != "" {
			require.Equal(t, c.code, a.Error.Code, name)
		}
	}
	events, err := l.kept().Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Empty(t, events)
	p.mustPost(good)
	p.stop()
}

func TestMetricsCarryTheNamesThatDashboardsUse(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	require.Equal(t, relay.AlertSent, l.alert(l.kept(), event.ID).State)
	response, err := http.Get(p.admin + "/metrics") //nolint:noctx // bounded by the test
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for _, want := range []string{
		`beckon_webhook_requests_total{outcome="accepted",source="cometchat",trigger="user_mentioned"} 1`,
		`beckon_webhook_requests_total{outcome="unauthorized",source="cometchat",trigger=""} 0`,
		"beckon_webhook_request_duration_seconds_count 1", `beckon_events_total{result="matched",trigger="user_mentioned"} 1`,
		`beckon_rule_matches_total{rule="mention"} 1`, `beckon_rule_errors_total{rule="missed-call",stage="condition"} 0`,
		`beckon_deliveries_total{channel="sms",outcome="dead"} 0`, `beckon_delivery_attempts_total{channel="`,
		`outcome="success",provider="`, "beckon_delivery_attempt_duration_seconds_count", "beckon_delivery_latency_seconds_count",
		`beckon_queue_deliveries{channel="sms",state="queued"} 0`, `beckon_queue_oldest_ready_age_seconds{channel="sms"} 0`,
		`beckon_workers{state="busy"}`, "beckon_config_last_reload_successful 1", "beckon_config_info{hash=", "beckon_build_info{",
		`go_sql_open_connections{db_name="write"}`, "process_resident_memory_bytes",
	} {
		require.True(t, bytes.Contains(page, []byte(want)), want)
	}
	require.False(t, bytes.Contains(page, []byte("cometchat-uid")), "a person in a label")
	p.stop()
}
