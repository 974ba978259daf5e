package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

// databaseError marks an error that came from the database or the way to it, and not from our own checks.
type databaseError struct{ error }

// Unwrap gives the error itself.
func (e databaseError) Unwrap() error { return e.error }

// told marks an error of pgx.
func told(err error) error {
	if err == nil {
		return nil
	}
	return databaseError{err}
}

// Codes of PostgreSQL, appendix A of its manual.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	readOnlyTransaction  = "25006"
	undefinedTable       = "42P01"
)

// fault tells what an error means for the writes that shared its transaction.
func fault(err error) tables.Fault {
	if _, ours := errors.AsType[databaseError](err); !ours {
		return tables.FaultWrite
	}
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return tables.FaultDatabase // no answer, or none in time
	}
	switch server.Code {
	case serializationFailure, deadlockDetected:
		return tables.FaultRace
	case readOnlyTransaction:
		return tables.FaultDatabase // a standby, or one that was made read-only
	}
	switch server.Code[:min(2, len(server.Code))] {
	case "08", "53", "57", "58", "XX": // connections, resources, operators, the system, the server itself
		return tables.FaultDatabase
	default:
		return tables.FaultWrite
	}
}
