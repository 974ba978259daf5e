package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/config"
)

func migrateCommand() *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database up to this version, or move to PostgreSQL",
		Long: `Bring the database of BECKON_DATABASE_URL up to this version, or make it. ` + "`serve`" + ` does the same at its start.

With --from, copy everything out of a SQLite database into an empty PostgreSQL database: events, alerts, deliveries, attempts,
claims and what counts against limits, suppressions, preferences, receipts, pauses. Stop the relay first. What was waiting goes on there: a
held alert falls due when it would have. All is copied or nothing, and the SQLite database stays as it is. A password given as an
argument can be seen by others on the machine: leave --to out, and the database of BECKON_DATABASE_URL is meant.`,
		Args: args(cobra.NoArgs),
		Example: `  BECKON_DATABASE_URL=sqlite:/data/beckon.db beckon migrate
  BECKON_DATABASE_URL=postgres://beckon@db/beckon beckon migrate --from sqlite:/data/beckon.db`,
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" && to != "" {
				return usageError{errors.New("--to needs --from")}
			}
			if from != "" {
				return move(c, from, to)
			}
			return migrate(c)
		},
	}
	c.Flags().StringVar(&from, "from", "", "SQLite database to copy from: sqlite:PATH")
	c.Flags().StringVar(&to, "to", "", "PostgreSQL database to copy to: postgres://... (default: BECKON_DATABASE_URL)")
	return c
}

func migrate(c *cobra.Command) error {
	cfg, err := settings("BECKON_DATABASE_URL")
	if err != nil {
		return err
	}
	name, from, to, err := app.Migrate(c.Context(), cfg)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if from == to {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s is at version %d already\n", name, to)
		return nil
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: migrated from version %d to %d\n", name, from, to)
	return nil
}

func move(c *cobra.Command, from, to string) error {
	source, err := config.Database(from)
	if err != nil {
		return usageError{fmt.Errorf("--from: %w", err)}
	}
	var target config.Config
	if to != "" {
		target, err = config.Database(to)
	} else {
		target, err = settings("BECKON_DATABASE_URL")
	}
	if err != nil {
		return usageError{fmt.Errorf("--to: %w", err)}
	}
	if source.DatabaseFile == "" || target.DatabaseFile != "" {
		return usageError{errors.New("--from is sqlite:PATH and --to, or else BECKON_DATABASE_URL, postgres://...: there is no other way")}
	}
	bar := newMeter(c.ErrOrStderr())
	err = app.Move(c.Context(), source, target, func(table string, done, of int) {
		bar.tell(table, done, of)
		if done == of {
			bar.clear()
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s: %d\n", table, of)
		}
	})
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	_, _ = fmt.Fprintln(c.ErrOrStderr(), "everything is copied; set BECKON_DATABASE_URL to the new database and start the relay")
	return nil
}
