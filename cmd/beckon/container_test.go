//go:build container

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

const (
	// imageVariable names the image that is run.
	imageVariable = "BECKON_IMAGE"
	// nobody is the user and group of the image.
	nobody = 65532
	// mostBytes is what an image may take.
	mostBytes = 60_000_000
	// stopGrace is that of a pod, in seconds.
	stopGrace = "60"

	containerRounds = 5
	// containerBurst is how many webhooks are posted in a round, at most.
	containerBurst = 600
)

const containerRules = `version: 1
defaults: { sender_limit: off }
rules:
  - { name: at-once, trigger: user_mentioned, to: mentioned, urgent: true, send: [ { sms: mention } ] }
  - { name: later, trigger: message_sent, to: receiver, wait: 2s, urgent: true, send: [ { sms: unread-message } ] }
`

// podman makes a call of it that works without systemd and in either version of cgroups, where runc is installed.
func podman(ctx context.Context, args ...string) *exec.Cmd {
	flags := []string{"--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file"}
	return exec.CommandContext(ctx, "podman", append(flags, args...)...) //nolint:gosec // our own arguments
}

func mustPodman(t *testing.T, args ...string) string {
	t.Helper()
	c := podman(context.WithoutCancel(t.Context()), args...)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	require.NoError(t, err, "podman %s: %s%s", strings.Join(args, " "), out, said.String())
	return strings.TrimSpace(string(out))
}

// cage is a lab whose relay runs in a container as in a pod of the "restricted" kind: nothing can be written but the volume of data, all
// capabilities are gone, the rules are a mounted ConfigMap and the secrets files of a mounted Secret.
type cage struct {
	*lab

	name  string
	rules *mount
}

func newCage(t *testing.T, rules map[string]string) *cage {
	t.Helper()
	require.Zero(t, os.Geteuid(), "mounts are given to the user of the image, which takes root")
	c := &cage{lab: newLab(t, labRules), name: fmt.Sprintf("beckon-%d-%s", os.Getpid(), strings.ToLower(t.Name()))}
	c.rules = newMount(t, c.path("config"), rules)
	secrets := newMount(t, c.path("secrets"), map[string]string{
		"webhook-users": "cometchat:secret\n", "console-users": "kim:operator secret\n", "secret-key": "0123456789abcdef0123456789abcdef\n",
		"twilio-auth-token": vendortest.TwilioAuthToken + "\n", "sendgrid-api-key": vendortest.SendGridAPIKey,
	})
	people := newMount(t, c.path("people"), map[string]string{"recipients.yaml": c.read("people.yaml")})
	secrets.private()
	people.private()
	require.NoError(t, os.Mkdir(c.path("data"), 0o700))
	require.NoError(t, os.Chown(c.path("data"), nobody, nobody))
	c.database = c.path("data/beckon.db")
	for name, file := range map[string]string{ //nolint:gosec // names of files
		"BECKON_WEBHOOK_USERS": "webhook-users", "BECKON_CONSOLE_USERS": "console-users", "BECKON_SECRET_KEY": "secret-key",
		"TWILIO_AUTH_TOKEN": "twilio-auth-token", "SENDGRID_API_KEY": "sendgrid-api-key",
	} {
		delete(c.env, name)
		c.env[name+"_FILE"] = "/etc/beckon/secrets/" + file
	}
	delete(c.env, "BECKON_DATABASE_URL") // the image has it
	c.env["BECKON_RULES"], c.env["BECKON_TEMPLATES"] = "/etc/beckon/rules/rules.yaml", "/etc/beckon/rules"
	c.env["BECKON_DIRECTORY"] = "file:/etc/beckon/recipients/recipients.yaml"
	t.Cleanup(func() { mustPodman(t, "rm", "--force", "--ignore", "--time", "0", "--volumes", c.name) })
	return c
}

func (c *cage) read(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(c.path(name))
	require.NoError(c.t, err)
	return string(text)
}

// private lets only root and the group of the image read what is mounted, as a Secret with defaultMode 0440 is under fsGroup.
func (m *mount) private() {
	m.t.Helper()
	entries, err := os.ReadDir(m.path("..data"))
	require.NoError(m.t, err)
	for _, entry := range entries {
		file := m.path(filepath.Join("..data", entry.Name()))
		require.NoError(m.t, errors.Join(os.Chown(file, 0, nobody), os.Chmod(file, 0o440))) //nolint:gosec // as in a pod
	}
}

// run starts the relay in a new container.
func (c *cage) run() *process {
	c.t.Helper()
	image := os.Getenv(imageVariable) //nolint:forbidigo // of the test
	require.NotEmpty(c.t, image, "%s names no image; make container-check does", imageVariable)
	args := []string{
		"run", "--name", c.name, "--network", "host", "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096",
		"--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user", fmt.Sprintf("%d:%d", nobody, nobody),
		"--volume", c.path("data") + ":/data", "--volume", c.rules.dir + ":/etc/beckon/rules:ro",
		"--volume", c.path("secrets") + ":/etc/beckon/secrets:ro", "--volume", c.path("people") + ":/etc/beckon/recipients:ro",
	}
	for name, value := range c.env {
		args = append(args, "--env", name+"="+value)
	}
	return c.started(podman(context.WithoutCancel(c.t.Context()), append(args, image)...))
}

