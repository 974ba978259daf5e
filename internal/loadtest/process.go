package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Lab is a folder of its own and the processes in it. Both are gone when it is closed, or when the process that made it ends, however
// that ends.
type Lab struct {
	// Dir is where databases and files of the runs stand.
	Dir   string
	watch *exec.Cmd
	in    io.Closer
}

// NewLab makes one below the folder, which decides on whose disk the databases are; empty is that of temporary files.
func NewLab(below string) (*Lab, error) {
	dir, err := os.MkdirTemp(below, "beckon-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for measurements: %w", err)
	}
	l := &Lab{Dir: dir}
	if err := errors.Join(os.Mkdir(l.path("running"), 0o700), l.watchOver()); err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder for measurements: %w", err), os.RemoveAll(dir))
	}
	return l, nil
}

func (l *Lab) path(name ...string) string { return filepath.Join(append([]string{l.Dir}, name...)...) }

// watchOver starts a shell that ends what runs and removes the folder once we are gone: then its input ends.
func (l *Lab) watchOver() error {
	//nolint:gosec,noctx // paths of ours; it outlives every context
	l.watch = exec.Command("/bin/sh", "-c", `read -r _; cd "$1/running" && for p in *; do [ "$p" = '*' ] || kill -9 "$p"; done; cd /; rm -rf "$1"`, "sh", l.Dir)
	l.watch.Dir = "/"
	// A group of its own: a Ctrl-C is not for it.
	l.watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := l.watch.StdinPipe()
	if err != nil {
		return err
	}
	l.in = in
	return l.watch.Start()
}

// Close ends what still runs and removes the folder.
func (l *Lab) Close() error { return errors.Join(l.in.Close(), l.watch.Wait()) }

// Folder makes a new folder in the lab.
func (l *Lab) Folder() (string, error) { return os.MkdirTemp(l.Dir, "run-") }

// Process is one that is measured.
type Process struct {
	lab    *Lab
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// Start starts a program with these settings and nothing else of the environment but where programs and temporary files are. What it
// says goes to a file, and is in the error of a process that ended when it should not have.
func (l *Lab) Start(path string, args []string, env map[string]string) (*Process, error) {
	dir, err := l.Folder()
	if err != nil {
		return nil, err
	}
	p := &Process{lab: l, log: filepath.Join(dir, "log"), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()                   //nolint:errcheck // the process has its own
	p.cmd = exec.Command(path, args...) //nolint:gosec,noctx // what is to be measured; it is ended by Stop or by the lab
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Env = environment(dir)
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.mark(), nil, 0o600); err != nil {
		return nil, errors.Join(err, p.cmd.Process.Kill(), p.cmd.Wait())
	}
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	return p, nil
}

func (p *Process) mark() string { return p.lab.path("running", strconv.Itoa(p.cmd.Process.Pid)) }

// PID is its number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is what it said so far.
func (p *Process) Log() []byte {
	text, _ := os.ReadFile(p.log) // one that cannot be read says nothing
	return text
}

// stopTime is how long a process has to end by itself.
const stopTime = 40 * time.Second

// Stop ends it by SIGTERM, and by SIGKILL where that takes too long.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Kill ends it by SIGKILL.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

func (p *Process) end(signal os.Signal) error {
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return os.Remove(p.mark())
}

// startTime is how long a process may take until it serves: migrations are part of it.
const startTime = 2 * time.Minute

// poll asks often until ok is true, as long as the process runs.
func (p *Process) poll(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for !ok() {
		select {
		case <-p.exited:
			return fmt.Errorf("%s: it ended:\n%s", what, tail(p.Log()))
		case <-ctx.Done():
			return fmt.Errorf("%s: %w\n%s", what, ctx.Err(), tail(p.Log()))
		default:
			pause(ctx, time.Now().Add(time.Millisecond))
		}
	}
	return nil
}

// tail is the end of a log.
func tail(log []byte) []byte {
	const most = 4 << 10
	return log[max(0, len(log)-most):]
}

// Relay is a running `beckon serve`.
type Relay struct {
	*Process

	// Public and Admin are host:port.
	Public, Admin string
	// Ready is how long it took from its start to the first /readyz that was answered 200.
	Ready time.Duration
}

// Serve starts the relay and waits until it is ready.
func (l *Lab) Serve(ctx context.Context, binary string, env map[string]string) (*Relay, error) {
	start := time.Now()
	p, err := l.Start(binary, []string{"serve"}, env)
	if err != nil {
		return nil, fmt.Errorf("start the relay: %w", err)
	}
	r := &Relay{Process: p}
	err = p.poll(ctx, "wait for the relay", func() bool {
		for line := range bytes.Lines(p.Log()) {
			var entry struct{ Msg, Public, Admin string }
			if json.Unmarshal(line, &entry) == nil && entry.Msg == "beckon serves" {
				r.Public, r.Admin = entry.Public, entry.Admin
				return true
			}
		}
		return false
	})
	if err == nil {
		err = p.poll(ctx, "wait until the relay is ready", func() bool { return answers(ctx, "http://"+r.Admin+"/readyz") })
	}
	if err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	r.Ready = time.Since(start)
	return r, nil
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close() // only the status counts
	return response.StatusCode == http.StatusOK
}

// Listens is what a process of ours says when it can be connected to, before its host:port.
const Listens = "listens on "

// ServeOwn starts a process of ours that says Listens, and gives its host:port.
func (l *Lab) ServeOwn(ctx context.Context, args ...string) (*Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	p, err := l.Start(self, args, nil)
	if err != nil {
		return nil, "", fmt.Errorf("start %s: %w", args[0], err)
	}
	address := ""
	err = p.poll(ctx, "wait for "+args[0], func() bool {
		for line := range strings.Lines(string(p.Log())) {
			if rest, ok := strings.CutPrefix(line, Listens); ok && strings.HasSuffix(rest, "\n") {
				address = strings.TrimSpace(rest)
			}
		}
		return address != ""
	})
	if err != nil {
		return nil, "", errors.Join(err, p.Kill())
	}
	return p, address, nil
}

// Run runs a part of ours to its end in a process of its own, and gives what it printed.
func (l *Lab) Run(ctx context.Context, args ...string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	c := exec.CommandContext(ctx, self, args...) //nolint:gosec // ourselves
	c.Stderr, c.Env = &said, environment(l.Dir)
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", args[0], err, tail(said.Bytes()))
	}
	return out, nil
}

// environment is what a process needs of it.
func environment(dir string) []string {
	return []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=/usr/local/bin:/usr/bin:/bin"}
}
