package app

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// ledger keeps counters, unless it fails.
type ledger struct {
	fails error
	kept  []store.Tallied
}

func (l *ledger) Tally(_ context.Context, tallied []store.Tallied) error {
	if l.fails == nil {
		l.kept = append(l.kept, tallied...)
	}
	return l.fails
}

func talliedTo(l *ledger, at *time.Time) *tallier {
	return &tallier{
		store: l, logger: slog.New(slog.DiscardHandler), now: func() time.Time { return *at }, counts: map[store.Tallied]counted{},
	}
}

func TestWhatHappensIsCountedBySlotsUntilTheStoreHasIt(t *testing.T) {
	t.Parallel()
	l, now := &ledger{fails: errors.New("disk")}, time.Date(2026, 3, 2, 12, 7, 0, 0, time.UTC)
	tally := talliedTo(l, &now)
	for range 2 {
		tally.accepted("user_mentioned", []engine.Verdict{{Rule: "mention", Matched: true}, {Rule: "other", Err: errors.New("x")}})
	}
	tally.flush(t.Context())
	require.Empty(t, l.kept)
	now = now.Add(time.Minute)
	tally.reported([]relay.Delivery{
		{Channel: relay.ChannelSMS, Provider: "twilio", State: relay.DeliveryDelivered}, {Channel: relay.ChannelSMS, State: relay.DeliverySent},
	})
	tally.accepted("user_mentioned", nil)
	l.fails = nil
	tally.flush(t.Context())
	tally.flush(t.Context())
	slot, earlier := time.Date(2026, 3, 2, 12, 5, 0, 0, time.UTC), now.Add(-time.Minute)
	require.ElementsMatch(t, []store.Tallied{
		{At: slot, What: tallyAccepted, Of: "user_mentioned", N: 3, LastAt: now},
		{At: slot.Truncate(24 * time.Hour), What: tallySeen, Of: "user_mentioned", N: 3, LastAt: now},
		{At: slot, What: tallyMatched, Of: "mention", N: 2, LastAt: earlier},
		{At: slot, What: tallyErred, Of: "other", As: "condition", N: 2, LastAt: earlier},
		{At: slot, What: tallyDelivery, Of: "sms", By: "twilio", As: "delivered", N: 1, LastAt: now},
	}, l.kept)
}

func TestCountersThatNobodyKeepsDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	l, now := &ledger{}, time.Now()
	tally := talliedTo(l, &now)
	for i := range maxUnkept + 10 {
		tally.one(tallyMatched, strconv.Itoa(i), "", "")
	}
	tally.flush(t.Context())
	require.Len(t, l.kept, maxUnkept)
	var none *tallier
	none.one(tallyMatched, "x", "", "")
	none.accepted("x", nil)
	none.reported(nil)
}
