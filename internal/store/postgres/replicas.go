package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/tables"
)

// Start works the wake-ups until Stop, Close, or the end of ctx. The configuration is the caller's but for what it leaves
// at zero and for the times that our promises need. Start fails when it was called before.
//
// What other replicas are working on is left to them. Of one that was killed, River's leader puts back what has been running
// for RescueStuckJobsAfter; it looks every 30 s, and is followed 15 to 20 s after it was killed itself.
func (s *Store) Start(ctx context.Context, config *river.Config) error {
	if s.write == nil {
		return tables.ErrReadOnly
	}
	return s.workers.Start(ctx, config)
}

// Stop takes no more wake-ups and waits for the workers until ctx ends; then it cancels them and waits a little more. Without
// Start it does nothing.
func (s *Store) Stop(ctx context.Context) error { return s.workers.Stop(ctx) }

// Queue implements store.Store.
func (s *Store) Queue(ctx context.Context, channel relay.Channel, workers int) error {
	return s.workers.Queue(ctx, store.QueueOf(channel), workers)
}

// ping fails where the transaction cannot write, as on a standby, and writes nothing: replicas would wait for each other at
// one row.
func ping(ctx context.Context, tx tables.Tx) error {
	readOnly, err := tables.One(ctx, tx, func(row tables.Scanner) (readOnly string, err error) {
		var id string
		return readOnly, row.Scan(&id, &readOnly)
	}, "SELECT CAST(pg_current_xact_id() AS text), current_setting('transaction_read_only')")
	if err == nil && readOnly == "on" {
		err = errors.New("the database is read-only")
	}
	return err
}

// forgetReplica is how long after its last beat a replica is struck off.
const forgetReplica = time.Hour

// serverNow is the time by the server's clock, in microseconds: those of the replicas may be minutes apart.
const serverNow = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

// Beat implements store.Store.
func (s *Store) Beat(ctx context.Context, replica string) (live int, err error) {
	if s.write == nil {
		return 0, tables.ErrReadOnly
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	_, err = s.write.Exec(ctx, "INSERT INTO replicas (id, at) VALUES ($1, "+serverNow+") ON CONFLICT (id) DO UPDATE SET at = excluded.at",
		clean(replica))
	if err == nil {
		_, err = s.write.Exec(ctx, "DELETE FROM replicas WHERE at < "+serverNow+" - $1", forgetReplica.Microseconds())
	}
	if err == nil {
		err = s.write.QueryRow(ctx, "SELECT count(*) FROM replicas WHERE at > "+serverNow+" - $1 OR id = $2",
			store.BeatFor.Microseconds(), clean(replica)).Scan(&live)
	}
	if err != nil {
		return 0, fmt.Errorf("beat: %w", err)
	}
	return live, nil
}
