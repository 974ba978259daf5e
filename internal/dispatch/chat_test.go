package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// chat is a chat app with one group, in memory.
type chat struct {
	mu      sync.Mutex
	members []string
	joined  []string
	unread  map[string]int
	// err is what it fails with, and asked are the questions it got.
	err   error
	asked []relay.Question
	hook  func()
}

func (c *chat) Ask(_ context.Context, q relay.Question) (relay.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, q)
	if c.hook != nil {
		c.hook()
	}
	switch {
	case c.err != nil:
		return relay.Answer{}, c.err
	case q.Topic == relay.TopicMembers:
		return relay.Answer{People: slices.Clone(c.members)}, nil
	case q.Topic == relay.TopicJoined:
		return relay.Answer{People: slices.Clone(c.joined)}, nil
	case q.Topic == relay.TopicAuthor:
		return relay.Answer{People: []string{"Cometchat-UID-2"}}, nil
	}
	unread, counted := c.unread[q.UID]
	if !counted {
		return relay.Answer{}, ErrGone
	}
	return relay.Answer{Unread: unread}, nil
}

// crowd makes so many people, each of whom the directory knows.
func (b *bench) crowd(n int) []string {
	var uids []string
	for i := range n {
		uid := fmt.Sprintf("uid-%05d", i)
		uids = append(uids, uid)
		b.people[uid] = relay.Contact{UID: uid, Phone: relay.Phone(fmt.Sprintf("+1415555%04d", i))}
	}
	return uids
}

// ask puts a rule of that trigger in force, with a chat.
func (b *bench) ask(trigger relay.Trigger, to, keys string, c *chat) {
	b.t.Helper()
	b.Current = func() *engine.Generation { return nil }
	g := ruled(b.t, fmt.Sprintf("{ version: 1, defaults: { sender_limit: off, limits: off }, rules: [ { name: told, trigger: %s, to: %s, %s } ] }", trigger, to, keys))
	b.Current = func() *engine.Generation { return g }
	b.Chat = c
}

// happens keeps a sample as it is changed, and returns its alerts.
func (b *bench) happens(trigger relay.Trigger, set map[string]any) []relay.Alert {
	b.t.Helper()
	body, _ := cometchat.Sample(trigger)
	for path, value := range set {
		var err error
		body, err = sjson.SetBytes(body, path, value)
		require.NoError(b.t, err)
	}
	event, err := cometchat.Decode(body, b.now)
	require.NoError(b.t, err)
	plan, _ := b.Current().Plan(event)
	_, err = b.kept.Accept(b.t.Context(), plan)
	require.NoError(b.t, err)
	return plan.Alerts
}

// inGroup is what makes a message one of a group of so many.
func inGroup(members int) map[string]any {
	return map[string]any{
		"data.message.receiverType": "group", "data.message.receiver": "hiking",
		"data.message.data.entities.receiver": map[string]any{
			"entityType": "group", "entity": map[string]any{"guid": "hiking", "membersCount": members},
		},
	}
}

var groupCall = map[string]any{
	"data.call.receiverType": "group", "data.call.receiver": "hiking",
	"data.call.data.entities.for": map[string]any{"entityType": "group", "entity": map[string]any{"guid": "hiking"}},
}

// all runs the jobs of everything that is due now, until nothing is.
func (b *bench) all() {
	b.t.Helper()
	for range 100 {
		held, err := b.kept.Alerts(b.t.Context(), store.Filter{State: string(relay.AlertHeld), Limit: store.MaxList})
		require.NoError(b.t, err)
		worked := false
		for _, a := range held {
			if !a.LookAt().After(b.now) {
				worked = true
				require.NoError(b.t, b.due(b.t.Context(), a.ID))
			}
		}
		if !worked {
			return
		}
	}
	require.Fail(b.t, "it never ends")
}

// told counts the messages that were sent, by person.
func (b *bench) told() map[string]int {
	out := map[string]int{}
	for _, d := range b.provider.sent {
		out[d.Recipient.UID]++
	}
	return out
}

func TestEverybodyInALargeGroupIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.asking.chunk = 20
	const people = 2*20 + 3
	c := &chat{members: append(b.crowd(people), "cometchat-uid-1")}
	b.ask(relay.MessageSent, "group_members", textOnly, c)
	open := b.happens(relay.MessageSent, inGroup(500))
	require.Len(t, open, 1)
	require.NoError(t, b.due(t.Context(), open[0].ID))
	held, err := b.kept.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, people, held.Alerts[relay.AlertHeld])
	b.all()
	told := b.told()
	require.Len(t, told, people)
	for uid, n := range told {
		require.Equal(t, 1, n, uid)
	}
	require.NotContains(t, told, "cometchat-uid-1", "who wrote it")
	require.Len(t, c.asked, 1)
}

// flaky is a store whose writes fail at times, before or after they were kept: as if the process had died there.
type flaky struct {
	store.Store

	fails func() (before, after bool)
}

func (f flaky) DecideAndBegin(ctx context.Context, id string, q relay.Query, now time.Time,
	decide func(relay.Alert, relay.Facts) (relay.Decision, []store.Start),
) (relay.Decision, []store.Begun, error) {
	before, after := f.fails()
	if before {
		return relay.Decision{}, nil, errDown
	}
	d, begun, err := f.Store.DecideAndBegin(ctx, id, q, now, decide)
	if after && err == nil {
		err = errDown
	}
	return d, begun, err
}

// resolve runs the jobs of an unresolved alert until it is gone, some of them twice, as River does with those that failed.
func (b *bench) resolve(r *rapid.T, id string) {
	for range 200 {
		kept, err := b.kept.Alert(b.t.Context(), id)
		if errors.Is(err, store.ErrNotFound) {
			return
		}
		if err != nil {
			r.Fatal(err)
		}
		b.now = kept.LookAt()
		for range rapid.IntRange(1, 2).Draw(r, "times") {
			_ = b.due(b.t.Context(), id)
		}
		delete(b.asking.fresh, relay.Question{Topic: relay.TopicMembers, ID: "hiking"})
	}
	r.Fatal("it never ends")
}

// TestNobodyIsMissedOrToldTwiceHoweverOftenResolvingDies draws where the process dies, how often jobs run twice, and when the chat app
// does not answer, while a group grows and shrinks. Whoever was in it each time is told exactly once.
func TestNobodyIsMissedOrToldTwiceHoweverOftenResolvingDies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.asking.chunk = 2
	all := b.crowd(6)
	stay, come := all[:4], all[4:]
	c := &chat{members: all}
	b.ask(relay.MessageSent, "group_members", "wait: 1m, "+textOnly, c)
	message := 0
	rapid.Check(t, func(r *rapid.T) {
		b.provider.sent = nil
		c.hook = func() {
			c.err = nil
			if rapid.IntRange(0, 3).Draw(r, "down") == 0 {
				c.err = errDown
			}
			c.members = append(slices.Clone(stay), come[:rapid.IntRange(0, len(come)).Draw(r, "come")]...)
		}
		left := rapid.IntRange(0, 6).Draw(r, "deaths")
		b.Store = flaky{b.kept, func() (bool, bool) {
			if left == 0 {
				return false, false
			}
			at := rapid.IntRange(0, 3).Draw(r, "death")
			if at < 2 {
				left--
			}
			return at == 0, at == 1
		}}
		message++
		set := inGroup(500)
		set["data.message.id"] = strconv.Itoa(message)
		open := b.happens(relay.MessageSent, set)[0]
		b.resolve(r, open.ID)
		left = 0
		if b.now.Before(open.DueAt) {
			b.now = open.DueAt
		}
		b.all()
		told := b.told()
		for _, uid := range stay {
			if told[uid] != 1 {
				r.Fatalf("%s was told %d times", uid, told[uid])
			}
		}
		for uid, n := range told {
			if n != 1 {
				r.Fatalf("%s was told %d times", uid, n)
			}
		}
	})
}

