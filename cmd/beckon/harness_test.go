package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"

	"github.com/beckon-relay/beckon/internal/app"
	"github.com/beckon-relay/beckon/internal/channel/vendortest"
	"github.com/beckon-relay/beckon/internal/cometchat"
	"github.com/beckon-relay/beckon/internal/config"
	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
)

// binaries is where the real binary is built, once for all tests: as it is shipped, and with the race detector for those tests that do
// many things at once. It makes an idle relay so busy that few of the others would fit beside each other.
var (
	binaries = filepath.Join(os.TempDir(), fmt.Sprintf("beckon-test-%d", os.Getpid())) //nolint:gochecknoglobals // one for all tests
	binary   = builder("beckon")                                                       //nolint:gochecknoglobals // built once, read by all tests
	watched  = builder("watched", "-race", "-gcflags="+unwatched)                      //nolint:gochecknoglobals // so is this
)

// unwatched keeps the race detector out of SQLite's own code; the Makefile says why.
const unwatched = "modernc.org/sqlite/lib=-race=false"

func builder(name string, flags ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(binaries, name)
		args := slices.Concat([]string{"build"}, flags, []string{"-o", path, "."})
		out, err := exec.Command("go", args...).CombinedOutput() //nolint:gosec,noctx // our own path, for all tests
		if err != nil {
			return "", fmt.Errorf("build: %w: %s", err, out)
		}
		return path, nil
	})
}

// TestMain lets more tests run at once than there are cores: most of them wait for a relay.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code := m.Run()
	browsing.close()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

// lab is a folder with rules and people, two vendors, and settings that point the relay at all of them.
type lab struct {
	t        *testing.T
	dir      string
	twilio   *vendortest.Twilio
	sendgrid *vendortest.SendGrid
	env      map[string]string
	// database is the SQLite file, as this process sees it.
	database string
	// build gives the binary that is run.
	build func() (string, error)
}

const labRules = `version: 1
rules:
  - { name: missed-call, trigger: call_initiated, to: callee, wait: 1500ms, unless: [answered, declined], urgent: true, send: [ { sms: missed-call } ] }
  - { name: mention, trigger: user_mentioned, to: mentioned, unless: [read], urgent: true, send: [ { sms: mention }, { email: mention } ] }
`

func newLab(t *testing.T, rules string, options ...vendortest.Option) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), twilio: vendortest.NewTwilio(t, options...), sendgrid: vendortest.NewSendGrid(t, options...), build: binary}
	l.database = l.path("beckon.db")
	l.write("rules.yaml", rules)
	l.write("people.yaml", `
cometchat-uid-1: { name: Andrew Joseph, phone: "+14155550101", email: andrew@example.net }
cometchat-uid-2: { name: George Alan, phone: "+14155550102", email: george@example.net }
cometchat-uid-5: { name: John Paul, phone: "+14155550105", email: john@example.net }
`)
	templates, err := filepath.Abs("../../templates")
	require.NoError(t, err)
	l.env = map[string]string{
		"BECKON_LISTEN": "127.0.0.1:0", "BECKON_ADMIN_LISTEN": "127.0.0.1:0",
		"BECKON_DATABASE_URL": "sqlite:" + l.database, "BECKON_RULES": l.path("rules.yaml"),
		"BECKON_TEMPLATES": templates, "BECKON_DIRECTORY": "file:" + l.path("people.yaml"),
		"BECKON_WEBHOOK_USERS": "cometchat:secret", "BECKON_UNKNOWN_WAIT": "2s", "BECKON_SMS_RATE": "100000", "BECKON_EMAIL_RATE": "100000",
		"BECKON_PUBLIC_URL": "https://relay.example.com", "BECKON_SECRET_KEY": "0123456789abcdef0123456789abcdef",
		"TWILIO_ACCOUNT_SID": vendortest.TwilioAccountSID, "TWILIO_AUTH_TOKEN": vendortest.TwilioAuthToken,
		"TWILIO_FROM": vendortest.TwilioFrom, "BECKON_TWILIO_BASE_URL": l.twilio.URL,
		"SENDGRID_API_KEY": vendortest.SendGridAPIKey, "SENDGRID_FROM": vendortest.SendGridFrom,
		"BECKON_SENDGRID_BASE_URL": l.sendgrid.URL,
	}
	return l
}

// newWatchedLab is newLab with the race detector in the binary.
func newWatchedLab(t *testing.T, rules string) *lab {
	t.Helper()
	l := newLab(t, rules)
	l.build = watched
	return l
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) write(name, content string) {
	l.t.Helper()
	folder, err := os.OpenRoot(l.dir)
	require.NoError(l.t, err)
	defer folder.Close() //nolint:errcheck // of a test
	require.NoError(l.t, folder.WriteFile(name, []byte(content), 0o600))
}