// again starts the container that was stopped.
func (c *cage) again() *process {
	c.t.Helper()
	return c.started(podman(context.WithoutCancel(c.t.Context()), "start", "--attach", "--sig-proxy=false", c.name))
}

// stop is what the kubelet does: SIGTERM, and SIGKILL after the grace period. It must end by itself.
func (c *cage) stop(p *process) time.Duration {
	c.t.Helper()
	began := time.Now()
	mustPodman(c.t, "stop", "--time", stopGrace, c.name)
	took := time.Since(began)
	<-p.exited
	require.Equal(c.t, "exited 0", mustPodman(c.t, "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", c.name), p.log())
	return took
}

// shipped are the flat files of the shipped templates, with rules.
func shipped(t *testing.T, rules string) map[string]string {
	t.Helper()
	l := newLab(t, rules)
	_, said, code := l.run("configmap", "--out", "flat")
	require.Equal(t, exitFine, code, said)
	entries, err := os.ReadDir(l.path("flat"))
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(l.path(filepath.Join("flat", entry.Name())))
		require.NoError(t, err)
		files[entry.Name()] = string(text)
	}
	return files
}

func TestTheImageRunsLockedUp(t *testing.T) {
	t.Parallel()
	c := newCage(t, swapped("zero"))
	p := c.run()
	require.Equal(t, "zero Andrew Joseph", p.texts("1"), "a webhook becomes a text")
	mustPodman(t, "exec", "--env", "BECKON_ADMIN_LISTEN="+strings.TrimPrefix(p.admin, "http://"), c.name, "/beckon", "healthcheck")

	type facts struct {
		State         struct{ Pid int }
		EffectiveCaps []string
		BoundingCaps  []string
		Config        struct{ User string }
		HostConfig    struct{ ReadonlyRootfs bool }
	}
	var seen []facts
	require.NoError(t, json.Unmarshal([]byte(mustPodman(t, "inspect", c.name)), &seen))
	require.Len(t, seen, 1)
	require.Empty(t, seen[0].EffectiveCaps)
	require.Empty(t, seen[0].BoundingCaps)
	require.True(t, seen[0].HostConfig.ReadonlyRootfs)
	require.Equal(t, fmt.Sprintf("%d:%d", nobody, nobody), seen[0].Config.User)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", seen[0].State.Pid))
	require.NoError(t, err)
	for _, want := range []string{
		"\nUid:\t65532\t65532\t65532\t65532\n", "\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n", "\nNoNewPrivs:\t1\n",
	} {
		require.Contains(t, string(status), want, "what the kernel says of the process")
	}
	said, err := podman(t.Context(), "exec", c.name, "/beckon", "backup", "/copy.db").CombinedOutput()
	require.Error(t, err, "nothing can be written outside of /data")
	require.Regexp(t, "read-only file system|permission denied", string(said))
	mustPodman(t, "exec", c.name, "/beckon", "backup", "/data/copy.db")
	c.stop(p)
}

func TestTheImageIsSmallAndSaysWhatItIs(t *testing.T) {
	t.Parallel()
	image := os.Getenv(imageVariable) //nolint:forbidigo // of the test
	type facts struct {
		Size   int64
		Config struct {
			User, WorkingDir string
			Labels           map[string]string
			Entrypoint       []string
			Healthcheck      struct{ Test []string }
		}
		Healthcheck struct{ Test []string }
	}
	var seen []facts
	require.NoError(t, json.Unmarshal([]byte(mustPodman(t, "image", "inspect", image)), &seen))
	require.Less(t, seen[0].Size, int64(mostBytes))
	require.Equal(t, fmt.Sprintf("%d:%d", nobody, nobody), seen[0].Config.User)
	require.Contains(t, append(seen[0].Healthcheck.Test, seen[0].Config.Healthcheck.Test...), "healthcheck")
	for _, label := range []string{"title", "description", "source", "licenses", "version", "revision", "created"} {
		require.NotEmpty(t, seen[0].Config.Labels["org.opencontainers.image."+label], label)
	}
	_, err := time.Parse(time.RFC3339, seen[0].Config.Labels["org.opencontainers.image.created"])
	require.NoError(t, err)
	t.Logf("%d bytes, %v", seen[0].Size, seen[0].Config.Labels)

	name := fmt.Sprintf("beckon-%d-files", os.Getpid())
	t.Cleanup(func() { mustPodman(t, "rm", "--force", "--ignore", name) })
	mustPodman(t, "create", "--name", name, image)
	var sbom struct {
		BomFormat  string
		Metadata   struct{ Component struct{ Version string } }
		Components []struct{ Name, Version string }
	}
	out := filepath.Join(t.TempDir(), "sbom.json")
	mustPodman(t, "cp", name+":/sbom.cdx.json", out)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &sbom))
	require.Equal(t, "CycloneDX", sbom.BomFormat)
	require.Equal(t, seen[0].Config.Labels["org.opencontainers.image.version"], sbom.Metadata.Component.Version)
	names := map[string]string{}
	for _, component := range sbom.Components {
		names[component.Name] = component.Version
	}
	require.NotEmpty(t, names["std"], "the version of Go")
	require.NotEmpty(t, names["modernc.org/sqlite"])
	require.NotContains(t, names, "github.com/stretchr/testify", "what only tests need is not in the binary")
}

