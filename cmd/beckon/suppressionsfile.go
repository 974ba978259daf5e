package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/server"
	"github.com/beckon-relay/beckon/internal/store"
)

// Limits of a file of suppressions.
const (
	maxImport    = 128 << 20 // bytes
	maxImported  = 1_000_000 // addresses
	importBatch  = 500       // at once
	shownProblem = 50        // findings that are printed
)

// importColumns are those that a file may have, in the order of `export`.
var importColumns = []string{"channel", "address", "reason", "at"}

func suppressionsImportCommand() *cobra.Command {
	var f relayFlags
	var i importing
	c := &cobra.Command{
		Use: "import FILE", Short: "Suppress all addresses of a file", Args: oneArg("FILE"),
		Long: `Suppress all addresses of a file, or of standard input for "-": CSV with the columns channel, address, reason and at (RFC 3339, or a
day), of which only address is needed, or one address in each line and no columns. Everything that is wrong is told with its line, and
then nothing is imported, unless --skip-bad leaves such lines out. What is known already stays as it is.` + suppressionsHelp,
		Example: "  beckon suppressions import unsubscribed.csv --dry-run\n  beckon suppressions import numbers.txt --reason opted_out --yes",
		RunE: func(c *cobra.Command, given []string) error {
			if err := oneOf("--reason", i.reason, relay.SuppressionReasons()); err != nil {
				return err
			}
			return i.run(c, f, given[0])
		},
	}
	f.add(c)
	c.Flags().StringVar(&i.reason, "reason", "", "for lines that give none (default opted_out)")
	c.Flags().BoolVar(&i.skipBad, "skip-bad", false, "leave out lines that are wrong")
	c.Flags().BoolVar(&i.dryRun, "dry-run", false, "only check the file and count")
	addYes(c, &i.yes)
	return c
}

// importing is what `suppressions import` was asked for.
type importing struct {
	reason               string
	skipBad, dryRun, yes bool
}

// imported is what came of it.
type imported struct {
	server.SuppressedView

	Skipped int `json:"skipped"`
}

func (i importing) run(c *cobra.Command, f relayFlags, name string) error {
	src, err := readImport(c, name)
	if err != nil {
		return err
	}
	rows, problems := readSuppressions(src, relay.Reason(i.reason), time.Now())
	for n, p := range problems {
		if n == shownProblem {
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "and %d more\n", len(problems)-n)
			break
		}
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "%s:%d: %s\n", name, p.line, p.message)
	}
	switch {
	case len(problems) > 0 && !i.skipBad:
		return fmt.Errorf("%s: %d lines are wrong; nothing was imported (--skip-bad leaves them out)", name, badLines(problems))
	case len(rows) == 0:
		return fmt.Errorf("%s: there is no address in it", name)
	}
	if !i.dryRun {
		if err := confirm(c, fmt.Sprintf("Suppress %d addresses?", len(rows)), i.yes); err != nil {
			return err
		}
	}
	result := imported{Skipped: badLines(problems)}
	result.SuppressedView, err = i.send(c, f, rows)
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), result)
	}
	verb := "suppressed"
	if i.dryRun {
		verb = "would be suppressed"
	}
	_, _ = fmt.Fprintf(c.OutOrStdout(), "%s: %d; known before: %d; lines left out: %d\n", verb, result.Added, result.Known, result.Skipped)
	return nil
}

// send has them suppressed part by part: what is told again after a failure is known then.
func (i importing) send(c *cobra.Command, f relayFlags, rows []server.SuppressionView) (server.SuppressedView, error) {
	total := server.SuppressedView{DryRun: i.dryRun}
	bar := newMeter(c.ErrOrStderr())
	defer bar.clear()
	done := 0
	for some := range slices.Chunk(rows, importBatch) {
		body, err := json.Marshal(server.SuppressOrder{Suppressions: some, Source: relay.SuppressedByImport, DryRun: i.dryRun})
		if err != nil {
			return total, fmt.Errorf("encode: %w", err)
		}
		answer, err := f.fetch(c, http.MethodPost, suppressionsPath, body)
		var part server.SuppressedView
		if err == nil {
			err = understood(answer, &part)
		}
		if err != nil {
			return total, fmt.Errorf("after %d of %d addresses, which stay suppressed; the same again does the rest: %w", done, len(rows), err)
		}
		total.Added, total.Known, done = total.Added+part.Added, total.Known+part.Known, done+len(some)
		bar.tell("suppressing", done, len(rows))
	}
	return total, nil
}

func readImport(c *cobra.Command, name string) ([]byte, error) {
	in := c.InOrStdin()
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // it was only read
		in = file
	}
	src, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(src) > maxImport {
		return nil, fmt.Errorf("%s is larger than %d MiB; import it in parts", name, maxImport>>20)
	}
	return src, nil
}

// badLine is one thing wrong in a file of suppressions. It quotes no address.
type badLine struct {
	line    int
	message string
}

func badLines(problems []badLine) int {
	lines := map[int]bool{}
	for _, p := range problems {
		lines[p.line] = true
	}
	return len(lines)
}

