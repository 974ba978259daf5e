package dispatch

import (
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

var refused = relay.Outcome{Kind: relay.Permanent, Blame: relay.BlameRequest, Reason: relay.ReasonRejected}

// failed is an alert whose only delivery was refused for good.
func (b *bench) failed(message string) (alertID string, delivery relay.Delivery) {
	b.t.Helper()
	b.provider.outcomes = append(b.provider.outcomes, refused)
	id := b.mentionOf(message)
	require.NoError(b.t, b.due(b.t.Context(), id))
	require.Equal(b.t, relay.AlertFailed, b.alert(id).State)
	return id, b.delivery(id)
}

func (b *bench) retry(d relay.Delivery) {
	b.t.Helper()
	done, err := b.kept.Retry(b.t.Context(), store.Again{IDs: []string{d.ID}, At: b.now})
	require.NoError(b.t, err)
	require.Equal(b.t, 1, done.Done, "%v", done.Skipped)
}

// later keeps another webhook, now.
func (b *bench) later(trigger relay.Trigger, set map[string]any) {
	b.t.Helper()
	body, ok := cometchat.Sample(trigger)
	require.True(b.t, ok)
	var err error
	for path, value := range set {
		body, err = sjson.SetBytes(body, path, value)
		require.NoError(b.t, err)
	}
	event, err := cometchat.Decode(body, b.now)
	require.NoError(b.t, err)
	plan, _ := b.Current().Plan(event)
	_, err = b.kept.Accept(b.t.Context(), plan)
	require.NoError(b.t, err)
}

// deleted keeps that the message was deleted.
func (b *bench) deleted(message string) {
	b.later(relay.MessageDeleted, map[string]any{"data.message.data.entities.on.entity.id": message})
}

func TestWhatIsRetriedByHandGoesOutAsItWas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule(textOnly)
	id, d := b.failed("1")
	b.now = b.now.Add(time.Hour)
	b.retry(d)
	require.Equal(t, relay.AlertDue, b.alert(id).State)
	require.NoError(t, b.work(d.ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	require.Len(t, b.provider.sent, 2)
	require.Equal(t, b.provider.sent[0].Content, b.provider.sent[1].Content)
	require.NoError(t, b.work(d.ID), "a late wake-up")
	require.Len(t, b.provider.sent, 2)
}

func TestWhatIsRetriedByHandIsNotToldWhereItIsTrueNoLonger(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(b *bench)
		reason  relay.Reason
	}{
		"read":    {func(b *bench) { b.later(relay.MessageReadReceipt, map[string]any{"data.body.messageId": "1"}) }, relay.ReasonRead},
		"deleted": {func(b *bench) { b.deleted("1") }, relay.ReasonDeleted},
		"muted": {func(b *bench) {
			b.wish(func(p relay.Preferences) relay.Preferences { return p.MuteRule("told") })
		}, relay.ReasonMuted},
		"channel not wanted": {func(b *bench) {
			b.wish(func(p relay.Preferences) relay.Preferences {
				p.Channels = []relay.Channel{relay.ChannelEmail}
				return p
			})
		}, relay.ReasonNotWanted},
		"rule gone":      {func(b *bench) { b.rule("enabled: false, " + textOnly) }, relay.ReasonRuleRemoved},
		"person unknown": {func(b *bench) { b.people = people{} }, relay.ReasonUnknownPerson},
		"country": {func(b *bench) {
			b.Guard = func(relay.Address) relay.Reason { return relay.ReasonCountryNotAllowed }
		}, relay.ReasonCountryNotAllowed},
		"said no": {func(b *bench) {
			to := relay.NewAddress(relay.ChannelSMS, "+14155550102")
			require.NoError(b.t, b.kept.Suppress(b.t.Context(), relay.Suppression{Address: to, Reason: relay.ReasonOptedOut, Source: relay.SuppressedByOperator, At: b.now}))
		}, relay.ReasonOptedOut},
	} {
		b := newBench(t)
		b.rule("unless: [read], " + textOnly)
		id, d := b.failed("1")
		b.now = b.now.Add(time.Hour)
		b.retry(d)
		c.happens(b)
		require.NoError(t, b.work(d.ID), name)
		require.Len(t, b.provider.sent, 1, name)
		got := b.delivery(id)
		require.Equal(t, relay.DeliverySuppressed, got.State, name)
		require.Equal(t, c.reason, got.Reason, name)
		alert := b.alert(id)
		require.Equal(t, relay.AlertSuppressed, alert.State, name)
		require.Equal(t, c.reason, alert.Reason, name)
		if name == "deleted" {
			require.Equal(t, "deleted", alert.Trace[len(alert.Trace)-1].Result, "it is explained")
		}
	}
}

func TestWhatIsRetriedWaitsWhileNobodyCanSayWhetherItIsTrue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule(textOnly)
	id, d := b.failed("1")
	b.now = b.now.Add(time.Hour)
	b.retry(d)
	known := b.people
	b.people = nil
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, b.work(d.ID), &snooze)
	require.Equal(t, engine.DirectoryRetry, snooze.Duration)
	require.Equal(t, relay.DeliveryQueued, b.delivery(id).State)
	b.people = known
	require.NoError(t, b.work(d.ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)

	_, d = b.failed("2")
	b.retry(d)
	require.NoError(t, b.kept.Pause(t.Context(), relay.Pause{By: "kim", At: b.now}))
	require.NoError(t, b.work(d.ID))
	d, err := b.kept.Delivery(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, relay.ReasonPaused, d.Reason)
	require.Equal(t, relay.DeliveryQueued, d.State)
}

