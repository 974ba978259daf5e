package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSchemaPrintsTheOneInTheDocumentation(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Equal(t, exitFine, run(t.Context(), []string{"schema"}, &out, &errs), errs.String())
	kept, err := os.ReadFile("../../docs/rules.schema.json")
	require.NoError(t, err)
	require.Equal(t, string(kept), out.String())
}
