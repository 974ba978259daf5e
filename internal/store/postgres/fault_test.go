package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/store/tables"
)

func TestAnErrorTellsWhetherTheNextWriteWouldGoWell(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]tables.Fault{
		"40001": tables.FaultRace, "40P01": tables.FaultRace, // serialization, deadlock
		"08006": tables.FaultDatabase, "53100": tables.FaultDatabase, "53300": tables.FaultDatabase, // connection, disk full, too many
		"57P01": tables.FaultDatabase, "57014": tables.FaultDatabase, "58030": tables.FaultDatabase, // shut down, took too long, I/O
		"25006": tables.FaultDatabase, "XX000": tables.FaultDatabase, // a standby, an internal error
		"23505": tables.FaultWrite, "23514": tables.FaultWrite, "22021": tables.FaultWrite, // unique, check, encoding
	} {
		require.Equal(t, want, fault(fmt.Errorf("commit: %w", told(&pgconn.PgError{Code: code}))), code)
	}
	for _, err := range []error{io.ErrUnexpectedEOF, context.DeadlineExceeded, errors.New("failed to connect")} {
		require.Equal(t, tables.FaultDatabase, fault(fmt.Errorf("begin: %w", told(err))), "no answer")
	}
	require.Equal(t, tables.FaultWrite, fault(errors.New("its recipient is known already")), "our own")
	require.NoError(t, told(nil))
}
