package app

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew") //nolint:gochecknoglobals // a flag of the test binary

const metricsHead = `# Metrics

What ` + "`/metrics`" + ` on the admin listener shows, beside what Go programs show of themselves (` + "`go_*`, `process_*`, `go_sql_*`" + `). Every series
whose labels are known beforehand is there from the start, at 0. No label names a person, an address or a text. Histograms have classic
buckets and, for a server that asks for them, native ones; where [traces](observe.md#traces) are on they carry examples
(` + "`trace_id`" + `). What the store says (` + "`beckon_queue_*`, `beckon_paused`" + ` and more) every replica says alike: take ` + "`max`, not `sum`" + `.

This page is written from a running relay by ` + "`go test ./internal/app -run Reference -update`" + `.

| name | type | labels | meaning |
| --- | --- | --- | --- |
`

// free are labels whose values are not ours.
var free = []string{"rule", "hash", "version", "revision", "goversion"}

// mostValues is how many values of a label the page lists.
const mostValues = 8

// TestTheReferenceOfMetricsIsThatOfARunningRelay: the page says what is there, and nothing is missing in it.
func TestTheReferenceOfMetricsIsThatOfARunningRelay(t *testing.T) {
	t.Parallel()
	type metric struct {
		kind, help string
		labels     map[string]map[string]bool
	}
	all := map[string]metric{}
	for _, f := range families(t) {
		if !strings.HasPrefix(f.GetName(), "beckon_") {
			continue
		}
		m := metric{strings.ToLower(f.GetType().String()), f.GetHelp(), map[string]map[string]bool{}}
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if m.labels[l.GetName()] == nil {
					m.labels[l.GetName()] = map[string]bool{}
				}
				m.labels[l.GetName()][l.GetValue()] = true
			}
		}
		all[f.GetName()] = m
	}
	var page strings.Builder
	page.WriteString(metricsHead)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		require.NotEmpty(t, m.help, name)
		require.True(t, strings.HasSuffix(m.help, "."), "%s: %s", name, m.help)
		var labels []string
		for _, label := range slices.Sorted(maps.Keys(m.labels)) {
			values := slices.Sorted(maps.Keys(m.labels[label]))
			text := "`" + label + "`"
			if len(values) <= mostValues && !slices.Contains(free, label) {
				text += " (" + strings.Join(values, ", ") + ")"
			}
			labels = append(labels, text)
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", name, m.kind, strings.Join(labels, "; "), m.help)
	}
	const path = "../../docs/metrics.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page.String()), 0o600))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(got), "go test ./internal/app -run Reference -update writes it anew")
}