func TestPeopleWhoCannotBeLookedUpAreLookedUpAgainUntilItIsTooLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := &chat{members: b.crowd(2), err: errDown}
	b.ask(relay.MessageSent, "group_members", "wait: 30m, expires: 1h, "+textOnly, c)
	open := b.happens(relay.MessageSent, inGroup(2))[0]
	for b.now.Before(open.DueAt) {
		b.now = b.alert(open.ID).LookAt()
		require.NoError(t, b.due(t.Context(), open.ID))
		require.Equal(t, relay.ReasonCometChatDown, b.alert(open.ID).Reason)
		require.Equal(t, open.DueAt, b.alert(open.ID).DueAt)
	}
	require.Less(t, len(c.asked), 20, "less and less often")
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, b.due(t.Context(), open.ID), &snooze, "not before its time")
	asked := len(c.asked)
	for b.alert(open.ID).State == relay.AlertHeld {
		b.now = b.alert(open.ID).LookAt()
		require.NoError(t, b.due(t.Context(), open.ID))
	}
	require.Greater(t, len(c.asked), asked)
	require.Equal(t, relay.AlertCancelled, b.alert(open.ID).State)
	require.Equal(t, relay.ReasonLookupFailed, b.alert(open.ID).Reason)
	require.True(t, b.now.Before(open.ExpiresAt))
	require.NoError(t, b.due(t.Context(), open.ID), "a late wake-up")
}

func TestWhatTheChatAppCannotSayIsAReason(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		chat Chat
		want relay.Reason
	}{
		"nobody to ask":       {nil, relay.ReasonLookupFailed},
		"no key":              {&chat{err: ErrNobody}, relay.ReasonLookupFailed},
		"no such group":       {&chat{err: fmt.Errorf("members: %w", ErrGone)}, relay.ReasonLookupFailed},
		"too many":            {&chat{err: fmt.Errorf("members: %w", ErrTooMany)}, relay.ReasonTooMany},
		"more than ever":      {&chat{members: slices.Repeat([]string{"a"}, relay.MaxGroup+1)}, relay.ReasonTooMany},
		"nobody in the group": {&chat{}, relay.ReasonNobody},
		"only the sender":     {&chat{members: []string{"CometChat-uid-1"}}, relay.ReasonNobody},
	} {
		b := newBench(t)
		b.ask(relay.MessageSent, "group_members", textOnly, nil)
		b.Chat = tt.chat
		open := b.happens(relay.MessageSent, inGroup(2))[0]
		require.NoError(t, b.due(t.Context(), open.ID), name)
		require.Equal(t, relay.AlertCancelled, b.alert(open.ID).State, name)
		require.Equal(t, tt.want, b.alert(open.ID).Reason, name)
	}
}

func TestTheAuthorOfAMessageIsLookedUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ask("message_reaction_added", "author", "send: [ { sms: thumbs } ]", &chat{})
	open := b.happens("message_reaction_added", map[string]any{
		"data.reaction.uid": "cometchat-uid-9", "data.reaction.reactedBy.uid": "cometchat-uid-9",
	})[0]
	require.NoError(t, b.due(t.Context(), open.ID))
	b.all()
	require.Equal(t, map[string]int{"cometchat-uid-2": 1}, b.told())
}

func TestOfManyWhoAskWhoJoinedACallOneDoes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	members := b.crowd(12)
	c := &chat{members: append(members, "cometchat-uid-1"), joined: members[:2]}
	b.ask(relay.CallInitiated, "callee", "wait: 1m, unless: [answered], send: [ { sms: missed-call } ]", c)
	open := b.happens(relay.CallInitiated, groupCall)[0]
	require.NoError(t, b.due(t.Context(), open.ID))
	b.now = open.DueAt
	var group errgroup.Group
	held, err := b.kept.Alerts(t.Context(), store.Filter{State: string(relay.AlertHeld), Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, held, 12)
	for _, a := range held {
		group.Go(func() error { return b.due(t.Context(), a.ID) })
	}
	require.NoError(t, group.Wait())
	require.Len(t, c.asked, 2, "for the members, and who joined")
	cancelled, err := b.kept.Alerts(t.Context(), store.Filter{State: string(relay.AlertCancelled)})
	require.NoError(t, err)
	require.Len(t, cancelled, 2)
	for _, uid := range members[:2] {
		a := relay.AlertID(open.EventID, "told", relay.RoleCallee, relay.Recipient{UID: uid})
		require.Equal(t, relay.ReasonAnswered, b.alert(a).Reason)
		last := b.alert(a).Trace[len(b.alert(a).Trace)-1]
		require.Equal(t, "cometchat: joined the call", last.Seen)
	}
}

