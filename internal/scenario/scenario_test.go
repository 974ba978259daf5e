package scenario_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/scenario"
)

const templates = "../../templates"

func load(t *testing.T, path string) *scenario.Suite {
	t.Helper()
	suite, findings, err := scenario.Load(path, templates)
	require.NoError(t, err)
	require.NotNil(t, suite, "%v", findings)
	return suite
}

func TestScenariosEndAsWritten(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.test.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "../../rules.test.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			report := load(t, file).Run(t.Context(), scenario.Options{Now: time.Now})
			for _, result := range report.Tests {
				for _, f := range result.Failures {
					t.Errorf("%s\n%s:%s", result.Name, file, f.Text())
				}
			}
		})
	}
}
