package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/view"
)

// listFlags narrow a list; each command takes those that mean something to it.
type listFlags struct {
	query        view.Query
	since, until string
	server       string
	all, json    bool
}

func (f *listFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.since, "since", "", "only from this time on: a time, or a duration back such as 2h (default: all)")
	c.Flags().StringVar(&f.until, "until", "", "only before this time: a time, or a duration back")
	c.Flags().IntVar(&f.query.Limit, "limit", view.DefaultLimit, fmt.Sprintf("how many at most, newest first (up to %d)", view.MaxLimit))
	c.Flags().BoolVar(&f.all, "all", false, "all that there are, however many")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	addSource(c, &f.server)
}

// complete checks the flags and completes the query.
func (f *listFlags) complete(of string) error {
	q := &f.query
	if q.Limit < 1 || q.Limit > view.MaxLimit {
		return usageError{fmt.Errorf("--limit must be 1 to %d", view.MaxLimit)}
	}
	for _, bound := range []struct {
		flag, given string
		to          *time.Time
	}{{"--since", f.since, &q.Since}, {"--until", f.until, &q.Until}} {
		if bound.given == "" {
			continue
		}
		var err error
		if *bound.to, err = view.ParseTime(bound.flag, bound.given, time.Now()); err != nil {
			return usageError{err}
		}
	}
	err := errors.Join(oneOf("--state", q.State, view.States(of)), oneOf("--reason", string(q.Reason), reasons()),
		oneOf("--channel", string(q.Channel), relay.Channels()))
	if err != nil {
		return err
	}
	if err := q.Check(of); err != nil {
		return usageError{fmt.Errorf("--%w", err)}
	}
	if f.all {
		q.Limit = view.MaxLimit
	}
	return nil
}

// listing is a command that lists one kind of thing, newest first.
type listing[R any] struct {
	// of is view.OfEvents and the like.
	of, short, example string
	// flags adds those that narrow this list.
	flags func(*cobra.Command, *listFlags)
	read  func(context.Context, source, view.Query) (view.Page[R], error)
	// header names the columns, and columns are those of a row.
	header  string
	columns func(R) []any
}

func (l listing[R]) command() *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use: "list", Short: l.short, Args: args(cobra.NoArgs), Example: l.example,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.complete(l.of); err != nil {
				return err
			}
			return withSource(c, f.server, func(s source) error {
				if err := l.print(c, s, f); err != nil {
					return fmt.Errorf("%s: %w", c.CommandPath(), err)
				}
				return nil
			})
		},
	}
	f.add(c)
	l.flags(c, &f)
	return c
}

// print prints page by page.
func (l listing[R]) print(c *cobra.Command, s source, f listFlags) error {
	out := rows[R]{w: c.OutOrStdout(), json: f.json}
	query := f.query
	for {
		page, err := l.read(c.Context(), s, query)
		if err == nil {
			err = l.page(&out, page.Items)
		}
		if err != nil {
			return err
		}
		if page.Next == "" || !f.all {
			if page.Next != "" {
				_, _ = fmt.Fprintf(c.ErrOrStderr(), "beckon: these are the newest %d; --limit or --all shows more\n", len(page.Items))
			}
			return out.end()
		}
		query.After = page.Next
	}
}

func (l listing[R]) page(out *rows[R], items []R) error {
	if out.json {
		return out.items(items)
	}
	header := l.header
	if out.n > 0 {
		header = ""
	}
	out.n += len(items)
	return table(out.w, header, func(row func(string, ...any)) {
		for _, r := range items {
			cells := l.columns(r)
			row(strings.Repeat("%v\t", len(cells)-1)+"%v", cells...)
		}
	})
}

// rows are printed by and by. As JSON they are one list.
type rows[R any] struct {
	w    io.Writer
	json bool
	n    int
}

func (o *rows[R]) items(items []R) error {
	for _, item := range items {
		before := "[\n  "
		if o.n > 0 {
			before = ",\n  "
		}
		o.n++
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("  ", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(item); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		if _, err := fmt.Fprintf(o.w, "%s%s", before, bytes.TrimSpace(text.Bytes())); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

func (o *rows[R]) end() error {
	end := "\n]\n"
	switch {
	case !o.json:
		return nil
	case o.n == 0:
		end = "[]\n"
	}
	if _, err := io.WriteString(o.w, end); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
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
	if header != "" {
		_, _ = fmt.Fprintln(t, header)
	}
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
