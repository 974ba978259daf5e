package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/render"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
	"github.com/beckon-relay/beckon/internal/store/sqlitetest"
)

// bench is a Dispatcher on a real store with a clock that only the test moves. Jobs are called by hand.
type bench struct {
	*Dispatcher

	t    *testing.T
	kept *sqlite.Store
	now  time.Time
	// virtual takes the time of a synctest bubble in place of now.
	virtual  bool
	provider *scripted
	people   people
	// meanwhile happens while somebody is looked up; nil is nothing.
	meanwhile func()
	// to is who is told by rules of the tests, those mentioned where it is empty.
	to   string
	seen *observer
}

// scripted answers each attempt with the next outcome, and accepts when there is none left.
type scripted struct {
	mu       sync.Mutex
	outcomes []relay.Outcome
	sent     []relay.Delivery
	hook     func(ctx context.Context)
}

func (s *scripted) Name() string { return "scripted" }

func (s *scripted) Send(ctx context.Context, d relay.Delivery) relay.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hook != nil {
		s.hook(ctx)
	}
	s.sent = append(s.sent, d)
	if len(s.outcomes) == 0 {
		return relay.Outcome{Kind: relay.Accepted, ProviderID: "id"}
	}
	out := s.outcomes[0]
	s.outcomes = s.outcomes[1:]
	return out
}

type people map[string]relay.Contact

var errDown = errors.New("down")

func (p people) Lookup(_ context.Context, uid string) (relay.Contact, error) {
	if p == nil {
		return relay.Contact{}, errDown
	}
	c, ok := p[uid]
	if !ok {
		return relay.Contact{}, ErrUnknownPerson
	}
	return c, nil
}

type observer struct {
	mu       sync.Mutex
	settled  []relay.DeliveryState
	searches []Search
	zones    int
}

func (o *observer) Decided(relay.Alert, relay.Decision) {}

func (o *observer) Attempted(context.Context, relay.Delivery, relay.Attempt) {}

func (o *observer) Settled(_ context.Context, _ relay.Delivery, state relay.DeliveryState, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settled = append(o.settled, state)
}

func (o *observer) ZoneUnknown() { o.zones++ }

func (o *observer) Searched(_ relay.Delivery, result Search) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.searches = append(o.searches, result)
}

const unknownWait = time.Minute

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), provider: &scripted{}, seen: &observer{},
		people: people{"cometchat-uid-2": {UID: "cometchat-uid-2", Phone: "+14155550102", TimeZone: "Nowhere/Land"}},
	}
	kept, err := sqlite.Open(t.Context(), sqlite.Options{
		Path: sqlitetest.New(t), Decode: cometchat.Decode, Logger: slog.New(slog.DiscardHandler),
		Now: b.clock,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kept.Close()) })
	b.kept = kept
	generation := build(t)
	b.Dispatcher = New(Options{
		Store: kept, Current: func() *engine.Generation { return generation }, Directory: b,
		Provider: func(relay.Channel) (Provider, bool) { return b.provider, b.provider != nil },
		Observer: b.seen, Logger: slog.New(slog.DiscardHandler), Now: b.clock,
		Random: func() float64 { return 0.5 }, UnknownWait: unknownWait, Retention: 72 * time.Hour,
		RetentionMessages: 24 * time.Hour, RetentionAudit: 48 * time.Hour, Replica: "r1",
		Limits: map[relay.Channel]Limits{relay.ChannelSMS: {Concurrency: 4}, relay.ChannelEmail: {Concurrency: 4}},
	})
	return b
}

func (b *bench) clock() time.Time {
	if b.virtual {
		return time.Now()
	}
	return b.now
}

func (b *bench) caseOf(alertID string) store.Case {
	b.t.Helper()
	c, err := b.kept.Case(b.t.Context(), alertID)
	require.NoError(b.t, err)
	return c
}

