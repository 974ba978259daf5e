package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func addYes(c *cobra.Command, yes *bool) {
	c.Flags().BoolVar(yes, "yes", false, "do it without being asked")
}

// askable fails where nobody can be asked.
func askable(c *cobra.Command) error {
	if file, ok := c.InOrStdin().(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return usageError{errors.New("nobody can be asked here; --yes does it without")}
	}
	return nil
}

// confirm asks on a terminal, and without one wants --yes. An answer that is not yes ends the command.
func confirm(c *cobra.Command, question string, yes bool) error {
	if yes {
		return nil
	}
	if err := askable(c); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 100)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done")
}
