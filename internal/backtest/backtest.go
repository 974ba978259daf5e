// Package backtest replays events that were kept through two versions of rules and templates, and compares what people are told
// under each.
//
// Both replays run the engine in the simulator, so nothing is sent, and a message counts as told when it would have gone out:
// every provider takes it at once. CometChat is not asked: all whom only it knows, such as the members of a group, count as one.
package backtest

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/engine/sim"
	"github.com/beckon-relay/beckon/internal/relay"
)

// MaxExamples is how many examples of each kind a report shows of a rule and channel at most.
const MaxExamples = 50

// Setup is what is compared.
type Setup struct {
	Old, New Version
	// Events in any order, each ID once.
	Events []relay.Event
	// Contact looks a person up, as they are now; it is called from two goroutines, once in each for a person. Nil takes
	// everybody to be reachable on every channel, in no particular time zone.
	Contact func(uid string) (relay.Contact, engine.Found)
	// Suppressed are the addresses that must not be written to, as they are now.
	Suppressed map[relay.Address]relay.Reason
	// Examples is how many of each kind of change are shown of a rule and channel, 0 to MaxExamples; Texts shows their texts,
	// in clear.
	Examples int
	Texts    bool
	// Progress is told how far the replay is; nil tells nobody.
	Progress Progress
}

// Version is one version of the rules and templates.
type Version struct {
	// Name is what a report calls it, such as the path of the rules.
	Name       string
	Generation *engine.Generation
}

// Progress is told what is being done and how much of it is. Calls do not overlap.
type Progress func(what string, done, total int)

// Run replays the events and compares. The error is that of a context that ended before.
func Run(ctx context.Context, s Setup) (Report, error) {
	s.Events = slices.Clone(s.Events)
	slices.SortFunc(s.Events, func(a, b relay.Event) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.ID, b.ID))
	})
	s.Examples = min(max(s.Examples, 0), MaxExamples)
	old, fresh, err := s.replay(ctx)
	if err != nil {
		return Report{}, err
	}
	return newComparison(s, old, fresh).report(), nil
}

// played is a side, or why there is none.
type played struct {
	side *side
	err  error
}

// replay runs both versions side by side. When ctx ends it does not wait for them: they end by themselves at their next step.
func (s Setup) replay(ctx context.Context) (old, fresh *side, err error) {
	step := s.counter(2 * len(s.Events))
	first, second := make(chan played, 1), make(chan played, 1)
	go func() { first <- s.guarded(ctx, s.Old, step) }()
	go func() { second <- s.guarded(ctx, s.New, step) }()
	for err == nil && (old == nil || fresh == nil) {
		select {
		case p := <-first:
			old, err = p.side, p.err
		case p := <-second:
			fresh, err = p.side, p.err
		case <-ctx.Done():
		}
		err = cmp.Or(ctx.Err(), err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("replay events: %w", err)
	}
	return old, fresh, nil
}

// guarded keeps a panic over rules that somebody tries from ending the relay that tries them.
func (s Setup) guarded(ctx context.Context, v Version, step func()) (p played) {
	defer func() {
		if value := recover(); value != nil { // its text may be what people wrote
			p.err = fmt.Errorf("panic of type %T, which is a fault of Beckon:\n%s", value, debug.Stack())
		}
	}()
	return played{side: s.play(ctx, v, step)}
}

func (s Setup) play(ctx context.Context, v Version, step func()) *side {
	contact := anybody
	if s.Contact != nil {
		contact = remembered(s.Contact)
	}
	return newSide(v.Generation, sim.Run(sim.Setup{
		Generation: func(time.Time) *engine.Generation { return v.Generation },
		Contact:    sim.Reachable(func(uid string, _ time.Time) (relay.Contact, engine.Found) { return contact(uid) }),
		Chat:       sim.StandIn,
		Suppressed: s.Suppressed,
		Events:     s.Events,
		Step:       func(int) { step() },
		Stop:       func() bool { return ctx.Err() != nil },
	}))
}

// counter gives a function that counts steps of both replays and reports them. Only whole percents are told, since a step may
// take less than telling of it.
func (s Setup) counter(total int) func() {
	if s.Progress == nil {
		return func() {}
	}
	var mu sync.Mutex
	done, told := 0, 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		if percent := 100 * done / total; percent > told {
			told = percent
			s.Progress("replaying events", done, total)
		}
	}
}

// anybody is a person of whom nothing is known but that everything reaches them.
func anybody(uid string) (relay.Contact, engine.Found) {
	return relay.Contact{UID: uid, Email: "someone@example.com", Phone: "+14155550100"}, engine.FoundContact
}

// remembered asks once for each person: a directory may have to parse their time zone.
func remembered(contact func(string) (relay.Contact, engine.Found)) func(string) (relay.Contact, engine.Found) {
	type answer struct {
		contact relay.Contact
		found   engine.Found
	}
	known := map[string]answer{}
	return func(uid string) (relay.Contact, engine.Found) {
		a, ok := known[uid]
		if !ok {
			a.contact, a.found = contact(uid)
			known[uid] = a
		}
		return a.contact, a.found
	}
}