// readSuppressions reads CSV with a line of columns, or one address in each line.
func readSuppressions(src []byte, reason relay.Reason, now time.Time) (rows []server.SuppressionView, problems []badLine) {
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(src, []byte("\ufeff"))))
	reader.FieldsPerRecord, reader.TrimLeadingSpace, reader.ReuseRecord = -1, true, true
	var columns []string
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, problems
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			return rows, append(problems, badLine{parse.Line, "no CSV from here on: " + parse.Err.Error()})
		}
		if err != nil {
			return rows, append(problems, badLine{1, "cannot be read: " + err.Error()})
		}
		line, _ := reader.FieldPos(0)
		if columns == nil {
			var wrong []badLine
			var header bool
			if columns, header, wrong = columnsOf(record, line); header {
				if problems = append(problems, wrong...); len(wrong) > 0 {
					return nil, problems
				}
				continue
			}
		}
		row, wrong := suppressionRow(record, columns, line, now)
		if row.Reason == "" {
			row.Reason = reason
		}
		switch {
		case len(wrong) > 0:
			problems = append(problems, wrong...)
		case len(rows) == maxImported:
			return rows, append(problems, badLine{line, fmt.Sprintf("more than %d addresses; import them in parts", maxImported)})
		default:
			rows = append(rows, row)
		}
	}
}

// columnsOf reads the first line: the names of the columns, where one of them is address; otherwise there is one column.
func columnsOf(record []string, line int) (columns []string, header bool, wrong []badLine) {
	for _, field := range record {
		columns = append(columns, strings.ToLower(strings.TrimSpace(field)))
	}
	if !slices.Contains(columns, "address") {
		return []string{"address"}, false, nil
	}
	for i, name := range columns {
		switch {
		case !slices.Contains(importColumns, name):
			wrong = append(wrong, badLine{line, fmt.Sprintf("unknown column %.60q; there are %s", name, strings.Join(importColumns, ", "))})
		case slices.Contains(columns[:i], name):
			wrong = append(wrong, badLine{line, "two columns are called " + name})
		}
	}
	return columns, true, wrong
}

// suppressionRow reads a line by its columns.
func suppressionRow(record, columns []string, line int, now time.Time) (row server.SuppressionView, wrong []badLine) {
	if len(record) != len(columns) {
		message := fmt.Sprintf("has %d columns, and the first line %d", len(record), len(columns))
		if len(columns) == 1 {
			message = "has several columns, which needs a first line that names them: " + strings.Join(importColumns, ",")
		}
		return row, []badLine{{line, message}}
	}
	for i, name := range columns {
		value := strings.TrimSpace(record[i])
		switch name {
		case "channel":
			row.Channel = relay.Channel(strings.ToLower(value))
		case "address":
			row.Address = value
		case "reason":
			row.Reason = relay.Reason(strings.ToLower(value))
		case "at":
			at, err := instant(value)
			if err != nil {
				wrong = append(wrong, badLine{line, err.Error()})
			}
			row.At = at
		}
	}
	_, findings := app.ReadSuppression(row, now)
	for _, f := range findings {
		wrong = append(wrong, badLine{line, f.Field + ": " + f.Message})
	}
	return row, wrong
}

// instant reads a time or a day; none is zero.
func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("at: %.60q is not a time; write it as 2026-01-31T08:00:00Z or 2026-01-31", text)
}

func suppressionsExportCommand() *cobra.Command {
	var f relayFlags
	var channel, reason string
	c := &cobra.Command{
		Use: "export [FILE]", Short: "Write all suppressions as CSV, with addresses in clear", Args: args(cobra.MaximumNArgs(1)),
		Long: `Write all suppressions as CSV with the columns channel, address, reason and at, newest first, to a new file that only you can read, or
to standard output. The addresses stand in it in clear, which the audit notes. "suppressions import" takes the file.` + suppressionsHelp,
		Example: "  beckon suppressions export suppressed.csv\n  beckon suppressions export --channel sms",
		RunE: func(c *cobra.Command, given []string) error {
			if err := errors.Join(oneOf("--channel", channel, relay.Channels()), oneOf("--reason", reason, relay.SuppressionReasons())); err != nil {
				return err
			}
			query := server.SuppressionsQuery{Channel: relay.Channel(channel), Reason: relay.Reason(reason), Limit: store.MaxList, Reveal: true}
			if len(given) == 0 {
				return exportTo(c, f, query, c.OutOrStdout(), "standard output")
			}
			return newFile(given[0], func(w io.Writer) error { return exportTo(c, f, query, w, given[0]) })
		},
	}
	f.addServer(c)
	c.Flags().StringVar(&channel, "channel", "", "only this channel: sms or email")
	c.Flags().StringVar(&reason, "reason", "", "only this reason, such as opted_out")
	return c
}

func exportTo(c *cobra.Command, f relayFlags, query server.SuppressionsQuery, to io.Writer, name string) error {
	w := csv.NewWriter(to)
	_ = w.Write(importColumns) // Flush tells
	for written := 0; ; {
		answer, err := f.fetch(c, http.MethodGet, pagePath(query), nil)
		if err != nil {
			return err
		}
		var page server.SuppressionsView
		if err := understood(answer, &page); err != nil {
			return err
		}
		for _, s := range page.Suppressions {
			_ = w.Write([]string{string(s.Channel), s.Address, string(s.Reason), s.At.UTC().Format(time.RFC3339)})
		}
		w.Flush()
		if err := w.Error(); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		written += len(page.Suppressions)
		if page.Next == "" {
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "%d addresses written to %s, in clear\n", written, name)
			return nil
		}
		if query.After, err = strconv.ParseInt(page.Next, 10, 64); err != nil {
			return errors.New("the answer is not one of a relay: it has no next page")
		}
	}
}
