package dispatch

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store"
)

// lister is a provider whose answers are lost, and whose list can be asked.
type lister struct {
	scripted

	name  string
	lock  sync.Mutex
	list  []relay.Found
	err   error
	since []time.Time
}

func (l *lister) Name() string { return l.name }

func (l *lister) Find(ctx context.Context, _ relay.Delivery, since time.Time) ([]relay.Found, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		return nil, errDown
	}
	l.since = append(l.since, since)
	return slices.Clone(l.list), l.err
}

// lose sends a message whose answer is lost, by a provider with a list, and lets the wait for a receipt pass.
func lose(t *testing.T, keys string, lost int) (b *bench, l *lister, alertID string) {
	t.Helper()
	b = newBench(t)
	b.rule(keys)
	l = &lister{name: "scripted"}
	for range lost {
		l.outcomes = append(l.outcomes, relay.Outcome{Kind: relay.Unknown, Reason: relay.ReasonNoAnswer})
	}
	b.Provider = func(relay.Channel) (Provider, bool) { return l, true }
	alertID = b.mentionOf("1")
	require.NoError(t, b.due(t.Context(), alertID))
	require.Equal(t, relay.DeliveryUnknown, b.delivery(alertID).State)
	b.now = b.delivery(alertID).NextAt
	return b, l, alertID
}

func (b *bench) workOn(alertID string) relay.Delivery {
	b.t.Helper()
	require.NoError(b.t, b.work(b.delivery(alertID).ID))
	return b.delivery(alertID)
}

func TestAMessageThatIsInTheListIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 1)
	l.list = []relay.Found{{ProviderID: "SM1", State: relay.DeliveryDelivered}, {ProviderID: "SM2", State: relay.DeliverySent}}
	started := b.now.Add(-unknownWait)
	d := b.workOn(id)
	require.Equal(t, relay.DeliveryDelivered, d.State)
	require.Equal(t, "scripted SM1", d.Provider+" "+d.ProviderID, "the oldest is ours")
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	require.Len(t, l.sent, 1)
	require.Equal(t, []time.Time{started}, l.since)
	require.Equal(t, []Search{SearchFound}, b.seen.searches)
}

func TestAMessageThatWasMadeLaterIsAnothers(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 1)
	started := b.now.Add(-unknownWait)
	l.list = []relay.Found{{ProviderID: "SM1", State: relay.DeliverySent, At: started.Add(channel.Deadline + searchSkew + time.Second)}}
	d := b.workOn(id)
	require.Equal(t, "id", d.ProviderID)
	require.Len(t, l.sent, 2)

	b, l, id = lose(t, textOnly, 1)
	l.list = []relay.Found{{ProviderID: "SM1", State: relay.DeliverySent, At: b.now.Add(-unknownWait + channel.Deadline)}}
	require.Equal(t, "SM1", b.workOn(id).ProviderID)
	require.Len(t, l.sent, 1)
}

func TestAMessageThatIsNotInTheListIsSentAgainAsOftenAsItTakes(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 4)
	for range 4 {
		b.now = b.delivery(id).NextAt
		b.workOn(id)
	}
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Len(t, l.sent, 5)
	require.Equal(t, l.sent[0].Content, l.sent[4].Content)

	b, l, id = lose(t, textOnly, channel.MaxAttempts)
	for range channel.MaxAttempts {
		b.now = b.delivery(id).NextAt
		b.workOn(id)
	}
	require.Equal(t, relay.DeliveryDead, b.delivery(id).State)
	require.Equal(t, relay.ReasonGaveUp, b.delivery(id).Reason)
	require.Len(t, l.sent, channel.MaxAttempts)
}

func TestAListThatIsDownIsAskedAgainUntilTheMessageExpires(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, "expires: 2h, "+textOnly, 1)
	l.err = errDown
	d := b.workOn(id)
	require.Equal(t, relay.DeliveryUnknown, d.State)
	require.Equal(t, unknownWait, d.NextAt.Sub(b.now), "as long as it has been lost")
	looks := 1
	for d.State == relay.DeliveryUnknown {
		b.now = d.NextAt
		d = b.workOn(id)
		looks++
	}
	require.Equal(t, relay.ReasonNoAnswer, d.Reason)
	require.Equal(t, b.alert(id).ExpiresAt, b.now)
	require.Len(t, l.sent, 1, "it may have arrived")
	require.Less(t, looks, 20)

	b, l, id = lose(t, textOnly, 1)
	l.err = errDown
	b.now = b.workOn(id).NextAt
	l.err = nil
	require.Equal(t, relay.DeliverySent, b.workOn(id).State)
	require.Len(t, l.sent, 2)
}

