// Command beckon is the relay and everything around it: see `beckon --help`.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // the image is built from scratch and has no time zones of its own
	"unicode"

	"github.com/spf13/cobra"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "dev"

// commit is set by the linker, too, where Go's own stamp is switched off: -X main.commit=....
var commit = ""

// Exit codes.
const (
	exitFine     = 0
	exitFindings = 1
	exitUsage    = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot() //nolint:contextcheck // commands take the context they are executed with
	root.SetArgs(oneDash(args))
	root.SetOut(plain{stdout})
	root.SetErr(stderr)
	addCompletion(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFine
	}
	if !errors.Is(err, errSaid) {
		_, _ = fmt.Fprintln(stderr, "beckon:", err)
	}
	if _, wrong := errors.AsType[usageError](err); wrong {
		_, _ = fmt.Fprintln(stderr, "See 'beckon --help'.")
		return exitUsage
	}
	return exitFindings
}

// oneDash lets `beckon test` take -run with one dash, as go test has it: cobra would read it as three flags of a letter each.
func oneDash(args []string) []string {
	if len(args) == 0 || args[0] != "test" {
		return args
	}
	out := slices.Clone(args)
	for i := 1; i < len(out) && out[i] != "--"; i++ {
		switch {
		case out[i] == "--run":
			i++ // whatever follows is its value
		case out[i] == "-run":
			out[i] = "--run"
			i++
		case strings.HasPrefix(out[i], "-run="):
			out[i] = "-" + out[i]
		}
	}
	return out
}

// plain writes without control characters, since what is listed came from outside and may be made to play with a terminal.
type plain struct{ to io.Writer }

// Write implements io.Writer.
func (p plain) Write(b []byte) (int, error) {
	clean := bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '?'
		}
		return r
	}, b)
	if _, err := p.to.Write(clean); err != nil {
		return 0, err
	}
	return len(b), nil
}

// errSaid ends a command whose findings are printed already.
var errSaid = errors.New("findings")

// usageError is a command called the wrong way.
type usageError struct{ error }

// Unwrap gives the error itself.
func (u usageError) Unwrap() error { return u.error }

func newRoot() *cobra.Command {
	root := group("beckon", "A notification relay: chat webhooks in, texts and mails out, by rules.")
	root.Long = `Beckon listens to the webhooks of a chat app built on CometChat and texts or mails the people who would
otherwise miss something: "Ann mentioned you", "you missed a call from Bob". Ops teams say when, whom and how in rules.yaml.

Settings come from the environment: see 'beckon serve --help'.
Exit codes: 0 fine, 1 findings or failures, 2 wrong usage.`
	root.Example = "  beckon dev --demo\n  beckon check && beckon test\n  beckon serve"
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		previewCommand(), sendTestCommand(), explainCommand(), alertsCommand(), testCommand(),
		serveCommand(), devCommand(), checkCommand(), configMapCommand(), eventsCommand(), deliveriesCommand(), healthcheckCommand(),
		migrateCommand(), schemaCommand(), backtestCommand(), versionCommand(),
		pauseCommand(), resumeCommand(), suppressionsCommand(), backupCommand(), forgetCommand(), exportCommand(), logLevelCommand(),
	)
	completeValues(root)
	return root
}

// group is a command that only holds others; its examples are theirs. Cobra by itself prints help and exits 0 for a mistyped child, which makes a
// check in CI that never fails.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(children...)
	var examples []string
	for _, child := range children {
		examples = append(examples, child.Example)
	}
	c.Example = strings.Join(examples, "\n")
	return c
}

// args makes a check of arguments report wrong usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		if err := check(c, given); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// oneArg takes one argument, and says which it is where it is missing.
func oneArg(name string) cobra.PositionalArgs {
	return args(func(c *cobra.Command, given []string) error {
		if len(given) == 0 {
			return fmt.Errorf("%s is missing: %s", name, c.UseLine())
		}
		return cobra.ExactArgs(1)(c, given)
	})
}
