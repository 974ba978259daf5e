package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/console"
	"github.com/beckon-relay/beckon/internal/directory"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/view"
)

// phonebook is a directory that counts who is looked up.
type phonebook struct {
	uids []string
	err  error
}

func (a *phonebook) Lookup(_ context.Context, uid string) (relay.Contact, error) {
	a.uids = append(a.uids, uid)
	return relay.Contact{UID: uid, Name: "Real Person", Phone: "+14155550177", Email: "real@corp.example"}, a.err
}

// ground is a playground over the shipped rules, and what is behind it.
type ground struct {
	*playground
	store  store.Store
	people *phonebook
}

func newGround(t *testing.T) ground {
	t.Helper()
	g, findings, err := LoadGeneration("../../rules.yaml", "../../templates")
	require.NoError(t, err)
	require.NotNil(t, g, findings)
	people := &phonebook{}
	a := &App{store: opened(t), trials: newSlots(), Options: Options{Logger: slog.New(slog.DiscardHandler)}}
	a.live.Store(&live{generation: g, people: &sources{chain: directory.Chain{people}}})
	p := a.playground(config.Config{Directory: config.Directory{Sources: []config.DirectorySource{{Kind: config.DirectoryCometChat}}}})
	require.Equal(t, trialTime, p.patience)
	p.patience = time.Minute
	return ground{p, a.store, people}
}

// trial is one of the shipped rules with a sample at noon.
func (g ground) trial(t *testing.T, trigger relay.Trigger) view.Trial {
	t.Helper()
	body, ok := cometchat.Sample(trigger)
	require.True(t, ok)
	desk := g.Desk(t.Context(), false)
	return view.Trial{
		Event: string(body), Rules: desk.Rules, People: desk.People, Others: true, By: "kim",
		At: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
	}
}

func (g ground) audited(t *testing.T) []string {
	t.Helper()
	return (&App{store: g.store}).audit(t)
}

// nothing fails where anything is kept.
func (g ground) nothing(t *testing.T) {
	t.Helper()
	events, err := g.store.Events(t.Context(), store.Filter{})
	require.NoError(t, err)
	alerts, err := g.store.Alerts(t.Context(), store.Filter{})
	require.NoError(t, err)
	deliveries, err := g.store.Deliveries(t.Context(), store.Filter{})
	require.NoError(t, err)
	outbox, err := g.store.Outbox(t.Context(), store.OutboxFilter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, events)
	require.Empty(t, alerts)
	require.Empty(t, deliveries)
	require.Empty(t, outbox)
	require.Empty(t, g.audited(t))
}

func TestThePlaygroundTellsWhatWouldBeSentAndKeepsNothing(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	tried, err := g.Try(t.Context(), g.trial(t, "call_initiated"))
	require.NoError(t, err)
	require.Empty(t, tried.Problem)
	require.Len(t, tried.Outcomes, 1)
	outcome := tried.Outcomes[0]
	require.Equal(t, "missed-call", outcome.Rule)
	require.Equal(t, "cometchat-uid-5", outcome.To)
	require.Equal(t, time.Minute, outcome.After)
	require.Len(t, outcome.Messages, 1)
	message := outcome.Messages[0]
	require.Equal(t, "You missed a call from Andrew Joseph.", message.Text)
	require.Equal(t, "+14155550105", message.To, "an invented number is no secret")
	require.Equal(t, "1 segment, GSM-7, 37 characters", message.SMS.Short())
	g.nothing(t)
	require.Empty(t, g.people.uids, "nobody is asked who was not picked")
}

func TestARuleThatDoesNotMatchShowsWhatItsConditionSaw(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "call_initiated")
	trial.Rules = strings.Replace(trial.Rules, `if: event.conversation.kind == "user"`,
		`if: event.conversation.kind == "user" && event.sender.name == "Nobody"`, 1)
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Empty(t, tried.Findings)
	require.Empty(t, tried.Outcomes)
	account := tried.Rules[0]
	require.False(t, account.Matched)
	require.Len(t, account.Parts, 2)
	require.True(t, account.Parts[0].Holds)
	require.False(t, account.Parts[1].Holds)
	require.Contains(t, account.Parts[1].Saw, `event.sender.name is "Andrew Joseph"`, "whoever wrote the event may see what is in it")
	require.Contains(t, tried.Rules[2].Why, "it is for user_mentioned")
}

func TestWhatIsBrokenIsShownWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*view.Trial)
		file   string
		line   int
		says   string
	}{
		"no YAML": {func(trial *view.Trial) { trial.Rules = "version: 1\nrules: [\n  - name: x\n" }, "rules.yaml", 2, "YAML"},
		"a misspelt field": {func(trial *view.Trial) {
			trial.Rules = strings.Replace(trial.Rules, "event.conversation.kind", "event.conversation.knd", 1)
		}, "rules.yaml", 16, `no field "knd"`},
		"a template": {func(trial *view.Trial) {
			trial.Templates = []view.TextFile{{Name: "missed-call/sms.txt", Text: "Hello\n{{ .event.nobody }}\n"}}
		}, "missed-call/sms.txt", 2, "nobody"},
		"a template that is left out": {func(trial *view.Trial) {
			trial.Templates = []view.TextFile{{Name: "missed-call/sms.txt", Text: " \n"}}
		}, "", 0, ""},
		"people": {func(trial *view.Trial) { trial.People = "ann: { phone: \"12\" }\n" }, "people", 1, "phone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			trial := g.trial(t, "call_initiated")
			test.change(&trial)
			tried, err := g.Try(t.Context(), trial)
			require.NoError(t, err)
			require.NotEmpty(t, tried.Findings)
			require.Empty(t, tried.Outcomes)
			if test.line == 0 {
				return
			}
			found := tried.Findings[0]
			require.Equal(t, test.file, found.File)
			require.Equal(t, test.line, found.Line, found.Message)
			require.Contains(t, found.Message, test.says)
			require.NotEmpty(t, found.Excerpt)
		})
	}
}

func TestEditedTemplatesAreTried(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "call_initiated")
	trial.Templates = []view.TextFile{{Name: "missed-call/sms.txt", Text: "Ring ring, {{ .recipient.name }} ☎"}}
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Equal(t, "Ring ring, John Paul ☎", tried.Outcomes[0].Messages[0].Text)
	require.Equal(t, "UCS-2", tried.Outcomes[0].Messages[0].SMS.Encoding)
	again, err := g.Try(t.Context(), g.trial(t, "call_initiated"))
	require.NoError(t, err)
	require.Equal(t, "You missed a call from Andrew Joseph.", again.Outcomes[0].Messages[0].Text, "those in force stay as they are")
}

func TestWhatComesLaterCancels(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "call_initiated")
	trial.Later = []view.LaterEvent{{After: 12 * time.Second, Sample: "call_started"}}
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Equal(t, relay.AlertCancelled, tried.Outcomes[0].State)
	require.Equal(t, relay.ReasonAnswered, tried.Outcomes[0].Reason)
	trial.Later[0].Sample = "nonsense"
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Problem, `no sample of "nonsense"`)
}

func TestPeopleOfThePlaygroundAreThoseThatWereGiven(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "call_initiated")
	trial.People = ""
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Notes[0], "invented number and address: cometchat-uid-5")
	trial.Others = false
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Equal(t, relay.AlertSuppressed, tried.Outcomes[0].State)
	require.Contains(t, tried.Notes[0], "unknown, so not told: cometchat-uid-5")
	require.Empty(t, g.people.uids)
}

func TestTheDirectoryIsAskedWhereAnOperatorPickedIt(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "call_initiated")
	trial.Directory = true
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Equal(t, []string{"cometchat-uid-5"}, g.people.uids)
	require.Equal(t, "+14*******77", tried.Outcomes[0].Messages[0].To, "of a real person the number is masked")
	require.Equal(t, []string{"kim reveal people of the directory, in the playground"}, g.audited(t))

	g.people.uids, g.people.err = nil, errors.New("down")
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Notes[0], "could not be asked")
	require.Len(t, g.people.uids, 1, "a simulation's clock asks no source thousands of times")

	g.people.uids = nil
	trial.Viewer = true
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Problem, "for operators")
	trial.Viewer, g.named = false, nil
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Problem, "BECKON_DIRECTORY")
	require.Empty(t, g.people.uids)
}

func TestAKeptEventIsForOperatorsAndTheAuditSaysSo(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "user_mentioned")
	event, err := cometchat.Decode([]byte(trial.Event), trial.At)
	require.NoError(t, err)
	_, err = g.store.Accept(t.Context(), relay.Plan{Event: event, Wanted: true})
	require.NoError(t, err)
	trial.Event, trial.Kept, trial.At, trial.Viewer = "", event.ID, time.Time{}, true
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Problem, "for operators")
	require.Empty(t, g.audited(t))

	trial.Viewer = false
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Empty(t, tried.Problem)
	require.Equal(t, event.ReceivedAt, tried.Event.ReceivedAt, "it comes when it came")
	require.Contains(t, tried.Outcomes[0].Messages[0].Text, "the bus leaves at eight")
	require.Equal(t, []string{"kim reveal event " + event.ID}, g.audited(t))

	body, err := g.Kept(t.Context(), event.ID, "kim")
	require.NoError(t, err)
	require.JSONEq(t, string(event.Raw), body)
	require.Len(t, g.audited(t), 2)
	_, err = g.Kept(t.Context(), "nothing", "kim")
	refusal, ok := errors.AsType[*console.Refusal](err)
	require.True(t, ok)
	require.Equal(t, 404, refusal.Status)
	trial.Kept = "nothing"
	tried, err = g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Problem, "no event")
}

