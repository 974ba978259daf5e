package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE|-",
		Short: "Copy the SQLite database, also while a relay runs on it",
		Long: `Write a consistent copy of the SQLite database of BECKON_DATABASE_URL to a new file, also while a relay runs on it: events,
alerts, timers, suppressions, all as of one moment. The copy is checked before it gets its name.

With - the copy goes to standard output, which is the way out of a container without a shell; it needs as much room for a moment beside the
database. How many bytes it has, and their SHA-256, stand on standard error: compare them.

To restore, stop the relay, put the file where BECKON_DATABASE_URL points and remove the -wal and -shm files beside the old one.
What was sent after the copy was made is not known to it: alerts that were due since are sent again, unless they have expired.
PostgreSQL is backed up with its own tools.`,
		Args: oneArg("FILE"),
		Example: "  BECKON_DATABASE_URL=sqlite:/data/beckon.db beckon backup /backup/beckon-2026-03-02.db\n" +
			"  kubectl exec deploy/beckon -- /beckon backup - > beckon-2026-03-02.db",
		RunE: func(c *cobra.Command, given []string) error {
			cfg, err := settings("BECKON_DATABASE_URL")
			if err != nil {
				return err
			}
			if cfg.DatabaseFile == "" {
				return usageError{errors.New("BECKON_DATABASE_URL is not a SQLite database; use pg_dump for PostgreSQL")}
			}
			if given[0] == "-" {
				return backupTo(c, cfg.DatabaseFile)
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

// backupTo sends a copy to standard output, byte by byte as it is.
func backupTo(c *cobra.Command, database string) (err error) {
	to, ok := c.OutOrStdout().(plain)
	if !ok {
		return errors.New("standard output cannot be written to as it is")
	}
	if file, ok := to.to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return usageError{errors.New("a database would garble the terminal; send it to a file: beckon backup - > FILE")}
	}
	dir, err := os.MkdirTemp(filepath.Dir(database), ".beckon-backup-")
	if err != nil {
		return fmt.Errorf("folder of the database: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "copy.db")
	if err := sqlite.Backup(c.Context(), database, path); err != nil {
		return err
	}
	copied, err := os.Open(path) //nolint:gosec // it was just made
	if err != nil {
		return err
	}
	defer copied.Close() //nolint:errcheck // it was only read
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(to.to, sum), copied)
	if err != nil {
		return fmt.Errorf("send the copy: %w", err)
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "%d bytes, SHA-256 %x\n", n, sum.Sum(nil))
	return nil
}
