package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watched starts a watch of a rules file and a templates folder, and counts what it notices.
func watched(t *testing.T) (dir string, noticed *atomic.Int64) {
	t.Helper()
	dir, noticed = t.TempDir(), &atomic.Int64{}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "templates", "a"), 0o750))
	put(t, filepath.Join(dir, "rules.yaml"), "1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- watch(ctx, []string{filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "templates")},
			slog.New(slog.DiscardHandler), func() { noticed.Add(1) })
	}()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	return dir, noticed
}

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestAChangeIsNoticedWhileTheDatabaseBesideItIsBusy(t *testing.T) {
	t.Parallel()
	dir, noticed := watched(t)
	busy := time.NewTicker(20 * time.Millisecond)
	defer busy.Stop()
	end := time.Now().Add(time.Second)
	for n := 0; time.Now().Before(end); n++ {
		<-busy.C
		put(t, filepath.Join(dir, "beckon.db-wal"), string(rune('a'+n%26)))
	}
	require.Zero(t, noticed.Load(), "writes of the database are nobody's business")
	changed := false
	require.Eventually(t, func() bool {
		put(t, filepath.Join(dir, "beckon.db-wal"), time.Now().String())
		if !changed {
			put(t, filepath.Join(dir, "rules.yaml"), "22")
			changed = true
		}
		return noticed.Load() == 1
	}, 20*time.Second, 20*time.Millisecond)
}

func TestANewFolderOfTemplatesIsWatchedToo(t *testing.T) {
	t.Parallel()
	dir, noticed := watched(t)
	require.Eventually(t, func() bool { // the watch may not have begun at the first change
		put(t, filepath.Join(dir, "templates", "a", "sms.txt"), time.Now().String())
		return noticed.Load() > 0
	}, 20*time.Second, 300*time.Millisecond)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "templates", "b"), 0o750))
	put(t, filepath.Join(dir, "templates", "b", "sms.txt"), "b")
	before := noticed.Load()
	require.Eventually(t, func() bool { return noticed.Load() > before }, 20*time.Second, 20*time.Millisecond)
	before = noticed.Load()
	require.Eventually(t, func() bool {
		put(t, filepath.Join(dir, "templates", "b", "sms.txt"), time.Now().String())
		return noticed.Load() > before
	}, 20*time.Second, 300*time.Millisecond)
}

func TestALinkThatLeadsUpwardsDoesNotEndTheWorld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "1")
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "up")))
	require.NotEmpty(t, fingerprint([]string{dir, filepath.Join(dir, "gone")}))
}
