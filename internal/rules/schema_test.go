package rules_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/beckon-relay/beckon/internal/rules"
)

const schemaFile = "../../docs/rules.schema.json"

func TestTheSchemaThatIsKeptIsTheOneThatIsMade(t *testing.T) {
	t.Parallel()
	made := rules.Schema(catalogue())
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, made, 0o644)) //nolint:gosec // a page of documentation
	}
	kept, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	require.Equal(t, string(made), string(kept), "run go test ./internal/rules -run Schema -update")
}

// compiledSchema is the schema, ready to validate with.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	made, err := jsonschema.UnmarshalJSON(bytes.NewReader(rules.Schema(catalogue())))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("rules.schema.json", made))
	compiled, err := compiler.Compile("rules.schema.json")
	require.NoError(t, err)
	return compiled
}

func TestTheSchemaAcceptsEveryFileThatLoads(t *testing.T) {
	t.Parallel()
	compiled := compiledSchema(t)
	files := []string{"../../rules.yaml"}
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/doubtful/*.yaml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	require.Greater(t, len(files), 3)
	for _, name := range files {
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		var file any
		require.NoError(t, yaml.Unmarshal(src, &file))
		require.NoError(t, compiled.Validate(file), name)
	}
}

func TestTheSchemaRefusesWhatLoadRefuses(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/schema/cases.yaml")
	require.NoError(t, err)
	var cases []struct {
		What           string
		Accepted, Bare bool
		File, Rule     map[string]any
	}
	require.NoError(t, yaml.Unmarshal(src, &cases))
	compiled := compiledSchema(t)
	for _, tt := range cases {
		t.Run(tt.What, func(t *testing.T) {
			t.Parallel()
			if tt.File == nil {
				rule := map[string]any{"name": "a", "trigger": "user_mentioned", "to": "mentioned", "send": []any{map[string]any{"sms": "t"}}}
				if tt.Bare {
					clear(rule)
				}
				maps.Copy(rule, tt.Rule)
				tt.File = map[string]any{"version": 1, "rules": []any{rule}}
			}
			written, err := yaml.Marshal(tt.File)
			require.NoError(t, err)
			set, findings := rules.Load("rules.yaml", written, catalogue())
			require.Equal(t, tt.Accepted, set != nil, findings)
			err = compiled.Validate(tt.File)
			if tt.Accepted {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
		})
	}
}

// places are the maps of the language: where the schema describes each, and a file with something else in that place.
func places() map[string]string {
	const rule = "version: 1\nrules:\n  - { name: a, trigger: user_mentioned, to: mentioned, wait: 1m, send: [ { sms: t } ], "
	toOf := func(to string) string {
		return "version: 1\nrules: [ { name: a, trigger: user_mentioned, send: [ { sms: t } ], to: " + to + " } ]"
	}
	return map[string]string{
		"":                      "{ $ }",
		"defaults":              "version: 1\nrules: []\ndefaults: { $ }",
		"defaults/quiet_hours":  "version: 1\nrules: []\ndefaults: { quiet_hours: { $ } }",
		"defaults/limits/[]":    "version: 1\nrules: []\ndefaults: { limits: [ { $ } ] }",
		"defaults/sender_limit": "version: 1\nrules: []\ndefaults: { sender_limit: { $ } }",
		"rules/[]":              "version: 1\nrules: [ { $ } ]",
		"rules/[]/to":           toOf("{ $ }"),
		"rules/[]/to/[]":        toOf("[ { $ } ]"),
		"rules/[]/quiet_hours":  rule + "quiet_hours: { $ } }",
		"rules/[]/limits/[]":    rule + "limits: [ { $ } ] }",
		"rules/[]/digest":       rule + "digest: { $ } }",
		"rules/[]/unless/[]":    rule + "unless: [ { $ } ] }",
	}
}

func TestTheSchemaHasTheKeysThatLoadReads(t *testing.T) {
	t.Parallel()
	var root map[string]any
	require.NoError(t, json.Unmarshal(rules.Schema(catalogue()), &root))
	for path, file := range places() {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			described := at(t, root, path)
			properties, _ := described["properties"].(map[string]any)
			require.Equal(t, false, described["additionalProperties"])
			require.ElementsMatch(t, readKeys(t, file), slices.Collect(maps.Keys(properties)))
			required, _ := described["required"].([]any)
			require.ElementsMatch(t, neededKeys(file), required)
			for name, value := range properties {
				property, _ := value.(map[string]any)
				if path != "rules/[]/to" && path != "rules/[]/to/[]" {
					require.NotEmpty(t, property["description"], name)
				}
			}
		})
	}
}

// readKeys asks Load for the keys that it knows in a place, and takes away those that it does not apply yet.
func readKeys(t *testing.T, file string) []string {
	t.Helper()
	unknown := strings.Repeat("z", 50)
	var known []string
	_, findings := rules.Load("r", []byte(strings.Replace(file, "$", unknown+": 1", 1)), catalogue())
	for _, f := range findings {
		if list, ok := strings.CutPrefix(f.Hint, "known are "); ok && strings.HasPrefix(f.Message, `unknown key "`+unknown) {
			known = strings.Split(list, ", ")
		}
	}
	require.NotEmpty(t, known, findings)
	return slices.DeleteFunc(known, func(key string) bool {
		_, findings := rules.Load("r", []byte(strings.Replace(file, "$", key+": 1", 1)), catalogue())
		return slices.ContainsFunc(findings, func(f rules.Finding) bool {
			return f.Message == `"`+key+`" is part of the language, but this version does not apply it yet`
		})
	})
}

var needed = regexp.MustCompile(` has no "(\w+)"$`)

// neededKeys asks Load which keys must be there.
func neededKeys(file string) []any {
	out := []any{}
	_, findings := rules.Load("r", []byte(strings.Replace(file, "$", "", 1)), catalogue())
	for _, f := range findings {
		if m := needed.FindStringSubmatch(f.Message); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

// at walks down a schema; where a value may be of several kinds, to the one that can be walked on.
func at(t *testing.T, node map[string]any, path string) map[string]any {
	t.Helper()
	name, rest, _ := strings.Cut(path, "/")
	if choices, ok := node["anyOf"].([]any); ok {
		kind := "object"
		if name == "[]" {
			kind = "array"
		}
		i := slices.IndexFunc(choices, func(c any) bool { return c.(map[string]any)["type"] == kind }) //nolint:forcetypeassert // a schema
		require.GreaterOrEqual(t, i, 0, path)
		node, _ = choices[i].(map[string]any)
	}
	if name == "" {
		return node
	}
	below, _ := node["items"].(map[string]any)
	if name != "[]" {
		properties, _ := node["properties"].(map[string]any)
		below, _ = properties[name].(map[string]any)
	}
	require.NotNil(t, below, path)
	return at(t, below, rest)
}

func TestTheSchemaSaysWhatEveryWordMeans(t *testing.T) {
	t.Parallel()
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if meanings, ok := node["enumDescriptions"].([]any); ok {
				require.Len(t, meanings, len(node["enum"].([]any))) //nolint:forcetypeassert // a schema
				require.NotContains(t, meanings, "")
			}
			for _, below := range node {
				walk(below)
			}
		case []any:
			for _, below := range node {
				walk(below)
			}
		}
	}
	var root any
	require.NoError(t, json.Unmarshal(rules.Schema(catalogue()), &root))
	walk(root)
}

func TestTheDefaultsOfTheSchemaAreThoseOfLoad(t *testing.T) {
	t.Parallel()
	var root map[string]any
	require.NoError(t, json.Unmarshal(rules.Schema(catalogue()), &root))
	value := func(path, name string) any {
		properties, _ := at(t, root, path)["properties"].(map[string]any)
		property, _ := properties[name].(map[string]any)
		return property["default"]
	}
	set := load(t, strings.Replace(minimal, "send:", "digest: { window: 5m }, send:", 1))
	rule, defaults := set.Rules()[0], set.Defaults()
	require.EqualValues(t, rule.Digest.Max, value("rules/[]/digest", "max"))
	require.EqualValues(t, rule.Digest.By, value("rules/[]/digest", "by"))
	require.Equal(t, rule.Urgent, value("rules/[]", "urgent"))
	require.Equal(t, rule.Collapse, value("rules/[]", "collapse"))
	require.Equal(t, rule.Enabled, value("rules/[]", "enabled"))
	require.Equal(t, rule.IncludeActor, value("rules/[]", "include_actor"))
	require.EqualValues(t, defaults.MaxSegments, value("defaults", "max_segments"))
	require.EqualValues(t, defaults.Locale, value("defaults", "locale"))
	require.Equal(t, map[string]any{"max": float64(defaults.SenderLimit.Max), "per": "1h"}, value("defaults", "sender_limit"))
	require.Equal(t, "1h0m0s", defaults.SenderLimit.Per.String())
	require.Equal(t, "24h", value("defaults", "expires"))
	require.Equal(t, "24h0m0s", defaults.Expires.String())
}
