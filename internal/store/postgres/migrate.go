package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// The folder is append-only: a migration that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database up to date, ours and River's, as Open does, and tells our version before and
// after. Of several that start together one migrates, and the others wait for it.
func Migrate(ctx context.Context, url string) (from, to int64, err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return 0, 0, badURL()
	}
	if from, to, err = migrate(ctx, config); err != nil {
		return from, to, fmt.Errorf("migrate the database: %w", err)
	}
	return from, to, nil
}

func migrate(ctx context.Context, config *pgxpool.Config) (from, to int64, err error) {
	config = config.Copy()
	config.MaxConns = 2
	config.ConnConfig.RuntimeParams["application_name"] = "beckon migrate"
	guard, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return 0, 0, err
	}
	// The lock is the connection's, and ends with it.
	defer func() { err = errors.Join(err, guard.Close(context.WithoutCancel(ctx))) }()
	if _, err = guard.Exec(ctx, "SELECT pg_advisory_lock($1, $2)", int32(lockSpace), int32(migrationLock)); err != nil {
		return 0, 0, fmt.Errorf("wait for others that migrate: %w", err)
	}
	if from, to, err = migrateTables(ctx, config.ConnConfig); err != nil {
		return from, to, err
	}
	return from, to, migrateJobs(ctx, config)
}

func migrateTables(ctx context.Context, config *pgx.ConnConfig) (from, to int64, err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	provider, err := newProvider(db)
	if err != nil {
		return 0, 0, err
	}
	if from, to, err = provider.GetVersions(ctx); err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if from > to {
		return from, from, newerSchema(from, to)
	}
	if _, err = provider.Up(ctx); err != nil {
		return from, from, fmt.Errorf("migrate the schema: %w", err)
	}
	return from, to, nil
}

// dueIndex makes the index that leads to wake-ups which come by the clock. River has none for it: every five seconds its leader would look
// through all that wait.
const dueIndex = "CREATE INDEX IF NOT EXISTS river_job_due ON river_job (scheduled_at) WHERE state IN ('retryable', 'scheduled')"

func migrateJobs(ctx context.Context, config *pgxpool.Config) error {
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	defer pool.Close()
	jobs, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	if _, err = jobs.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	// After River's, each time: it may make its table anew.
	if _, err = pool.Exec(ctx, dueIndex); err != nil {
		return fmt.Errorf("migrate the job queue: %w", err)
	}
	return nil
}

// checkVersion fails unless the database has the schema that this version reads. It changes nothing.
func checkVersion(ctx context.Context, pool *pgxpool.Pool) error {
	provider, err := newProvider(nil)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	var have int64
	err = pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&have)
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && server.Code == undefinedTable {
		return errors.New("it is not a database of Beckon, or an empty one; run beckon migrate or beckon serve first")
	}
	switch {
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
	if db == nil {
		db = sql.OpenDB(stdlib.GetConnector(pgx.ConnConfig{})) // it is never connected
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}
