package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// cluster stands in for kubectl and a cluster of one pod, which is a relay on this machine: what is applied gets into its folder.
const cluster = `#!/bin/sh
case "$*" in
*port-forward*) exec sleep 600 ;;
*"get pods"*) echo pod/beckon-1 ;;
*apply*) grep -q "kind: ConfigMap" configmap.yaml && cp rules.yaml "$POD/rules.yaml" ;;
esac
`

// repository is a copy of the example in docs/gitops.md, and a pod that it is about.
type repository struct {
	*process

	dir string
}

// step runs ci/rules with what CI has: beckon, kubectl and a viewer's token.
func (r *repository) step(name string, env ...string) (out string, code int) {
	r.t.Helper()
	path, err := r.build()
	require.NoError(r.t, err)
	c := exec.CommandContext(r.t.Context(), filepath.Join(r.dir, "ci", "rules"), name) //nolint:gosec // our own script
	c.Env = append([]string{
		"PATH=" + r.path("stub") + ":" + filepath.Dir(path) + ":" + os.Getenv("PATH"), //nolint:forbidigo // of the test
		"HOME=" + r.dir, "POD=" + r.dir + "/pod", "PORT=" + r.admin[strings.LastIndex(r.admin, ":")+1:], "TRIES=1",
		"BECKON_TOKEN=0123456789abcdef0123456789abcdef",
	}, env...)
	said, err := c.CombinedOutput()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(r.t, err, &exit, string(said))
	}
	return string(said), c.ProcessState.ExitCode()
}

// change writes another version of a rule.
func (r *repository) change(from, to string) (back func()) {
	r.t.Helper()
	good, err := os.ReadFile(filepath.Join(r.dir, "rules.yaml"))
	require.NoError(r.t, err)
	require.Contains(r.t, string(good), from)
	r.write("repository/rules.yaml", strings.Replace(string(good), from, to, 1))
	return func() { r.write("repository/rules.yaml", string(good)) }
}

func TestTheRulesRepositoryGoesAsGitopsSays(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("curl")
	require.NoError(t, err, "the example takes curl, which make test installs")
	l := newLab(t, "")
	example := filepath.Join("..", "..", "docs", "examples", "rules-repository")
	require.NoError(t, os.CopyFS(l.path("repository"), os.DirFS(example)))
	require.NoError(t, os.Chmod(l.path("repository/ci/rules"), 0o700)) //nolint:gosec // CopyFS keeps no modes of an fs.FS; it is run
	require.NoError(t, os.MkdirAll(l.path("stub"), 0o700))
	require.NoError(t, os.WriteFile(l.path("stub/kubectl"), []byte(cluster), 0o700)) //nolint:gosec // it is run
	require.NoError(t, os.CopyFS(l.path("repository/pod"), os.DirFS(example)))
	l.env["BECKON_RULES"], l.env["BECKON_TEMPLATES"] = l.path("repository/pod/rules.yaml"), l.path("repository/pod/templates")
	l.env["BECKON_CONSOLE_TOKENS"] = "ci:0123456789abcdef0123456789abcdef:viewer"
	r := &repository{process: l.serve(), dir: l.path("repository")}
	r.mustPost(sample(t, relay.CallInitiated, nil))

	back := r.change("to: callee", "to: calle")
	for _, step := range []string{"check", "backtest", "apply"} {
		said, code := r.step(step)
		require.Equal(t, 1, code, said)
		require.Contains(t, said, "rules.yaml:8:9: unknown role", step)
	}
	said, code := r.step("check", "GITHUB_ACTIONS=true")
	require.Equal(t, 1, code)
	require.Contains(t, said, "::error file=rules.yaml,line=8")
	back()

	back = r.change("wait: 60s", "wait: 90s")
	said, code = r.step("check")
	require.Equal(t, 1, code)
	require.Contains(t, said, "expected 1m, got 1m30s")
	back()

	r.change("unless: [answered, declined]", "unless: [answered]")
	said, code = r.step("check")
	require.Zero(t, code, said)
	said, code = r.step("backtest")
	require.Zero(t, code, said)
	comment, err := os.ReadFile(filepath.Join(r.dir, "backtest.md"))
	require.NoError(t, err)
	require.Contains(t, string(comment), "### Backtest: Nothing changes; messages: 1")
	said, code = r.step("live")
	require.Equal(t, 1, code)
	require.Contains(t, said, "pod/beckon-1 does not work by generation")
	said, code = r.step("apply")
	require.Zero(t, code, said)
	r.eventually("the relay has the new rules", func() bool {
		said, code = r.step("live")
		return code == 0
	})
	require.Contains(t, said, "pod/beckon-1 works by generation")
	r.stop()
}
