package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// wish posts a button of the page behind a link, or asks for the page where it is empty, and gives the page.
func (p *process) wish(path, field string) string {
	p.t.Helper()
	method := http.MethodPost
	if field == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.public+path, strings.NewReader(field))
	require.NoError(p.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close() //nolint:errcheck // of a test
	page, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, response.StatusCode)
	return string(page)
}

// mailLink is the path of the link in the newest mail.
func (l *lab) mailLink() string {
	l.t.Helper()
	mails := l.sendgrid.Mails()
	path, ours := strings.CutPrefix(strings.Trim(mails[len(mails)-1].Headers["List-Unsubscribe"], "<>"), "https://relay.example.com")
	require.True(l.t, ours)
	return path
}

// outcome posts a new mention and gives how its alert ended, with the Reason of each delivery.
func (p *process) outcome(s store.Store, id string) (relay.Alert, map[relay.Channel]relay.Reason) {
	p.t.Helper()
	event := p.mustPost(sample(p.t, relay.UserMentioned, map[string]any{"data.message.id": id})).ID
	alert, ends := p.alert(s, event), map[relay.Channel]relay.Reason{}
	deliveries, err := s.Deliveries(p.t.Context(), store.Filter{EventID: event})
	require.NoError(p.t, err)
	for _, d := range deliveries {
		ends[d.Channel] = d.Reason
	}
	return alert, ends
}

func TestStopSuppressesTheNextTextWithinASecondAndStartLiftsIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_SMS_STOP_WORDS"] = "ARRÊT,no más"
	p, s := l.serve(), l.kept()
	both := map[relay.Channel]relay.Reason{relay.ChannelSMS: "", relay.ChannelEmail: ""}
	noText := map[relay.Channel]relay.Reason{relay.ChannelSMS: relay.ReasonOptedOut, relay.ChannelEmail: ""}
	require.Equal(t, both, p.mention(s, "3001"), "it receives alerts")
	for i, said := range []struct{ body, optOut string }{{"STOP", ""}, {" »Arrêt!«", ""}, {"anything", "STOP"}} {
		began := time.Now()
		p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", said.body, said.optOut))
		found, err := s.Suppressed(t.Context(), relay.NewAddress(relay.ChannelSMS, "+14155550102"))
		require.NoError(t, err)
		require.Len(t, found, 1, "it is on disk when Twilio has its answer")
		t.Logf("kept after %s", time.Since(began))
		require.Equal(t, noText, p.mention(s, "310"+string(rune('0'+i))))
		p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", "start.", ""))
		require.Equal(t, both, p.mention(s, "320"+string(rune('0'+i))))
	}
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", "please stop it", ""))
	require.Equal(t, both, p.mention(s, "3301"))

	// What a bounce or an operator found out, START does not lift.
	_, errs, code := l.run("suppressions", "add", "+14155550102", "--reason", "unreachable", "--server", p.admin)
	require.Zero(t, code, errs)
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", "START", ""))
	require.Equal(t, relay.ReasonUnreachable, p.mention(s, "3302")[relay.ChannelSMS])
	p.stop()
	require.NotContains(t, p.log(), "55550102")
}

func TestAHelpWordOfOursIsAnsweredAndNoted(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_SMS_HELP_WORDS"], l.env["BECKON_SMS_HELP_REPLY"] = "HILFE", "Fragen & Antworten: help@example.com. Mit STOP ist Schluss."
	p := l.serve()
	for body, want := range map[string]string{
		"Hilfe?": "<Response><Message>Fragen &amp; Antworten: help@example.com. Mit STOP ist Schluss.</Message></Response>",
		"HELP":   "<Response/>", "hello": "<Response/>", "STOP": "<Response/>",
	} {
		report := l.twilio.Inbound(labPublic, "+14155550102", body, "")
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.public+report.URI, bytes.NewReader(report.Body))
		require.NoError(t, err)
		request.Header = report.Header
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		said, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, "text/xml", response.Header.Get("Content-Type"))
		require.Equal(t, want, string(said), body)
	}
	response, err := http.Get(p.admin + "/metrics") //nolint:noctx // bounded by the test
	require.NoError(t, err)
	shown, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, string(shown), `beckon_delivery_receipts_total{channel="sms",status="help"} 2`)
	p.stop()

	l.env["BECKON_SMS_START_WORDS"] = "Stop"
	_, errs, code := l.run("serve")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, `BECKON_SMS_START_WORDS: "Stop" is a word for STOP already`)
}

