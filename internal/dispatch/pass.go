package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// pass is the right to make one attempt on a channel. It has to be used or waived.
type pass struct {
	gate *gate
	// probe says that the gate is shut, and this attempt shows whether it goes again.
	probe bool
	// tell tells the breaker. back gives back what was taken, the newest last.
	tell func(error)
	back []func()
	once sync.Once
}

func (p *pass) admit(ctx context.Context, how manner) error {
	most := time.Duration(0)
	if how == patiently {
		most = patience
	}
	slow, err := p.gate.open(p)
	if err != nil {
		return err
	}
	if err := p.takeSlots(ctx, how, most); err != nil {
		return err
	}
	if wait := max(slow, p.gate.reserve(most)); wait > most {
		if err := pause(ctx, most); err != nil {
			return err
		}
		return &refusal{relay.ReasonNone, wait - most}
	} else if err := pause(ctx, wait); err != nil {
		return err
	}
	tell, probe, err := p.gate.allow()
	if err != nil {
		return err
	}
	p.tell, p.probe = tell, p.probe || probe
	return nil
}

// takeSlots takes part in the concurrency. Due workers may have some of it only: a provider that takes ten seconds for each
// answer would otherwise keep all of them from the other channel.
func (p *pass) takeSlots(ctx context.Context, how manner, most time.Duration) error {
	if how == atOnce && !p.take(ctx, p.gate.inline, most) {
		return &refusal{relay.ReasonNone, 0}
	}
	if !p.take(ctx, p.gate.slots, most) {
		return &refusal{relay.ReasonNone, time.Second}
	}
	return nil
}

func (p *pass) take(ctx context.Context, slots chan struct{}, most time.Duration) bool {
	select {
	case slots <- struct{}{}:
	default:
		if most <= 0 {
			return false
		}
		timer := time.NewTimer(most)
		defer timer.Stop()
		select {
		case slots <- struct{}{}:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	p.back = append(p.back, func() { <-slots })
	return true
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// use ends the attempt with what it came to. A nil pass, that of a message that no provider gets, learns nothing.
func (p *pass) use(outcome relay.Outcome) {
	if p == nil {
		return
	}
	p.once.Do(func() {
		before := p.gate.standing().reason
		p.gate.learn(outcome, p.probe)
		if troubled(outcome) {
			p.tell(errTrouble)
		} else {
			p.tell(nil)
		}
		p.end()
		if p.gate.standing().reason != before {
			p.gate.tidings()
		}
	})
}

// waive gives the pass back: no call was made. After use it does nothing.
func (p *pass) waive() {
	if p == nil {
		return
	}
	p.once.Do(func() {
		if p.tell != nil {
			p.tell(errUnused)
		}
		if p.probe {
			p.gate.unprobed()
		}
		p.end()
	})
}

func (p *pass) end() {
	for _, back := range p.back {
		back()
	}
}
