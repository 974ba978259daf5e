//go:build !race

package manifests

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// faults are all that is wrong with what would be applied.
func (m manifests) faults() ([]string, error) {
	all, err := known()
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, o := range m {
		faults = append(faults, all.check(o)...)
	}
	for _, rule := range []func(manifests) []string{
		hardened, pinned, mounted, counted, configured, reachable, selected, walled, named, ruled,
	} {
		faults = append(faults, rule(m)...)
	}
	slices.Sort(faults)
	return faults, nil
}

// TestEveryOverlayWithEveryCombinationOfComponentsIsRight by the schemas and by our rules.
func TestEveryOverlayWithEveryCombinationOfComponentsIsRight(t *testing.T) {
	t.Parallel()
	fsys := deploy(t)
	for _, c := range choices(t) {
		m, err := build(fsys, c)
		require.NoError(t, err, c)
		faults, err := m.faults()
		require.NoError(t, err)
		require.Empty(t, faults, "%s: %s", c, strings.Join(faults, "\n"))
		for component, brings := range map[string]string{
			"gateway": "HTTPRoute beckon", "ingress": "Ingress beckon", "monitoring": "PrometheusRule beckon", "networkpolicy": "NetworkPolicy beckon",
		} {
			kind, name, _ := strings.Cut(brings, " ")
			require.Equal(t, slices.Contains(c.components, component), m.named(kind, name).there(), "%s: %s", c, brings)
		}
		require.Equal(t, !slices.Contains(c.components, "own-rules"), m.named("ConfigMap", "beckon-rules").there(), c)
	}
}

// TestNoFileSaysAThingTwice: of two equal keys, the second would win without a word.
func TestNoFileSaysAThingTwice(t *testing.T) {
	t.Parallel()
	disk := os.DirFS(root)
	require.NoError(t, fs.WalkDir(disk, "deploy", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		source, err := fs.ReadFile(disk, name)
		require.NoError(t, err)
		for document := range strings.SplitSeq(string(source), "\n---\n") {
			var value map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(document), &value), name)
			require.NotEmpty(t, value, name)
		}
		return nil
	}))
}