func TestARuleThatGivesUpSendsNothingTwice(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]error{"absent": nil, "no list": channel.ErrNoList} {
		b, l, id := lose(t, "on_unknown: give_up, "+textThenMail, 1)
		l.err = list
		d := b.workOn(id)
		require.Equal(t, relay.DeliveryDead, d.State, name)
		require.Equal(t, relay.ReasonNoAnswer, d.Reason, name)
		require.Len(t, l.sent, 1, name)
		require.Equal(t, relay.AlertFailed, b.alert(id).State, "and no fallback: the person may have been told")
	}
	b, l, id := lose(t, "on_unknown: give_up, "+textOnly, 1)
	l.list = []relay.Found{{ProviderID: "SM1", State: relay.DeliverySent}}
	require.Equal(t, relay.DeliverySent, b.workOn(id).State, "what is found needs no word")
}

func TestTheRuleInForceDecidesAboutALostAnswer(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 1)
	b.rule("enabled: false, " + textOnly)
	require.Equal(t, relay.ReasonNoAnswer, b.workOn(id).Reason, "nothing more goes out for a rule that is off")
	require.Len(t, l.sent, 1)

	b, l, id = lose(t, textOnly, 1)
	set, _ := rules.Load("rules.yaml", []byte("version: 1\nrules: []\n"), nil)
	require.NotNil(t, set)
	b.Current = func() *engine.Generation { return &engine.Generation{Rules: set} }
	require.Equal(t, relay.ReasonNoAnswer, b.workOn(id).Reason, "or gone")
	require.Len(t, l.sent, 1)
}

func TestWhatEndsWithoutAnAttemptIsLoggedWithItsReason(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b, _, id := lose(t, "on_unknown: give_up, "+textOnly, 1)
	b.Logger = slog.New(slog.NewTextHandler(&log, nil))
	d := b.workOn(id)
	require.Contains(t, log.String(), `msg="delivery ended without another attempt" delivery=`+d.ID+" rule=told channel=sms state=dead reason=no_answer")

	log.Reset()
	require.NoError(t, b.kept.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelSMS, "+14155550102"), Reason: relay.ReasonOptedOut, Source: relay.SuppressedByReply, At: b.now,
	}))
	id = b.mentionOf("2")
	require.NoError(t, b.due(t.Context(), id))
	require.Contains(t, log.String(), `msg="delivery does not go out" delivery=`+b.delivery(id).ID+" rule=told channel=sms state=suppressed reason=opted_out")
	require.NotContains(t, log.String(), "4155550102")
}

func TestWithoutAListThereIsOneRepeat(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bench, *lister){
		"it keeps none":                     func(_ *bench, l *lister) { l.err = channel.ErrNoList },
		"another provider made the attempt": func(_ *bench, l *lister) { l.name = "outbox" },
		"what carries it now cannot be asked": func(b *bench, l *lister) {
			b.Provider = func(relay.Channel) (Provider, bool) { return &l.scripted, true }
		},
	} {
		b, l, id := lose(t, textOnly, 3)
		change(b, l)
		d := b.workOn(id)
		require.Equal(t, relay.DeliveryUnknown, d.State, name)
		b.now = d.NextAt
		d = b.workOn(id)
		require.Equal(t, relay.ReasonNoAnswer, d.Reason, name)
		require.Len(t, l.sent, 2, name)
		require.Equal(t, []Search{SearchNoList, SearchNoList}, b.seen.searches, name)
	}
}

// behind is a lister whose list is not up to date.
type behind struct {
	*lister

	lag time.Duration
}

func (b behind) Lag() time.Duration { return b.lag }

func TestAListThatIsBehindProvesNothingAndLaterOnlyThatNobodyKnows(t *testing.T) {
	t.Parallel()
	const lag = 15 * time.Minute
	b, l, id := lose(t, textOnly, 3)
	b.Provider = func(relay.Channel) (Provider, bool) { return behind{l, lag}, true }
	lostAt := b.now.Add(-unknownWait)
	for b.now.Before(lostAt.Add(lag)) {
		d := b.workOn(id)
		require.Equal(t, relay.DeliveryUnknown, d.State)
		require.Len(t, l.sent, 1, "%s after it was lost", b.now.Sub(lostAt))
		b.now = d.NextAt
	}
	b.workOn(id)
	require.Len(t, l.sent, 2, "one repeat")
	lostAt = b.now
	for b.delivery(id).State == relay.DeliveryUnknown {
		b.now = b.delivery(id).NextAt
		b.workOn(id)
	}
	require.Len(t, l.sent, 2)
	require.Equal(t, relay.ReasonNoAnswer, b.delivery(id).Reason)
	require.GreaterOrEqual(t, b.now.Sub(lostAt), lag, "the second one may also be found until then")
}