// Lookup lets a test take the directory away.
func (b *bench) Lookup(ctx context.Context, uid string) (relay.Contact, error) {
	if b.meanwhile != nil {
		b.meanwhile()
	}
	return b.people.Lookup(ctx, uid)
}

func build(t *testing.T) *engine.Generation {
	t.Helper()
	return ruled(t, "{version: 1, rules: [{name: told, trigger: user_mentioned, to: mentioned, wait: 10s, expires: 1h, send: [{sms: mention}]}]}")
}

// shipped are the templates that are shipped, and one for reactions. To load them takes longer than most tests do.
var shipped = sync.OnceValues(func() (*render.Templates, error) {
	files := fstest.MapFS{"thumbs/sms.txt": {Data: []byte("{{.event.reaction.emoji}}")}}
	err := fs.WalkDir(os.DirFS("../../templates"), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[path] = &fstest.MapFile{}
			files[path].Data, err = fs.ReadFile(os.DirFS("../../templates"), path)
		}
		return err
	})
	templates, problems := render.Load(files)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("templates: %v", problems)
	}
	return templates, err
})

// ruled makes a generation of rules with the shipped templates, and one for reactions.
func ruled(t *testing.T, source string) *engine.Generation {
	t.Helper()
	set, findings := rules.Load("rules.yaml", []byte(source), cometchat.Catalogue())
	require.NotNil(t, set, "%v", findings)
	templates, err := shipped()
	require.NoError(t, err)
	g, findings := engine.Build(engine.Parts{
		Rules: set, Templates: templates, Catalogue: cometchat.Catalogue(),
		Sample: func(relay.Trigger) (relay.Event, bool) { return relay.Event{}, false },
	})
	require.NotNil(t, g, "%v", findings)
	return g
}

// mention keeps the sample mention and returns the ID of its alert.
func (b *bench) mention() string {
	b.t.Helper()
	body, _ := cometchat.Sample(relay.UserMentioned)
	event, err := cometchat.Decode(body, b.now)
	require.NoError(b.t, err)
	plan, _ := b.Current().Plan(event)
	require.Len(b.t, plan.Alerts, 1)
	_, err = b.kept.Accept(b.t.Context(), plan)
	require.NoError(b.t, err)
	return plan.Alerts[0].ID
}

func (b *bench) alert(id string) relay.Alert {
	b.t.Helper()
	a, err := b.kept.Alert(b.t.Context(), id)
	require.NoError(b.t, err)
	return a
}

// delivery is the only delivery of an alert.
func (b *bench) delivery(alertID string) relay.Delivery {
	b.t.Helper()
	all, err := b.kept.Deliveries(b.t.Context(), store.Filter{AlertID: alertID})
	require.NoError(b.t, err)
	require.Len(b.t, all, 1)
	return all[0]
}

// work calls the delivery's job.
func (b *bench) work(id string) error {
	return (&deliveryWorker{d: b.Dispatcher}).Work(b.t.Context(), &river.Job[store.DeliveryArgs]{Args: store.DeliveryArgs{DeliveryID: id}})
}

func (b *bench) fallDue() string {
	b.t.Helper()
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.NoError(b.t, b.due(b.t.Context(), id))
	return id
}

func TestAnAlertIsSnoozedUntilItIsDueAndSentThen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.mention()
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, b.due(t.Context(), id), &snooze)
	require.Equal(t, 10*time.Second, snooze.Duration)
	b.now = b.now.Add(10 * time.Second)
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertSent, b.alert(id).State)
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Len(t, b.provider.sent, 1)
	require.Equal(t, relay.Phone("+14155550102"), b.provider.sent[0].Phone)
	require.Equal(t, 1, b.seen.zones, "an unknown time zone falls through and is counted")

	require.NoError(t, b.due(t.Context(), id), "a job that runs again")
	require.Len(t, b.provider.sent, 1, "sends nothing")
	require.NoError(t, b.due(t.Context(), "al_gone"), "neither does one whose alert is gone")
	require.NoError(t, b.work("dl_gone"))
}

