package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/beckon-relay/beckon/internal/relay"
)

// Chat is the chat app's own API, which knows what no webhook says. Ask answers a question with People or Unread, by its topic; the
// State is left to the caller. An error is ErrGone, ErrTooMany or ErrNobody, or says that it could not be asked now. It carries no name,
// address or text.
type Chat interface {
	Ask(ctx context.Context, question relay.Question) (relay.Answer, error)
}

// What a Chat answers beside people and counts.
var (
	// ErrGone: there is no such group, message or session, or it keeps no count.
	ErrGone = errors.New("the chat app has no such thing")
	// ErrTooMany: more people than may be told at once.
	ErrTooMany = errors.New("too many people")
	// ErrNobody: there is nobody to ask, for want of a key.
	ErrNobody = errors.New("there is no key for the chat app's API")
)

const (
	// askTimeout bounds a question, and membersTimeout one for the members of a group, which may have many pages.
	askTimeout       = 4 * time.Second
	membersTimeout   = 25 * time.Second
	lookupJobTimeout = membersTimeout + jobTimeout
	// askers is how many of the due workers may ask at once, and askPatience how long one waits to be among them: while the chat app is
	// slow the others go on with what needs no asking. askPause is when a job that had to give way is run again.
	askers      = 16
	askPatience = 500 * time.Millisecond
	askPause    = 2 * time.Second
	// maxAsked is how often one decision may ask; the engine asks for nothing twice.
	maxAsked = 5
	// chunk is how many people one transaction puts in the place of an unresolved alert, so that others need not wait long for theirs
	// (docs/decisions/0011).
	chunk = 250
	// freshFor is how long what a group or a call said counts for others who ask the same, and maxFresh for how many.
	freshFor = 10 * time.Second
	maxFresh = 16
)

// answer finds out what the chat app has to say before an alert can be decided. The error snoozes the job where too many ask already.
func (d *Dispatcher) answer(ctx context.Context, c *consideration, questions []relay.Question) error {
	if c.asked++; c.asked > maxAsked {
		return fmt.Errorf("decide alert %s: it asks without end, at last for %s", c.Alert.ID, questions[0].Topic)
	}
	if c.Answers == nil {
		c.Answers = make(map[relay.Question]relay.Answer, len(questions))
	}
	if d.Chat == nil {
		for _, q := range questions {
			c.Answers[q] = relay.Answer{State: relay.AnswerNobody}
		}
		return nil
	}
	if !d.asking.enter(ctx) {
		return river.JobSnooze(askPause)
	}
	defer d.asking.leave()
	answers := make([]relay.Answer, len(questions))
	var group errgroup.Group
	group.SetLimit(askers / 4)
	for i, q := range questions {
		group.Go(func() error {
			answers[i] = d.ask(ctx, q)
			return nil
		})
	}
	_ = group.Wait() // no question fails: that it was not answered is an answer
	for i, q := range questions {
		c.Answers[q] = answers[i]
	}
	return nil
}

// ask asks one question. Of many who ask the same of a group or a call at once one does, and for a moment the others have it from
// there: a call to a thousand members makes a thousand alerts that ask who joined.
func (d *Dispatcher) ask(ctx context.Context, q relay.Question) relay.Answer {
	if q.Topic == relay.TopicUnread || q.Topic == relay.TopicAuthor {
		return d.askNow(ctx, q)
	}
	if known, ok := d.asking.known(q, d.Now()); ok {
		return known
	}
	shared, _, _ := d.asking.flight.Do(string(q.Topic)+" "+q.ID, func() (any, error) {
		answer := d.askNow(ctx, q)
		if answer.State != relay.AnswerDown {
			d.asking.keep(q, answer, d.Now())
		}
		return answer, nil
	})
	answer, _ := shared.(relay.Answer)
	return answer
}

func (d *Dispatcher) askNow(ctx context.Context, q relay.Question) relay.Answer {
	most := askTimeout
	if q.Topic == relay.TopicMembers {
		most = membersTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	answer, err := d.Chat.Ask(ctx, q)
	switch {
	case errors.Is(err, ErrGone):
		return relay.Answer{State: relay.AnswerMissing}
	case errors.Is(err, ErrNobody):
		return relay.Answer{State: relay.AnswerNobody}
	case errors.Is(err, ErrTooMany), len(answer.People) > relay.MaxGroup:
		return relay.Answer{State: relay.AnswerTooMany}
	case err != nil:
		d.Logger.WarnContext(ctx, "CometChat's API did not answer; the alert is held", "topic", q.Topic, "error", err)
		return relay.Answer{State: relay.AnswerDown}
	}
	answer.State = relay.AnswerGiven
	for i, uid := range answer.People {
		answer.People[i] = strings.ToLower(uid) // as CometChat does
	}
	return answer
}

// cut leaves of those that an alert is resolved to the next few after the one with that uid.
func (a *asking) cut(d relay.Decision, after string) relay.Decision {
	if d.Action != relay.ActResolve {
		return d
	}
	rest := d.Resolved
	for len(rest) > 0 && rest[0].Recipient.UID <= after {
		rest = rest[1:]
	}
	if len(rest) == 0 { // whoever was left did something meanwhile that rules them out
		rest = d.Resolved[len(d.Resolved)-1:]
	}
	d.More = len(rest) > a.chunk
	d.Resolved = rest[:min(len(rest), a.chunk)]
	return d
}

// asking bounds how many ask at once and how many people one transaction makes alerts for, and remembers for a moment what was said.
type asking struct {
	slots  chan struct{}
	flight singleflight.Group
	chunk  int

	mu    sync.Mutex
	fresh map[relay.Question]said
}

type said struct {
	answer relay.Answer
	until  time.Time
}

func newAsking() *asking {
	return &asking{slots: make(chan struct{}, askers), fresh: map[relay.Question]said{}, chunk: chunk}
}

// enter takes part in the asking, if that is possible soon.
func (a *asking) enter(ctx context.Context) bool {
	timer := time.NewTimer(askPatience)
	defer timer.Stop()
	select {
	case a.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (a *asking) leave() { <-a.slots }

func (a *asking) known(q relay.Question, now time.Time) (relay.Answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.fresh[q]
	return known.answer, ok && now.Before(known.until)
}

func (a *asking) keep(q relay.Question, answer relay.Answer, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for other, known := range a.fresh {
		if !now.Before(known.until) {
			delete(a.fresh, other)
		}
	}
	if len(a.fresh) < maxFresh {
		a.fresh[q] = said{answer, now.Add(freshFor)}
	}
}
