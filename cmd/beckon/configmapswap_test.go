package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
)

// mount is a folder in which a ConfigMap is mounted, and kept as the kubelet keeps it (its AtomicWriter): the files of one version in a
// folder with a time in its name, "..data" a link to that, and a link to each file through "..data".
type mount struct {
	t   *testing.T
	dir string
	// n counts the versions.
	n int
}

func newMount(t *testing.T, dir string, files map[string]string) *mount {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755)) //nolint:gosec // others read it, as in a pod
	m := &mount{t: t, dir: dir}
	m.swap(files)
	return m
}

// swap puts a version in the place of the last in the order of the kubelet: the new folder, the link "..data" by a rename, the links to
// the files, and at last the old folder goes.
func (m *mount) swap(files map[string]string) {
	m.t.Helper()
	m.n++
	stamped := fmt.Sprintf("..2026_03_02_12_%02d_00.%d", m.n, 1000+m.n)
	old, _ := os.Readlink(m.path("..data"))
	require.NoError(m.t, os.Mkdir(m.path(stamped), 0o755)) //nolint:gosec // others read it, as in a pod
	for name, text := range files {
		require.NoError(m.t, os.WriteFile(m.path(filepath.Join(stamped, name)), []byte(text), 0o644)) //nolint:gosec // so do they this
	}
	require.NoError(m.t, os.Symlink(stamped, m.path("..data_tmp")))
	require.NoError(m.t, os.Rename(m.path("..data_tmp"), m.path("..data")))
	entries, err := os.ReadDir(m.dir)
	require.NoError(m.t, err)
	for name := range files {
		if _, err := os.Lstat(m.path(name)); err != nil {
			require.NoError(m.t, os.Symlink(filepath.Join("..data", name), m.path(name)))
		}
	}
	for _, entry := range entries {
		if _, stays := files[entry.Name()]; !stays && !strings.HasPrefix(entry.Name(), "..") {
			require.NoError(m.t, os.Remove(m.path(entry.Name())))
		}
	}
	if old != "" {
		require.NoError(m.t, os.RemoveAll(m.path(old)))
	}
}

func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

// swapped is a version whose rule mention sends a template of its own, so that rules and template have to change together.
func swapped(word string) map[string]string {
	return map[string]string{
		"rules.yaml": "version: 1\nrules:\n  - { name: mention, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: say-" +
			word + " } ] }\n",
		"rules.test.yaml":               "tests: []\n",
		"say-" + word + "__sms.txt":     word + " {{template \"who\" .}}\n",
		"say-" + word + "__de__sms.txt": "auf Deutsch " + word + "\n",
		"_shared__who.txt":              "{{.event.sender.name}}",
	}
}

// metrics are what a scrape gives.
func (p *process) metrics() string {
	p.t.Helper()
	a, err := p.request(http.MethodGet, p.admin+"/metrics", nil, nil)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, a.Status)
	return a.Body
}

// generation is the hash of the rules and templates in force.
func (p *process) generation() string {
	p.t.Helper()
	_, rest, found := strings.Cut(p.metrics(), `beckon_config_info{hash="`)
	require.True(p.t, found)
	hash, _, _ := strings.Cut(rest, `"`)
	return hash
}

// texts posts a mention and gives the text that arrives.
func (p *process) texts(id string) string {
	p.t.Helper()
	before := len(p.twilio.Messages())
	p.mustPost(sample(p.t, relay.UserMentioned, map[string]any{"data.message.id": id}))
	p.eventually("the message arrives", func() bool { return len(p.twilio.Messages()) > before })
	return p.twilio.Messages()[before].Body
}

// live waits until another generation than the given is in force, and gives it.
func (p *process) live(old string) string {
	p.t.Helper()
	p.eventually("the swap is noticed", func() bool { return p.generation() != old })
	return p.generation()
}

// swaps changes rules and templates of a running relay by ConfigMap three times, then to broken ones and to good ones again.
func (p *process) swaps(m *mount) {
	t := p.t
	const who = " Andrew Joseph"
	hash := p.generation()
	for n, word := range []string{"one", "two", "three"} {
		began := time.Now()
		m.swap(swapped(word))
		hash = p.live(hash)
		t.Logf("swap %d is in force after %s", n+1, time.Since(began).Round(time.Millisecond))
		require.Equal(t, word+who, p.texts(strconv.Itoa(100+n)))
	}
	require.Zero(t, strings.Count(p.log(), "reload refused"), "no swap was read by halves:\n%s", p.log())

	wrong := swapped("four")
	wrong["say-four__de__sms.txt"] = "auf Deutsch {{ .event.sendr.name }}\n"
	m.swap(wrong)
	p.eventually("the fault is told", func() bool { return strings.Contains(p.metrics(), "beckon_config_last_reload_successful 0") })
	require.Contains(t, p.log(), "reload refused")
	require.Contains(t, p.log(), "say-four__de__sms.txt:1:", "by the name that was written")
	require.Equal(t, hash, p.generation())
	require.Equal(t, "three"+who, p.texts("200"), "the last good rules stay in force")
	a, err := p.request(http.MethodGet, p.admin+"/readyz", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.Status, "who cannot reload works on")
	a, err = p.request(http.MethodGet, p.admin+"/console/api/rules", nil, func(r *http.Request) { r.SetBasicAuth("kim", "operator secret") })
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.Status)
	require.Contains(t, a.Body, "say-four__de__sms.txt", "the console says why")

	m.swap(swapped("five"))
	require.NotEqual(t, hash, p.live(hash))
	require.Equal(t, "five"+who, p.texts("300"))
	require.Contains(t, p.metrics(), "beckon_config_last_reload_successful 1")
}

func TestAConfigMapOfRulesAndTemplatesIsSwappedLive(t *testing.T) {
	t.Parallel()
	l := newLab(t, labRules)
	m := newMount(t, l.path("config"), swapped("zero"))
	l.env["BECKON_RULES"], l.env["BECKON_TEMPLATES"] = m.path("rules.yaml"), m.dir
	l.env["BECKON_CONSOLE_USERS"] = "kim:operator secret"
	p := l.serve()
	require.Equal(t, "zero Andrew Joseph", p.texts("1"))
	p.swaps(m)
	p.stop()
}
