package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing/fstest" // its MapFS is the file system in memory of the standard library
	"time"

	"github.com/beckon-relay/beckon/internal/backtest"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// Replay is a backtest of the events that a store keeps, with the people as they are now.
type Replay struct {
	Store  store.Store
	People *People
	// Setup has the two versions and what is shown of them; the events, the people and who said no are filled in.
	Setup backtest.Setup
	// Since is how young the events are that are replayed, and Max and MaxBytes how many there may be, as in backtest.Window.
	Since         time.Duration
	Max, MaxBytes int
	Keep          config.Keep
}

// Run replays and compares.
func (r Replay) Run(ctx context.Context) (backtest.Report, error) {
	if !r.People.Invented {
		r.Setup.Contact = r.People.today
	}
	notes, err := r.gather(ctx)
	if err != nil {
		return backtest.Report{}, err
	}
	report, err := backtest.Run(ctx, r.Setup)
	if err != nil {
		return report, err
	}
	if err := r.People.Trouble(); err != nil { // whoever was not found would count as told less
		return report, fmt.Errorf("look people up: %w", err)
	}
	report.Notes = append(report.Notes, notes...)
	return report, nil
}

// gather reads the kept events and who opted out, and notes what is missing among the former.
func (r *Replay) gather(ctx context.Context) (notes []string, err error) {
	if r.Setup.Suppressed, err = r.Store.Suppressed(ctx); err != nil {
		return nil, fmt.Errorf("read who opted out: %w", err)
	}
	hashed, err := r.Store.HashedBy(ctx)
	if err != nil {
		return nil, fmt.Errorf("read who opted out: %w", err)
	}
	if len(hashed) > 0 {
		notes = append(notes, "That people who were forgotten had said no is kept as hashes, and not seen here.")
	}
	to := time.Now()
	from := to.Add(-r.Since)
	r.Setup.Events, err = backtest.Gather(ctx, backtest.Window{
		From: from, To: to, PageSize: store.MaxList, Max: r.Max, MaxBytes: r.MaxBytes, Progress: r.Setup.Progress,
		Page: func(ctx context.Context, until time.Time) ([]relay.Event, error) {
			return r.Store.Events(ctx, store.Filter{Since: from, Until: until, Limit: store.MaxList})
		},
	})
	if err != nil {
		return nil, err
	}
	older, err := r.Store.Events(ctx, store.Filter{Until: from, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("look for older events: %w", err)
	}
	if len(older) == 0 && len(r.Setup.Events) > 0 {
		oldest := slices.MinFunc(r.Setup.Events, func(a, b relay.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) }).ReceivedAt
		notes = append(notes, fmt.Sprintf("The oldest event that is kept came %s ago, which is less than --since %s.",
			to.Sub(oldest).Round(time.Second), r.Since))
	}
	if r.Keep == config.KeepWanted {
		notes = append(notes, "Only events that a rule wanted were kept (BECKON_KEEP=wanted), so what new rules would make of others is not seen.")
	}
	return notes, nil
}

// What a backtest may take from the relay that runs it: one at a time, so many events, and so long. It takes some 100 MB beside the relay's own.
const (
	replayEvents = 5_000
	replayBytes  = 16 << 20
	replayTime   = 50 * time.Second // proxies give up after a minute
)

// backtester replays what a running relay keeps.
type backtester struct {
	app        *App
	max, bytes int
	patience   time.Duration
}

func (a *App) backtester() backtester { return backtester{a, replayEvents, replayBytes, replayTime} }

// Backtest implements server.Backtester. It is noted in the audit who asked: a condition can ask for what people wrote, one answer of yes or
// no at a time.
func (b backtester) Backtest(ctx context.Context, order server.BacktestOrder) (backtest.Report, error) {
	if !b.app.replaying.TryLock() {
		return backtest.Report{}, &server.Refusal{
			Status: http.StatusTooManyRequests, Code: "busy", Message: "another backtest runs just now; try again", RetryAfter: b.patience,
		}
	}
	defer b.app.replaying.Unlock()
	folder := fstest.MapFS{}
	for name, text := range order.Templates {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	generation, findings := assemble(files{rulesFile: trialRules, rules: []byte(order.Rules), templates: folder})
	if generation == nil || slices.ContainsFunc(findings, isError) {
		return backtest.Report{}, refusedReplay(http.StatusUnprocessableEntity, "bad_rules", FindingsError(unique(findings)).Error())
	}
	current := b.app.live.Load()
	if err := b.app.note(ctx, "backtest", "rules "+short(generation.Hash)); err != nil {
		return backtest.Report{}, err
	}
	patient, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	report, err := Replay{
		Store: b.app.store, People: &People{chain: current.people.chain, Invented: len(current.people.chain) == 0},
		Setup: backtest.Setup{
			Old: backtest.Version{Name: "in force", Generation: current.generation}, New: backtest.Version{Name: "new", Generation: generation},
			Examples: order.Examples,
		},
		Since: order.Since, Max: b.max, MaxBytes: b.bytes, Keep: b.app.Config.Keep,
	}.Run(patient)
	switch tooMany := (*backtest.TooManyError)(nil); {
	case errors.As(err, &tooMany):
		return report, refusedReplay(http.StatusUnprocessableEntity, "too_many_events", err.Error()+", or replay a backup with BECKON_DATABASE_URL")
	case err != nil && patient.Err() != nil && ctx.Err() == nil:
		return report, refusedReplay(http.StatusUnprocessableEntity, "too_long",
			fmt.Sprintf("it took longer than %s and was given up; choose a shorter time, or replay a backup with BECKON_DATABASE_URL", b.patience))
	}
	return report, err
}

func refusedReplay(status int, code, message string) error {
	return &server.Refusal{Status: status, Code: code, Message: message}
}
