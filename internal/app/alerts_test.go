package app

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

var metricName = regexp.MustCompile(`\bbeckon_[a-z_]+\b`)

// TestAlertsAskForMetricsThatThereAre: a rule about a metric that nobody exports never fires.
func TestAlertsAskForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../deploy/prometheus-rules.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(source, &file))
	runbook, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	exported := descriptions(t)
	for _, rule := range file.Groups[0].Rules {
		names := metricName.FindAllString(rule.Expr, -1)
		require.NotEmpty(t, names, rule.Alert)
		for _, name := range names {
			if !strings.Contains(exported, `fqName: "`+name+`"`) { // which is too long to be shown
				t.Errorf("%s asks for %s", rule.Alert, name)
			}
		}
		require.Contains(t, string(runbook), "\n## "+rule.Alert+"\n")
		require.Equal(t, "docs/runbook.md#"+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
	}
}

// descriptions are all metrics, also those without a value yet.
func descriptions(t *testing.T) string {
	t.Helper()
	m := newMetrics("test", "abc")
	out := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(out)
	newQueueCollector(nil, time.Now).Describe(out)
	newGateCollector(nil).Describe(out)
	close(out)
	var all strings.Builder
	for d := range out {
		all.WriteString(d.String() + "\n")
	}
	return all.String()
}
