package tables

import (
	"context"
	"errors"
	"fmt"

	"github.com/beckon-relay/beckon/internal/store"
)

// KeepGeneration implements store.Store.
func (s *Tables) KeepGeneration(ctx context.Context, g store.Generation) error {
	err := checkGeneration(g)
	if err == nil {
		_, err = do(ctx, s, patient.on(g.Hash), func(ctx context.Context, b *batch) (int, error) {
			return b.Exec(ctx, `INSERT INTO generations (hash, files, kept_at) VALUES (?, ?, ?)
				ON CONFLICT (hash) DO UPDATE SET kept_at = excluded.kept_at`, g.Hash, nonNil(g.Files), micros(g.KeptAt))
		})
	}
	if err != nil {
		return fmt.Errorf("keep generation %q: %w", g.Hash, err)
	}
	return nil
}

func checkGeneration(g store.Generation) error {
	switch {
	case g.Hash == "":
		return errors.New("it has no hash")
	case g.KeptAt.IsZero():
		return errors.New("it does not say when")
	case len(g.Files) > store.MaxGeneration:
		return fmt.Errorf("its files are %d bytes; at most %d are kept", len(g.Files), store.MaxGeneration)
	}
	return nil
}

// Generation implements store.Store.
func (s *Tables) Generation(ctx context.Context, hash string) (store.Generation, error) {
	g, err := One(ctx, s.Read, scanGeneration, "SELECT hash, files, kept_at FROM generations WHERE hash = ?", hash)
	if err != nil {
		return store.Generation{}, fmt.Errorf("generation %q: %w", hash, err)
	}
	return g, nil
}

func scanGeneration(row Scanner) (g store.Generation, err error) {
	return g, row.Scan(&g.Hash, &g.Files, at{&g.KeptAt})
}

// pruneGenerations deletes what nothing names any more. The one in force may not be named yet.
func (b *batch) pruneGenerations(ctx context.Context, before int64) error {
	_, err := b.Exec(ctx, `DELETE FROM generations WHERE kept_at < ?
		AND kept_at < (SELECT max(kept_at) FROM generations)
		AND NOT EXISTS (SELECT 1 FROM events e WHERE e.generation = generations.hash)
		AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.generation = generations.hash)`, before)
	return err
}
