package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/channel"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// gateTick is how often a gate is looked after, and sweepEvery what waits in front of a shut one.
	gateTick   = time.Second
	sweepEvery = 15 * time.Second
	// sweepSize is how many deliveries one sweep looks at, and probeSize how many one probe tries until a call is made.
	sweepSize = 500
	probeSize = 5
	// queueTimeout is how long a queue that is put down waits for the attempts under way.
	queueTimeout = jobTimeout + 5*time.Second
	// beatEvery is how often a replica says that it works.
	beatEvery = 5 * time.Second
	// idleQueue is how long a queue may work nothing, although something is ready, until it is taken for dead.
	idleQueue = time.Minute
	// countTimeout bounds the count of what waits, which is for a log line only.
	countTimeout = 2 * time.Second
)

// keeper looks after one gate: it puts the channel's queue down while the gate is shut, lets probes through, and ends what need not
// wait any longer. There is one for each channel, whatever waits, so what is shut out costs no memory and no worker.
type keeper struct {
	d    *Dispatcher
	gate *gate
	// told is the reason that was told last, down whether the queue is put down, swept when the last sweep was.
	told  relay.Reason
	down  bool
	swept time.Time
	// unsure says that the last change of the queue failed, so that it may be half done.
	unsure bool
	// worked is how much the queue had worked at idleSince, and nothing since.
	worked    int64
	idleSince time.Time
}

func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(gateTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.gate.news:
		}
		if err := k.look(ctx); err != nil && ctx.Err() == nil {
			k.d.Logger.ErrorContext(ctx, "a channel could not be looked after; it is tried again", "channel", k.gate.channel, "error", err)
		}
	}
}

// look does what is to be done now.
func (k *keeper) look(ctx context.Context) error {
	if k.gate.wasReopened() {
		if err := k.wake(ctx, relay.ReasonMisconfigured, relay.ReasonProviderTrouble); err != nil {
			return err
		}
	}
	now := k.gate.standing()
	opened := now.reason == relay.ReasonNone && k.told != relay.ReasonNone
	k.tell(ctx, now)
	// A queue is not put down for a moment that its workers can wait out.
	down := now.reason != relay.ReasonNone && (now.left == 0 || now.left > patience)
	if err := k.queue(ctx, down); err != nil {
		return err
	}
	if opened {
		return k.wake(ctx, relay.ReasonMisconfigured)
	}
	if now.reason == relay.ReasonNone {
		return k.revive(ctx)
	}
	if now.probe {
		if err := k.probe(ctx); err != nil {
			return err
		}
	}
	return k.sweep(ctx, now.reason)
}

// wake makes ready what the shut gate made wait for a later time. Those are as many as were tried.
func (k *keeper) wake(ctx context.Context, reasons ...relay.Reason) error {
	if _, err := k.d.Store.Wake(ctx, k.gate.channel, k.d.Now(), reasons...); err != nil {
		return fmt.Errorf("wake up what waits for the gate: %w", err)
	}
	return nil
}

// queue puts the channel's queue down or takes it up again, in this process.
func (k *keeper) queue(ctx context.Context, down bool) error {
	if down == k.down && !k.unsure {
		return nil
	}
	k.unsure = true
	workers := k.gate.workers()
	if down {
		workers = 0
	}
	ctx, cancel := context.WithTimeout(ctx, queueTimeout)
	defer cancel()
	if err := k.d.Store.Queue(ctx, k.gate.channel, workers); err != nil {
		return err
	}
	k.down, k.unsure = down, false
	return nil
}

// revive puts a queue down and takes it up again that works nothing although something is ready: where a connection to the database
// breaks just as a queue begins, River (v0.49, producer.go) leaves it dead without a word.
func (k *keeper) revive(ctx context.Context) error {
	now, worked := k.d.Now(), k.gate.worked.Load()
	if worked != k.worked || k.idleSince.IsZero() || now.Before(k.idleSince) {
		k.worked, k.idleSince = worked, now
		return nil
	}
	if now.Sub(k.idleSince) < idleQueue {
		return nil
	}
	k.idleSince = now
	since := now.Add(-idleQueue)
	ready, err := k.d.Store.Waiting(ctx, store.Waiting{
		Channel: k.gate.channel, State: relay.DeliveryQueued, ReadyBy: since, MadeBefore: since, Limit: 1,
	})
	if err != nil {
		return fmt.Errorf("look whether the queue works: %w", err)
	}
	if len(ready) == 0 {
		return nil
	}
	k.d.Logger.WarnContext(ctx, "the channel's queue works nothing although something is ready; it is begun anew",
		"channel", k.gate.channel)
	if err := k.queue(ctx, true); err != nil {
		return err
	}
	return k.queue(ctx, false)
}

