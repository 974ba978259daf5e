package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/rules"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

// fillers keep so many events at once: the larger the groups that are written together, the quicker.
const fillers = 512

// generation loads the rules of a relay as the relay does.
func (b *bench) generation(s setup) (*engine.Generation, error) {
	g, findings, err := app.LoadGeneration(filepath.Join(s.dir, "rules.yaml"), s.env["BECKON_TEMPLATES"])
	if err != nil {
		return nil, err
	}
	for _, f := range findings {
		if f.Severity == rules.SeverityError {
			err = errors.Join(err, errors.New(f.String()))
		}
	}
	return g, err
}

// fill keeps so many mentions in the database of a relay that does not run, with their alerts and wake-ups, as if they had been posted
// at that time.
func (b *bench) fill(ctx context.Context, s setup, n int, receivedAt time.Time) (err error) {
	g, err := b.generation(s)
	if err != nil {
		return err
	}
	template, err := b.mention("127.0.0.1")
	if err != nil {
		return err
	}
	kept, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(s.dir, "beckon.db"), Decode: cometchat.Decode, QueueLimit: 2 * fillers})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var turn atomic.Int64
	var under sync.WaitGroup
	for range fillers {
		under.Go(func() {
			for turn.Add(1) <= int64(n) && ctx.Err() == nil {
				event, err := cometchat.Decode(template.Body(b.next.Add(1)), receivedAt)
				if err == nil {
					plan, _ := g.Plan(event)
					_, err = kept.Accept(ctx, plan)
				}
				if err != nil {
					cancel(fmt.Errorf("fill the database: %w", err))
				}
			}
		})
	}
	under.Wait()
	return context.Cause(ctx)
}
