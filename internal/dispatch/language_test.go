package dispatch

import (
	"cmp"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store"
)

// rule puts one rule for mentions in force.
func (b *bench) rule(keys string) {
	b.t.Helper()
	set, findings := rules.Load("rules.yaml", []byte("version: 1\nrules: [ { name: told, trigger: user_mentioned, to: "+cmp.Or(b.to, "mentioned")+", "+keys+" } ]\n"),
		cometchat.Catalogue())
	require.NotNil(b.t, set, "%v", findings)
	templates, err := shipped()
	require.NoError(b.t, err)
	g, findings := engine.Build(engine.Parts{
		Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(),
		Sample: func(relay.Trigger) (relay.Event, bool) { return relay.Event{}, false },
	})
	require.NotNil(b.t, g, "%v", findings)
	b.Current = func() *engine.Generation { return g }
}

// mentionOf keeps a mention in the message with that ID and returns the ID of its alert.
func (b *bench) mentionOf(message string) string {
	b.t.Helper()
	body, _ := cometchat.Sample(relay.UserMentioned)
	body, err := sjson.SetBytes(body, "data.message.id", message)
	require.NoError(b.t, err)
	event, err := cometchat.Decode(body, b.clock())
	require.NoError(b.t, err)
	plan, _ := b.Current().Plan(event)
	_, err = b.kept.Accept(b.t.Context(), plan)
	require.NoError(b.t, err)
	return plan.Alerts[0].ID
}

func (b *bench) deliveries(alertID string) []relay.Delivery {
	b.t.Helper()
	all, err := b.kept.Deliveries(b.t.Context(), store.Filter{AlertID: alertID})
	require.NoError(b.t, err)
	return all
}

func TestADigestIsOneMessageAndItsMembersShareItsFate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("digest: { window: 10m }, send: [ { sms: mention } ]")
	first := b.mentionOf("1")
	b.now = b.now.Add(9 * time.Minute)
	second := b.mentionOf("2")
	b.now = b.now.Add(time.Minute)
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry, Reason: relay.ReasonProviderTrouble}}
	require.NoError(t, b.due(t.Context(), first))
	require.Len(t, b.provider.sent, 1)
	require.Contains(t, b.provider.sent[0].Content.Text.Reveal(), "You were mentioned 2 times")
	require.Equal(t, first, b.alert(second).Lead)
	require.Equal(t, relay.AlertDue, b.alert(second).State)

	b.now = b.now.Add(9 * time.Minute)
	require.NoError(t, b.due(t.Context(), second), "its own wake-up finds nothing to do")
	require.Len(t, b.provider.sent, 1)
	require.NoError(t, b.work(b.delivery(first).ID))
	require.Len(t, b.provider.sent, 2)
	require.Equal(t, relay.AlertSent, b.alert(first).State)
	require.Equal(t, relay.AlertSent, b.alert(second).State)
}

func TestADigestWhoseFirstAlertIsNoLongerTrueGoesOutWithTheNext(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("digest: { window: 10m }, unless: [read], send: [ { sms: mention } ]")
	first := b.mentionOf("1")
	second := b.mentionOf("2000")
	body, _ := cometchat.Sample(relay.MessageReadReceipt)
	receipt, err := cometchat.Decode(body, b.now) // of message 1041: the first is read by it
	require.NoError(t, err)
	plan, _ := b.Current().Plan(receipt)
	_, err = b.kept.Accept(t.Context(), plan)
	require.NoError(t, err)
	b.now = b.now.Add(10 * time.Minute)
	require.NoError(t, b.due(t.Context(), first))
	require.Equal(t, relay.ReasonRead, b.alert(first).Reason)
	require.Equal(t, relay.AlertDue, b.alert(second).State)
	require.NoError(t, b.work(b.delivery(second).ID), "the delivery has a wake-up of its own")
	require.Equal(t, relay.AlertSent, b.alert(second).State)
}

func TestALimitHoldsAcrossAlertsAndOpensAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("limits: [ { max: 1, per: 1h } ], send: [ { sms: mention } ]")
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	b.now = b.now.Add(time.Hour - time.Second)
	id = b.mentionOf("2")
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.ReasonLimit, b.alert(id).Reason)
	b.now = b.now.Add(time.Second)
	id = b.mentionOf("3")
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertSent, b.alert(id).State)
}

func TestAFallbackGoesOutWhenTheFirstChannelIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.people["cometchat-uid-2"] = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com"}
	b.rule("send: [ { sms: mention } ], fallback: [ { email: mention }, { email: unread-message } ]")
	b.provider.outcomes = []relay.Outcome{
		{Kind: relay.Permanent, Reason: relay.ReasonInvalidNumber}, {Kind: relay.Permanent, Reason: relay.ReasonRejected},
	}
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertDue, b.alert(id).State, "not failed: there is another channel")
	require.NoError(t, b.due(t.Context(), id), "the wake-up for the first fallback")
	require.NoError(t, b.due(t.Context(), id), "and for the second")
	require.NoError(t, b.due(t.Context(), id), "and one too many")
	require.Len(t, b.provider.sent, 3)
	require.Equal(t, "unread-message", b.provider.sent[2].Template)
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	require.Len(t, b.deliveries(id), 3)
}

