package app

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// watching looks for changes of a rules file and a templates folder, in virtual time. look lets it look twice more, and tells how many
// changes it has noticed by then.
func watching(t *testing.T) (dir string, look func() int64) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "templates", "a"), 0o750))
	put(t, filepath.Join(dir, "rules.yaml"), "1")
	var noticed atomic.Int64
	go watch(t.Context(), []string{filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "templates")}, func() { noticed.Add(1) })
	return dir, func() int64 {
		<-time.After(2*watchEvery + watchEvery/2)
		return noticed.Load()
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestAChangeIsNoticedAndOneOfTheDatabaseBesideItIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, look := watching(t)
		require.Zero(t, look())
		put(t, filepath.Join(dir, "beckon.db-wal"), "a")
		require.Zero(t, look(), "writes of the database are nobody's business")
		put(t, filepath.Join(dir, "rules.yaml"), "22")
		require.EqualValues(t, 1, look())
		require.EqualValues(t, 1, look(), "once")
	})
}

func TestFilesThatChangeOneAfterTheOtherAreOneChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, look := watching(t)
		require.Zero(t, look())
		for n := range 5 {
			put(t, filepath.Join(dir, "rules.yaml"), strings.Repeat("2", n+2))
			<-time.After(watchEvery)
		}
		require.EqualValues(t, 1, look())
	})
}

func TestANewFolderOfTemplatesIsWatchedToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, look := watching(t)
		require.Zero(t, look())
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "templates", "b"), 0o750))
		put(t, filepath.Join(dir, "templates", "b", "sms.txt"), "b")
		require.EqualValues(t, 1, look())
		put(t, filepath.Join(dir, "templates", "b", "sms.txt"), "bb")
		require.EqualValues(t, 2, look())
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "templates", "b")))
		require.EqualValues(t, 3, look())
	})
}

func TestAConfigMapThatIsSwappedIsAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, look := watching(t)
		for n, version := range []string{"..1", "..2"} {
			require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o750))
			put(t, filepath.Join(dir, version, "rules.yaml"), strings.Repeat("1", n+1))
		}
		swap := func(version string) {
			require.NoError(t, os.Symlink(version, filepath.Join(dir, "..next")))
			require.NoError(t, os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
		}
		swap("..1")
		require.NoError(t, os.Remove(filepath.Join(dir, "rules.yaml")))
		require.NoError(t, os.Symlink(filepath.Join("..data", "rules.yaml"), filepath.Join(dir, "rules.yaml")))
		before := look()
		swap("..2")
		require.Equal(t, before+1, look())
	})
}

func TestALinkThatLeadsUpwardsDoesNotEndTheWorld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "1")
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "up")))
	require.NotEmpty(t, fingerprint([]string{dir, filepath.Join(dir, "gone")}))
}
