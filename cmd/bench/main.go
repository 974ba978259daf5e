// Command bench measures Beckon: see `go run ./cmd/bench --help`.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/loadtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	o := options{}
	root := &cobra.Command{
		Use:   "bench [NAME...]",
		Short: "Measure Beckon against what the same machine does without it.",
		Long: `Measure Beckon against what the same machine does without it: ratios in one run, medians over repeated and
alternating runs, everything on this machine. Run it where the repository is, on a quiet machine.

Without a NAME everything is measured. Measurements:

` + listed(),
		Example: "  bench accept wanted\n  bench accept --rounds 3 --beckon ./bin/beckon\n  bench --quick\n  bench --write",
		Args:    cobra.ArbitraryArgs, ValidArgs: names(),
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			return measure(c.Context(), o, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := root.Flags()
	f.StringVar(&o.beckon, "beckon", "", "the binary that is measured (default: built from ./cmd/beckon)")
	f.IntVar(&o.rounds, "rounds", 5, "how often each is repeated")
	f.BoolVar(&o.quick, "quick", false, "short and small: to see that it works, not to compare numbers")
	f.StringVar(&o.dir, "dir", "", "where databases are put, whose disk counts (default: the folder of temporary files)")
	f.StringVar(&o.templates, "templates", "templates", "the templates that are used")
	f.BoolVar(&o.write, "write", false, "write the page, its pictures and its numbers")
	f.StringVar(&o.profile, "profile", "", "a folder for a profile of each relay, made by perf")
	f.StringVar(&o.benchstat, "benchstat", "", "the benchstat that sums up the benchmarks of the packages; see the Makefile")
	root.PersistentFlags().StringVar(&o.docs, "docs", "docs", "where the page is written")
	root.AddCommand(
		&cobra.Command{
			Use: "render", Short: "Write the page and its pictures anew, from the numbers of the last run.", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				r, err := readReport(o.docs)
				if err != nil {
					return err
				}
				return r.write(o.docs)
			},
		},
		child("_decoder", func(ctx context.Context, out io.Writer) error {
			return loadtest.ListenAndServe(ctx, out, loadtest.Decoder())
		}),
		child("_nothing", func(ctx context.Context, out io.Writer) error {
			return loadtest.ListenAndServe(ctx, out, loadtest.Nothing())
		}),
		child("_sink", func(ctx context.Context, out io.Writer) error {
			return loadtest.ListenAndServe(ctx, out, loadtest.NewSink())
		}),
		bareCommand(),
	)
	return root
}

// child is a part that runs in a process of its own, as it would elsewhere.
func child(name string, run func(context.Context, io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return run(c.Context(), c.OutOrStdout()) },
	}
}

func bareCommand() *cobra.Command {
	var sink string
	var long time.Duration
	var loops int
	c := child("_bare", func(ctx context.Context, out io.Writer) error { return bare(ctx, out, sink, long, loops) })
	c.Flags().IntVar(&loops, "loops", 1, "")
	c.Flags().StringVar(&sink, "sink", "", "")
	c.Flags().DurationVar(&long, "for", time.Second, "")
	return c
}
