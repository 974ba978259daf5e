package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
)

// What a log shows of one and the same message within spell.
const (
	spell      = 10 * time.Second
	spellLines = 3
)

// sparing makes a logger that shows no more than a few warnings with the same message in a while: what is away fails for everybody
// who asks, dozens of times a second. How many were left out is said afterwards.
func sparing(logger *slog.Logger) *slog.Logger {
	return slog.New(sparingHandler{Handler: logger.Handler(), plain: logger.Handler(), spells: &spells{of: map[string]*spelled{}}})
}

// sparingHandler takes the times of the records for its clock.
type sparingHandler struct {
	slog.Handler

	// plain has no attributes but those of the logger that it was made of.
	plain  slog.Handler
	spells *spells
}

// Handle implements slog.Handler.
func (h sparingHandler) Handle(ctx context.Context, r slog.Record) error {
	for _, over := range h.spells.over(r.Time) {
		note := slog.NewRecord(r.Time, slog.LevelWarn, "lines left out of the log", 0)
		note.AddAttrs(slog.String("message", over.message), slog.Int("count", over.leftOut))
		if err := h.plain.Handle(ctx, note); err != nil {
			return err
		}
	}
	if r.Level >= slog.LevelWarn && !h.spells.pass(r.Message, r.Time) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h sparingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h sparingHandler) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// spells remembers which messages came lately. Messages are constants, so there are not many.
type spells struct {
	mu sync.Mutex
	of map[string]*spelled
}

type spelled struct {
	message        string
	since          time.Time
	lines, leftOut int
}

func (s *spells) pass(message string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.of[message]
	if one == nil {
		one = &spelled{message: message, since: now}
		s.of[message] = one
	}
	if one.lines < spellLines {
		one.lines++
		return true
	}
	one.leftOut++
	return false
}

// over ends the spells whose time has come, and gives those that left something out.
func (s *spells) over(now time.Time) []spelled {
	s.mu.Lock()
	defer s.mu.Unlock()
	var told []spelled
	for _, message := range slices.Sorted(maps.Keys(s.of)) {
		one := s.of[message]
		if now.Sub(one.since) < spell {
			continue
		}
		delete(s.of, message)
		if one.leftOut > 0 {
			told = append(told, *one)
		}
	}
	return told
}

// storeWatch says once that the store is away, and once that it is back.
type storeWatch struct {
	logger *slog.Logger
	away   atomic.Bool
}

// saw notes what somebody found who asked the store: nil is an answer.
func (w *storeWatch) saw(ctx context.Context, err error) {
	if w == nil || w.away.Swap(err != nil) == (err != nil) {
		return
	}
	if err != nil {
		w.logger.ErrorContext(ctx, "the store does not answer; webhooks are refused until it does", "error", err)
		return
	}
	w.logger.WarnContext(ctx, "the store answers again")
}

// forgeryEvery is how often a log tells of signatures of one source that are wrong.
const forgeryEvery = time.Minute

// forgeries tells that callbacks of a source are not believed: of a forger little need be known, but settings that do not fit
// look the same, and cost every receipt.
type forgeries struct {
	logger        *slog.Logger
	source, check string
	now           func() time.Time
	// next is when it may be told again, in unix nanoseconds.
	next atomic.Int64
}

func (f *forgeries) told(ctx context.Context) {
	if f == nil {
		return
	}
	now := f.now()
	next := f.next.Load()
	if now.UnixNano() < next || !f.next.CompareAndSwap(next, now.Add(forgeryEvery).UnixNano()) {
		return
	}
	f.logger.WarnContext(ctx, "a callback with a wrong signature was refused; more within a minute are not told", "source", f.source,
		"check", f.check)
}

// guards are what keeps messages in, for the log: a relay that sends nothing should say so when it starts.
func (a *App) guards(ctx context.Context) []any {
	c := a.Config
	var in []any
	if len(c.OnlyTo) > 0 {
		in = append(in, "only_to_entries", len(c.OnlyTo)) // they may be people's addresses
	}
	if len(c.SMSCountries) > 0 {
		in = append(in, "sms_countries", c.SMSCountries)
	}
	if c.SMSDailySegments > 0 {
		in = append(in, "sms_daily_segments", c.SMSDailySegments)
	}
	pauses, err := a.store.Pauses(ctx)
	if err != nil {
		return append(in, "paused", "not known: the store does not answer")
	}
	if len(pauses) > 0 {
		in = append(in, "paused", subjects(pauses))
	}
	return in
}

// subjects says what pauses cover.
func subjects(pauses []relay.Pause) []string {
	out := make([]string, 0, len(pauses))
	for _, p := range pauses {
		out = append(out, p.Subject())
	}
	return out
}
