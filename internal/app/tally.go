package app

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/beckon-relay/beckon/internal/dispatch"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// tallyEvery is how often counters are kept: the overview is that much behind.
	tallyEvery = 2 * time.Second
	// maxUnkept bounds the counters that wait for a store that does not answer. What is counted past them is lost.
	maxUnkept = 10_000
	// tallyPatience is how long the last counters may take at a shutdown.
	tallyPatience = 2 * time.Second
)

// tallier counts what operators look at, and keeps it in the store now and then.
type tallier struct {
	store interface {
		Tally(ctx context.Context, tallied []store.Tallied) error
	}
	logger *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	counts map[store.Tallied]counted // by all but N and LastAt
}

type counted struct {
	n    int
	last time.Time
}

func newTallier(s store.Store, logger *slog.Logger) *tallier {
	return &tallier{store: s, logger: logger, now: time.Now, counts: map[store.Tallied]counted{}}
}

// count counts one more of t, in a slot of that length.
func (t *tallier) count(of store.Tallied, slot time.Duration) {
	now := t.now().UTC()
	of.At = time.UnixMicro(now.UnixMicro() - now.UnixMicro()%slot.Microseconds()).UTC()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(of, counted{1, now})
}

func (t *tallier) add(of store.Tallied, more counted) {
	c, known := t.counts[of]
	if !known && len(t.counts) >= maxUnkept {
		return
	}
	c.n += more.n
	if more.last.After(c.last) {
		c.last = more.last
	}
	t.counts[of] = c
}

// one counts one more in a slot of the store's; nil counts nothing.
func (t *tallier) one(what, of, by, as string) {
	if t == nil {
		return
	}
	t.count(store.Tallied{What: what, Of: of, By: by, As: as}, store.TallySlot)
}

// accepted counts an event that was kept for the first time, under the label of its trigger, and what the rules made of it.
func (t *tallier) accepted(trigger string, verdicts []engine.Verdict) {
	if t == nil {
		return
	}
	t.one(tallyAccepted, trigger, "", "")
	t.count(store.Tallied{What: tallySeen, Of: trigger}, 24*time.Hour)
	for _, v := range verdicts {
		if v.Err != nil {
			t.one(tallyErred, v.Rule, "", "condition")
		}
		if v.Matched {
			t.one(tallyMatched, v.Rule, "", "")
		}
	}
}

// reported counts the deliveries that receipts brought to an end.
func (t *tallier) reported(moved []relay.Delivery) {
	for _, d := range moved {
		if d.State == relay.DeliveryDelivered || d.State == relay.DeliveryUndelivered {
			t.one(tallyDelivery, string(d.Channel), d.Provider, string(d.State))
		}
	}
}

// flush keeps what was counted. Where that fails it is kept with what is counted next.
func (t *tallier) flush(ctx context.Context) {
	t.mu.Lock()
	counts := t.counts
	t.counts = map[store.Tallied]counted{}
	t.mu.Unlock()
	all := make([]store.Tallied, 0, len(counts))
	for of, c := range counts {
		of.N, of.LastAt = c.n, c.last
		all = append(all, of)
	}
	for part := range slices.Chunk(all, store.MaxTallies) {
		err := t.store.Tally(ctx, part)
		if err == nil {
			continue
		}
		t.logger.WarnContext(ctx, "counters for the overview wait for the store", "error", err)
		t.mu.Lock()
		for _, of := range part {
			more := counted{of.N, of.LastAt}
			of.N, of.LastAt = 0, time.Time{}
			t.add(of, more)
		}
		t.mu.Unlock()
	}
}

// start keeps counters until stop is called, which waits until the last are kept.
func (t *tallier) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// run keeps counters until ctx ends, and then once more.
func (t *tallier) run(ctx context.Context) {
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), tallyPatience)
			defer cancel()
			t.flush(last)
			return
		}
	}
}

// observer tells both those who count for metrics and those who count for the overview.
type observer struct {
	dispatch.Observer

	tally *tallier
}

// Decided implements dispatch.Observer.
func (o observer) Decided(alert relay.Alert, decision relay.Decision) {
	o.Observer.Decided(alert, decision)
	for _, d := range decision.Deliveries {
		if d.Reason == relay.ReasonRenderFailed {
			o.tally.one(tallyErred, alert.Rule, "", "template")
		}
	}
}

// Settled implements dispatch.Observer.
func (o observer) Settled(ctx context.Context, delivery relay.Delivery, state relay.DeliveryState, latency time.Duration) {
	o.Observer.Settled(ctx, delivery, state, latency)
	o.tally.one(tallyDelivery, string(delivery.Channel), delivery.Provider, string(state))
}
