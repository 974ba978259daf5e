package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

func TestSendTestTextsOneSentence(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, said, code := l.run("send-test", "--to", "+1 (415) 555-0123")
	require.Equal(t, exitFine, code, said)
	require.Len(t, l.twilio.Messages(), 1)
	sms := l.twilio.Messages()[0]
	require.Equal(t, "+14155550123", sms.To)
	require.Contains(t, sms.Body, "test")
	require.Equal(t, 1, render.Measure(sms.Body, false).Segments)
	require.Equal(t, render.GSM7, render.Measure(sms.Body, false).Encoding)
	require.Empty(t, sms.StatusCallback, "no relay knows of the message")
	require.Contains(t, out, "twilio took the message")
	require.Contains(t, out, sms.SID)
	require.NotContains(t, out, "4155550123")
	require.Empty(t, l.twilio.Faults())
}

func TestSendTestMailsWhatATemplateMakesOfASample(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, said, code := l.run("send-test", "--to", "ann@example.com", "--template", "mention", "--locale", "de", "--json")
	require.Equal(t, exitFine, code, said)
	require.Len(t, l.sendgrid.Mails(), 1)
	mail := l.sendgrid.Mails()[0]
	require.Equal(t, "ann@example.com", mail.To)
	require.Equal(t, "Andrew Joseph hat Sie erwähnt", mail.Subject)
	require.Contains(t, mail.Headers["List-Unsubscribe"], "https://relay.example.com/u/")
	require.Empty(t, l.sendgrid.Faults())
	var row sentRow
	require.NoError(t, json.Unmarshal([]byte(out), &row))
	require.Equal(t, relay.Accepted, row.Outcome)
	require.Equal(t, "sendgrid", row.Provider)
	require.Equal(t, mail.MessageID, row.ProviderID)

	require.Equal(t, mail.Subject, row.Subject)
	require.NotContains(t, said, "this is")

	out, said, code = l.run("send-test", "--to", "ann@example.com")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "  Subject: Test message from Beckon\n  | This is a test")
	require.Equal(t, "Test message from Beckon", l.sendgrid.Mails()[1].Subject)
	require.Empty(t, l.sendgrid.Faults())
}

func TestSendTestSaysWhichLocaleStandsForAnother(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	_, said, code := l.run("send-test", "--to", "+14155550123", "--template", "mention", "--locale", "nl")
	require.Equal(t, exitFine, code, said)
	require.Equal(t, "beckon: template mention has no sms files for nl; this is en\n", said)
	_, said, code = l.run("send-test", "--to", "+14155550123", "--template", "mention")
	require.Equal(t, exitFine, code)
	require.Empty(t, said)
}

func TestSendTestExplainsWhyAMessageWasNotTaken(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, _, code := l.run("send-test", "--to", "+15005550001")
	require.Equal(t, exitFindings, code)
	for _, want := range []string{"twilio did not take", "invalid_number: the provider says", "status: 400, code: 21211"} {
		require.Contains(t, out, want)
	}
	l.twilio.Next(vendortest.Answer{Reset: true})
	out, _, code = l.run("send-test", "--to", "+14155550123")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "may have arrived")
	require.Contains(t, out, "reason: no_answer")
	require.Len(t, l.twilio.Messages(), 1, "asked once")
	l.sendgrid.Next(vendortest.Answer{Status: http.StatusUnauthorized, Body: `{"errors":[{"message":"no"}]}`})
	out, _, code = l.run("send-test", "--to", "ann@example.com", "--json")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, `"reason": "misconfigured"`)
}

func TestSendTestDoesNotWriteToWhoSaidNo(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	kept, err := sqlite.Open(t.Context(), sqlite.Options{Path: l.path("beckon.db"), Decode: cometchat.Decode, Now: time.Now})
	require.NoError(t, err)
	require.NoError(t, kept.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelEmail, "ann@example.com"), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByLink, At: time.Now(),
	}))
	require.NoError(t, kept.Close())
	out, _, code := l.run("send-test", "--to", "Ann@Example.com")
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "nothing was sent")
	require.Contains(t, out, "opted_out")
	require.Empty(t, l.sendgrid.Mails())
	_, said, code := l.run("send-test", "--to", "bob@example.com")
	require.Equal(t, exitFine, code, said)

	l.write("beckon.db", strings.Repeat("no database ", 100))
	_, said, code = l.run("send-test", "--to", "bob@example.com")
	require.Equal(t, exitFindings, code)
	require.Contains(t, said, "nothing was sent: look whether the address said no")
	require.Len(t, l.sendgrid.Mails(), 1)
}

func TestSendTestSaysWhenNothingLeavesTheHouse(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["BECKON_PROVIDERS"] = "outbox"
	out, said, code := l.run("send-test", "--to", "+14155550123")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "outbox took the message")
	require.Contains(t, out, "nothing left the house")
	require.Empty(t, l.twilio.Messages())
	require.NoFileExists(t, l.path("beckon.db"), "nothing is kept of a test")
}

func TestSendTestRefusesWhatItCannotSend(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	delete(l.env, "TWILIO_ACCOUNT_SID")
	delete(l.env, "TWILIO_AUTH_TOKEN")
	l.env["SENDGRID_FROM"] = "nobody"
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "--to is missing"},
		{[]string{"--to", "4155550199"}, exitUsage, "country code"},
		{[]string{"--to", "Eve <eve@example.com>"}, exitUsage, "without a display name"},
		{[]string{"--to", strings.Repeat("1", 300)}, exitUsage, "country code"},
		{[]string{"--to", "+14155550199", "--locale", "de"}, exitUsage, "--template"},
		{[]string{"--to", "+14155550199"}, exitFindings, "sms is not configured; set TWILIO_ACCOUNT_SID"},
		{[]string{"--to", "eve@example.com"}, exitFindings, "SENDGRID_FROM"},
	} {
		_, said, code := l.run(append([]string{"send-test"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, said)
		require.Contains(t, said, c.want)
		require.NotContains(t, said, "5550199")
		require.NotContains(t, said, "eve@")
	}
	l.env["BECKON_PROVIDERS"] = "outbox"
	_, said, code := l.run("send-test", "--to", "+14155550199", "--template", "none")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, `there is no template "none"`)
}