func TestARetryWaitsAndIsByteIdentical(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.provider.outcomes = []relay.Outcome{
		{Kind: relay.Retry, Reason: relay.ReasonThrottled, Blame: relay.BlameProvider, RetryAfter: 90 * time.Second},
		{Kind: relay.Retry, Reason: relay.ReasonProviderTrouble, Blame: relay.BlameProvider},
	}
	id := b.fallDue()
	d := b.delivery(id)
	require.Equal(t, relay.DeliveryQueued, d.State)
	require.Equal(t, relay.ReasonThrottled, d.Reason)
	require.Equal(t, relay.AlertDue, b.alert(id).State)
	require.GreaterOrEqual(t, d.NextAt.Sub(b.now), 90*time.Second, "what the provider asked for")
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, b.work(d.ID), &snooze, "too early")
	b.now = d.NextAt
	require.NoError(t, b.work(d.ID))
	b.now = b.delivery(id).NextAt
	require.NoError(t, b.work(d.ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Len(t, b.provider.sent, 3)
	require.Equal(t, b.provider.sent[0].Content, b.provider.sent[2].Content)
	require.NoError(t, b.work(d.ID), "a late wake-up")
	require.Len(t, b.provider.sent, 3)
}

func TestOutcomesEndWhereTheyShould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcome relay.Outcome
		state   relay.DeliveryState
		reason  relay.Reason
		alert   relay.AlertState
	}{
		"refused for good": {relay.Outcome{Kind: relay.Permanent, Reason: relay.ReasonInvalidNumber}, relay.DeliveryDead, relay.ReasonInvalidNumber, relay.AlertFailed},
		"said stop":        {relay.Outcome{Kind: relay.Permanent, Reason: relay.ReasonOptedOut}, relay.DeliverySuppressed, relay.ReasonOptedOut, relay.AlertSuppressed},
		"no answer":        {relay.Outcome{Kind: relay.Unknown}, relay.DeliveryUnknown, relay.ReasonNoAnswer, relay.AlertDue},
		"too long a wait":  {relay.Outcome{Kind: relay.Retry, RetryAfter: 2 * time.Hour}, relay.DeliveryDead, relay.ReasonExpired, relay.AlertFailed},
	} {
		b := newBench(t)
		b.provider.outcomes = []relay.Outcome{c.outcome}
		id := b.fallDue()
		require.Equal(t, c.state, b.delivery(id).State, name)
		require.Equal(t, c.reason, b.delivery(id).Reason, name)
		require.Equal(t, c.alert, b.alert(id).State, name)
	}
}

func TestALostAnswerIsResentOnceAndNotAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Unknown}, {Kind: relay.Retry}, {Kind: relay.Unknown}}
	id := b.fallDue()
	d := b.delivery(id)
	require.Equal(t, unknownWait, d.NextAt.Sub(b.now))
	for range 3 { // the resend, its retry, and the end of the second wait
		b.now = b.delivery(id).NextAt
		require.NoError(t, b.work(d.ID))
	}
	require.Equal(t, relay.DeliveryDead, b.delivery(id).State)
	require.Equal(t, relay.ReasonNoAnswer, b.delivery(id).Reason)
	require.Len(t, b.provider.sent, 3)
}

// What ended with its process tells nothing of the provider: two kills must not cost a message.
func TestAttemptsThatEndedWithTheirProcessAreRepeatedForAWhile(t *testing.T) {
	t.Parallel()
	for orphans, want := range map[int]relay.DeliveryState{maxOrphans: relay.DeliverySent, maxOrphans + 1: relay.DeliveryDead} {
		b := newBench(t)
		b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry}}
		id := b.fallDue()
		for range orphans {
			b.orphan(id)
		}
		require.Equal(t, relay.DeliveryUnknown, b.delivery(id).State)
		b.now = b.delivery(id).NextAt
		require.NoError(t, b.work(b.delivery(id).ID))
		require.Equal(t, want, b.delivery(id).State, orphans)
	}
}

