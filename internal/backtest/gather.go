package backtest

import (
	"context"
	"fmt"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// MaxEvents is how many events are replayed at most: all of them are in memory at once, with what each of the two replays keeps.
const MaxEvents = 500_000

// resolution is that of the times that a store keeps.
const resolution = time.Microsecond

// Window is the kept events of a time, and how they are read.
type Window struct {
	// From and To bound when they were received: From <= t < To.
	From, To time.Time
	// Page gives the newest PageSize events received in From <= t < until, newest first.
	Page     func(ctx context.Context, until time.Time) ([]relay.Event, error)
	PageSize int
	// Max is how many events there may be; 0 means MaxEvents. MaxBytes is how large they may be together, as they were sent; 0 is no bound.
	Max, MaxBytes int
	// Progress is told how far the reading is; nil tells nobody.
	Progress Progress
}

// TooManyError says that more events were kept since From than may be replayed at once, or more bytes where that is not 0.
type TooManyError struct {
	Max, Bytes int
	From       time.Time
}

// Error says what to do.
func (e *TooManyError) Error() string {
	what := thousands(e.Max) + " events"
	if e.Bytes > 0 {
		what = thousands(e.Bytes) + " bytes of events"
	}
	return fmt.Sprintf("more than %s were kept since %s, and no more are replayed at once; choose a shorter time",
		what, e.From.UTC().Format(time.RFC3339))
}

// Gather reads all events of the window, each once. It is a *TooManyError when there are too many to replay.
func Gather(ctx context.Context, w Window) ([]relay.Event, error) {
	if w.Max == 0 {
		w.Max = MaxEvents
	}
	var events []relay.Event
	seen := map[string]bool{}
	bytes := 0
	for until := w.To; ; {
		page, err := w.Page(ctx, until)
		if err != nil {
			return nil, fmt.Errorf("read kept events: %w", err)
		}
		before := len(events)
		for _, e := range page {
			if !seen[e.ID] {
				seen[e.ID] = true
				events = append(events, e)
				bytes += len(e.Raw)
			}
		}
		switch {
		case len(events) > w.Max:
			return nil, &TooManyError{Max: w.Max, From: w.From}
		case w.MaxBytes > 0 && bytes > w.MaxBytes:
			return nil, &TooManyError{Bytes: w.MaxBytes, From: w.From}
		case len(page) < w.PageSize:
			return events, nil
		case len(events) == before:
			return nil, fmt.Errorf("more than %d events were received at %s, so those before cannot be reached; choose a time that "+
				"begins later", w.PageSize, until.Add(-resolution).UTC().Format(time.RFC3339Nano))
		}
		// The next page begins with the time that this one ends with, which it may not have had all events of.
		oldest := page[len(page)-1].ReceivedAt
		until = oldest.Add(resolution)
		if w.Progress != nil {
			const parts = 1000
			w.Progress("reading events", int(parts*w.To.Sub(oldest)/max(w.To.Sub(w.From), 1)), parts)
		}
	}
}
