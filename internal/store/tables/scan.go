package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// micros is how a time is kept; none is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// at is a time as a column, for Scan.
type at struct{ t *time.Time }

// Scan implements sql.Scanner.
func (a at) Scan(value any) error {
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is kept as %T", value)
	}
	*a.t = timeOf(n)
	return nil
}

// person is a recipient as a column, for Scan.
type person struct{ r *relay.Recipient }

// Scan implements sql.Scanner.
func (p person) Scan(value any) error {
	key, ok := value.(string)
	if !ok {
		return fmt.Errorf("a recipient is kept as %T", value)
	}
	kind, name, _ := strings.Cut(key, ":")
	switch kind {
	case "":
		*p.r = relay.Recipient{}
	case "uid":
		*p.r = relay.Recipient{UID: name}
	case "email":
		*p.r = relay.Recipient{Email: relay.Email(name)}
	case "phone":
		*p.r = relay.Recipient{Phone: relay.Phone(name)}
	default:
		return errors.New("a recipient is kept that is neither a uid nor an address")
	}
	return nil
}

// steps is a trace as a column, for Scan.
type steps struct{ s *[]relay.Step }

// Scan implements sql.Scanner.
func (s steps) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a trace is kept as %T", value)
	}
	return json.Unmarshal([]byte(text), s.s)
}

// Scanner is a row.
type Scanner interface{ Scan(into ...any) error }

// All runs a query and scans its rows.
func All[T any](ctx context.Context, q DB, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // rows.Err tells
	return collect(rows, scan)
}

func collect[T any](rows Rows, scan func(Scanner) (T, error)) (out []T, err error) {
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Ask is a query that is asked together with others.
type Ask struct {
	Query string
	Args  []any
	// Read takes the answer in. It leaves closing to whoever asks.
	Read func(Rows) error
}

// Asking has the rows that a query finds scanned and taken in.
func Asking[T any](take func([]T), scan func(Scanner) (T, error), query string, args ...any) Ask {
	return Ask{Query: query, Args: args, Read: func(rows Rows) error {
		found, err := collect(rows, scan)
		take(found)
		return err
	}}
}

// into takes in what is found.
func into[T any](out *[]T) func([]T) { return func(found []T) { *out = found } }

// AskEach asks one after the other.
func AskEach(ctx context.Context, db DB, asks []Ask) error {
	for _, a := range asks {
		rows, err := db.Query(ctx, a.Query, a.Args...)
		if err != nil {
			return err
		}
		err = a.Read(rows)
		rows.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// One is All for a query that has at most one row; without any it fails with store.ErrNotFound.
func One[T any](ctx context.Context, q DB, scan func(Scanner) (T, error), query string, args ...any) (T, error) {
	found, err := All(ctx, q, scan, query, args...)
	switch {
	case err != nil:
		return *new(T), err
	case len(found) == 0:
		return *new(T), store.ErrNotFound
	}
	return found[0], nil
}

func scanString(row Scanner) (s string, err error) { return s, row.Scan(&s) }

// marks is n question marks, for IN (...).
func marks(n int) string {
	if n == 0 {
		return ""
	}
	return strings.Repeat("?, ", n-1) + "?"
}

// Only gives the value of a list that has one.
func Only(arg any) (value any, one bool) {
	switch list := arg.(type) {
	case []string:
		if len(list) == 1 {
			return list[0], true
		}
	case []int64:
		if len(list) == 1 {
			return list[0], true
		}
	}
	return nil, false
}
