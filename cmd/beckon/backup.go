package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database, also while a relay runs on it",
		Long: `Write a consistent copy of the SQLite database of BECKON_DATABASE_URL to a new file, also while a relay runs on it: events,
alerts, timers, suppressions, all as of one moment. The copy is checked before it gets its name.

To restore, stop the relay, put the file where BECKON_DATABASE_URL points and remove the -wal and -shm files beside the old one.
What was sent after the copy was made is not known to it: alerts that were due since are sent again, unless they have expired.
PostgreSQL is backed up with its own tools.`,
		Args:    oneArg("FILE"),
		Example: "  BECKON_DATABASE_URL=sqlite:/data/beckon.db beckon backup /backup/beckon-2026-03-02.db",
		RunE: func(c *cobra.Command, given []string) error {
			cfg, err := settings("BECKON_DATABASE_URL")
			if err != nil {
				return err
			}
			if cfg.DatabaseFile == "" {
				return usageError{errors.New("BECKON_DATABASE_URL is not a SQLite database; use pg_dump for PostgreSQL")}
			}
			if err := sqlite.Backup(c.Context(), cfg.DatabaseFile, given[0]); err != nil {
				return err
			}
			info, err := os.Stat(given[0])
			if err != nil {
				return fmt.Errorf("look at the copy: %w", err)
			}
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: %d bytes\n", given[0], info.Size())
			return nil
		},
	}
}