func TestWhatIsUnreadInALargeGroupIsAskedBeforeItIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := &chat{unread: map[string]int{"cometchat-uid-2": 0}, err: errDown}
	b.ask(relay.UserMentioned, "mentioned", "wait: 1m, unless: [read], send: [ { sms: mention } ]", c)
	id := b.happens(relay.UserMentioned, inGroup(301))[0].ID
	require.Empty(t, c.asked)
	b.now = b.alert(id).DueAt
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.AlertHeld, b.alert(id).State)
	require.Equal(t, relay.ReasonCometChatDown, b.alert(id).Reason)
	require.Empty(t, b.provider.sent)

	c.err = nil
	b.now = b.alert(id).DueAt
	require.NoError(t, b.due(t.Context(), id))
	require.Equal(t, relay.ReasonRead, b.alert(id).Reason)
	require.Equal(t, "cometchat: nothing unread", b.alert(id).Trace[len(b.alert(id).Trace)-1].Seen)

	for message, unread := range map[string]map[string]int{"1": {"cometchat-uid-2": 1}, "2": {}} { // the second is not counted
		c.unread = unread
		set := inGroup(301)
		set["data.message.id"] = message
		id := b.happens(relay.UserMentioned, set)[0].ID
		b.now = b.alert(id).DueAt
		require.NoError(t, b.due(t.Context(), id))
		require.Equal(t, relay.AlertSent, b.alert(id).State)
	}
}

// While the chat app is slow only some of the workers wait for it.
func TestWhoCannotAskSoonComesAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ask(relay.MessageSent, "group_members", textOnly, &chat{})
	open := b.happens(relay.MessageSent, inGroup(2))[0]
	for range askers {
		require.True(t, b.asking.enter(t.Context()))
	}
	var snooze *river.JobSnoozeError
	require.ErrorAs(t, b.due(t.Context(), open.ID), &snooze)
	require.Equal(t, askPause, snooze.Duration)
	require.Equal(t, relay.AlertHeld, b.alert(open.ID).State)
	b.asking.leave()
	require.NoError(t, b.due(t.Context(), open.ID))
	require.Equal(t, relay.ReasonNobody, b.alert(open.ID).Reason)
}

func TestWhatWasSaidIsForgottenSoon(t *testing.T) {
	t.Parallel()
	a, now := newAsking(), time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	q := func(n int) relay.Question { return relay.Question{Topic: relay.TopicMembers, ID: strconv.Itoa(n)} }
	for n := range maxFresh + 1 {
		a.keep(q(n), relay.Answer{State: relay.AnswerGiven}, now)
	}
	require.Len(t, a.fresh, maxFresh)
	_, ok := a.known(q(0), now.Add(freshFor-1))
	require.True(t, ok)
	_, ok = a.known(q(0), now.Add(freshFor))
	require.False(t, ok)
	a.keep(q(99), relay.Answer{}, now.Add(freshFor))
	require.Len(t, a.fresh, 1)
}

// A long list has a job of its own length; River waits for it before it gives the job to another.
func TestOnlyALookUpMayTakeLong(t *testing.T) {
	t.Parallel()
	w := &dueWorker{}
	require.Equal(t, jobTimeout, w.Timeout(&river.Job[store.DueArgs]{}))
	require.Equal(t, lookupJobTimeout, w.Timeout(&river.Job[store.DueArgs]{Args: store.DueArgs{Lookup: true}}))
	require.Less(t, membersTimeout, lookupJobTimeout)
}
