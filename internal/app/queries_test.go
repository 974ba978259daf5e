package app

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/store/pgtest"
)

// exported are the label names of each series that the relay exports, as a server of Prometheus stores them: "x_bucket" has "le".
type exported map[string][]string

// targets are labels that Prometheus adds to what it scrapes.
var targets = []string{"namespace", "instance"}

// families are all metrics of relays that run, one on either database.
func families(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	server, err := pgtest.Start(t.Context(), pgtest.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	database, err := server.Database(t.Context())
	require.NoError(t, err)
	var all []*dto.MetricFamily
	for _, r := range []*running{run(t, map[string]string{"BECKON_DATABASE_URL": server.URL(database)}), run(t, nil)} {
		families, err := r.metrics.registry.Gather()
		require.NoError(t, err)
		all = append(all, families...)
	}
	return all
}

// exportedBy gives their series.
func exportedBy(families []*dto.MetricFamily) exported {
	all := exported{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var names []string
			for _, l := range m.GetLabel() {
				names = append(names, l.GetName())
			}
			all[f.GetName()] = names
			if m.GetHistogram() != nil {
				all[f.GetName()+"_bucket"], all[f.GetName()+"_count"], all[f.GetName()+"_sum"] = append(slices.Clone(names), "le"), names, names
			}
		}
	}
	return all
}

// check finds what an expression asks for that is not there.
func (e exported) check(expr string) []string {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	var faults, offered []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		names, ok := e[selector.Name]
		if !ok {
			faults = append(faults, "no metric "+selector.Name)
			return nil
		}
		offered = append(offered, names...)
		for _, m := range selector.LabelMatchers {
			if m.Name != "__name__" && !slices.Contains(names, m.Name) && !slices.Contains(targets, m.Name) {
				faults = append(faults, fmt.Sprintf("%s has no label %s", selector.Name, m.Name))
			}
		}
		return nil
	})
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if sum, ok := node.(*parser.AggregateExpr); ok {
			for _, name := range sum.Grouping {
				if !slices.Contains(offered, name) && !slices.Contains(targets, name) {
					faults = append(faults, "nothing in it has the label "+name)
				}
			}
		}
		return nil
	})
	return faults
}

// query is an expression and where it stands.
type query struct{ at, expr string }

type rule struct {
	Alert, Expr         string
	For                 string
	Labels, Annotations map[string]string
}

// alertRules are those of the files of alerts.
func alertRules(t *testing.T) []rule {
	t.Helper()
	files, err := filepath.Glob("../../deploy/prometheus-rules*.yaml")
	require.NoError(t, err)
	var all []rule
	for _, path := range files {
		if strings.HasSuffix(path, ".test.yaml") {
			continue
		}
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		var file struct{ Groups []struct{ Rules []rule } }
		require.NoError(t, yaml.Unmarshal(source, &file))
		for _, group := range file.Groups {
			all = append(all, group.Rules...)
		}
	}
	require.Greater(t, len(all), 15)
	return all
}

// dashboard are the queries of the dashboard, with what Grafana would put in.
func dashboard(t *testing.T) []query {
	t.Helper()
	source, err := os.ReadFile("../../deploy/components/monitoring/grafana-dashboard.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
		Annotations struct {
			List []struct{ Name, Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(source, &board))
	filled := strings.NewReplacer("$namespace", "n", "$channel", "sms", "$__rate_interval", "5m", "$__range", "1h", "$__interval", "1m")
	var all []query
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all = append(all, query{p.Title, filled.Replace(target.Expr)})
		}
		if len(p.Targets) == 0 {
			require.Contains(t, []string{"row", "text"}, p.Type, p.Title)
		}
	}
	for _, a := range board.Annotations.List {
		all = append(all, query{a.Name, filled.Replace(a.Expr)})
	}
	values := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	for _, v := range board.Templating.List {
		if v.Type == "datasource" {
			// Not an input, which only a person who imports the file by hand could fill in.
			require.Equal(t, "DS_PROMETHEUS", v.Name)
			continue
		}
		parts := values.FindStringSubmatch(v.Definition)
		require.NotNil(t, parts, v.Definition)
		all = append(all, query{v.Definition, fmt.Sprintf("sum by (%s) (%s)", parts[2], parts[1])})
	}
	require.Greater(t, len(all), 50)
	return all
}

// TestAlertsAndDashboardAskForWhatIsExported: a query for a metric that nobody exports is silent for ever.
func TestAlertsAndDashboardAskForWhatIsExported(t *testing.T) {
	t.Parallel()
	there := exportedBy(families(t))
	require.Empty(t, there.check(`sum by (channel) (rate(beckon_delivery_latency_seconds_bucket{le="60"}[5m]))`))
	require.Len(t, there.check(`sum by (colour) (beckon_paused{shape="x"}) + beckon_pauses`), 3, "the check itself")
	for _, r := range alertRules(t) {
		require.Empty(t, there.check(r.Expr), r.Alert)
	}
	for _, q := range dashboard(t) {
		require.Empty(t, there.check(q.expr), "%s: %s", q.at, q.expr)
	}
}

// TestEachAlertHasItsWordsAndItsPageInTheRunbook, and the runbook has no page without one.
func TestEachAlertHasItsWordsAndItsPageInTheRunbook(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	tests, err := os.ReadFile("../../deploy/prometheus-rules.test.yaml")
	require.NoError(t, err)
	var alerts, pages []string
	for _, r := range alertRules(t) {
		alerts = append(alerts, r.Alert)
		require.NotEmpty(t, r.For, r.Alert)
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, "docs/runbook.md#"+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
		require.Contains(t, string(tests), `alertname="`+r.Alert+`",alertstate="firing"`, "tried by promtool")
	}
	for _, found := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(runbook), -1) {
		pages = append(pages, found[1])
	}
	require.ElementsMatch(t, alerts, pages)
}

// TestAlertsFireWhenTheyShould runs promtool, which `.ci/need promtool` installs.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "", "test", "rules", "../../deploy/prometheus-rules.test.yaml")
	promtool(t, "", "check", "rules", "../../deploy/prometheus-rules.yaml", "../../deploy/prometheus-rules-optional.yaml")
}

// TestMetricsAreAsPrometheusWantsThem by promtool's own advice on names, units and help.
func TestMetricsAreAsPrometheusWantsThem(t *testing.T) {
	t.Parallel()
	promtool(t, run(t, nil).metricsIn("text/plain"), "check", "metrics")
}

func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool is missing; .ci/need promtool installs it (on Debian: apt-get install prometheus)")
	c := exec.CommandContext(t.Context(), path, args...) //nolint:gosec // fixed arguments
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	require.NoError(t, err, string(out))
}