func TestThePlaygroundHasLimits(t *testing.T) {
	t.Parallel()
	large := func(n int) string { return strings.Repeat("x", n+1) }
	for name, test := range map[string]struct {
		change func(*view.Trial)
		says   string
	}{
		"event":     {func(trial *view.Trial) { trial.Event = large(view.MaxTrialEvent) }, "larger than 1024 KiB"},
		"rules":     {func(trial *view.Trial) { trial.Rules = large(view.MaxTrialRules) }, "larger than 256 KiB"},
		"files":     {func(trial *view.Trial) { trial.Templates = make([]view.TextFile, 65) }, "at most 64"},
		"templates": {func(trial *view.Trial) { trial.Templates = []view.TextFile{{Text: large(view.MaxTrialText)}} }, "larger than 1024 KiB"},
		"people":    {func(trial *view.Trial) { trial.People = large(view.MaxTrialRules) }, "people are larger"},
		"later":     {func(trial *view.Trial) { trial.Later = make([]view.LaterEvent, 9) }, "at most 8"},
		"no event":  {func(trial *view.Trial) { trial.Event = " " }, "there is no event"},
		"no JSON":   {func(trial *view.Trial) { trial.Event = "{" }, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			trial := g.trial(t, "call_initiated")
			test.change(&trial)
			tried, err := g.Try(t.Context(), trial)
			require.NoError(t, err)
			require.Contains(t, tried.Problem, test.says)
		})
	}
}

func TestATrialThatTakesTooLongIsGivenUpAndHoldsItsPlaceUntilItEnds(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.slots = make(chan struct{}, 1)
	trial := g.trial(t, "call_initiated")
	trial.Directory = true
	entered, release := make(chan struct{}), make(chan struct{})
	g.playground.people = func() directory.Source { return stuck{entered, release} }
	g.patience = time.Nanosecond
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Contains(t, tried.Problem, "given up")

	g.slots <- struct{}{} // the place of the one that was given up is free again when it has ended
	<-g.slots
	g.patience = time.Minute
	done := make(chan view.Tried, 1)
	go func() {
		tried, _ := g.Try(context.WithoutCancel(t.Context()), trial)
		done <- tried
	}()
	<-entered
	busy, err := g.Try(t.Context(), g.trial(t, "call_initiated"))
	require.NoError(t, err)
	require.Contains(t, busy.Problem, "others are trying")
	close(release)
	require.Empty(t, (<-done).Problem)
}

// stuck is a directory that answers when it is released.
type stuck struct{ entered, release chan struct{} }

func (s stuck) Lookup(context.Context, string) (relay.Contact, error) {
	s.entered <- struct{}{}
	<-s.release
	return relay.Contact{}, directory.ErrUnknown
}

func TestAViewersRulesNameNobodyAndCanBeTried(t *testing.T) {
	t.Parallel()
	text := "version: 1\nrules:\n  - name: watch\n    trigger: call_initiated\n    to: [ { phone: \"+49 30 901820-104\" }, { email: ops@corp.example } ]\n" +
		"    send: [ { sms: missed-call }, { email: missed-call } ]\n"
	g := newGround(t)
	kept, findings := g.generation(view.Trial{Rules: text})
	require.NotNil(t, kept, findings)
	g.current = func() *engine.Generation { return kept }
	desk := g.Desk(t.Context(), true)
	require.NotContains(t, desk.Rules, "901820")
	require.NotContains(t, desk.Rules, "ops@corp")
	require.Contains(t, g.Desk(t.Context(), false).Rules, "ops@corp.example")
	trial := g.trial(t, "call_initiated")
	trial.Rules, trial.Viewer = desk.Rules, true
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Empty(t, tried.Problem)
	require.NotEmpty(t, tried.Outcomes, tried.Findings)
}

func TestAFileThatIsWrongThroughoutShowsTheFirstFaultsAndCountsTheRest(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	trial := g.trial(t, "call_initiated")
	trial.Rules = "version: 1\nrules:\n" + strings.Repeat("  - nonsense: 1\n", 200)
	tried, err := g.Try(t.Context(), trial)
	require.NoError(t, err)
	require.Len(t, tried.Findings, maxFindings)
	require.Contains(t, tried.Findings[maxFindings-1].Message, "more findings")
}
