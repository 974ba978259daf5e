package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
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

// listing is a command that lists one kind of thing, newest first: T as the store has it, R as a row of the list.
type listing[T, R any] struct {
	short, example string
	// flags adds those that narrow this list; check looks at them.
	flags func(*cobra.Command, *listFlags)
	check func(*listFlags) error
	read  func(context.Context, store.Store, store.Filter) ([]T, error)
	row   func(T) R
	// header names the columns, and columns are those of a row.
	header  string
	columns func(R) []any
}

func (l listing[T, R]) command() *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use: "list", Short: l.short, Args: args(cobra.NoArgs), Example: l.example,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(f.complete(), l.check(&f)); err != nil {
				return err
			}
			return withStore(c.Context(), func(s store.Store) error {
				found, err := l.read(c.Context(), s, f.filter)
				if err != nil {
					return fmt.Errorf("%s: %w", c.CommandPath(), err)
				}
				return l.print(c.OutOrStdout(), found, f.json)
			})
		},
	}
	f.add(c)
	l.flags(c, &f)
	return c
}

func (l listing[T, R]) print(w io.Writer, found []T, asJSON bool) error {
	rows := make([]R, 0, len(found))
	for _, t := range found {
		rows = append(rows, l.row(t))
	}
	if asJSON {
		return printJSON(w, rows)
	}
	return table(w, l.header, func(row func(string, ...any)) {
		for _, r := range rows {
			cells := l.columns(r)
			row(strings.Repeat("%v\t", len(cells)-1)+"%v", cells...)
		}
	})
}

// oneOf checks a flag against the constants it may be.
func oneOf[T ~string](flag, value string, allowed []T) error {
	if value == "" {
		return nil
	}
	for _, a := range allowed {
		if string(a) == value {
			return nil
		}
	}
	return usageError{fmt.Errorf("%s %q: must be one of %v", flag, value, allowed)}
}

// reasons are all that --reason may be.
func reasons() []relay.Reason {
	out := make([]relay.Reason, 0, len(relay.Reasons()))
	for _, doc := range relay.Reasons() {
		out = append(out, doc.Reason)
	}
	return out
}

// withStore opens the database of the settings for reading, also while a relay runs on it.
func withStore(ctx context.Context, use func(store.Store) error) error {
	cfg, err := settings("BECKON_DATABASE_URL")
	if err != nil {
		return err
	}
	kept, err := app.OpenReadOnly(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(use(kept), kept.Close())
}

// minID is how much of an ID must be given, without what marks its kind: less is a slip of the hand.
const minID = 6

// resolveID gives the ID that is meant: the given one, or the only one of its kind that begins so.
func resolveID(ctx context.Context, s store.Store, kind store.Kind, given string) (string, error) {
	marks := map[store.Kind]string{store.KindAlert: "al_", store.KindDelivery: "dl_"}
	if len(strings.TrimPrefix(given, marks[kind])) < minID {
		return "", usageError{fmt.Errorf("%q is too short: give the ID of the %s, or at least %d characters of it", given, kind, minID)}
	}
	found, err := s.IDs(ctx, kind, given, store.MaxList)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", kind, err)
	case len(found) == 0:
		return "", fmt.Errorf("no %s begins with %q", kind, given)
	case len(found) == 1, found[0] == given:
		return found[0], nil
	}
	more := ""
	if len(found) == store.MaxList {
		more = " or more"
	}
	return "", fmt.Errorf("%d%s IDs begin with %q, such as %s and %s: give more of it", len(found), more, given, found[0], found[1])
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
