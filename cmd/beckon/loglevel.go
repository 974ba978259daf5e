package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/server"
)

// logLevels are what a relay may be told to log.
func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

func logLevelCommand() *cobra.Command {
	var f relayFlags
	c := &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "Show how much a running relay logs, or change it",
		Long: "Show how much a running relay logs, or change it to debug, info, warn or error. It asks the relay on its admin listener; where\n" +
			"that asks who it is, as BECKON_OPERATOR (name:secret) or BECKON_TOKEN. It lasts until that process ends, counts for that process\n" +
			"alone, and stands in the audit. For good it is set by BECKON_LOG_LEVEL.",
		Example: "  beckon log-level\n  beckon log-level debug",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			method, body := http.MethodGet, []byte(nil)
			if len(given) == 1 {
				if err := oneOf("LEVEL", given[0], logLevels()); err != nil {
					return err
				}
				var err error
				if body, err = json.Marshal(server.LevelView{Level: given[0]}); err != nil {
					return fmt.Errorf("encode: %w", err)
				}
				method = http.MethodPost
			}
			var answer server.LevelView
			if err := f.ask(c, method, "/-/log-level", body, &answer); err != nil || f.asJSON {
				return err
			}
			_, _ = fmt.Fprintln(c.OutOrStdout(), answer.Level)
			return nil
		},
	}
	c.ValidArgsFunction = noFiles(func() []cobra.Completion { return words(logLevels()) })
	f.add(c)
	return c
}
