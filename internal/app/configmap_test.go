package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/engine"
)

func shippedGeneration(t *testing.T) *engine.Generation {
	t.Helper()
	g, _, err := LoadGeneration("../../rules.yaml", "../../templates")
	require.NoError(t, err)
	return g
}

func TestAConfigMapHoldsTheSameGeneration(t *testing.T) {
	t.Parallel()
	g := shippedGeneration(t)
	flat, err := FlatFiles(g)
	require.NoError(t, err)
	text, err := ConfigMap{Name: "beckon-rules", Namespace: "chat", Files: flat}.YAML()
	require.NoError(t, err)
	var got object
	require.NoError(t, yaml.Unmarshal(text, &got))
	require.Equal(t, "v1 ConfigMap beckon-rules chat", got.APIVersion+" "+got.Kind+" "+got.Metadata.Name+" "+got.Metadata.Namespace)
	mounted := fstest.MapFS{}
	for name, content := range got.Data {
		require.Regexp(t, `^[-._a-zA-Z0-9]+$`, name, "what Kubernetes takes as a key")
		mounted[name] = &fstest.MapFile{Data: []byte(content)}
	}
	again, findings := assemble(files{rulesFile: "rules.yaml", rules: mounted["rules.yaml"].Data, templates: mounted})
	require.Empty(t, findings)
	require.Equal(t, g.Hash, again.Hash)
}

func TestEveryTextComesBackOutOfAConfigMap(t *testing.T) {
	t.Parallel()
	back := func(t require.TestingT, content string) {
		text, err := ConfigMap{Name: "a", Files: map[string]string{"a__sms.txt": content}}.YAML()
		require.NoError(t, err)
		var got object
		require.NoError(t, yaml.Unmarshal(text, &got), "%s", text)
		require.Equal(t, content, string(got.Data["a__sms.txt"]), "%s", text)
	}
	for _, content := range []string{
		"", "\n", " \n", "\n\n  a\n b\n", "  a\nb", "a \nb\n", "\ta\n", "a\r\nb\r\n", "a\u0085b\n", "a\u2028b\n", "\ufeffa\n", "~", "null", "#a\n", "a\n\n\n", "--- a\n",
	} {
		back(t, content)
	}
	rapid.Check(t, func(t *rapid.T) {
		back(t, strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", " ", "\n", "\t", ":", "#", "-", "'", `"`, "{{", "ä", "\r", "😀", "|"})).Draw(t, "content"), ""))
	})
}

func TestWhatAConfigMapCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	odd := fstest.MapFS{"a__b/sms.txt": {Data: []byte("Somebody mentioned you\n")}}
	for i := range 5 {
		odd["large"+string(rune('a'+i))+"/sms.txt"] = &fstest.MapFile{Data: []byte("{{/*" + strings.Repeat("x", 250<<10) + "*/}}a\n")}
	}
	g, findings := assemble(files{rulesFile: "rules.yaml", rules: []byte(telling("a__b")["rules.yaml"]), templates: odd})
	require.NotNil(t, g, "%v", findings)
	_, err := FlatFiles(g)
	require.ErrorContains(t, err, "a__b/sms.txt has no flat name")
	require.ErrorContains(t, err, "a ConfigMap holds 1048576")
}

func TestNamesThatKubernetesDoesNotTakeAreRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, ConfigMap{Name: "beckon-rules.v2", Namespace: "chat-1"}.Validate())
	for _, m := range []ConfigMap{
		{Name: ""},
		{Name: "Rules"},
		{Name: "a_b"},
		{Name: "-a"},
		{Name: strings.Repeat("a", 254)},
		{Name: "a", Namespace: "a.b"},
		{Name: "a", Namespace: strings.Repeat("a", 64)},
		{Name: "a\n"},
	} {
		require.Error(t, m.Validate(), "%+v", m)
	}
}

func TestOnlyALargeConfigMapHasToBeAppliedServerSide(t *testing.T) {
	t.Parallel()
	flat, err := FlatFiles(shippedGeneration(t))
	require.NoError(t, err)
	require.False(t, ConfigMap{Name: "a", Files: flat}.OnlyServerSide(), "the shipped rules and templates are small enough")
	flat["large__sms.txt"] = strings.Repeat("<", 50<<10) // six characters each in JSON
	require.True(t, ConfigMap{Name: "a", Files: flat}.OnlyServerSide())
}

func TestFlatFilesAreWrittenAndThoseThatAreNoMoreRemoved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deploy", "rules")
	flat, err := FlatFiles(shippedGeneration(t))
	require.NoError(t, err)
	removed, err := WriteFlat(dir, "../../templates", flat)
	require.NoError(t, err)
	require.Empty(t, removed)
	for _, name := range []string{"old__sms.txt", "old__email.html", "kustomization.yaml", "note.txt"} {
		put(t, filepath.Join(dir, name), "a")
	}
	put(t, filepath.Join(dir, "mention__sms.txt"), "changed")
	removed, err = WriteFlat(dir, "../../templates", flat)
	require.NoError(t, err)
	require.Equal(t, []string{"old__email.html", "old__sms.txt"}, removed)
	require.FileExists(t, filepath.Join(dir, "kustomization.yaml"))
	require.FileExists(t, filepath.Join(dir, "note.txt"))
	require.NoError(t, os.Remove(filepath.Join(dir, "note.txt")))
	checked, err := Check(filepath.Join(dir, "rules.yaml"), config.Config{Templates: dir, Retention: 30 * 24 * 3600 * 1e9})
	require.NoError(t, err)
	require.Equal(t, shippedGeneration(t).Hash, checked.Generation.Hash)

	_, err = WriteFlat("../../templates", "../../templates", flat)
	require.ErrorContains(t, err, "is the folder of the templates itself")
}
