package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/rules"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of rules.yaml",
		Long: `Print the JSON Schema of rules.yaml, for editors that complete and check YAML by one. They find it by the first line of
the file: # yaml-language-server: $schema=rules.schema.json`,
		Args: args(cobra.NoArgs), Example: "  beckon schema > rules.schema.json",
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := c.OutOrStdout().Write(rules.Schema(cometchat.Catalogue())); err != nil {
				return fmt.Errorf("print schema: %w", err)
			}
			return nil
		},
	}
}