func TestARetriedDigestGoesOutWholeWhileAnyOfItIsTrue(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string][]string{"one is left": {"1"}, "none is left": {"1", "2"}} {
		b := newBench(t)
		b.rule("digest: { window: 10m }, send: [ { sms: mention } ]")
		b.provider.outcomes = []relay.Outcome{refused}
		first, second := b.mentionOf("1"), b.mentionOf("2")
		b.now = b.now.Add(10 * time.Minute)
		require.NoError(t, b.due(t.Context(), first))
		all, err := b.kept.Deliveries(t.Context(), store.Filter{})
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, relay.AlertFailed, b.alert(second).State)
		b.retry(all[0])
		require.Equal(t, relay.AlertDue, b.alert(second).State)
		for _, message := range gone {
			b.deleted(message)
		}
		require.NoError(t, b.work(all[0].ID))
		want := map[string]relay.AlertState{"one is left": relay.AlertSent, "none is left": relay.AlertSuppressed}[name]
		require.Equal(t, want, b.alert(first).State, name)
		require.Equal(t, want, b.alert(second).State, name)
		if len(gone) == 1 {
			require.Equal(t, b.provider.sent[0].Content, b.provider.sent[1].Content)
		}
	}
}

func TestAttemptsAreCountedAnewAfterARetryByHand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("expires: 48h, " + textOnly)
	trouble := relay.Outcome{Kind: relay.Retry, Blame: relay.BlameRequest, Reason: relay.ReasonRejected}
	for range 2 * channel.MaxAttempts {
		b.provider.outcomes = append(b.provider.outcomes, trouble)
	}
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	exhaust := func() {
		for d := b.delivery(id); d.State == relay.DeliveryQueued; d = b.delivery(id) {
			b.now = d.NextAt
			require.NoError(t, b.work(d.ID))
		}
		require.Equal(t, relay.ReasonGaveUp, b.delivery(id).Reason)
	}
	exhaust()
	require.Equal(t, channel.MaxAttempts, b.delivery(id).Attempts)
	b.retry(b.delivery(id))
	require.NoError(t, b.work(b.delivery(id).ID))
	d := b.delivery(id)
	require.Equal(t, relay.DeliveryQueued, d.State, "it is not given up at once")
	require.Less(t, d.NextAt.Sub(b.now), time.Minute, "and waits as after the first attempt")
	exhaust()
	require.Equal(t, 2*channel.MaxAttempts, b.delivery(id).Attempts)
}

func TestWhatTheFallbackToldIsNotToldAgainByARetry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("send: [ { sms: mention } ], fallback: [ { email: mention } ]")
	contact := b.people[george]
	contact.Email = "george@example.net"
	b.people[george] = contact
	b.provider.outcomes = []relay.Outcome{refused}
	id := b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), id))
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	require.Len(t, b.provider.sent, 2)
	var text relay.Delivery
	for _, d := range b.deliveries(id) {
		if d.Channel == relay.ChannelSMS {
			text = d
		}
	}
	b.retry(text)
	require.NoError(t, b.work(text.ID))
	require.Len(t, b.provider.sent, 2)
	text, err := b.kept.Delivery(t.Context(), text.ID)
	require.NoError(t, err)
	require.Equal(t, relay.ReasonCollapsed, text.Reason)
	require.Equal(t, relay.AlertSent, b.alert(id).State)
}

func TestWhatIsCancelledByHandIsNotSent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("wait: 1m, " + textOnly)
	held := b.mentionOf("1")
	_, err := b.kept.Cancel(t.Context(), store.Stop{Of: store.KindAlert, IDs: []string{held}, At: b.now})
	require.NoError(t, err)
	b.now = b.now.Add(time.Minute)
	require.NoError(t, b.due(t.Context(), held), "its wake-up comes all the same")
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry}, {Kind: relay.Unknown}}
	queued := b.mentionOf("2")
	unsure := b.mentionOf("3")
	b.now = b.now.Add(time.Minute)
	require.NoError(t, b.due(t.Context(), queued))
	require.NoError(t, b.due(t.Context(), unsure))
	for _, id := range []string{queued, unsure} {
		d := b.delivery(id)
		done, err := b.kept.Cancel(t.Context(), store.Stop{Of: store.KindDelivery, IDs: []string{d.ID}, At: b.now})
		require.NoError(t, err)
		require.Equal(t, 1, done.Done)
		b.now = b.now.Add(time.Hour)
		require.NoError(t, b.work(d.ID))
		require.Equal(t, relay.ReasonByHand, b.alert(id).Reason)
		require.Equal(t, relay.AlertCancelled, b.alert(id).State)
	}
	require.Len(t, b.provider.sent, 2)
}

func TestALateRetryIsNotTooLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("expires: 1h, " + textOnly)
	id, d := b.failed("1")
	b.now = b.now.Add(2 * time.Hour)
	_, err := b.kept.Retry(t.Context(), store.Again{IDs: []string{d.ID}, Late: true, At: b.now})
	require.NoError(t, err)
	require.NoError(t, b.work(d.ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
}
