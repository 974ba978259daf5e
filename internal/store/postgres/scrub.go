package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// scrubbed are the tables that hold what people said, and where they are reached.
var scrubbed = []string{
	"events", "event_keys", "alerts", "deliveries", "attempts", "claims", "released", "counted", "outbox", "suppressions", "receipts", "preferences", "audit",
	"forgetting", "river_job",
}

// Scrub implements store.Privacy as far as that is for a client to do: the room of deleted rows may be used again, and then is
// overwritten. A table that somebody else owns is left out by the server. Nobody waits for it.
func (s *Store) Scrub(ctx context.Context) error {
	if s.write == nil {
		return tables.ErrReadOnly
	}
	config := s.write.Config().ConnConfig.Copy()
	config.RuntimeParams["statement_timeout"] = "0" // this takes as long as it takes
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("vacuum: %w", told(err))
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // there is nothing to lose
	if _, err = conn.Exec(ctx, "VACUUM "+strings.Join(scrubbed, ", ")); err != nil {
		return fmt.Errorf("vacuum: %w", told(err))
	}
	return nil
}
