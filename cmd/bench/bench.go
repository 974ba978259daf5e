package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-relay/beckon/internal/loadtest"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
)

// options are the flags.
type options struct {
	beckon, dir, templates, docs, benchstat, profile string
	rounds                                           int
	quick, write                                     bool
}

// bench is one run of the command.
type bench struct {
	options

	lab *loadtest.Lab
	pg  *pgtest.Server
	// next numbers the webhooks of the whole run.
	next atomic.Int64
	// measuring is what is just measured, profiles how many there are.
	measuring string
	profiles  int
	// perfs are those that still write their profile.
	perfs sync.WaitGroup
	// log is told what goes on.
	log io.Writer
}

// measurement finds out one thing.
type measurement struct {
	name, about string
	run         func(ctx context.Context, b *bench) (results, error)
}

// measurements are all there are, in the order of the report.
func measurements() []measurement {
	return []measurement{
		{"accept", "webhooks taken in for good, over an Echo that only decodes them", measureAccept},
		{"wanted", "webhooks that no rule wants, over the same", measureWanted},
		{"sqlite", "messages from the webhook to the provider on SQLite, over the bare provider client", measureSQLite},
		{"postgresql", "the same on PostgreSQL", measurePostgreSQL},
		{"latency", "how long a webhook waits for its answer at 200/s, over the time of the disk", measureLatency},
		{"endtoend", "from the webhook to the provider at 200/s", measureEndToEnd},
		{"idle", "processor time and memory with nothing to do, and the start", measureIdle},
		{"rules", "what accepting costs with 1,000 rules, over 10", measureRules},
		{"held", "memory with 100,000 held alerts, and when all fall due at once", measureHeld},
		{"allocations", "allocations of decoding, matching and planning an event", measureAllocations},
		{"replicas", "1, 2 and 4 replicas on one PostgreSQL", measureReplicas},
		{"kept", "how accepting and the console change with 10⁴ to 10⁶ events kept", measureKept},
		{"pending", "what 10² to 10⁶ alerts that wait cost the others", measurePending},
		{"rulescurve", "accepting with 1 to 10⁴ rules", measureRulesCurve},
		{"templates", "mails whose template has 10² to 10⁵ bytes", measureTemplates},
		{"recipients", "events that tell 1 to 10³ people", measureRecipients},
		{"inprocess", "the benchmarks of the packages: decode, match, plan, decide, render, segments, signatures", measureInProcess},
	}
}

func names() []string {
	var all []string
	for _, m := range measurements() {
		all = append(all, m.name)
	}
	return all
}

func listed() string {
	var text strings.Builder
	for _, m := range measurements() {
		_, _ = fmt.Fprintf(&text, "  %-12s %s\n", m.name, m.about)
	}
	return text.String()
}

// chosen are the measurements of these names, all where there are none.
func chosen(args []string) ([]measurement, error) {
	var out []measurement
	for _, m := range measurements() {
		if len(args) == 0 || slices.Contains(args, m.name) {
			out = append(out, m)
		}
	}
	for _, name := range args {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("there is no measurement %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	return out, nil
}

// measure runs the chosen measurements, prints what they found, and writes the page where that is wanted. A measurement that fails does
// not keep the others from running.
func measure(ctx context.Context, o options, args []string, out, log io.Writer) (err error) {
	todo, err := chosen(args)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r := b.begin(ctx)
	for _, m := range todo {
		start := time.Now()
		b.measuring = m.name
		b.say("%s: %s", m.name, m.about)
		found, err := m.run(ctx, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.Failed[m.name] = err.Error()
			b.say("%s FAILED: %v", m.name, err)
			continue
		}
		for i := range found.Goals {
			found.Goals[i].At = start
		}
		r.add(found)
		b.say("%s took %s", m.name, time.Since(start).Round(time.Second))
	}
	b.perfs.Wait()
	return b.finish(ctx, r, args, out)
}

// begin notes where and on what it is measured.
func (b *bench) begin(ctx context.Context) report {
	r := report{
		Began: time.Now(), Rounds: b.rounds, Quick: b.quick, Machine: loadtest.ThisMachine(), Go: runtime.Version(), Failed: map[string]string{},
	}
	r.Before, _ = loadtest.LoadAverage() // a system that does not say it is not busy
	r.SQLite, _ = sqliteVersion(ctx)
	if revision, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		r.Revision = strings.TrimSpace(string(revision))
	}
	if r.Busy() {
		b.say("WARNING: the machine is busy with other work (load average %s on %d cores): times and rates will mean little", r.Before, r.Machine.Cores)
	}
	return r
}

// finish prints and writes the report. A part of the measurements goes onto the report of before.
func (b *bench) finish(ctx context.Context, r report, part []string, out io.Writer) error {
	r.Took = time.Since(r.Began)
	r.After, _ = loadtest.LoadAverage()
	if b.pg != nil {
		r.Postgres, _ = b.pg.Version(ctx)
	}
	if err := r.print(out); err != nil {
		return err
	}
	if b.write {
		written := r
		if earlier, err := readReport(b.docs); len(part) > 0 && err == nil {
			written = r.onto(earlier, part)
		}
		if err := written.write(b.docs); err != nil {
			return err
		}
	}
	if len(r.Failed) > 0 {
		return fmt.Errorf("%d measurements failed: see above", len(r.Failed))
	}
	return nil
}

// sqliteVersion is that of the SQLite that is compiled in.
func sqliteVersion(ctx context.Context) (version string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return version, db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version)
}

func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	lab, err := loadtest.NewLab(o.dir)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, lab: lab, log: log}
	if b.templates, err = filepath.Abs(o.templates); err == nil {
		_, err = os.Stat(b.templates)
	}
	if err == nil {
		err = b.build(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// build builds the binary that is measured, unless one is given.
func (b *bench) build(ctx context.Context) (err error) {
	if b.beckon != "" {
		if b.beckon, err = filepath.Abs(b.beckon); err == nil {
			_, err = os.Stat(b.beckon)
		}
		return err
	}
	b.beckon = filepath.Join(b.lab.Dir, "beckon")
	c := exec.CommandContext(ctx, "go", "build", "-o", b.beckon, "./cmd/beckon") //nolint:gosec // our own path
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build what is measured: %w\n%s", err, said)
	}
	return nil
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

// for1 is a time, or with --quick a short one.
func (b *bench) for1(usual, quick time.Duration) time.Duration {
	if b.quick {
		return quick
	}
	return usual
}

// few is how often it is repeated what takes long.
func (b *bench) few() int { return min(b.rounds, 3) }