func TestAListThatIsCutShortDoesNotProveThatThereIsNone(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 1)
	another := b.mentionOf("2")
	l.outcomes = []relay.Outcome{{Kind: relay.Accepted, ProviderID: "SM1"}}
	require.NoError(t, b.due(t.Context(), another))
	l.list, l.err = []relay.Found{{ProviderID: "SM1", State: relay.DeliverySent}}, fmt.Errorf("fifty: %w", channel.ErrCutShort)
	sent := len(l.sent)
	require.Equal(t, relay.DeliveryUnknown, b.workOn(id).State, "what was found is another's")
	require.Len(t, l.sent, sent)
	l.list = append(l.list, relay.Found{ProviderID: "SM2", State: relay.DeliverySent})
	b.now = b.delivery(id).NextAt
	require.Equal(t, "SM2", b.workOn(id).ProviderID)
}

func TestAListThatMayNotBeReadIsToldOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b, l, id := lose(t, textOnly, 2)
	b.Logger = slog.New(slog.NewTextHandler(&log, nil))
	l.err = fmt.Errorf("answered 403: %w: may the key read?", channel.ErrNoList)
	b.now = b.workOn(id).NextAt
	require.Equal(t, relay.ReasonNoAnswer, b.workOn(id).Reason)
	require.Len(t, l.sent, 2)
	require.Equal(t, []Search{SearchNoList, SearchNoList}, b.seen.searches)
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
	require.Contains(t, log.String(), "may the key read?")

	log.Reset()
	b, l, id = lose(t, textOnly, 1)
	b.Logger = slog.New(slog.NewTextHandler(&log, nil))
	l.err = channel.ErrNoList
	b.workOn(id)
	require.NotContains(t, log.String(), "level=ERROR", "there is nothing to mend")
}

func TestOneMessageInTheListIsOneDelivery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rule("collapse: false, " + textOnly)
	l := &lister{name: "scripted", list: []relay.Found{{ProviderID: "SM1", State: relay.DeliverySent}}}
	b.Provider = func(relay.Channel) (Provider, bool) { return l, true }
	l.outcomes = []relay.Outcome{{Kind: relay.Unknown}, {Kind: relay.Unknown}}
	ids := []string{b.mentionOf("1"), b.mentionOf("2")}
	for _, id := range ids {
		require.NoError(t, b.due(t.Context(), id))
	}
	b.now = b.now.Add(unknownWait)
	var group errgroup.Group
	for _, id := range ids {
		group.Go(func() error { return b.work(b.delivery(id).ID) })
	}
	require.NoError(t, group.Wait())
	require.Len(t, l.sent, 3, "one of them was found, the other is sent again")
	require.ElementsMatch(t, []Search{SearchFound, SearchAbsent}, b.seen.searches)
	require.ElementsMatch(t, []string{"SM1", "id"}, []string{b.delivery(ids[0]).ProviderID, b.delivery(ids[1]).ProviderID})
}

func TestAReceiptMakesALookNeedless(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 1)
	_, err := b.kept.Receive(t.Context(), []relay.Receipt{{
		Provider: "scripted", Key: "k", DeliveryID: b.delivery(id).ID, ProviderID: "SM9", State: relay.DeliveryDelivered, At: b.now,
	}})
	require.NoError(t, err)
	require.Equal(t, relay.DeliveryDelivered, b.workOn(id).State)
	require.Empty(t, l.since)
	require.Len(t, l.sent, 1)
}

func TestAPauseLetsLookButNotSend(t *testing.T) {
	t.Parallel()
	b, l, id := lose(t, textOnly, 1)
	require.NoError(t, b.kept.Pause(t.Context(), relay.Pause{By: "ann", At: b.now}))
	d := b.workOn(id)
	require.Equal(t, relay.DeliveryUnknown, d.State)
	require.Equal(t, relay.ReasonPaused, d.Reason)
	require.Len(t, l.sent, 1)
	l.list = []relay.Found{{ProviderID: "SM1", State: relay.DeliverySent}}
	b.now = b.now.Add(store.PauseLook)
	require.Equal(t, relay.DeliverySent, b.workOn(id).State)
	require.Len(t, l.sent, 1)
}
