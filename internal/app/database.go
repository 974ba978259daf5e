package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/postgres"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

// database is what a store is opened with, beside its settings.
type database struct {
	logger *slog.Logger
	keys   func() relay.HashKeys
}

// openDatabase opens the store of the settings, with what tells of its connections.
func openDatabase(ctx context.Context, c config.Config, d database) (store.Store, []prometheus.Collector, error) {
	var pools []prometheus.Collector
	if c.DatabaseFile == "" {
		kept, err := postgres.Open(ctx, postgres.Options{
			URL: c.DatabaseURL.Reveal(), Decode: cometchat.Decode, Logger: d.logger, Keys: d.keys, Now: time.Now,
		})
		if err != nil {
			return nil, nil, err
		}
		return kept, append(pools, poolCollector{kept.Connections}), nil
	}
	kept, err := sqlite.Open(ctx, sqlite.Options{
		Path: c.DatabaseFile, Decode: cometchat.Decode, Logger: d.logger, Keys: d.keys, Now: time.Now,
	})
	if err != nil {
		return nil, nil, err
	}
	for name, db := range kept.Databases() {
		pools = append(pools, collectors.NewDBStatsCollector(db, name))
	}
	return kept, pools, nil
}

// OpenReadOnly opens the store of the settings for reading, also while relays work on it.
func OpenReadOnly(ctx context.Context, c config.Config) (kept store.Store, err error) {
	keys := func() relay.HashKeys { return hashKeys(c) }
	if c.DatabaseFile == "" {
		kept, err = postgres.Open(ctx, postgres.Options{
			URL: c.DatabaseURL.Reveal(), Decode: cometchat.Decode, ReadOnly: true, Keys: keys, Now: time.Now,
		})
	} else {
		kept, err = sqlite.Open(ctx, sqlite.Options{
			Path: c.DatabaseFile, Decode: cometchat.Decode, ReadOnly: true, Keys: keys, Now: time.Now,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open the database (BECKON_DATABASE_URL): %w", err)
	}
	return kept, nil
}

// Migrate brings the database of the settings up to this version, and tells its name and its version before and after.
func Migrate(ctx context.Context, c config.Config) (name string, from, to int64, err error) {
	if c.DatabaseFile == "" {
		from, to, err = postgres.Migrate(ctx, c.DatabaseURL.Reveal())
		return "the PostgreSQL database", from, to, err
	}
	from, to, err = sqlite.Migrate(ctx, c.DatabaseFile)
	return c.DatabaseFile, from, to, err
}

// Move copies all that a SQLite database keeps into an empty PostgreSQL database, all or nothing, and makes the wake-ups anew.
// Nobody else may work on either. progress is told of each table how many of its rows are copied.
func Move(ctx context.Context, from, to config.Config, progress func(table string, done, of int)) (err error) {
	if from.DatabaseFile == "" || to.DatabaseFile != "" {
		return errors.New("it goes from sqlite:PATH to postgres://..., no other way")
	}
	if info, err := os.Stat(from.DatabaseFile); err != nil || info.IsDir() { // to open it would make it
		return fmt.Errorf("open the database to copy from: no such file: %s", from.DatabaseFile)
	}
	source, err := sqlite.Open(ctx, sqlite.Options{Path: from.DatabaseFile, Decode: cometchat.Decode, Now: time.Now})
	if err != nil {
		return fmt.Errorf("open the database to copy from: %w", err)
	}
	defer func() { err = closing(err, source) }()
	target, err := postgres.Open(ctx, postgres.Options{URL: to.DatabaseURL.Reveal(), Decode: cometchat.Decode, Now: time.Now})
	if err != nil {
		return fmt.Errorf("open the database to copy to: %w", err)
	}
	defer func() { err = closing(err, target) }()
	return target.Fill(ctx, source.Read, progress)
}

func closing(err error, s store.Store) error {
	if closed := s.Close(); err == nil {
		return closed
	}
	return err
}

// poolCollector tells of connections to PostgreSQL.
type poolCollector struct {
	connections func() map[string]postgres.Connections
}

// Describe implements prometheus.Collector; what it collects says it.
func (p poolCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, ch) }

// Collect implements prometheus.Collector.
func (p poolCollector) Collect(ch chan<- prometheus.Metric) {
	open := prometheus.NewDesc("beckon_postgres_connections", "Connections to PostgreSQL.", []string{"pool", "state"}, nil)
	most := prometheus.NewDesc("beckon_postgres_connections_max", "Connections to PostgreSQL that there may be.", []string{"pool"}, nil)
	waits := prometheus.NewDesc("beckon_postgres_waits_total", "How often a connection had to be waited for.", []string{"pool"}, nil)
	for name, c := range p.connections() {
		ch <- prometheus.MustNewConstMetric(open, prometheus.GaugeValue, float64(c.Idle), name, "idle")
		ch <- prometheus.MustNewConstMetric(open, prometheus.GaugeValue, float64(c.Busy), name, "busy")
		ch <- prometheus.MustNewConstMetric(most, prometheus.GaugeValue, float64(c.Max), name)
		ch <- prometheus.MustNewConstMetric(waits, prometheus.CounterValue, float64(c.Waits), name)
	}
}
