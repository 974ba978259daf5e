package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

const oneTextRule = `version: 1
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, unless: [read], send: [ { sms: mention } ] }
`

// refuseTexts has the vendor refuse every text for good, until it is called with false.
func (l *lab) refuseTexts(refuse bool) {
	if !refuse {
		l.twilio.Policy(nil)
		return
	}
	l.twilio.Policy(func(int, *http.Request) vendortest.Answer {
		return vendortest.Answer{Status: http.StatusBadRequest, Body: `{"code":21617,"status":400,"message":"refused"}`}
	})
}

// mentions posts n mentions and waits until their alerts have ended.
func (p *process) mentions(s store.Store, first, n int) (events []string) {
	p.t.Helper()
	for i := range n {
		events = append(events, p.mustPost(sample(p.t, relay.UserMentioned, map[string]any{"data.message.id": strconv.Itoa(first + i)})).ID)
	}
	for _, id := range events {
		p.alert(s, id)
	}
	return events
}

func TestWhatAVendorRefusedIsRetriedInBulkAndDeliveredOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, oneTextRule)
	p, s := l.serve(), l.kept()
	l.refuseTexts(true)
	events := p.mentions(s, 7001, 5)
	require.Empty(t, l.twilio.Messages())
	read := sample(t, relay.MessageReadReceipt, map[string]any{"data.body.messageId": "7001"})
	p.mustPost(read)
	l.refuseTexts(false)

	out, _, code := l.run("deliveries", "retry", "--all", "--dry-run", "--server", p.admin)
	require.Zero(t, code)
	require.Equal(t, "found: 5 deliveries\n", out)
	_, errs, code := l.run("deliveries", "retry", "--all", "--server", p.admin)
	require.Equal(t, exitUsage, code, "nobody can be asked here")
	require.Contains(t, errs, "--yes does it without")
	require.Empty(t, l.twilio.Messages())

	out, errs, code = l.run("deliveries", "retry", "--all", "--state", "dead", "--yes", "--server", p.admin)
	require.Zero(t, code, errs)
	require.Equal(t, "queued again: 5\n", out)
	for i, id := range events {
		want := relay.AlertSent
		if i == 0 {
			want = relay.AlertSuppressed
		}
		require.Equal(t, want, l.alert(s, id).State, "what was read meanwhile is not told")
	}
	require.Len(t, l.twilio.Messages(), 4)
	out, _, code = l.run("deliveries", "retry", "--all", "--state", "dead", "--yes", "--server", p.admin)
	require.Zero(t, code)
	require.Equal(t, "queued again: 0\n", out)
	require.Len(t, l.twilio.Messages(), 4, "a second run changes nothing")
	audit, err := s.Audit(t.Context(), store.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, audit, 1)
	require.Equal(t, "retry", audit[0].Action)
	require.Equal(t, "5 deliveries (state dead)", audit[0].Subject)
	p.stop()
}

func TestAlertsAndDeliveriesAreCancelledByHand(t *testing.T) {
	t.Parallel()
	l := newLab(t, `version: 1
rules:
  - { name: mention, trigger: user_mentioned, to: mentioned, wait: 1h, urgent: true, send: [ { sms: mention } ] }
  - { name: call, trigger: call_initiated, to: callee, urgent: true, send: [ { sms: missed-call } ] }
`)
	p, s := l.serve(), l.kept()
	held := p.mustPost(sample(t, relay.UserMentioned, nil)).ID
	out, errs, code := l.run("alerts", "cancel", "--all", "--rule", "mention", "--yes", "--json", "--server", p.admin)
	require.Zero(t, code, errs)
	var result view.BulkResult
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.Equal(t, view.BulkResult{Done: 1}, result)
	alert := l.alert(s, held)
	require.Equal(t, relay.AlertCancelled, alert.State)
	require.Equal(t, relay.ReasonByHand, alert.Reason)
	out, _, code = l.run("alerts", "cancel", alert.ID, "--yes", "--server", p.admin)
	require.Zero(t, code)
	require.Equal(t, "cancelled: 0\nleft out, cancelled: 1\n", out)

	l.twilio.Policy(func(int, *http.Request) vendortest.Answer {
		return vendortest.Answer{Status: http.StatusServiceUnavailable, Body: `{"code":20503,"status":503}`}
	})
	call := p.mustPost(sample(t, relay.CallInitiated, nil)).ID
	var d relay.Delivery
	l.eventually("the text waits", func() bool {
		found, err := s.Deliveries(t.Context(), store.Filter{EventID: call})
		require.NoError(t, err)
		if len(found) == 1 {
			d = found[0]
		}
		return d.State == relay.DeliveryQueued && d.Attempts > 0
	})
	out, errs, code = l.run("deliveries", "cancel", d.ID, "--yes", "--server", p.admin)
	require.Zero(t, code, errs)
	require.Equal(t, "cancelled: 1\n", out)
	require.Equal(t, relay.AlertCancelled, l.alert(s, call).State)
	for want, args := range map[string][]string{
		"name IDs, or --all: not both":                                 {"deliveries", "retry", d.ID, "--all"},
		"name what it is for: IDs, or --all with what narrows it":      {"alerts", "cancel"},
		`--state "sent": must be one of [dead undelivered suppressed]`: {"deliveries", "retry", "--all", "--state", "sent"},
	} {
		_, errs, code = l.run(args...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, errs, want)
	}
	_, errs, code = l.run("deliveries", "retry", "dl_nonesuch", "--yes", "--server", p.admin)
	require.Equal(t, exitFindings, code)
	require.Contains(t, errs, "there are no such deliveries")
	p.stop()
}
