//go:build !race

package manifests

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// again says what to do where a copy is not what it was copied from.
const again = "run make manifests"

// TestRulesOfTheConfigMapAreThoseThatBeckonShipsWith, in names without folders, which a ConfigMap does not know, and all of them.
func TestRulesOfTheConfigMapAreThoseThatBeckonShipsWith(t *testing.T) {
	t.Parallel()
	want := map[string]string{"rules.yaml": read(t, "rules.yaml")}
	require.NoError(t, fs.WalkDir(os.DirFS(path.Join(root, "templates")), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			want[strings.ReplaceAll(name, "/", "__")] = read(t, "templates/"+name)
		}
		return err
	}))
	m, err := build(deploy(t), choice{overlay: "default"})
	require.NoError(t, err)
	require.Greater(t, len(want), 50)
	require.Equal(t, want, m.named("ConfigMap", "beckon-rules").fields("data"), again)
}

// TestAlertsOfTheOperatorAreThoseOfTheFile that promtool tries.
func TestAlertsOfTheOperatorAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	var file, object struct{ Groups, Spec any }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/prometheus-rules.yaml")), &file))
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deploy/components/monitoring/prometheusrule.yaml")), &object))
	require.NotEmpty(t, file.Groups)
	require.Equal(t, map[string]any{"groups": file.Groups}, object.Spec, again)
}

// TestTheDashboardNeedsNobodyToImportIt: Grafana's sidecar fills in no inputs.
func TestTheDashboardNeedsNobodyToImportIt(t *testing.T) {
	t.Parallel()
	m, err := build(deploy(t), choice{"default", []string{"monitoring"}})
	require.NoError(t, err)
	config := m.named("ConfigMap", "beckon-dashboard")
	require.Equal(t, "1", config.fields("metadata.labels")["grafana_dashboard"])
	var board map[string]any
	require.NoError(t, json.Unmarshal([]byte(config.fields("data")["grafana-dashboard.json"]), &board))
	require.NotContains(t, board, "__inputs")
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(path.Join(root, name))
	require.NoError(t, err)
	return string(content)
}
