package main

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const labPublic = "https://relay.example.com"

// accepted posts reports and wants each to be taken.
func (p *process) accepted(status int, reports ...vendortest.Report) {
	p.t.Helper()
	for _, r := range reports {
		got, err := r.Post(p.t.Context(), p.public)
		require.NoError(p.t, err)
		require.Equal(p.t, status, got, "%s %s", r.URI, r.Body)
	}
}

// only waits for the one delivery of an event on a channel to be in a state.
func (l *lab) only(s store.Store, eventID string, ch relay.Channel, state relay.DeliveryState) relay.Delivery {
	l.t.Helper()
	var found relay.Delivery
	l.eventually("the delivery is "+string(state), func() bool {
		all, err := s.Deliveries(l.t.Context(), store.Filter{EventID: eventID})
		require.NoError(l.t, err)
		for _, d := range all {
			if d.Channel == ch {
				found = d
			}
		}
		return found.State == state
	})
	return found
}

func TestWhatTheVendorsReportIsKeptWhateverItsOrder(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["SENDGRID_EVENT_PUBLIC_KEY"] = l.sendgrid.PublicKey(t)
	p := l.serve()
	s := l.kept()
	event := p.mustPost(sample(t, relay.UserMentioned, nil))
	l.only(s, event.ID, relay.ChannelSMS, relay.DeliverySent)
	l.only(s, event.ID, relay.ChannelEmail, relay.DeliverySent)
	sms, mail := l.twilio.Messages()[0], l.sendgrid.Mails()[0]

	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same order each time
	p.accepted(http.StatusNoContent, vendortest.Disorder(random, l.twilio.Reports(sms, "queued", "sending", "sent", "delivered"))...)
	p.accepted(http.StatusOK, l.sendgrid.Batch(t, l.sendgrid.Event(mail, "delivered", nil), l.sendgrid.Event(mail, "processed", nil)))
	p.accepted(http.StatusOK, l.sendgrid.Batch(t, l.sendgrid.Event(mail, "bounce", vendortest.Event{
		"type": "bounce", "reason": "550 5.1.1 george@example.net is unknown", "status": "5.1.1",
	})))
	text := l.only(s, event.ID, relay.ChannelSMS, relay.DeliveryDelivered)
	bounced := l.only(s, event.ID, relay.ChannelEmail, relay.DeliveryUndelivered)
	require.Equal(t, relay.ReasonBounced, bounced.Reason)
	receipts, err := s.Receipts(t.Context(), text.ID)
	require.NoError(t, err)
	require.Len(t, receipts, 4, "each status once")

	out, _, code := l.run("deliveries", "show", bounced.ID, "--json")
	require.Zero(t, code)
	var shown struct {
		Receipts []struct{ Status, Reason, Code, Detail string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &shown))
	require.Len(t, shown.Receipts, 3)
	require.Equal(t, []string{"bounce", "bounced", "5.1.1"},
		[]string{shown.Receipts[2].Status, shown.Receipts[2].Reason, shown.Receipts[2].Code})
	out, _, _ = l.run("deliveries", "show", bounced.ID)
	require.Contains(t, out, ": bounce bounced sendgrid reports bounce: 550 5.1.1 [address] is unknown")
	metrics, err := p.request(http.MethodGet, p.admin+"/metrics", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, metrics.Status)
	p.stop()
	require.NotContains(t, p.log(), "george@")
}

func TestWhoeverAnswersStopIsTextedNoMoreUntilStart(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	p := l.serve()
	s := l.kept()
	mention := func(id string) string {
		return p.mustPost(sample(t, relay.UserMentioned, map[string]any{"data.message.id": id, "data.message.data.text": "no. " + id})).ID
	}
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", "Stop ", ""), l.twilio.Inbound(labPublic, "+14155550102", "why?", ""))
	refused := l.only(s, mention("90001"), relay.ChannelSMS, relay.DeliverySuppressed)
	require.Equal(t, relay.ReasonOptedOut, refused.Reason)
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", "start", ""))
	l.only(s, mention("90002"), relay.ChannelSMS, relay.DeliverySent)

	// A number that its carrier does not know.
	p.accepted(http.StatusNoContent, l.twilio.Reports(l.twilio.Messages()[0], "undelivered 30005")...)
	unknown := l.only(s, mention("90003"), relay.ChannelSMS, relay.DeliverySuppressed)
	require.Equal(t, relay.ReasonInvalidNumber, unknown.Reason)
	p.stop()
	require.Len(t, l.twilio.Messages(), 1)
}

func TestAReportThatIsNotSignedChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	l.env["SENDGRID_EVENT_PUBLIC_KEY"] = l.sendgrid.PublicKey(t)
	l.env["TWILIO_AUTH_TOKEN"] = "youngertoken," + vendortest.TwilioAuthToken
	l.twilio.SignWith("youngertoken")
	p := l.serve()
	forger := vendortest.NewSendGrid(t)
	stop := l.twilio.Inbound(labPublic, "+14155550102", "STOP", "")
	p.accepted(http.StatusOK, stop)
	l.twilio.SignWith(vendortest.TwilioAuthToken)
	p.accepted(http.StatusOK, l.twilio.Inbound(labPublic, "+14155550102", "START", ""))
	l.twilio.SignWith("forged")
	p.accepted(http.StatusForbidden,
		l.twilio.Inbound(labPublic, "+14155550102", "STOP", ""), l.twilio.Inbound("https://evil.example.com", "+14155550102", "STOP", ""),
		forger.Batch(t, forger.Event(vendortest.Mail{To: "george@example.net", DeliveryID: "dl_1"}, "spamreport", nil)))
	stop.Body = []byte(strings.Repeat("x", 65<<10))
	p.accepted(http.StatusRequestEntityTooLarge, stop)
	suppressed, err := l.kept().Suppressed(t.Context(), relay.NewAddress(relay.ChannelSMS, "+14155550102"),
		relay.NewAddress(relay.ChannelEmail, "george@example.net"))
	require.NoError(t, err)
	require.Empty(t, suppressed)
	p.stop()
}

func TestWithoutAKeyThereIsNoRouteForReports(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	delete(l.env, "TWILIO_AUTH_TOKEN")
	l.env["TWILIO_API_KEY"], l.env["TWILIO_API_SECRET"] = vendortest.TwilioAPIKey, vendortest.TwilioAPISecret
	p := l.serve()
	p.accepted(http.StatusNotFound, l.twilio.Inbound(labPublic, "+14155550102", "STOP", ""), l.sendgrid.Batch(t))
	p.mustPost(sample(t, relay.UserMentioned, nil))
	l.eventually("the text arrives", func() bool { return len(l.twilio.Messages()) == 1 })
	require.Empty(t, l.twilio.Messages()[0].StatusCallback, "what cannot be verified is not asked for")
	p.stop()
}
