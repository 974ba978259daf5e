package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// The folder is append-only: a migration that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the file up to date, ours and River's, as Open does, and tells our version before and
// after. It fails when another process has the file open for writing.
func Migrate(ctx context.Context, path string) (from, to int64, err error) {
	lock, err := acquire(path)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	db, err := openWriter(path)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if from, to, err = migrate(ctx, db); err != nil {
		return from, to, fmt.Errorf("migrate %s: %w", path, err)
	}
	return from, to, nil
}

func migrate(ctx context.Context, db *sql.DB) (from, to int64, err error) {
	provider, err := newProvider(db)
	if err != nil {
		return 0, 0, err
	}
	from, to, err = provider.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if from > to {
		return from, from, newerSchema(from, to)
	}
	if _, err = provider.Up(ctx); err != nil {
		return from, from, fmt.Errorf("migrate the schema: %w", err)
	}
	jobs, err := rivermigrate.New(riversqlite.New(db), nil)
	if err != nil {
		return from, to, fmt.Errorf("migrate the job queue: %w", err)
	}
	if _, err = jobs.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return from, to, fmt.Errorf("migrate the job queue: %w", err)
	}
	return from, to, nil
}

// checkVersion fails unless the file has the schema that this version reads. It changes nothing.
func checkVersion(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	var have int64
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&have)
	switch {
	case err != nil && strings.Contains(err.Error(), "no such table"):
		return errors.New("it is not a database of Beckon, or an empty one; run beckon migrate or beckon serve first")
	case err != nil:
		return fmt.Errorf("read the schema's version: %w", err)
	case have < want:
		return fmt.Errorf("its schema has version %d and this Beckon needs %d; run beckon migrate", have, want)
	case have > want:
		return newerSchema(have, want)
	}
	return nil
}

func newerSchema(have, want int64) error {
	return fmt.Errorf("its schema has version %d and this Beckon knows %d; use the newer Beckon that migrated it", have, want)
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}
