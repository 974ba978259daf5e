package cometchat_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/relay"
)

var update = flag.Bool("update", false, "write docs/triggers.md anew")

// TestTheTriggersPageIsTheCatalogue keeps the page that rule writers look fields and roles up in equal to the code.
func TestTheTriggersPageIsTheCatalogue(t *testing.T) {
	t.Parallel()
	const path = "../../docs/triggers.md"
	page := triggersPage()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644)) //nolint:gosec // a page of documentation
	}
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page, string(kept), "run go test ./internal/cometchat -update")
}

func triggersPage() string {
	var b strings.Builder
	b.WriteString("# Triggers, their roles and fields\n\nWritten from the catalogue in `internal/cometchat/table.go` by\n" +
		"`go test ./internal/cometchat -update`. Every event also has `event.id`, `.trigger`, `.app_id`, `.region`, `.webhook`,\n" +
		"`.occurred_at`, `.received_at` and `.raw` (the JSON as sent). A role marked *session* is found in kept events of the same\n" +
		"call; one marked *cometchat* needs CometChat's REST API, and so does the callee of a call to a group. The *actor* is not told of\n" +
		"their own doing unless the rule says `include_actor: true`.\n\n| trigger | when | roles | actor | fields |\n| --- | --- | --- | --- | --- |\n")
	catalogue := cometchat.Catalogue()
	for _, name := range slices.Sorted(maps.Keys(catalogue)) {
		spec := catalogue[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, spec.Summary, rolesOf(spec), spec.Actor, strings.Join(spec.Carries, ", "))
	}
	b.WriteString("\n## Fields\n\n| field | kind |\n| --- | --- |\n")
	writeFields(&b, relay.WholeEventShape())
	writeFields(&b, relay.RecipientShape())
	return b.String()
}

func rolesOf(spec relay.TriggerSpec) string {
	var out []string
	for _, role := range relay.Roles() {
		switch source := spec.Roles[role]; source {
		case "":
		case relay.FromPayload:
			out = append(out, string(role))
		default:
			out = append(out, fmt.Sprintf("%s (*%s*)", role, source))
		}
	}
	return strings.Join(out, ", ")
}

func writeFields(b *strings.Builder, shape *relay.Shape) {
	kinds := map[relay.Kind]string{
		relay.KindString: "text", relay.KindInt: "whole number", relay.KindBool: "bool", relay.KindTime: "time",
		relay.KindDuration: "duration", relay.KindAny: "JSON",
	}
	for _, f := range shape.Fields {
		switch f.Shape.Kind {
		case relay.KindObject:
			writeFields(b, f.Shape)
		case relay.KindList:
			fmt.Fprintf(b, "| `%s[]` | list of objects with %s |\n", f.Shape.Path, strings.Join(f.Shape.Elem.Names(), ", "))
		default:
			fmt.Fprintf(b, "| `%s` | %s |\n", f.Shape.Path, kinds[f.Shape.Kind])
		}
	}
}
