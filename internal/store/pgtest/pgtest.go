// Package pgtest is for tests: it runs a throwaway PostgreSQL from the binaries that are installed.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// errMissing says what to do without PostgreSQL: a test that was skipped would look like one that passed.
var errMissing = errors.New("no PostgreSQL is installed: neither PATH nor /usr/lib/postgresql has initdb; " +
	"on Debian or Ubuntu: .ci/need postgres, or sudo apt-get install postgresql")

const (
	superuser   = "beckon"
	stepTimeout = time.Minute
)

// Options of a server. The zero value is right for most tests.
type Options struct {
	// Sync lets the server sync to disk, as one that must lose nothing does: for measurements.
	Sync bool
}

// Server is a PostgreSQL of its own, on a socket in a folder of its own. It ends, and its folder goes, with the process that
// started it, however that ends.
type Server struct {
	bin, dir, data string
	as             *syscall.Credential // nil: as we are
	watch          io.Closer
	databases      atomic.Int64
	template       string
}

// Start makes a server and starts it. One does for all tests of a process.
func Start(ctx context.Context, o Options) (s *Server, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("start a PostgreSQL for tests: %w", err)
		}
	}()
	s = &Server{}
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	// The path of a socket has room for some 100 bytes, so not in the folder of a test.
	if s.dir, err = os.MkdirTemp("", "beckon-pg-"); err != nil {
		return nil, err
	}
	s.data = filepath.Join(s.dir, "data")
	if s.as != nil {
		if err = os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	if err = s.watchOver(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err = s.create(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// binaries finds the newest installation.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errMissing
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // one without a number is the oldest
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// unprivileged is whom root runs the server as, since it refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is needed
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("root cannot run it, and there is no user postgres or nobody")
}

// watchOver starts a shell that ends the server and removes its folder once we are gone: then its input ends, whatever has
// become of us.
func (s *Server) watchOver() error {
	//nolint:gosec,noctx // paths of ours; it outlives every context
	shell := exec.Command("/bin/sh", "-c", `read -r _; "$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1; rm -rf "$2"`,
		"sh", s.bin, s.dir)
	shell.Dir = "/"
	// A group of its own: a Ctrl-C is not for it.
	shell.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	in, err := shell.StdinPipe()
	if err != nil {
		return err
	}
	if err = shell.Start(); err != nil {
		return err
	}
	s.watch = closer(func() error { return errors.Join(in.Close(), shell.Wait()) })
	return nil
}

type closer func() error

// Close implements io.Closer.
func (c closer) Close() error { return c() }

func (s *Server) create(ctx context.Context, o Options) error {
	err := s.run(ctx, "initdb", "-D", s.data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return err
	}
	settings := []string{
		"listen_addresses = ''", fmt.Sprintf("unix_socket_directories = '%s'", s.dir), "max_connections = 200",
		"shared_buffers = '64MB'", "log_min_messages = fatal",
	}
	if !o.Sync {
		settings = append(settings, "fsync = off", "synchronous_commit = off", "full_page_writes = off")
	}
	file, err := os.OpenFile(filepath.Join(s.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("\n" + strings.Join(settings, "\n") + "\n")
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return s.Resume(ctx)
}

// run runs a command of PostgreSQL. What it says goes to a file: a server it leaves behind would keep a pipe open.
func (s *Server) run(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	said, err := os.CreateTemp(s.dir, name)
	if err != nil {
		return err
	}
	defer said.Close()                                                 //nolint:errcheck // read below
	c := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...) //nolint:gosec // a path of ours
	c.Dir, c.Stdout, c.Stderr = "/", said, said
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	if err = c.Run(); err != nil {
		text, _ := os.ReadFile(said.Name()) // it only explains
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

// Pause stops the server at once, as a crash would; Resume starts it again.
func (s *Server) Pause(ctx context.Context) error {
	return s.run(ctx, "pg_ctl", "-D", s.data, "-m", "immediate", "-w", "stop")
}

// Resume starts the server and returns when it can be connected to.
func (s *Server) Resume(ctx context.Context) error {
	return s.run(ctx, "pg_ctl", "-D", s.data, "-l", filepath.Join(s.dir, "log"), "-w", "start")
}

// Close ends the server and removes its folder. The end of the process does the same.
func (s *Server) Close() error { return s.watch.Close() }

// URL is that of a database.
func (s *Server) URL(database string) string {
	return (&url.URL{
		Scheme: "postgres", Path: "/" + database, RawQuery: url.Values{"host": {s.dir}, "user": {superuser}}.Encode(),
	}).String()
}

// Template makes a database that those made later are copies of. prepare is given its URL, and must have left it when it returns.
func (s *Server) Template(ctx context.Context, prepare func(url string) error) error {
	name, err := s.Database(ctx)
	if err != nil {
		return err
	}
	if err = prepare(s.URL(name)); err != nil {
		return fmt.Errorf("prepare a database: %w", err)
	}
	s.template = name
	return nil
}

// Database makes a database and gives its name.
func (s *Server) Database(ctx context.Context) (name string, err error) {
	name = fmt.Sprintf("test%d", s.databases.Add(1))
	statement := "CREATE DATABASE " + name
	if s.template != "" {
		statement += " TEMPLATE " + s.template
	}
	return name, s.do(ctx, statement)
}

// Drop removes a database, and ends who is connected to it.
func (s *Server) Drop(ctx context.Context, name string) error {
	return s.do(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
}

func (s *Server) do(ctx context.Context, statement string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// Version is the server's, such as "15.12".
func (s *Server) Version(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	return version, conn.QueryRow(ctx, "SHOW server_version").Scan(&version)
}
