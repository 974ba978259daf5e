package relay_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

var update = flag.Bool("update", false, "write docs/reasons.md anew")

// constants reads every Reason constant off the source, so that one without a meaning cannot be forgotten.
func constants(t *testing.T) []relay.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	require.NoError(t, err)
	var out []relay.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if ident, ok := spec.Type.(*ast.Ident); !ok || ident.Name != "Reason" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value) //nolint:forcetypeassert // a constant of that type
		require.NoError(t, err)
		if value != "" {
			out = append(out, relay.Reason(value))
		}
		return true
	})
	return out
}

func TestEveryReasonIsDocumentedOnce(t *testing.T) {
	t.Parallel()
	var documented []relay.Reason
	for _, doc := range relay.Reasons() {
		documented = append(documented, doc.Reason)
		require.NotEmpty(t, doc.Meaning)
		require.NotEmpty(t, doc.Of)
	}
	require.ElementsMatch(t, constants(t), documented)
}

func TestTheReasonsPageIsTheList(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("# Reasons\n\nWhy an alert, a delivery or an event ended as it did. This page is written from the list in\n" +
		"`internal/relay/reason.go` by `go test ./internal/relay -update`.\n\n| Reason | of | meaning |\n| --- | --- | --- |\n")
	for _, doc := range relay.Reasons() {
		page.WriteString("| `" + string(doc.Reason) + "` | " + doc.Of + " | " + doc.Meaning + " |\n")
	}
	const path = "../../docs/reasons.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o644)) //nolint:gosec // a page of documentation
	}
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(kept), "run go test ./internal/relay -update")
}
