package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/sqlite"
)

// listFlags narrow a list; each command takes those that mean something to it.
type listFlags struct {
	filter  store.Filter
	since   time.Duration
	trigger string
	channel string
	reason  string
	json    bool
}

func (f *listFlags) add(c *cobra.Command) {
	c.Flags().DurationVar(&f.since, "since", 0, "only what is younger than this, such as 2h (default: all)")
	c.Flags().IntVar(&f.filter.Limit, "limit", 50, fmt.Sprintf("how many at most, newest first (up to %d)", store.MaxList))
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// complete checks the flags and makes the filter of them.
func (f *listFlags) complete() error {
	if f.filter.Limit < 1 || f.filter.Limit > store.MaxList {
		return usageError{fmt.Errorf("--limit must be 1 to %d", store.MaxList)}
	}
	if f.since < 0 {
		return usageError{errors.New("--since must not be negative")}
	}
	if f.since > 0 {
		f.filter.Since = time.Now().Add(-f.since)
	}
	f.filter.Trigger, f.filter.Channel, f.filter.Reason = relay.Trigger(f.trigger), relay.Channel(f.channel), relay.Reason(f.reason)
	return nil
}

// withStore opens the database of the settings for reading, also while a relay runs on it.
func withStore(ctx context.Context, use func(store.Store) error) error {
	cfg, err := settings("BECKON_DATABASE_URL")
	if err != nil {
		return err
	}
	kept, err := openReadOnly(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(use(kept), kept.Close())
}

func openReadOnly(ctx context.Context, cfg config.Config) (*sqlite.Store, error) {
	kept, err := sqlite.Open(ctx, sqlite.Options{
		Path: cfg.DatabaseFile, Decode: cometchat.Decode, ReadOnly: true, Now: time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database (BECKON_DATABASE_URL): %w", err)
	}
	return kept, nil
}

// printJSON prints one value, indented, for machines.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// table prints rows in columns.
func table(w io.Writer, header string, rows func(row func(format string, args ...any))) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, header)
	rows(func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) })
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