func TestThePageBehindAMailStopsItsKindOrAllAndTakesEitherBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p, s := l.serve(), l.kept()
	both := map[relay.Channel]relay.Reason{relay.ChannelSMS: "", relay.ChannelEmail: ""}
	require.Equal(t, both, p.mention(s, "4001"))
	path := l.mailLink()
	require.Contains(t, p.wish(path, ""), "g***@example.net")
	require.Contains(t, p.wish(path+"?wish=no_kind", ""), "No more mails at all", "to look changes nothing")
	require.Equal(t, both, p.mention(s, "4002"))

	require.Contains(t, p.wish(path, "wish=no_kind"), "no more messages like the mail")
	alert, _ := p.outcome(s, "4003")
	require.Equal(t, relay.ReasonMuted, alert.Reason)
	require.Contains(t, alert.Trace[len(alert.Trace)-1].Seen, "this rule")
	call := p.mustPost(sample(t, relay.CallInitiated, map[string]any{
		"data.data.entities.on.entity.receiver.entity.uid": "cometchat-uid-2",
	}))
	require.NotEqual(t, relay.ReasonMuted, l.alert(s, call.ID).Reason, "another kind goes on")
	require.Contains(t, p.wish(path, "wish=resume"), "You get mails")
	require.Equal(t, both, p.mention(s, "4004"))

	require.Contains(t, p.wish(path, "List-Unsubscribe=One-Click"), "You are unsubscribed")
	require.Equal(t, relay.ReasonOptedOut, p.mention(s, "4005")[relay.ChannelEmail])
	require.Contains(t, p.wish(path, "wish=resume"), "You get mails")
	require.Equal(t, both, p.mention(s, "4006"))

	// What an operator noted, the page cannot lift.
	_, errs, code := l.run("suppressions", "add", "george@example.net", "--server", p.admin)
	require.Zero(t, code, errs)
	require.Contains(t, p.wish(path, "wish=resume"), "Only whoever runs the chat can change that")
	require.Equal(t, relay.ReasonOptedOut, p.mention(s, "4007")[relay.ChannelEmail])

	audit, err := s.Audit(t.Context(), store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	var did []string
	for _, a := range audit {
		did = append(did, a.Who+" "+a.Action+" "+a.Subject)
	}
	require.Equal(t, []string{
		"local suppress email g***@example.net (opted_out)",
		"recipient lift email g***@example.net (opted_out)", "recipient suppress email g***@example.net (opted_out)",
		"recipient unmute rule mention for cometchat-uid-2", "recipient mute rule mention for cometchat-uid-2",
	}, did)
	p.stop()
	require.NotContains(t, p.log(), strings.TrimPrefix(path, "/u/"), "a token in the log")
	require.NotContains(t, p.log(), "george@", "an address in the log")
}

func TestPreferencesSetByTheAPIHoldForTheNextAlert(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p, s := l.serve(), l.kept()
	path := p.admin + "/console/api/preferences/COMETCHAT-uid-2"
	put := func(body, match string) (answer, string) {
		var tag string
		a, err := p.request(http.MethodPut, path, strings.NewReader(body), func(r *http.Request) {
			if match != "" {
				r.Header.Set("If-Match", match)
			}
		})
		require.NoError(t, err)
		tag = a.Header.Get("ETag")
		return a, tag
	}
	a, tag := put(`{"channels":["email"],"mute":[{"rules":["missed-cal"]}]}`, `"0"`)
	require.Equal(t, http.StatusOK, a.Status)
	alert, ends := p.outcome(s, "5001")
	require.Equal(t, relay.AlertSent, alert.State)
	require.Equal(t, map[relay.Channel]relay.Reason{relay.ChannelSMS: relay.ReasonNotWanted, relay.ChannelEmail: ""}, ends)
	a, _ = put(`{}`, `"0"`)
	require.Equal(t, http.StatusPreconditionFailed, a.Status, "it has changed since")
	a, _ = put(`{"time_zone":"Mars/Olympus","mutes":[]}`, "")
	require.Equal(t, http.StatusUnprocessableEntity, a.Status)
	require.Contains(t, a.Error.Message, `time_zone: "Mars/Olympus" is not a time zone of the IANA database; write one such as Europe/Berlin`)
	require.Contains(t, a.Error.Message, `mutes: unknown key "mutes"; did you mean mute?`)
	a, _ = put(`{"channels":`, "")
	require.Equal(t, http.StatusBadRequest, a.Status)
	a, _ = put(`{"mute":{"everything":true}}`, tag)
	require.Equal(t, http.StatusOK, a.Status)
	alert, _ = p.outcome(s, "5002")
	require.Equal(t, relay.ReasonMuted, alert.Reason)
	p.stop()
}

// suppressions runs a command of `beckon suppressions` against the relay.
func (p *process) suppressions(args ...string) (stdout, stderr string, code int) {
	return p.run(append(append([]string{"suppressions"}, args...), "--server", p.admin)...)
}

