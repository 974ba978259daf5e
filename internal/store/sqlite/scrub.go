package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// checkpointTries are how often a reader of the write-ahead log is waited for; each takes as long as the connection's busy_timeout.
const checkpointTries = 2

// Scrub implements store.Privacy. That secure_delete overwrites what is deleted is not enough: where SQLite moves rows between its
// pages, copies stay behind in the gaps. So the file is written anew, and the log emptied.
func (s *Store) Scrub(ctx context.Context) error {
	if s.write == nil {
		return tables.ErrReadOnly
	}
	if _, err := s.write.ExecContext(ctx, "VACUUM"); err != nil {
		return fmt.Errorf("rewrite %s (it takes as much room again, there and in a temporary folder): %w", s.options.Path, err)
	}
	for range checkpointTries {
		var busy, inLog, moved int
		err := s.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &inLog, &moved)
		if err != nil {
			return fmt.Errorf("empty the log of %s: %w", s.options.Path, err)
		}
		if busy == 0 {
			return nil
		}
	}
	return errors.New("the log could not be emptied: somebody has been reading the database for long, such as a backup")
}