func TestAConfigMapIsSwappedLiveInTheContainer(t *testing.T) {
	t.Parallel()
	c := newCage(t, swapped("zero"))
	p := c.run()
	require.Equal(t, "zero Andrew Joseph", p.texts("1"))
	p.swaps(c.rules)
	require.Equal(t, "running 0", mustPodman(t, "inspect", "--format", "{{.State.Status}} {{.RestartCount}}", c.name))
	c.stop(p)
}

// load posts webhooks from several clients until it is stopped or all are posted.
type load struct {
	mu sync.Mutex
	// accepted are the IDs of what was answered 200; refused counts the other answers, broken the connections without any.
	accepted        []string
	refused, broken int
	group           sync.WaitGroup
	cancel          context.CancelFunc
}

func (c *cage) load(p *process, round int) *load {
	ctx, cancel := context.WithCancel(c.t.Context())
	work := &load{cancel: cancel}
	next := make(chan int)
	go func() {
		defer close(next)
		for n := range containerBurst {
			select {
			case next <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range 8 {
		work.group.Go(func() {
			for n := range next {
				a, err := p.post(c.burstEvent(round, n))
				work.saw(a, err)
			}
		})
	}
	return work
}

func (w *load) saw(a answer, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.broken++
	case a.Status == http.StatusOK:
		w.accepted = append(w.accepted, a.ID)
	default:
		w.refused++
	}
}

func (w *load) taken() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.accepted)
}

// SIGTERM in the middle of a burst, several times: what was answered 200 arrives, all of it and each once, and no attempt is left without
// an outcome.
func TestTermUnderLoadLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	c := newCage(t, shipped(t, containerRules))
	c.twilio.Policy(func(int, *http.Request) vendortest.Answer { return vendortest.Answer{Delay: 40 * time.Millisecond} })
	var accepted []string
	refused, broken := 0, 0
	p := c.run()
	for round := range containerRounds {
		if round > 0 {
			p = c.again()
		}
		before := c.twilio.Requests()
		work := c.load(p, round)
		c.eventually("some of the burst is accepted and some of it sent", func() bool {
			return work.taken() > containerBurst/4 && c.twilio.Requests() > before+10
		})
		took := c.stop(p)
		work.cancel()
		work.group.Wait()
		accepted = append(accepted, work.accepted...)
		refused, broken = refused+work.refused, broken+work.broken
		t.Logf("round %d: %d accepted, %d refused, %d connections refused or broken; stopped in %s", round+1, len(work.accepted), work.refused,
			work.broken, took.Round(10*time.Millisecond))
	}
	p = c.again()
	s := c.kept()
	c.eventually("every alert ends", func() bool {
		stats, err := s.Stats(t.Context())
		require.NoError(t, err)
		return stats.Alerts[relay.AlertHeld]+stats.Alerts[relay.AlertDue] == 0
	})
	c.stop(p)
	c.count(s, accepted)
	require.Positive(t, broken, "no stop came in the middle of a burst: the test proves less than it says")
	t.Logf("%d accepted in %d rounds, %d refused, %d not connected; %d messages at the vendor, each once", len(accepted), containerRounds, refused,
		broken, len(c.twilio.Messages()))
}

// count holds what was accepted against what the vendor got.
func (c *cage) count(s store.Store, accepted []string) {
	t := c.t
	got := map[string]int{}
	for _, sms := range c.twilio.Messages() {
		got[sms.DeliveryID]++
	}
	require.Len(t, c.twilio.Messages(), len(got), "a message came twice")
	require.Len(t, got, len(accepted), "accepted are %d", len(accepted))
	for _, id := range accepted {
		alerts, err := s.Alerts(t.Context(), store.Filter{EventID: id})
		require.NoError(t, err)
		require.Len(t, alerts, 1, "event %s", id)
		require.Equal(t, relay.AlertSent, alerts[0].State)
		deliveries, err := s.Deliveries(t.Context(), store.Filter{EventID: id})
		require.NoError(t, err)
		require.Len(t, deliveries, 1, "event %s", id)
		require.Equal(t, 1, got[deliveries[0].ID], "delivery %s", deliveries[0].ID)
		attempts, err := s.Attempts(t.Context(), deliveries[0].ID)
		require.NoError(t, err)
		require.Len(t, attempts, 1, "delivery %s", deliveries[0].ID)
		require.Zero(t, unanswered(attempts), "an attempt was cut off")
	}
}