func TestAFallbackIsCancelledByWhatHappenedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.people["cometchat-uid-2"] = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com"}
	b.rule("unless: [read], wait: 1s, send: [ { sms: mention } ], fallback: [ { email: mention } ]")
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry}, {Kind: relay.Permanent, Reason: relay.ReasonUnreachable}}
	id := b.mentionOf("1")
	b.now = b.now.Add(time.Second)
	require.NoError(t, b.due(t.Context(), id))
	body, _ := cometchat.Sample(relay.MessageReadReceipt)
	receipt, err := cometchat.Decode(body, b.now)
	require.NoError(t, err)
	plan, _ := b.Current().Plan(receipt)
	_, err = b.kept.Accept(t.Context(), plan)
	require.NoError(t, err)
	b.now = b.delivery(id).NextAt
	require.NoError(t, b.work(b.delivery(id).ID))
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertCancelled, b.alert(id).State)
	require.Equal(t, relay.ReasonRead, b.alert(id).Reason)
	require.Len(t, b.provider.sent, 2)
}

func TestAnUndeliveredReceiptBringsTheFallbackOfASentAlert(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.people["cometchat-uid-2"] = relay.Contact{UID: "cometchat-uid-2", Phone: "+14155550102", Email: "george@example.com"}
	b.rule("send: [ { sms: mention } ], fallback: [ { email: mention } ]")
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	b.now = b.now.Add(time.Minute)
	require.NoError(t, b.kept.Settle(t.Context(), b.delivery(id).ID, store.Next{State: relay.DeliveryUndelivered}, b.now))
	require.NoError(t, b.due(t.Context(), id))
	require.Len(t, b.provider.sent, 2)
	require.Equal(t, relay.ChannelEmail, b.provider.sent[1].Channel)
	require.Equal(t, relay.AlertSent, b.alert(id).State)
}

func TestWhatWaitedTogetherIsDecidedInTheOrderOfReceipt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("limits: [ { max: 1, per: 24h } ], send: [ { sms: mention } ]")
	people := b.people
	b.people = nil // the directory is down, so all are held to one moment
	var ids []string
	for _, message := range []string{"1", "2", "3"} {
		id := b.mentionOf(message)
		require.NoError(t, b.due(t.Context(), id))
		ids = append(ids, id)
		b.now = b.now.Add(time.Second)
	}
	b.people = people
	b.now = b.now.Add(engine.DirectoryRetry)
	require.NoError(t, b.due(t.Context(), ids[2]), "the last one's job runs first")
	for _, id := range ids {
		require.NoError(t, b.due(t.Context(), id))
	}
	require.Equal(t, relay.AlertSent, b.alert(ids[0]).State)
	require.Equal(t, relay.ReasonLimit, b.alert(ids[1]).Reason)
	require.Equal(t, relay.ReasonLimit, b.alert(ids[2]).Reason)
}

func TestACrashBetweenDecisionAndAttemptDoesNotWaitForTheFallback(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention } ], fallback: [ { email: mention } ]")
	id := b.mentionOf("1")
	alert := b.alert(id)
	event, err := b.kept.Event(t.Context(), alert.EventID)
	require.NoError(t, err)
	contact := b.people["cometchat-uid-2"]
	_, err = b.kept.Decide(t.Context(), id, b.Current().Query(alert, event, contact, nil), b.now,
		func(current relay.Alert, facts relay.Facts) relay.Decision {
			decision := b.Current().Decide(engine.Situation{Alert: current, Event: event, Facts: facts, Contact: contact, Now: b.now})
			decision.Again = b.now.Add(time.Hour) // as where receipts can be had
			return decision
		})
	require.NoError(t, err)
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, b.due(t.Context(), id), &snooze, "the job that a crash left")
	require.Len(t, b.provider.sent, 1)
}

func TestADigestThatIsHeldAnewIsHeldOnceHoweverManyWorkersLook(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("digest: { window: 10m }, send: [ { sms: mention } ]")
	b.people = nil
	var ids []string
	for n := range 40 {
		ids = append(ids, b.mentionOf(strconv.Itoa(n)))
	}
	b.now = b.now.Add(10 * time.Minute)
	var workers errgroup.Group
	for _, id := range ids {
		workers.Go(func() error {
			if err := b.due(t.Context(), id); !errors.As(err, new(*river.JobSnoozeError)) {
				return err
			}
			return nil
		})
	}
	require.NoError(t, workers.Wait())
	for _, id := range ids {
		require.Equal(t, relay.ReasonDirectoryDown, b.alert(id).Reason)
		require.Len(t, b.alert(id).Trace, 2, "deleted: no, and held")
	}
}