func TestSuppressionsAreAddedListedAndRemovedByCommand(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p, s := l.serve(), l.kept()
	out, errs, code := p.suppressions("list")
	require.Zero(t, code)
	require.Empty(t, out)
	require.Contains(t, errs, "no address is suppressed so")
	out, _, code = p.suppressions("add", "+1 (415) 555-0102", "George@example.net")
	require.Zero(t, code)
	require.Equal(t, "suppressed: 2; known before: 0\n", out)
	alert, ends := p.outcome(s, "6001")
	require.Equal(t, relay.AlertSuppressed, alert.State)
	require.Equal(t, map[relay.Channel]relay.Reason{relay.ChannelSMS: relay.ReasonOptedOut, relay.ChannelEmail: relay.ReasonOptedOut}, ends)

	out, _, _ = p.suppressions("list", "--channel", "sms")
	require.Regexp(t, `sms +\+14\*+02 +opted_out +operator\n$`, out)
	require.NotContains(t, out, "55550102")
	out, _, _ = p.suppressions("list", "--reveal", "--json", "--limit", "1", "--channel", "email")
	require.Contains(t, out, `"address":"george@example.net"`)
	require.Regexp(t, `"next":"\d+"`, out)

	out, errs, code = p.suppressions("remove", "+14155550102", "george@example.net", "--dry-run")
	require.Zero(t, code)
	require.Contains(t, out, "g***@example.net")
	require.Contains(t, errs, "without --dry-run it would be 2")
	_, errs, code = p.suppressions("remove", "+14155550102", "pat@example.net", "--yes")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "email p***@example.net is not suppressed")
	out, _, code = p.suppressions("remove", "+14155550102", "george@example.net", "--yes", "--json")
	require.Zero(t, code)
	var removed struct{ Removed []struct{ Address string } }
	require.NoError(t, json.Unmarshal([]byte(out), &removed))
	require.Len(t, removed.Removed, 2)
	alert, _ = p.outcome(s, "6002")
	require.Equal(t, relay.AlertSent, alert.State)

	_, _, code = p.suppressions("add", "spam@example.net", "--reason", "complained")
	require.Zero(t, code)
	_, errs, code = p.suppressions("remove", "spam@example.net", "--yes")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "s***@example.net reported a mail as spam")
	_, _, code = p.suppressions("remove", "spam@example.net", "--yes", "--force")
	require.Zero(t, code)
	out, _, _ = l.run("pause", "--history", "--server", p.admin)
	require.Regexp(t, `local +lift +email s\*\*\*@example.net \(complained\)`, out)
	require.NotRegexp(t, `george@|spam@|55550102`, out)
	p.stop()
	require.NotRegexp(t, `george@|spam@|55550102`, p.log())
}

func TestSuppressionsAreImportedAndExportedByCommand(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	_, _, code := p.suppressions("add", "+14155550102")
	require.Zero(t, code)
	l.write("list.csv", "address,reason,at\r\nmia@example.com,bounced,2026-01-31\r\n+14155550199,,\r\n+14155550102,complained,\r\n")
	out, _, code := p.suppressions("import", l.path("list.csv"), "--dry-run")
	require.Zero(t, code)
	require.Equal(t, "would be suppressed: 2; known before: 1; lines left out: 0\n", out)
	_, errs, code := p.suppressions("import", l.path("list.csv"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--yes does it without")
	out, _, code = p.suppressions("import", l.path("list.csv"), "--yes")
	require.Zero(t, code)
	require.Equal(t, "suppressed: 2; known before: 1; lines left out: 0\n", out)

	_, errs, code = p.suppressions("export", l.path("out.csv"))
	require.Zero(t, code, errs)
	require.Contains(t, errs, "3 addresses written to "+l.path("out.csv")+", in clear")
	exported, err := os.ReadFile(l.path("out.csv"))
	require.NoError(t, err)
	require.Contains(t, string(exported), "channel,address,reason,at\n")
	require.Contains(t, string(exported), "email,mia@example.com,bounced,2026-01-31T00:00:00Z\n")
	info, err := os.Stat(l.path("out.csv"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	_, errs, code = p.suppressions("export", l.path("out.csv"))
	require.Equal(t, exitUsage, code, "it is not written over")
	require.Contains(t, errs, "is there already")

	_, _, code = p.suppressions("remove", "mia@example.com", "--yes")
	require.Zero(t, code)
	out, _, code = p.suppressions("import", l.path("out.csv"), "--yes")
	require.Zero(t, code)
	require.Equal(t, "suppressed: 1; known before: 2; lines left out: 0\n", out, "what was exported can be taken back")
	out, _, _ = l.run("pause", "--history", "--server", p.admin)
	require.Regexp(t, `local +import suppressions +3 addresses`, out)
	require.Regexp(t, `local +reveal suppressions +3 addresses`, out)
	require.NotRegexp(t, `mia@|55550102`, out)
	p.stop()
	require.NotRegexp(t, `mia@|55550102`, p.log())
}

func TestSuppressionsThatCannotBeAskedForAreWrongUsage(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	for want, given := range map[string][]string{
		"ADDRESS is missing: beckon suppressions add ADDRESS":  {"add"},
		"ADDRESS is missing: beckon suppressions remove":       {"remove"},
		"FILE is missing: beckon suppressions import FILE":     {"import"},
		`--reason "muted": must be one of [opted_out complain`: {"add", "+14155550123", "--reason", "muted"},
		`--channel "fax": must be one of`:                      {"list", "--channel", "fax"},
		"--limit must be 1 to 1000":                            {"list", "--limit", "0"},
	} {
		_, errs, code := l.run(append([]string{"suppressions"}, given...)...)
		require.Equal(t, exitUsage, code, given)
		require.Contains(t, errs, want)
	}
	_, errs, code := l.run("suppressions", "list", "--server", "http://127.0.0.1:1")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "is a relay running there?")
}