// command makes a run of the binary with the lab's settings and nothing else from the environment.
func (l *lab) command(args ...string) *exec.Cmd {
	l.t.Helper()
	path, err := l.build()
	require.NoError(l.t, err)
	c := exec.CommandContext(l.t.Context(), path, args...) //nolint:gosec // our own binary
	c.Dir = l.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + os.TempDir()} //nolint:forbidigo // of the test
	for k, v := range l.env {
		c.Env = append(c.Env, k+"="+v)
	}
	return c
}

// process is a running `beckon serve`.
type process struct {
	*lab

	cmd           *exec.Cmd
	exited        chan struct{}
	public, admin string

	mu   sync.Mutex
	logs bytes.Buffer
	// deaf throws further lines away, for a process that says much for long.
	deaf bool
}

// Write collects the log.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deaf {
		return len(b), nil
	}
	return p.logs.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs.String()
}

// serve starts the relay and waits until it serves.
func (l *lab) serve() *process {
	l.t.Helper()
	return l.started(l.command("serve"))
}

// started runs a command that serves, and waits until it does.
func (l *lab) started(command *exec.Cmd) *process {
	l.t.Helper()
	p := &process{lab: l, exited: make(chan struct{}), cmd: command}
	p.cmd.Stderr = p
	require.NoError(l.t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	l.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.exited })
	l.eventually("beckon serves", func() bool {
		select {
		case <-p.exited:
			require.Fail(l.t, "the relay ended", p.log())
		default:
		}
		for line := range strings.Lines(p.log()) {
			var entry struct{ Msg, Public, Admin string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "beckon serves" {
				p.public, p.admin = "http://"+entry.Public, "http://"+entry.Admin
				return true
			}
		}
		return false
	})
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.exited
}

// stop is SIGTERM, and waits for the end.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	<-p.exited
	require.True(p.t, p.cmd.ProcessState.Success(), "exit: %s\n%s", p.cmd.ProcessState, p.log())
}

// eventually polls, because another process is waited for; two minutes are for a machine that is busy.
func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	require.Eventually(l.t, ok, 2*time.Minute, 20*time.Millisecond, what)
}

type answer struct {
	Status    int
	ID        string `json:"id"`
	Duplicate bool   `json:"duplicate"`
	Alerts    int    `json:"alerts"`
	Error     struct{ Code, Message string }
	Header    http.Header
	// Body is all of it.
	Body string `json:"-"`
}

// post posts a webhook; an error is a connection that broke.
func (p *process) post(body []byte) (answer, error) {
	return p.request(http.MethodPost, p.public+"/webhooks/cometchat", bytes.NewReader(body), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth("cometchat", "secret")
	})
}

func (p *process) request(method, url string, body io.Reader, change func(*http.Request)) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}, err
	}
	if change != nil {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // of a test
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: response.StatusCode, Header: response.Header, Body: string(raw)}
	_ = json.Unmarshal(raw, &a)
	return a, nil
}

// mustPost posts a webhook that must be kept.
func (p *process) mustPost(body []byte) answer {
	p.t.Helper()
	a, err := p.post(body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, a.Status, "%+v", a)
	return a
}

// sample is a built-in sample with some fields replaced.
func sample(t *testing.T, trigger relay.Trigger, set map[string]any) []byte {
	t.Helper()
	body, ok := cometchat.Sample(trigger)
	require.True(t, ok)
	var err error
	for path, value := range set {
		body, err = sjson.SetBytes(body, path, value)
		require.NoError(t, err)
	}
	return body
}

// kept opens the database for reading, beside the relay.
func (l *lab) kept() store.Store {
	l.t.Helper()
	database := config.Config{DatabaseFile: l.database}
	if url := l.env["BECKON_DATABASE_URL"]; strings.HasPrefix(url, "postgres") {
		database = config.Config{DatabaseURL: config.Secret(url)}
	}
	s, err := app.OpenReadOnly(l.t.Context(), database)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = s.Close() })
	return s
}

// alert waits until the only alert of an event has ended.
func (l *lab) alert(s store.Store, eventID string) relay.Alert {
	l.t.Helper()
	var ended relay.Alert
	l.eventually("the alert ends", func() bool {
		alerts, err := s.Alerts(l.t.Context(), store.Filter{EventID: eventID})
		require.NoError(l.t, err)
		require.Len(l.t, alerts, 1)
		ended = alerts[0]
		return ended.State.Done()
	})
	return ended
}
