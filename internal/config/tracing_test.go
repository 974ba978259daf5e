package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereAndHowMuchIsTracedIsSaidByTheStandardVariables(t *testing.T) {
	t.Parallel()
	const endpoint, whole = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for name, c := range map[string]struct {
		env   map[string]string
		to    string
		ratio float64
	}{
		"nothing":           {nil, "", 1},
		"an endpoint":       {map[string]string{endpoint: "http://c:4318"}, "http://c:4318/v1/traces", 1},
		"one with a path":   {map[string]string{endpoint: "https://c/otlp/"}, "https://c/otlp/v1/traces", 1},
		"a whole address":   {map[string]string{endpoint: "http://c:4318", whole: "https://t/x"}, "https://t/x", 1},
		"the default":       {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces", 1},
		"none":              {map[string]string{endpoint: "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, "", 1},
		"disabled":          {map[string]string{endpoint: "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, "", 1},
		"not disabled":      {map[string]string{endpoint: "http://c:4318", "OTEL_SDK_DISABLED": "no"}, "http://c:4318/v1/traces", 1},
		"a share":           {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, "", 0.25},
		"a share of itself": {map[string]string{"OTEL_TRACES_SAMPLER_ARG": "0.25"}, "", 1},
		"nothing at all":    {map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := load(c.env, nil)
			require.NoError(t, err)
			to := ""
			if u := got.Tracing.URL(); u != nil {
				to = u.String()
			}
			require.Equal(t, c.to, to)
			require.InDelta(t, c.ratio, got.Tracing.Ratio(), 0)
		})
	}
}

func TestHeadersOfTracesAreSecrets(t *testing.T) {
	t.Parallel()
	got, err := load(map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hush, x-team = a=b"}, nil)
	require.NoError(t, err)
	require.Equal(t, "Bearer hush", got.Tracing.Headers["authorization"].Reveal())
	require.Equal(t, "a=b", got.Tracing.Headers["x-team"].Reveal())
	require.NotContains(t, fmt.Sprintf("%+v", got), "hush")
}
