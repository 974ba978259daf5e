package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"github.com/beckon-relay/beckon/internal/relay"
	"github.com/beckon-relay/beckon/internal/store"
	"github.com/beckon-relay/beckon/internal/store/storetest"
)

func TestABackupMadeWhileWritingHoldsWhatWasKeptAndItsWakeUps(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	accept := func(id string) {
		e := storetest.NewEvent(id)
		_, err := s.Accept(t.Context(), relay.Plan{Event: e, Alerts: []relay.Alert{storetest.NewAlert(e, "mention", "lee")}})
		require.NoError(t, err)
	}
	accept("before")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				accept("meanwhile " + time.Now().String())
			}
		}
	}()
	to := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, Backup(t.Context(), s.options.Path, to))
	close(stop)
	<-stopped
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing but the copy")

	restored := open(t, Options{Path: to})
	_, err = restored.Event(t.Context(), "before")
	require.NoError(t, err)
	events, err := restored.Events(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	alerts, err := restored.Alerts(t.Context(), store.Filter{Limit: store.MaxList})
	require.NoError(t, err)
	require.Len(t, alerts, len(events))
	woken := make(chan string, store.MaxList)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, job *river.Job[store.DueArgs]) error {
		woken <- job.Args.AlertID
		return nil
	}))
	require.NoError(t, restored.Start(t.Context(), &river.Config{
		Workers: workers, Queues: map[string]river.QueueConfig{store.QueueDue: {MaxWorkers: 4}},
	}))
	seen := map[string]bool{}
	for range alerts {
		seen[<-woken] = true
	}
	require.Len(t, seen, len(alerts))
}

func TestABackupNeverReplacesAFileNorLeavesHalfOfOne(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	dir := t.TempDir()
	to := filepath.Join(dir, "copy.db")
	require.NoError(t, os.WriteFile(to, []byte("precious"), 0o600))
	require.ErrorContains(t, Backup(t.Context(), s.options.Path, to), "is there already")
	require.ErrorContains(t, Backup(t.Context(), filepath.Join(dir, "gone.db"), filepath.Join(dir, "new.db")), "no such file")
	require.ErrorContains(t, Backup(t.Context(), s.options.Path, filepath.Join(dir, "gone", "new.db")), "no such file")
	require.ErrorContains(t, Backup(t.Context(), to, filepath.Join(dir, "new.db")), "back up")
	kept, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "precious", string(kept))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
