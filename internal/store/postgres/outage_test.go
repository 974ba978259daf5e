package postgres

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/pgtest"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

// worker tells which alerts it was woken up for, and works each until end is closed.
type worker struct {
	river.WorkerDefaults[store.DueArgs]
	began chan string
	end   chan struct{}
}

func newWorker() *worker {
	return &worker{began: make(chan string, 1000), end: make(chan struct{})}
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[store.DueArgs]) error {
	w.began <- job.Args.AlertID
	select {
	case <-w.end:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (w *worker) config() *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	return &river.Config{Workers: workers, Queues: map[string]river.QueueConfig{store.QueueDue: {MaxWorkers: 20}}}
}

// acceptDue keeps an alert that is due so long from now.
func acceptDue(ctx context.Context, s *Store, id string, in time.Duration) (relay.Alert, error) {
	e := storetest.NewEvent(id)
	e.ReceivedAt = time.Now()
	a := storetest.NewAlert(e, "mention", "lee")
	a.DueAt = e.ReceivedAt.Add(in)
	_, err := s.Accept(ctx, relay.Plan{Event: e, Alerts: []relay.Alert{a}})
	return a, err
}

func TestADatabaseThatWasGoneIsWorkedOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start(t.Context(), pgtest.Options{Sync: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	name, err := server.Database(t.Context())
	require.NoError(t, err)
	s := open(t, Options{URL: server.URL(name)})
	w := newWorker()
	close(w.end)
	require.NoError(t, s.Start(t.Context(), w.config()))
	now, err := acceptDue(t.Context(), s, "now", 0)
	require.NoError(t, err)
	require.Equal(t, now.ID, <-w.began)
	meanwhile, err := acceptDue(t.Context(), s, "meanwhile", 8*time.Second)
	require.NoError(t, err)

	require.NoError(t, server.Pause(t.Context()))
	var refused relay.Alert
	for range 60 { // half a minute
		begun := time.Now()
		refused, err = acceptDue(t.Context(), s, "refused", 0)
		require.Error(t, err)
		require.Error(t, s.Ping(t.Context()))
		require.Less(t, time.Since(begun), 5*time.Second, "it is told at once")
		_, err = s.Decide(t.Context(), now.ID, relay.Query{}, now.DueAt, nil)
		require.Error(t, err)
		_, err = s.Stats(t.Context())
		require.Error(t, err)
		<-time.After(500 * time.Millisecond)
	}
	require.NoError(t, server.Resume(t.Context()))

	back := time.Now()
	require.Eventually(t, func() bool { return keepEvent(t.Context(), s, "kept") == nil }, 10*time.Second, 50*time.Millisecond)
	t.Logf("writes after %s", time.Since(back))
	// What was sent to commit as the server went may be kept all the same: it was not answered 200, and is there once when it comes again.
	next := func() string {
		id := <-w.began
		if id == refused.ID {
			id = <-w.began
		}
		return id
	}
	require.Equal(t, meanwhile.ID, next())
	t.Logf("what fell due after %s", time.Since(back))
	later, err := acceptDue(t.Context(), s, "later", store.NearFuture+time.Second) // which needs River's leader
	require.NoError(t, err)
	require.Equal(t, later.ID, next())
	require.Less(t, time.Since(back), time.Minute)
}

func TestAWriteThatHangsEndsWithAnErrorAndKeepsNothing(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	require.NoError(t, keepEvent(t.Context(), s, "e1"))
	tx, err := s.river.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	begun := time.Now()
	require.Error(t, keepEvent(t.Context(), s, "e2"))
	require.Less(t, time.Since(begun), 2*writeTimeout)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, keepEvent(t.Context(), s, "e3"))
	require.Equal(t, 2, count(t, s, "SELECT count(*) FROM events"))
}

// killed is the URL of a database that this process is to work on until it is killed: see below.
var killed = flag.String("work-until-killed", "", "")

// TestAReplicaForAnotherTestToKill is that replica.
func TestAReplicaForAnotherTestToKill(t *testing.T) {
	t.Parallel()
	if *killed == "" {
		return
	}
	s := open(t, Options{URL: *killed})
	w := newWorker()
	require.NoError(t, s.Start(t.Context(), w.config()))
	for id := range w.began {
		_, _ = fmt.Fprintln(os.Stdout, "began", id)
	}
}

func TestWhatAKilledReplicaWorkedOnIsTakenOverWithinAMinute(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	const n = 10
	want := map[string]bool{}
	for i := range n {
		a, err := acceptDue(t.Context(), s, fmt.Sprintf("e%d", i), 0)
		require.NoError(t, err)
		want[a.ID] = true
	}
	victim := exec.CommandContext(t.Context(), os.Args[0], //nolint:gosec // ourselves
		"-test.run=^TestAReplicaForAnotherTestToKill$", "-work-until-killed="+s.options.URL)
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	lines := bufio.NewScanner(out)
	for begun := 0; begun < n; {
		require.True(t, lines.Scan())
		if strings.HasPrefix(lines.Text(), "began ") {
			begun++
		}
	}
	require.Eventually(t, func() bool { return count(t, s, "SELECT count(*) FROM river_leader") == 1 }, 20*time.Second, 10*time.Millisecond)

	w := newWorker()
	close(w.end)
	require.NoError(t, s.Start(t.Context(), w.config()))
	fresh, err := acceptDue(t.Context(), s, "fresh", 0)
	require.NoError(t, err)
	select {
	case id := <-w.began:
		require.Equal(t, fresh.ID, id)
	case <-time.After(10 * time.Second):
		// The other has it.
		want[fresh.ID] = true
	}
	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait() // it was killed
	begun := time.Now()
	for len(want) > 0 {
		select {
		case id := <-w.began:
			delete(want, id)
		case <-time.After(time.Minute - time.Since(begun)):
			require.FailNow(t, "not taken over within a minute", "%d are left", len(want))
		}
	}
	t.Logf("taken over after %s", time.Since(begun))
}
