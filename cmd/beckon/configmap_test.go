package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestConfigMapIsPrintedOnlyWhenItIsSound(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, said, code := l.run("configmap", "--namespace", "chat")
	require.Equal(t, exitFine, code, said)
	var got struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
		Data     map[string]string
	}
	require.NoError(t, yaml.Unmarshal([]byte(out), &got))
	require.Equal(t, "ConfigMap beckon-rules chat", got.Kind+" "+got.Metadata.Name+" "+got.Metadata.Namespace)
	require.Equal(t, labRules, got.Data["rules.yaml"])
	require.Contains(t, got.Data, "mention__de__sms.txt")
	_, want, _ := l.run("check")
	hash := want[strings.Index(want, "generation: ")+len("generation: "):]
	require.Contains(t, said, "generation "+strings.TrimSuffix(strings.TrimSpace(hash), ")"))

	l.write("rules.yaml", broken)
	out, said, code = l.run("configmap")
	require.Equal(t, exitFindings, code)
	require.Empty(t, out)
	require.Contains(t, said, "rules.yaml:3:")
	require.Contains(t, said, "group_deletd")

	for _, wrong := range [][]string{{"--name", "A"}, {"--out", "flat", "--name", "a"}, {"--rules", "none.yaml"}, {"--templates", "none"}} {
		out, said, code = l.run(append([]string{"configmap"}, wrong...)...)
		require.Equal(t, exitUsage, code, said)
		require.Empty(t, out)
	}
}

func TestFlatFilesOfConfigMapAreCheckedAsTheyWere(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	out, said, code := l.run("configmap", "--out", "flat")
	require.Equal(t, exitFine, code, said)
	entries, err := os.ReadDir(l.path("flat"))
	require.NoError(t, err)
	require.Len(t, strings.Fields(out), len(entries))
	_, want, _ := l.run("check")
	l.env["BECKON_RULES"], l.env["BECKON_TEMPLATES"] = filepath.Join("flat", "rules.yaml"), "flat"
	_, got, code := l.run("check")
	require.Equal(t, exitFine, code, got)
	require.Equal(t, want[strings.LastIndex(want, "generation: "):], got[strings.LastIndex(got, "generation: "):])
	out, said, code = l.run("preview", "mention", "--locale", "de", "--channel", "sms")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "erwähnt")
}
