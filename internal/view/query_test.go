package view_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

func TestAQuerySurvivesItsWayThroughAnAddress(t *testing.T) {
	t.Parallel()
	for _, q := range []view.Query{
		{},
		{
			State: view.Retrying, Rule: "missed-call", Reason: relay.ReasonThrottled, Channel: relay.ChannelSMS, To: "uid & co", Address: "+14155550123",
			Event: "abcdef", Alert: "al_1", Since: noon().Add(-time.Hour), Until: noon().Add(time.Nanosecond), After: "x", Limit: 7,
		},
		{Trigger: relay.UserMentioned, State: "held"},
	} {
		values, err := url.ParseQuery(q.Values().Encode())
		require.NoError(t, err)
		again, err := view.ParseQuery(values, noon())
		require.NoError(t, err)
		require.Equal(t, q, again)
	}
}

func TestATimeMayBeADurationBack(t *testing.T) {
	t.Parallel()
	q, err := view.ParseQuery(url.Values{"since": {"2h"}, "until": {"2026-03-02T11:00:00+00:00"}}, noon())
	require.NoError(t, err)
	require.Equal(t, noon().Add(-2*time.Hour), q.Since)
	require.Equal(t, noon().Add(-time.Hour), q.Until)
}

func TestAWrongQueryIsRefusedWithTheFieldAndWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	for given, says := range map[string]string{
		"state=lost":                           `state "lost"`,
		"reason=no":                            "docs/reasons.md",
		"channel=fax":                          `channel "fax": must be one of [sms email]`,
		"since=yesterday":                      "since is neither a time such as",
		"since=-2h":                            "since is neither",
		"until=0s":                             "until is neither",
		"since=1h&until=2h":                    "since must be before until",
		"limit=0":                              "limit is a number from 1 to 1000",
		"limit=1001":                           "limit is a number from 1 to 1000",
		"limit=-1":                             "limit is a number from 1 to 1000",
		"limit=x":                              "limit is a number from 1 to 1000",
		"rule=a&rule=b":                        "rule is given 2 times",
		"address=12":                           "not a phone number",
		"address=a@b":                          "not an email address",
		"address=%2b14155550123&channel=email": "not a phone number",
		"rule=" + string(make([]byte, 501)):    "more than 500",
	} {
		values, err := url.ParseQuery(given)
		require.NoError(t, err, given)
		_, err = view.ParseQuery(values, noon())
		var refusal *view.Refusal
		require.ErrorAs(t, err, &refusal, given)
		require.Equal(t, view.BadQuery, refusal.Code)
		require.Contains(t, refusal.Message, says, given)
	}
	_, err := view.ParseQuery(url.Values{"address": {"kim@secret@example"}}, noon())
	require.NotContains(t, err.Error(), "secret", "an address is not repeated")
}

func TestAListIsNarrowedByItsOwnFieldsOnly(t *testing.T) {
	t.Parallel()
	for of, bad := range map[string]view.Query{
		view.OfEvents:     {State: "held"},
		view.OfAlerts:     {Channel: relay.ChannelSMS},
		view.OfDeliveries: {Trigger: relay.UserMentioned},
	} {
		require.ErrorContains(t, bad.Check(of), of+" are not narrowed by ")
	}
	require.ErrorContains(t, view.Query{State: "held"}.Check(view.OfDeliveries), `state "held": deliveries are one of queued, retrying`)
	require.ErrorContains(t, view.Query{State: view.Retrying}.Check(view.OfAlerts), `alerts are one of held`)
	require.NoError(t, view.Query{State: view.Retrying, Address: "Ann@Example.com"}.Check(view.OfDeliveries))
}

func FuzzAnyQueryIsReadOrRefused(f *testing.F) {
	f.Add("state=dead&since=2h&after=x&limit=7&address=%2b14155550123")
	f.Fuzz(func(t *testing.T, given string) {
		values, err := url.ParseQuery(given)
		if err != nil {
			return
		}
		q, err := view.ParseQuery(values, noon())
		if err != nil {
			var refusal *view.Refusal
			require.ErrorAs(t, err, &refusal)
			return
		}
		again, err := view.ParseQuery(q.Values(), noon())
		require.NoError(t, err)
		require.Equal(t, q, again)
		for _, of := range []string{view.OfEvents, view.OfAlerts, view.OfDeliveries} {
			_ = q.Check(of)
		}
	})
}
