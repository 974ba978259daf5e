package app

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/engine"
	"github.com/beckon-relay/beckon/internal/rules"
)

// mount is a folder as the kubelet mounts a ConfigMap.
type mount struct {
	t   *testing.T
	dir string
}

// stamp makes the folder of a version, which is not shown yet.
func (m mount) stamp(version string, contents map[string]string) {
	m.t.Helper()
	require.NoError(m.t, os.MkdirAll(filepath.Join(m.dir, version), 0o750))
	for name, text := range contents {
		put(m.t, filepath.Join(m.dir, version, name), text)
	}
}

// show swaps a version in; link makes the links to its files, which the kubelet does after the swap.
func (m mount) show(version string) {
	m.t.Helper()
	next := filepath.Join(m.dir, "..data_tmp")
	require.NoError(m.t, os.Symlink(version, next))
	require.NoError(m.t, os.Rename(next, filepath.Join(m.dir, "..data")))
}

func (m mount) link(names ...string) {
	m.t.Helper()
	for _, name := range names {
		require.NoError(m.t, os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)))
	}
}

// telling is a version whose rule sends one template, the only one there is.
func telling(template string) map[string]string {
	return map[string]string{
		"rules.yaml":           "version: 1\nrules:\n  - { name: r, trigger: user_mentioned, to: mentioned, send: [ { sms: " + template + " } ] }\n",
		template + "__sms.txt": "Somebody mentioned you: " + template + "\n",
	}
}

// The rules of the first version are a pipe, so that the swap falls between the reading of the rules and that of the templates.
func TestASwapBetweenRulesAndTemplatesIsReadOnceMore(t *testing.T) {
	t.Parallel()
	m := mount{t, t.TempDir()}
	old := telling("old")
	m.stamp("..1", map[string]string{"old__sms.txt": old["old__sms.txt"]})
	pipe := filepath.Join(m.dir, "..1", "rules.yaml")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	m.show("..1")
	m.link("rules.yaml", "old__sms.txt")
	m.stamp("..2", telling("new"))
	type loaded struct {
		g        *engine.Generation
		findings []rules.Finding
		err      error
	}
	done := make(chan loaded, 1)
	go func() {
		g, findings, err := LoadGeneration(filepath.Join(m.dir, "rules.yaml"), m.dir)
		done <- loaded{g, findings, err}
	}()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the rules are being read
	require.NoError(t, err)
	m.show("..2")
	require.NoError(t, os.Remove(pipe))
	require.NoError(t, os.Remove(filepath.Join(m.dir, "..1", "old__sms.txt")))
	_, err = w.WriteString(old["rules.yaml"])
	require.NoError(t, errors.Join(err, w.Close()))
	got := <-done
	require.NoError(t, got.err)
	require.Empty(t, got.findings)
	require.Contains(t, got.g.Rules.Text(), "new")
	require.Equal(t, []string{"new"}, got.g.Templates.Names())
}

func TestTheLinkToANewTemplateNeedNotBeThereYet(t *testing.T) {
	t.Parallel()
	m := mount{t, t.TempDir()}
	m.stamp("..1", telling("old"))
	m.show("..1")
	m.link(slices.Collect(maps.Keys(telling("old")))...)
	m.stamp("..2", telling("new"))
	m.show("..2") // "old__sms.txt" leads nowhere now, and "new__sms.txt" is not there
	g, findings, err := LoadGeneration(filepath.Join(m.dir, "rules.yaml"), m.dir)
	require.NoError(t, err)
	require.Empty(t, findings)
	require.Equal(t, []string{"new"}, g.Templates.Names())

	// What is wrong is told by the names that people know.
	broken := telling("bad")
	broken["bad__sms.txt"] = "{{ .event.sendr.name }}\n"
	m.stamp("..3", broken)
	m.show("..3")
	g, findings, err = LoadGeneration(filepath.Join(m.dir, "rules.yaml"), m.dir)
	require.NoError(t, err)
	require.Nil(t, g)
	require.Len(t, findings, 1)
	require.Equal(t, filepath.Join(m.dir, "bad__sms.txt"), findings[0].File)
	require.Contains(t, findings[0].Excerpt, "sendr")
}

func TestFilesThatNeverComeToRestAreNotTaken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	put(t, path, "")
	reads := 0
	err := steady([]string{path}, func() error {
		reads++
		put(t, path, strings.Repeat("a", reads))
		return nil
	})
	require.ErrorContains(t, err, "changed each time they were read")
	require.Equal(t, steadyTries, reads)

	wrong := errors.New("cannot be read")
	require.ErrorIs(t, steady([]string{path}, func() error { return wrong }), wrong)
}