// orphan begins the next attempt of an alert's delivery, whose process ends before there is an answer.
func (b *bench) orphan(alertID string) {
	b.t.Helper()
	d := b.delivery(alertID)
	b.now = d.NextAt
	_, _, err := b.kept.BeginAttempt(b.t.Context(), store.Start{DeliveryID: d.ID, Provider: "another", Now: b.now})
	require.NoError(b.t, err)
	b.now = b.now.Add(orphanAge)
	_, err = b.kept.Orphaned(b.t.Context(), b.now, b.now, b.now.Add(unknownWait))
	require.NoError(b.t, err)
}

// stubborn is a store that cannot keep outcomes for a while.
type stubborn struct {
	store.Store

	failures int
}

func (s *stubborn) FinishAttempt(ctx context.Context, a relay.Attempt, n store.Next) error {
	if s.failures > 0 {
		s.failures--
		return errDown
	}
	return s.Store.FinishAttempt(ctx, a, n)
}

func TestAStoreInTroubleDoesNotForgetAnAcceptedMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Store = &stubborn{Store: b.kept, failures: 3}
	id := b.fallDue()
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Len(t, b.provider.sent, 1)
}

func TestRetriesEndAfterTheLastAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range channel.MaxAttempts {
		b.provider.outcomes = append(b.provider.outcomes, relay.Outcome{Kind: relay.Retry, Reason: relay.ReasonProviderTrouble})
	}
	id := b.fallDue()
	for range channel.MaxAttempts - 1 {
		b.now = b.delivery(id).NextAt
		require.NoError(t, b.work(b.delivery(id).ID))
	}
	require.Equal(t, relay.DeliveryDead, b.delivery(id).State)
	require.Equal(t, relay.ReasonGaveUp, b.delivery(id).Reason)
	require.Equal(t, relay.AlertFailed, b.alert(id).State)
}

func TestARetryPastItsTimeIsNotMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry}}
	id := b.fallDue()
	b.now = b.now.Add(time.Hour)
	require.NoError(t, b.work(b.delivery(id).ID))
	require.Equal(t, relay.DeliveryDead, b.delivery(id).State)
	require.Equal(t, relay.ReasonExpired, b.delivery(id).Reason)
	require.Len(t, b.provider.sent, 1)
}

func TestAChannelThatIsGoneMakesADeadDelivery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.provider.outcomes = []relay.Outcome{{Kind: relay.Retry}}
	id := b.fallDue()
	b.Provider = func(relay.Channel) (Provider, bool) { return nil, false }
	b.now = b.delivery(id).NextAt
	require.NoError(t, b.work(b.delivery(id).ID))
	require.Equal(t, relay.ReasonNoChannel, b.delivery(id).Reason)
}

func TestAnUnknownPersonIsAReasonAndADirectoryThatIsDownDelays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.people = people{}
	id := b.fallDue()
	require.Equal(t, relay.ReasonUnknownPerson, b.alert(id).Reason)
	require.Equal(t, relay.AlertSuppressed, b.alert(id).State)

	b = newBench(t)
	b.people = nil
	id = b.fallDue()
	require.Equal(t, relay.AlertHeld, b.alert(id).State)
	require.Equal(t, relay.ReasonDirectoryDown, b.alert(id).Reason)
	b.people = people{"cometchat-uid-2": {Phone: "+14155550102"}}
	b.now = b.alert(id).DueAt
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertSent, b.alert(id).State)
}

func TestAnAttemptOnceBegunOutlivesTheShutdown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	b.provider.hook = func(call context.Context) {
		cancel() // SIGTERM in the middle of the call
		require.NoError(t, call.Err())
		deadline, ok := call.Deadline()
		require.True(t, ok)
		require.LessOrEqual(t, time.Until(deadline), channel.Deadline)
	}
	require.NoError(t, b.due(ctx, id))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
}

func TestACrashBetweenDecisionAndAttemptLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.NoError(t, b.decide(t.Context(), b.caseOf(id), nil))
	require.Equal(t, relay.DeliveryQueued, b.delivery(id).State)
	require.NoError(t, b.due(t.Context(), id), "the job runs again after the restart")
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
	require.Len(t, b.provider.sent, 1)
}

func TestACrashDuringAnAttemptMakesItsOutcomeUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.NoError(t, b.decide(t.Context(), b.caseOf(id), nil))
	_, _, err := b.kept.BeginAttempt(t.Context(), store.Start{DeliveryID: b.delivery(id).ID, Provider: "scripted", Now: b.now})
	require.NoError(t, err)
	b.now = b.now.Add(orphanAge + time.Second)
	require.NoError(t, b.houseKeeping(t.Context()))
	require.Equal(t, relay.DeliveryUnknown, b.delivery(id).State)
	b.now = b.delivery(id).NextAt
	require.NoError(t, b.work(b.delivery(id).ID))
	require.Equal(t, relay.DeliverySent, b.delivery(id).State)
}

func TestAnAddressThatSaysNoAfterTheDecisionIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.mention()
	b.now = b.now.Add(10 * time.Second)
	require.NoError(t, b.decide(t.Context(), b.caseOf(id), nil))
	require.Equal(t, relay.DeliveryQueued, b.delivery(id).State)
	require.NoError(t, b.kept.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelSMS, "+14155550102"), Reason: relay.ReasonOptedOut,
		Source: relay.SuppressedByLink, At: b.now,
	}))
	require.NoError(t, b.due(t.Context(), id))
	require.Empty(t, b.provider.sent)
	require.Equal(t, relay.DeliverySuppressed, b.delivery(id).State)
	require.Equal(t, relay.ReasonOptedOut, b.delivery(id).Reason)
	require.Equal(t, relay.AlertSuppressed, b.alert(id).State)
	require.Equal(t, []relay.DeliveryState{relay.DeliverySuppressed}, b.seen.settled)
	require.NoError(t, b.work(b.delivery(id).ID), "a late wake-up")
	require.Empty(t, b.provider.sent)
}

func TestAnAddressThatSaidNoBeforeIsSuppressedByTheDecision(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.kept.Suppress(t.Context(), relay.Suppression{
		Address: relay.NewAddress(relay.ChannelSMS, "+14155550102"), Reason: relay.ReasonOptedOut,
		Source: relay.SuppressedByLink, At: b.now,
	}))
	id := b.fallDue()
	require.Empty(t, b.provider.sent)
	require.Equal(t, relay.ReasonOptedOut, b.alert(id).Reason)
	require.Empty(t, b.delivery(id).Content, "nothing was rendered")
}

func TestLinksAreMadeForThePersonWhoIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var asked []relay.Phone
	b.Links = func(alert relay.Alert, _ relay.Event, c relay.Contact) render.Links {
		require.NotEmpty(t, alert.Rule)
		asked = append(asked, c.Phone)
		return render.Links{}
	}
	b.fallDue()
	require.Equal(t, []relay.Phone{"+14155550102"}, asked)
}

func TestEventsPastRetentionGo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.fallDue()
	event := b.alert(id).EventID
	b.now = b.now.Add(73 * time.Hour)
	require.NoError(t, b.houseKeeping(t.Context()))
	_, err := b.kept.Event(t.Context(), event)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestStartedItWorksByItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	real := time.Now
	b.Now = real
	b.now = real().Add(-10 * time.Second) // received ten seconds ago, so due now
	require.NoError(t, b.Start(t.Context()))
	id := b.mention()
	require.Eventually(t, func() bool { return b.alert(id).State == relay.AlertSent }, time.Minute, 10*time.Millisecond)
	require.NoError(t, b.Stop(t.Context()))
}
