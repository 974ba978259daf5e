package sqlitetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Multiply makes so many of each event in a database that nobody has open, with its keys, its alerts and their wake-ups, all under IDs of
// their own: a million alerts that wait are made in a fraction of the time that it takes to accept them.
func Multiply(ctx context.Context, path string, by int) error {
	statements, err := copies(ctx, path, by)
	if err != nil {
		return err
	}
	return Fill(ctx, path, statements)
}

// copies gives the statements. A copy of a row has the row's seq and a multiple of the largest, and its IDs have that and the number
// of the copy behind them.
func copies(ctx context.Context, path string, by int) (statements []string, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var largest int64
	err = db.QueryRowContext(ctx, "SELECT max((SELECT max(seq) FROM events), (SELECT max(seq) FROM alerts))").Scan(&largest)
	if err != nil {
		return nil, fmt.Errorf("multiply what is kept: %w", err)
	}
	// The largest seq is another each time, so that what was multiplied can be multiplied again.
	moved, suffix := fmt.Sprintf("%%s + c.i * %d", largest), fmt.Sprintf("'-%d.' || c.i", largest)
	renamed, alert := "%s || "+suffix, "jsonb_set(args, '$.alert_id', json_extract(args, '$.alert_id') || "+suffix+")"
	for _, table := range []struct {
		name string
		// change says what a column becomes; empty leaves it out.
		change map[string]string
	}{
		{"events", map[string]string{"seq": moved, "id": renamed}},
		{"event_keys", map[string]string{"event": moved}},
		{"alerts", map[string]string{"seq": moved, "id": renamed, "event_id": renamed}},
		{"river_job", map[string]string{"id": "", "args": alert}},
	} {
		statement, err := copyOf(ctx, db, table.name, table.change, by)
		if err != nil {
			return nil, fmt.Errorf("multiply what is kept: %w", err)
		}
		statements = append(statements, statement)
	}
	return statements, nil
}

func copyOf(ctx context.Context, db *sql.DB, table string, change map[string]string, by int) (_ string, err error) {
	found, err := db.QueryContext(ctx, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	var columns, values []string
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			return "", err
		}
		value, changed := change[name]
		switch {
		case !changed:
			value = name
		case value == "":
			continue
		case strings.Contains(value, "%s"):
			value = fmt.Sprintf(value, name)
		}
		columns, values = append(columns, name), append(values, value)
	}
	if err := found.Err(); err != nil {
		return "", err
	}
	rows := fmt.Sprintf("(SELECT * FROM %s) t, (WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) SELECT i FROM c) c", table, by-1)
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", table, strings.Join(columns, ", "), strings.Join(values, ", "), rows), nil
}