// tell logs what became of the gate, once. Bad configuration is for a person, and loud.
func (k *keeper) tell(ctx context.Context, now standing) {
	if now.reason == k.told {
		return
	}
	k.told = now.reason
	log := k.d.Logger.With("channel", k.gate.channel)
	switch now.reason {
	case relay.ReasonMisconfigured:
		log.ErrorContext(ctx, "THE CHANNEL IS STOPPED: the provider refuses our settings, and would refuse every message; look at "+
			"what it says, and mend the settings (files named by NAME_FILE: reload; environment: restart). What waits is kept, and one "+
			"is tried now and then", "status", now.wrong.Status, "code", now.wrong.Code, "detail", now.wrong.Detail,
			"waiting", k.waiting(ctx), "next", probeEvery.String())
	case relay.ReasonProviderTrouble:
		log.WarnContext(ctx, "the provider is in trouble; what waits is kept, and one is tried now and then",
			"waiting", k.waiting(ctx), "next", probeEvery.String())
	case relay.ReasonThrottled:
		log.WarnContext(ctx, "the provider asked to slow down; the channel waits", "for", now.left.Round(time.Millisecond).String())
	default:
		log.InfoContext(ctx, "the channel works again", "waiting", k.waiting(ctx))
	}
}

// waiting counts what waits on the channel, -1 where the store does not answer.
func (k *keeper) waiting(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	stats, err := k.d.Store.Stats(ctx)
	if err != nil {
		return -1
	}
	return stats.Deliveries[k.gate.channel][relay.DeliveryQueued]
}

// probe makes one attempt of what has been ready for longest, also of what waits for a lost answer where nothing else does: their
// wake-ups are not worked now.
func (k *keeper) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout+channel.Deadline)
	defer cancel()
	for _, state := range []relay.DeliveryState{relay.DeliveryQueued, relay.DeliveryUnknown} {
		ready, err := k.d.Store.Waiting(ctx, store.Waiting{
			Channel: k.gate.channel, State: state, ReadyBy: k.d.Now(), Limit: probeSize,
		})
		if err != nil {
			return fmt.Errorf("look for a delivery to try: %w", err)
		}
		for _, delivery := range ready {
			err := k.d.goOn(ctx, delivery, patiently)
			if _, refused := errors.AsType[*refusal](err); refused {
				return nil // the attempt was made, or somebody else makes it
			}
			if err != nil {
				return err
			}
			if !k.gate.standing().probe {
				return nil
			}
		}
	}
	return nil
}

// sweep ends what waits in front of a shut gate and should not: what has expired, and what has waited for long and has a fallback.
func (k *keeper) sweep(ctx context.Context, reason relay.Reason) error {
	now := k.d.Now()
	if since := now.Sub(k.swept); since >= 0 && since < sweepEvery {
		return nil
	}
	k.swept = now
	channel := k.gate.channel
	for _, w := range []store.Waiting{
		{Channel: channel, State: relay.DeliveryQueued, ExpiredBy: now, Limit: sweepSize},
		{Channel: channel, State: relay.DeliveryUnknown, ExpiredBy: now, Limit: sweepSize},
		{Channel: channel, State: relay.DeliveryQueued, MadeBefore: now.Add(-fallbackPatience), Fallback: true, Limit: sweepSize},
	} {
		found, err := k.d.Store.Waiting(ctx, w)
		if err != nil {
			return fmt.Errorf("look for what waited too long: %w", err)
		}
		for _, delivery := range found {
			if err := k.end(ctx, delivery, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *keeper) end(ctx context.Context, delivery relay.Delivery, reason relay.Reason) error {
	if !k.d.Now().Before(delivery.ExpiresAt) {
		if delivery.State == relay.DeliveryUnknown {
			return k.d.settle(ctx, delivery, relay.ReasonNoAnswer)
		}
		return k.d.settle(ctx, delivery, relay.ReasonExpired)
	}
	if k.d.Now().Sub(delivery.Since()) < fallbackPatience {
		return nil // it was retried since
	}
	falls, err := k.d.fallsBack(ctx, delivery, relay.Attempt{})
	if err != nil || !falls {
		return err
	}
	return k.d.settle(ctx, delivery, reason)
}

// beat tells the other replicas that this one works, and shares the rates with them.
func (d *Dispatcher) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		live, err := d.Store.Beat(ctx, d.Replica)
		if err == nil {
			for _, g := range d.gates {
				g.share(live)
			}
		} else if ctx.Err() == nil { // the rate stays as it was
			d.Logger.WarnContext(ctx, "the other replicas could not be counted; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
